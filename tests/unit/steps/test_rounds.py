# SPDX-License-Identifier: Apache-2.0
"""Rounds on the real encryption: by CKKS, by pads after it, by pads alone, in time and suspended, and who is away."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from node.proofs.commitments import weights_root
from node.steps.advance import advance
from node.steps.models import known_weights
from node.types import Opening, Phase, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.plans import pads_alone, small_plan
from tests.support.steps import (
    Cast,
    Party,
    brief,
    finish_round,
    hold_ceremony,
    look,
    look_until,
    make_parties,
    make_running,
    reach_phase,
    restored,
)


@pytest.fixture
def cast(four: Cast) -> Cast:
    """Four hospitals in round 1 of a study that opens by pads alone."""
    return four


def expected_model(chain: FakeChain, parties: list[Party]) -> tuple[int, ...]:
    """The model after round 1, computed from what each of these trained."""
    from node.learning import fixed_point

    sums = [sum(column) for column in zip(*(party.trained().values for party in parties), strict=True)]
    rows = chain.books.rounds[1].sum_rows
    return tuple(fixed_point.aggregate(parties[0].context.plan.model.initial, sums, rows))


def test_round__by_pads__everybody_has_the_model_and_keeps_no_secret(chain: FakeChain, parties: list[Party]) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    model = expected_model(chain, parties)
    finish_round(chain, parties)
    state = chain.books.rounds[1]
    assert state.closed_as is Phase.FINALISED and state.root_after == weights_root(model)
    look_until(chain, parties, lambda: all(known_weights(p.context, 1) == model for p in parties))
    for party in parties:
        assert not party.hospital.secrets.names(f"study-{STUDY}/ceremony-1")


def test_round__by_pads__t_give_their_shares_at_once_and_the_others_none_where_that_suffices(
    chain: FakeChain, parties: list[Party]
) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    finish_round(chain, parties)
    assert len(chain.pad_shares(STUDY, 1)) == chain.plan.encryption.threshold


def test_round__by_ckks__is_opened_by_its_quorum_alone(tmp_path: Path) -> None:
    chain, parties = make_running(tmp_path, 3, brief(small_plan()))
    reach_phase(chain, parties, Phase.OPEN)
    model = expected_model(chain, parties)
    finish_round(chain, parties)
    assert chain.books.rounds[1].opening is Opening.CKKS and chain.books.failed_ckks == 0
    assert set(chain.share_posts(STUDY, 1)) == set(chain.books.quorums[1]) and chain.pad_shares(STUDY, 1) == {}
    look_until(chain, parties, lambda: all(known_weights(p.context, 1) == model for p in parties))


def test_round__quorum_away__pads_open_in_the_second_window_and_ckks_counts_as_failed(tmp_path: Path) -> None:
    chain, parties = make_running(tmp_path, 4, brief(small_plan()))
    reach_phase(chain, parties, Phase.OPEN)
    # So long ago on the pretended chain that everybody's turn to finalise has come.
    chain.block_number = 1
    gone = chain.books.quorums[1][0]
    here = [party for party in parties if party.number != gone]
    finish_round(chain, here)
    state = chain.books.rounds[1]
    assert state.closed_as is Phase.FINALISED and state.closed_at < state.pads_until
    assert len(chain.share_posts(STUDY, 1)) == 1 and set(chain.pad_shares(STUDY, 1)) <= {p.number for p in here}
    assert chain.books.failed_ckks == 1


def test_share__set_not_final__is_not_made(chain: FakeChain, parties: list[Party]) -> None:
    """A share is public from the moment it leaves, whether or not its transaction is ever mined."""
    reach_phase(chain, parties, Phase.INCLUDE)
    chain.hold()
    reach_phase(chain, parties, Phase.OPEN)
    look(parties)
    chain.wait(40)
    look(parties)
    assert chain.pad_shares(STUDY, 1) == {}
    chain.settle()
    look(parties)
    assert chain.pad_shares(STUDY, 1) != {}


def test_suspended__fewer_than_t_in_the_window__is_opened_whenever_t_come(
    chain: FakeChain, parties: list[Party]
) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    model = expected_model(chain, parties)
    alone = parties[1:2]
    look_until(chain, alone, lambda: chain.phase(STUDY, 1).phase is Phase.SUSPENDED)
    look(alone)
    assert chain.books.state is StudyState.RUNNING and len(chain.pad_shares(STUDY, 1)) == 1
    chain.wait(200)
    finish_round(chain, parties[1:3])
    assert chain.books.rounds[1].closed_as is Phase.FINALISED
    look_until(chain, parties, lambda: all(known_weights(p.context, 1) == model for p in parties))


def test_suspended__those_that_gave_no_share__are_put_on_record_once(chain: FakeChain, parties: list[Party]) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    alone = parties[1:2]
    look_until(chain, alone, lambda: chain.phase(STUDY, 1).phase is Phase.SUSPENDED)
    look_until(chain, alone, lambda: 1 in chain.books.absences)
    look(alone)
    assert chain.books.absences[1] == 0b1101 and len(alone[0].ledger.named("record_absence")) == 1


def test_suspended__patience_over__the_study_ends_and_the_secrets_go(chain: FakeChain, parties: list[Party]) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    alone = parties[1:2]
    look_until(chain, alone, lambda: chain.phase(STUDY, 1).phase is Phase.SUSPENDED)
    assert alone[0].hospital.secrets.names(f"study-{STUDY}/ceremony-1")
    chain.wait(chain.plan.phases.patience)
    chain.books.rounds[1] = chain.books.change_round(1, closed_as=Phase.FAILED, closed_at=int(chain.clock.now()))
    chain.books.state = StudyState.CANCELLED
    look_until(chain, parties, lambda: all(advance(p.context) for p in parties))
    for party in parties:
        assert party.hospital.secrets.names() == ()


def test_failed_round__set_never_fixed__erases_its_secrets_once_that_is_final(
    chain: FakeChain, parties: list[Party]
) -> None:
    look(parties[:2])
    chain.wait(62)
    chain.hold()
    look_until(chain, parties[:2], lambda: chain.books.rounds[1].closed_as is Phase.FAILED)
    look(parties[:2])
    assert parties[0].hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1")
    chain.settle()
    look(parties[:2])
    assert not parties[0].hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1")


def test_payload__end_of_submission_not_final__is_with_nobody(chain: FakeChain, parties: list[Party]) -> None:
    chain.hold()
    look_until(chain, parties, lambda: chain.phase(STUDY, 1).phase is Phase.ATTEST)
    look(parties)
    for party in parties:
        told = chain.books.submitted[1, party.number]
        assert not party.store.local.released(told.digest, told.size)
    chain.settle()
    look(parties)
    told = chain.books.submitted[1, parties[0].number]
    assert parties[0].store.local.released(told.digest, told.size)


def test_attest__one_withheld_payload__waits_half_the_time_then_attests_the_others(
    chain: FakeChain, parties: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    reach_phase(chain, parties, Phase.ATTEST)
    monkeypatch.setattr(parties[3].store.local, "released", lambda digest, size: False)
    here = parties[:3]
    look(here)
    look(here)
    assert not chain.books.attestations
    chain.wait(31)
    look(here)
    assert set(chain.books.attestations.values()) == {0b0111}


def test_restored_memory__update_that_the_chain_shows__sits_out_the_batch_and_warns_of_neighbouring_models(
    chain: FakeChain, parties: list[Party], caplog: pytest.LogCaptureFixture
) -> None:
    """A second payload under the round's pad would show the difference of both."""
    look(parties[:1])
    assert parties[0].ledger.named("submit_update")
    older = restored(parties[0])
    kept = parties[0].hospital.state.result(f"study-{STUDY}/ceremony-1/acknowledged")
    older.hospital.state.done(f"study-{STUDY}/ceremony-1/acknowledged", kept)
    submitted = chain.books.rounds[1].submitted_bitmap
    chain.books.change_round(1, submitted_bitmap=0)
    log_event(chain, "UpdateSubmitted", parties[0])
    older.ledger.sent.clear()
    with caplog.at_level(logging.WARNING):
        look([older])
        look([older])
    chain.books.change_round(1, submitted_bitmap=submitted)
    assert older.ledger.sent == []
    (told,) = [r.message for r in caplog.records if "does not remember its update" in r.message]
    assert "shows its own update" in told


