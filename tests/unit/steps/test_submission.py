# SPDX-License-Identifier: Apache-2.0
"""One message under one pad: what was made is sent again, never made again, and nothing false is sent."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.errors import ChainUnavailable, SecretUnavailable, StudyError, WitnessRefused
from node.learning import fixed_point
from node.state import NodeState
from node.steps.ceremony.names import keys_name
from node.steps.drawn import records_in_use
from node.steps.head_records import HeadRecords
from node.steps.submission import submit_update
from node.words import NEIGHBOURING
from tests.support.fake_chain import FakeChain
from tests.support.steps import Party, lost_connection


def submit(party: Party, chain: FakeChain) -> None:
    submit_update(party.context, 1, chain.books.rounds[1])


def test_submit__sent__is_on_record_with_the_stored_payload_unreleased(chain: FakeChain, hospital: Party) -> None:
    submit(hospital, chain)
    entry = chain.books.submitted[1, hospital.number]
    assert hospital.store.holds(entry.digest, entry.size)
    assert not hospital.store.local.released(entry.digest, entry.size)
    submit(hospital, chain)
    assert len(hospital.ledger.sent) == 1


def test_submit__kept_records_gone__names_the_study_and_what_to_restore(chain: FakeChain, hospital: Party) -> None:
    hospital.hospital.secrets.erase("study-1/records")
    with pytest.raises(SecretUnavailable, match=r"Study 1: the records .* are gone.* Restore the secrets folder"):
        submit(hospital, chain)
    assert hospital.ledger.sent == []


def test_submit__kept_records_of_another_commitment__are_not_trained_on(chain: FakeChain, parties: list[Party]) -> None:
    hospital, other = parties[:2]
    hospital.hospital.secrets.erase("study-1/records")
    hospital.hospital.secrets.put("study-1/records", other.records.to_bytes())
    with pytest.raises(StudyError, match="Study 1: the records that this node keeps are not those"):
        submit(hospital, chain)
    assert hospital.ledger.sent == [] and hospital.prover.statements == []


def test_kept_records__used_again__are_committed_to_anew_only_where_they_are_others(
    hospital: Party, parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted, commitment = [], HeadRecords.commitment

    def counting(records: HeadRecords) -> int:
        counted.append(records)
        return commitment(records)

    monkeypatch.setattr(HeadRecords, "commitment", counting)
    for _ in range(3):
        assert records_in_use(hospital.context) == hospital.records
    assert len(counted) == 1
    hospital.hospital.secrets.erase("study-1/records")
    hospital.hospital.secrets.put("study-1/records", parties[1].records.to_bytes())
    with pytest.raises(StudyError, match="are not those"):
        records_in_use(hospital.context)


def test_submit__connection_lost__sends_the_same_bytes_later(chain: FakeChain, hospital: Party) -> None:
    hospital.ledger.failure = lost_connection()
    with pytest.raises(ChainUnavailable):
        submit(hospital, chain)
    made = hospital.hospital.state.result("study-1/round-1/payload")
    proofs = len(hospital.prover.statements)
    submit(hospital, chain)
    assert made is not None
    assert chain.books.submitted[1, hospital.number].digest.hex() == made["digest"]
    assert len(hospital.prover.statements) == proofs == 1


def test_submit__stopped_before_the_payload_is_on_record__sends_one_that_is_stored(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(NodeState, "done", stop)
        with pytest.raises(KeyboardInterrupt):
            submit(hospital, chain)
    submit(hospital, chain)
    entry = chain.books.submitted[1, hospital.number]
    assert hospital.hospital.state.result("study-1/round-1/payload") == {
        "digest": entry.digest.hex(),
        "size": entry.size,
    }
    assert hospital.store.holds(entry.digest, entry.size)


def test_submit__starting_model_changed_after_the_payload_was_made__sits_the_round_out(
    chain: FakeChain, hospital: Party, caplog: pytest.LogCaptureFixture
) -> None:
    hospital.ledger.failure = lost_connection()
    with pytest.raises(ChainUnavailable):
        submit(hospital, chain)
    chain.books.change_round(1, root_before=chain.books.rounds[1].root_before + 1)
    for _ in range(2):
        submit(hospital, chain)
    assert hospital.ledger.sent == []
    assert [record.getMessage() for record in caplog.records].count(
        "study 1, round 1: the starting model changed after this node had made its payload; it sits the round out."
        f" {NEIGHBOURING}."
    ) == 1


def test_submit__stopped_as_the_payload_is_made_and_model_changed__sits_the_round_out_too(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows how far it came: a second message could be one too many."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("node.steps.submission.rules_of", stop)
        with pytest.raises(KeyboardInterrupt):
            submit(hospital, chain)
    chain.books.change_round(1, root_before=chain.books.rounds[1].root_before + 1)
    submit(hospital, chain)
    assert hospital.ledger.sent == []


def test_submit__secrets_of_the_round_gone__sits_the_round_out(chain: FakeChain, hospital: Party) -> None:
    """As after a restored backup, which leaves round secrets out."""
    hospital.hospital.secrets.erase(keys_name(hospital.context, 1, 1))
    submit(hospital, chain)
    assert hospital.ledger.sent == [] and hospital.prover.statements == []


def test_submit__tampered_update__is_refused_by_the_circuit_and_not_sent(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = fixed_point.update

    def tampered(*arguments: object) -> list[int]:
        first, *rest = honest(*arguments)  # type: ignore[arg-type]
        return [first + 1, *rest]

    monkeypatch.setattr(fixed_point, "update", tampered)
    with pytest.raises(WitnessRefused):
        submit_update(hospital.proving.context, 1, chain.books.rounds[1])
    assert hospital.ledger.sent == []


def test_statement__of_a_submission__is_about_the_committed_records(chain: FakeChain, hospital: Party) -> None:
    """Its data root follows the records: with others it is not the one of the enrolment."""
    submit(hospital, chain)
    committed = hospital.records.commitment()
    assert hospital.prover.statements[0].public_signals()[2] == committed
    other = replace(hospital.records, labels=tuple(1 - label for label in hospital.records.labels))
    assert other.commitment() != committed


def test_submit__payload_leaves__what_it_costs_in_privacy_is_counted_once(chain: FakeChain, hospital: Party) -> None:
    assert hospital.hospital.state.rounds_taught(1) == 0
    submit(hospital, chain)
    chain.books.change_round(1, submitted_bitmap=0)
    chain.books.submitted.clear()
    submit(hospital, chain)
    assert hospital.hospital.state.rounds_taught(1) == 1 and hospital.hospital.state.spent(1) == 0
