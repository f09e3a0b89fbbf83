# SPDX-License-Identifier: Apache-2.0
"""A plan whose document and chain disagree anywhere is taken by nobody."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from node.chain.studies import salt_commitment
from node.errors import ContentNotFound, ContractReverted, DataError, KeyNotTrusted, StudyError
from node.plan import DOCUMENT_LIMIT
from node.steps.advance import open_study
from node.steps.enrolment import check_plan, check_rules, data_file, enrol, fetch_plan
from node.steps.models import export
from node.steps.salt import own_salt
from node.types import PlanTerms
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.plans import small_plan
from tests.support.small_study import records, write_table
from tests.support.steps import Party

NAMES = {
    "document_digest": "document digest",
    "document_size": "document size",
    "initial_root": "root of the starting model",
    "training_circuit": "training circuit",
    "aggregation_circuit": "aggregation circuit",
    "learning_rate": "learning rate",
    "batch_rounds": "rounds of a key ceremony",
    "unopened_rounds": "unopened rounds",
    "enrol_length": "length of enrolment",
    "ceremony_step_length": "length of a ceremony step",
    "submit_length": "length of submission",
    "attest_length": "length of attestation",
    "open_length": "length of an opening's window",
    "patience": "patience with a round that does not open",
    "recovery": "time to recover the last model",
    "pads_only": "opening by pads alone",
    "approved_joining": "joining by approval",
    "reward_per_round": "reward per round",
    "service_budget": "budget for services",
    "service_fee": "fee of a service",
    "absence_fine": "fine for an absence",
    "absence_cap": "most that absences cost in a batch",
    "privacy_budget": "privacy budget",
    "privacy_cost": "privacy cost of a round",
    "noise_bound": "bound of the noise",
    "update_bound": "bound of an update",
}
CIRCUITS = {"training_circuit": 2, "aggregation_circuit": 1}
PARTS = {
    "name": "training circuit",
    "capacity": "training.rows_maximum is not 9",
    "batch_size": "training.batch_size is not 5",
    "features": "model.initial has 5 weights, and training_8x4 6",
    "value_bits": "quantisation.value_bits is not 27",
    "kind": "training.circuit is of the kind aggregation, not training",
}


def different(value: object) -> object:
    return b"\x01" * 32 if isinstance(value, bytes) else int(value) + 1  # type: ignore[call-overload]


def test_fetch_plan__no_store_has_it__says_where_it_can_be_had(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def get(_digest: bytes, _size: int) -> bytes:
        raise ContentNotFound("No gateway has the file.")

    monkeypatch.setattr(hospital.hospital.store, "get", get)
    with pytest.raises(ContentNotFound) as missing:
        fetch_plan(hospital.hospital, chain.study_record)
    said = str(missing.value)
    for part in ("No gateway has the file.", chain.study_record.sponsor, chain.plan.digest().hex(), "--plan FILE"):
        assert part in said


def test_check_plan__document_as_published__is_taken(chain: FakeChain) -> None:
    assert check_plan(chain, chain.study_record, chain.plan.canonical()) == chain.plan  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "changes", "reason"),
    [
        ("encryption", {"statistical_security": 128}, "statistical security"),
        ("participation", {"rounds": 1000, "batch_rounds": 1000}, "participation.batch_rounds .* bytes at once"),
    ],
    ids=["security", "size"],
)
def test_check_rules__ceremony_that_could_not_be_held__is_refused_before_a_bond_is_locked(
    part: str, changes: dict[str, int], reason: str
) -> None:
    plan = small_plan()
    check_rules(plan)
    # One ceremony makes keys for a batch of rounds, however many batches a study has.
    check_rules(replace(plan, participation=replace(plan.participation, rounds=5000)))
    plan = replace(plan, **{part: replace(getattr(plan, part), **changes)})
    with pytest.raises(StudyError, match=reason):
        check_rules(plan)


@pytest.mark.parametrize("name", [item.name for item in fields(PlanTerms)])
def test_check_plan__one_number_differs_on_chain__is_refused_naming_it(chain: FakeChain, name: str) -> None:
    value = CIRCUITS.get(name, different(getattr(chain.study_record.plan, name)))
    chain.change_terms(**{name: value})
    with pytest.raises(StudyError, match=NAMES.get(name, name)):
        check_plan(chain, chain.study_record, chain.plan.canonical())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PARTS)
def test_check_plan__listed_circuit_differs__is_refused_naming_it(chain: FakeChain, name: str) -> None:
    circuit = chain.circuit_records[1]
    value = "training_64x30" if name == "name" else type(getattr(circuit, name))(getattr(circuit, name) + 1)
    chain.circuit_records[1] = replace(circuit, **{name: value})
    with pytest.raises(StudyError, match=PARTS[name]):
        check_plan(chain, chain.study_record, chain.plan.canonical())  # type: ignore[arg-type]


def test_check_plan__plan_root_differs__is_refused(chain: FakeChain) -> None:
    chain.root_of_plan = chain.plan.root() + 1
    with pytest.raises(StudyError, match="plan root"):
        check_plan(chain, chain.study_record, chain.plan.canonical())  # type: ignore[arg-type]


def test_check_plan__document_that_is_not_canonical__is_refused(chain: FakeChain) -> None:
    with pytest.raises(DataError):
        check_plan(chain, chain.study_record, chain.plan.canonical() + b"\n")  # type: ignore[arg-type]


def test_plan__announced_larger_than_any_plan__is_not_fetched(
    chain: FakeChain, hospital: Party, tmp_path: Path
) -> None:
    chain.change_terms(document_size=DOCUMENT_LIMIT + 1)
    with pytest.raises(DataError, match="no plan has more"):
        fetch_plan(hospital.hospital, chain.study_record)
    with pytest.raises(DataError, match="no plan has more"):
        open_study(hospital.hospital, STUDY)
    assert hospital.store.fetched == []


def test_export__announced_plan_larger_than_any_plan__is_not_fetched(
    chain: FakeChain, hospital: Party, tmp_path: Path
) -> None:
    from node.types import Phase

    chain.books.change_round(1, closed_as=Phase.FINALISED)
    chain.change_terms(document_size=DOCUMENT_LIMIT + 1)
    with pytest.raises(DataError, match="no plan has more"):
        export(chain, hospital.store, STUDY, 1, tmp_path / "model.npz")  # type: ignore[arg-type]


def test_open_study__not_enrolled__is_none(chain: FakeChain, hospital: Party) -> None:
    chain.enrolled = (5, 7)
    assert open_study(hospital.hospital, STUDY) is None


@pytest.fixture
def newcomer(chain: FakeChain, hospital: Party, tmp_path: Path) -> tuple[Party, Path, Path]:
    """A hospital that is not enrolled, with no records kept, its table and the plan's file."""
    hospital.hospital.secrets.erase(f"study-{STUDY}/records")
    chain.enrolled = (5, 7)
    table, plan = tmp_path / "table.csv", tmp_path / "plan.json"
    write_table(table, records(1, 8))
    plan.write_bytes(chain.plan.canonical())
    return hospital, table, plan