@pytest.mark.parametrize("event", ["SharePosted", "PadSharePosted", "PadShareFilePosted"])
def test_restored_memory__share_that_the_chain_shows__gives_none(
    chain: FakeChain, parties: list[Party], event: str
) -> None:
    reach_phase(chain, parties, Phase.OPEN)
    older = restored(parties[1])
    kept = parties[1].hospital.state.result(f"study-{STUDY}/ceremony-1/acknowledged")
    older.hospital.state.done(f"study-{STUDY}/ceremony-1/acknowledged", kept)
    log_event(chain, event, parties[1])
    older.ledger.sent.clear()
    chain.wait(35)
    look([older])
    assert not older.ledger.named("post_pad_share")


def test_batch__fewer_can_be_away_than_it_takes_to_learn_nothing__is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chain, parties = make_parties(tmp_path, 3, brief(pads_alone(small_plan())))
    with caplog.at_level(logging.WARNING):
        hold_ceremony(chain, parties)
        look(parties[:1])
        look(parties[:1])
    told = [r.message for r in caplog.records if "take part in its rounds" in r.message]
    assert len(told) <= 3 and "3 hospitals" in told[0] and "without 0 of them" in told[0]


def log_event(chain: FakeChain, name: str, party: Party) -> None:
    """What the chain tells of a hospital's act in round 1."""
    from node.types import ChainEvent

    arguments = {"studyId": STUDY, "round": 1, "hospitalId": party.number}
    chain.logged.append(ChainEvent("", name, arguments, 90, "0x90", "0x", 0))
