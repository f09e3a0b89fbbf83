# SPDX-License-Identifier: Apache-2.0
"""A round of a bounded study: real training, encryption, commitments and proofs of the twelve-parameter network."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.errors import DataError, StudyError, WitnessRefused
from node.learning import bounded
from node.learning.datasets.medmnist import read_images
from node.plan import CLIPPED, NetworkPlan, TrainingPlan
from node.plan_training import ClippedStep
from node.proofs.commitments import weights_root
from node.steps.enrolment import check_plan, check_rules, enrol
from node.steps.image_records import ImageRecords, records_commitment
from node.steps.records import Remarks, read_records, stored_records
from node.steps.submission import submit_update
from node.steps.trained import Trained
from node.types import CircuitKind, Phase
from tests.support.fake_chain import FakeChain
from tests.support.plans import private, small_plan, tiny_network_plan
from tests.support.small_study import records as table_rows
from tests.support.small_study import write_table
from tests.support.steps import Party, brief, finalised, finish_round, make_parties, make_running, reach_phase
from tests.support.xrays import write_npz


def hospital_plan() -> NetworkPlan:
    return private(tiny_network_plan(), rounds=3)


def patient_plan() -> NetworkPlan:
    return private(tiny_network_plan(), rounds=3, local=ClippedStep(clip="0.5", reach=400))


@pytest.fixture(params=[tiny_network_plan, hospital_plan, patient_plan], ids=["plain", "hospital", "patient"])
def plan(request: pytest.FixtureRequest) -> NetworkPlan:
    made: NetworkPlan = request.param()
    return made


@pytest.fixture
def cast(plan: NetworkPlan, tmp_path: Path) -> tuple[FakeChain, list[Party]]:
    chain, parties = make_running(tmp_path, plan=brief(plan))
    return chain, [party.proving for party in parties]


def written(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_round__of_three_hospitals__ends_with_the_model_of_the_exact_arithmetic(
    cast: tuple[FakeChain, list[Party]], plan: NetworkPlan
) -> None:
    """To the bit what a simulation without encryption and proofs computes from the same updates."""
    chain, parties = cast
    reach_phase(chain, parties, Phase.OPEN)
    made = [party.trained() for party in parties]
    assert all(bounded.squared_norm(one.update) <= plan.training.update_bound for one in made)
    assert all(any(one.noise) == (plan.privacy.level != "none") for one in made)
    assert chain.books.rounds[1].sum_rows == 3
    finish_round(chain, parties)
    expected = bounded.next_model(plan.model.initial, [one.values for one in made])
    assert finalised(parties) == [[1, weights_root(expected)]]
    assert expected != list(plan.model.initial)


def test_submit__again__sends_the_same_update_and_noise(cast: tuple[FakeChain, list[Party]]) -> None:
    chain, parties = cast
    submit_update(parties[0].context, 1, chain.books.rounds[1])
    first = parties[0].trained()
    chain.books.change_round(1, submitted_bitmap=0)
    submit_update(parties[0].context, 1, chain.books.rounds[1])
    assert parties[0].trained() == first
    one, two = parties[0].ledger.named("submit_update")
    assert one == two


def test_submit__update_beyond_the_bound__cannot_be_proved(
    cast: tuple[FakeChain, list[Party]], plan: NetworkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, parties = cast
    too_far = Trained((plan.training.update_bound, *(0,) * 11), (0,) * 12)
    side = int(plan.training.update_bound**0.5) + 1
    too_far = replace(too_far, update=(side, *(0,) * 11))
    monkeypatch.setattr(ImageRecords, "train", lambda *_, **__: too_far)
    with pytest.raises(WitnessRefused):
        submit_update(parties[0].context, 1, chain.books.rounds[1])
    assert parties[0].ledger.sent == []


def test_records__kept_and_read_again__are_the_same(plan: NetworkPlan, tmp_path: Path) -> None:
    source = write_npz(tmp_path / "images.npz", train=20, val=4, test=4)
    records, remarks = read_records(source, plan, salt=7)
    assert (
        replace(remarks, raw=frozenset()) == Remarks() and len(remarks.raw) == records.count == 20 and records.rows == 1
    )
    assert records.commitment() == records_commitment(read_images(source), 7)
    again = stored_records(plan, records.to_bytes())
    assert again.commitment() == records.commitment() and again.count == 20
    seeded = {"round": 1, "seed": "a"}
    weights = plan.model.initial
    assert again.train(weights, **seeded).update == records.train(weights, **seeded).update  # type: ignore[arg-type]


def test_read_records__labels_of_another_study__are_refused(plan: NetworkPlan, tmp_path: Path) -> None:
    source = write_npz(tmp_path / "images.npz", train=20, val=4, test=4)
    other = replace(plan, model=replace(plan.model, label=replace(plan.model.label, name="fracture")))
    with pytest.raises(DataError, match="are not those of the plan"):
        read_records(source, other, salt=7)


def test_read_records__a_table_for_a_study_of_images__is_refused(plan: NetworkPlan, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    write_table(table, table_rows(1, 4), ("a", "b", "c", "d", "label"))
    with pytest.raises(DataError):
        read_records(table, plan, salt=7)


def test_check_plan__circuit_of_the_other_kind__is_refused(
    cast: tuple[FakeChain, list[Party]], plan: NetworkPlan
) -> None:
    chain, _ = cast
    assert check_plan(chain, chain.study_record, brief(plan).canonical()) == brief(plan)  # type: ignore[arg-type]
    chain.circuit_records[1] = replace(chain.circuit_records[1], kind=CircuitKind.TRAINING)
    with pytest.raises(StudyError, match=r"training.circuit is of the kind training, not bounded"):
        check_plan(chain, chain.study_record, brief(plan).canonical())  # type: ignore[arg-type]


@pytest.mark.parametrize("private_plan", [hospital_plan, patient_plan])
def test_check_rules__plan_that_understates_what_a_round_costs__is_refused(
    private_plan: Callable[[], NetworkPlan],
) -> None:
    plan = private_plan()
    check_rules(plan)
    check_rules(small_plan())
    cheap = replace(plan, privacy=replace(plan.privacy, cost=plan.privacy.cost - 1))
    with pytest.raises(StudyError, match=r"privacy.cost is below"):
        check_rules(cheap)
    narrow = replace(plan, privacy=replace(plan.privacy, noise_bound=plan.privacy.noise_bound - 1))
    with pytest.raises(StudyError, match=r"privacy.noise_bound is below"):
        check_rules(narrow)


def test_check_rules__a_step_that_reaches_further_at_the_same_cost__is_refused() -> None:
    plan = patient_plan()
    further = replace(plan.training, local=ClippedStep(clip="0.5", reach=401))
    with pytest.raises(StudyError, match=r"privacy.cost is below"):
        check_rules(replace(plan, training=further))


def test_enrol__plan_that_understates_what_a_round_costs__commits_to_nothing(
    tmp_path: Path,
) -> None:
    plan = patient_plan()
    cheap = replace(plan, privacy=replace(plan.privacy, cost=plan.privacy.cost - 1))
    chain, parties = make_parties(tmp_path, plan=cheap)
    images = write_npz(tmp_path / "images.npz", train=20, val=4, test=4)
    document = tmp_path / "plan.json"
    document.write_bytes(cheap.canonical())
    with pytest.raises(StudyError, match=r"privacy.cost is below"):
        enrol(parties[0].hospital, chain.study_record.id, images, plan_file=document)
    assert parties[0].ledger.sent == []


def test_parse__each_kind_of_plan__is_read_as_what_it_is(plan: NetworkPlan) -> None:
    assert TrainingPlan.parse(plan.canonical()) == plan
    assert TrainingPlan.parse(small_plan().canonical()) == small_plan()


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("model", {"initial": (0,) * 11}, "has 11 weights and not 12"),
        ("quantisation", {"value_bits": 26}, "value_bits is not 16"),
        ("training", {"update_bound": 0}, "update_bound"),
        ("privacy", {"level": "hospital"}, "privacy.neighbours is not, as the level says: one hospital's update"),
        ("privacy", {"sampling": "one record in ten"}, "privacy.sampling is not one of: none: every hospital"),
        ("privacy", {"delta": "0.1"}, "privacy.delta"),
        ("model", {"optimiser": CLIPPED}, "model.optimiser is not what training.local says"),
        ("training", {"local": ClippedStep("0.5", 40)}, "training.local is one step of clipped gradients exactly"),
        ("training", {"local": ClippedStep("0", 40)}, "training.local.clip is below"),
        ("training", {"local": ClippedStep("0.5", 0)}, "training.local.reach is not an integer"),
    ],
)
def test_network_plan__that_cannot_be__is_refused_by_the_key(
    part: str, change: dict[str, object], message: str
) -> None:
    plan = tiny_network_plan()
    with pytest.raises(DataError, match=message):
        replace(plan, **{part: replace(getattr(plan, part), **change)})


def test_patient_plan__that_cannot_be__is_refused_by_the_key() -> None:
    plan = patient_plan()
    whole = hospital_plan()
    for part, change, message in (
        ("privacy", whole.privacy, "training.local is one step of clipped gradients exactly where"),
        ("training", whole.training, "training.local is one step of clipped gradients exactly where"),
        ("model", whole.model, "model.optimiser is not what training.local says"),
        ("privacy", replace(plan.privacy, delta="0"), "privacy.delta is 0 exactly where the level is none"),
        ("privacy", replace(plan.privacy, noise_bound=32_767), "privacy.noise_bound leaves no room"),
    ):
        with pytest.raises(DataError, match=message):
            replace(plan, **{part: change})


def test_plan__of_each_level__names_relation_and_sampling_in_words() -> None:
    for plan, neighbours in (
        (tiny_network_plan(), "none"),
        (hospital_plan(), "one hospital's update there or all zeros"),
        (patient_plan(), "one record there or not"),
    ):
        document = json.loads(plan.canonical())
        said = document["privacy"]
        assert said["neighbours"] == neighbours
        assert said["sampling"] == "none: every hospital and every record in every round"
        for key in ("neighbours", "sampling"):
            other = document | {"privacy": said | {key: "something else"}}
            with pytest.raises(DataError, match=f"privacy.{key} is not one of"):
                TrainingPlan.parse(written(other))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda local: local.pop("reach"), "training.local.reach is missing"),
        (lambda local: local.update(epochs=1), "training.local.augmentation is missing"),
        (lambda local: local.clear(), "training.local.augmentation is missing"),
        (lambda local: local.update(momentum="0.9"), "training.local.augmentation is missing"),
        (lambda local: local.update(clip=1), "training.local.clip is not a decimal"),
        (lambda local: local.update(colour="red"), "'training.local.colour' is a key that no plan has"),
    ],
)
def test_parse__clipped_step_with_a_wrong_key__is_refused_by_its_name(
    change: Callable[[dict[str, Any]], object], message: str
) -> None:
    document = json.loads(patient_plan().canonical())
    change(document["training"]["local"])
    with pytest.raises(DataError, match=message):
        TrainingPlan.parse(written(document))