def holds_plan(chain: FakeChain, hospital: Party) -> bool:
    terms = chain.study_record.plan
    return hospital.store.holds(terms.document_digest, terms.document_size)


def test_enrol__refused_by_the_contract__keeps_neither_records_nor_plan(
    chain: FakeChain, newcomer: tuple[Party, Path, Path]
) -> None:
    hospital, table, plan = newcomer
    hospital.ledger.failure = ContractReverted("StudyRegistryWrongState", {"studyId": STUDY})
    with pytest.raises(ContractReverted):
        enrol(hospital.hospital, STUDY, table, plan_file=plan)
    assert not hospital.hospital.secrets.has(f"study-{STUDY}/records")
    assert not holds_plan(chain, hospital)


def test_enrol__accepted__keeps_the_records_it_committed_to_and_serves_the_plan(
    chain: FakeChain, newcomer: tuple[Party, Path, Path]
) -> None:
    hospital, table, plan = newcomer
    enrol(hospital.hospital, STUDY, table, plan_file=plan, payout_commitment=bytes([7] * 32))
    name, _, rows, salted, commitment = hospital.ledger.sent[0]
    assert (name, rows, commitment) == ("enrol", 8, bytes([7] * 32))
    assert salted == salt_commitment(own_salt(hospital.hospital, STUDY))
    assert hospital.hospital.secrets.has(f"study-{STUDY}/records")
    terms = chain.study_record.plan
    assert hospital.store.local.released(terms.document_digest, terms.document_size)


def test_enrol__data_of_its_own__are_remembered_by_study_and_the_latest_try_counts(
    chain: FakeChain, newcomer: tuple[Party, Path, Path], tmp_path: Path
) -> None:
    hospital, table, plan = newcomer
    other, state_file = tmp_path / "other.csv", hospital.hospital.secrets._folder.parent / "state.sqlite"
    write_table(other, records(2, 5))
    hospital.ledger.failure = ContractReverted("StudyRegistryWrongState", {"studyId": STUDY})
    with pytest.raises(ContractReverted):
        enrol(hospital.hospital, STUDY, table, plan_file=plan)
    enrol(hospital.hospital, STUDY, other, plan_file=plan)
    assert data_file(state_file, STUDY) == str(other) and data_file(state_file, STUDY + 1) is None
    assert [rows for _, _, rows, *_ in hospital.ledger.sent] == [5]


def test_enrol__verifier_of_another_key_on_chain__is_refused_before_anything_is_kept(
    chain: FakeChain, newcomer: tuple[Party, Path, Path]
) -> None:
    hospital, table, plan = newcomer
    first, second = chain.codes
    chain.codes = {first: chain.codes[second], second: chain.codes[first]}
    with pytest.raises(KeyNotTrusted, match="is not the verifier"):
        enrol(hospital.hospital, STUDY, table, plan_file=plan)
    assert hospital.ledger.sent == []
    assert not hospital.hospital.secrets.has(f"study-{STUDY}/records")
    assert not holds_plan(chain, hospital)


def test_enrol__already_enrolled_and_memory_lost__does_not_replace_the_records(
    chain: FakeChain, hospital: Party, tmp_path: Path
) -> None:
    table, plan = tmp_path / "table.csv", tmp_path / "plan.json"
    write_table(table, records(2, 4))
    plan.write_bytes(chain.plan.canonical())
    kept = hospital.hospital.secrets.get(f"study-{STUDY}/records")
    with pytest.raises(StudyError, match="enrolled in study 1 already"):
        enrol(hospital.hospital, STUDY, table, plan_file=plan)
    assert hospital.hospital.secrets.get(f"study-{STUDY}/records") == kept
    assert hospital.ledger.sent == []
