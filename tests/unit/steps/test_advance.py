# SPDX-License-Identifier: Apache-2.0
"""What a look at the chain makes a node do, and when it leaves the work to another."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from node.errors import ContractReverted
from node.steps.advance import advance
from node.types import BlockRef, Phase, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.steps import Party


def begin(chain: FakeChain, phase: Phase, seconds_ago: int) -> None:
    """Let a phase that no transaction began have begun so long ago."""
    now, phases = int(chain.clock.now()), chain.plan.phases
    submitted = 0b111 if phase is Phase.INCLUDE else 0
    length = phases.submit + (phases.attest if phase is Phase.INCLUDE else 0)
    chain.books.change_round(1, started_at=now - seconds_ago - length, submitted_bitmap=submitted)
    assert chain.phase(STUDY, 1).phase is phase


@pytest.mark.parametrize("state", [StudyState.PUBLISHED, StudyState.ENROLLING])
def test_advance__study_that_has_not_begun__does_nothing(chain: FakeChain, hospital: Party, state: StudyState) -> None:
    chain.books.state = state
    assert not advance(hospital.context)
    assert hospital.ledger.sent == []


def test_advance__submit_phase__submits(chain: FakeChain, hospital: Party) -> None:
    assert not advance(hospital.context)
    assert [name for name, *_ in hospital.ledger.sent] == ["submit_update"]


@pytest.mark.parametrize(
    ("phase", "call"), [(Phase.FAILED, "fail_round"), (Phase.INCLUDE, "include_updates")], ids=["fail", "include"]
)
def test_advance__anyones_work_after_a_deadline__is_done_by_one_and_then_by_the_next(
    chain: FakeChain, parties: list[Party], phase: Phase, call: str
) -> None:
    begin(chain, phase, seconds_ago=1)
    books = copy.deepcopy(chain.books)
    for party in parties:
        advance(party.context)
    assert [bool(party.ledger.named(call)) for party in parties] == [False, True, False]
    # As if what was sent had been lost.
    chain.books = books
    chain.wait(5)
    for party in (parties[0], parties[2]):
        advance(party.context)
    assert [bool(party.ledger.named(call)) for party in parties] == [False, True, True]


def test_advance__patience_over__is_failed_by_turns_from_then_on(chain: FakeChain, parties: list[Party]) -> None:
    now, phases = int(chain.clock.now()), chain.plan.phases
    chain.books.change_round(
        1, included_bitmap=0b111, included_at=now - 1 - phases.patience, pads_from=1, pads_until=2
    )  # fmt: skip
    for party in parties:
        advance(party.context)
    assert [bool(party.ledger.named("fail_round")) for party in parties] == [False, True, False]


def test_advance__somebody_was_faster_to_fail_the_round__goes_on(chain: FakeChain, parties: list[Party]) -> None:
    begin(chain, Phase.FAILED, seconds_ago=100)
    parties[1].ledger.failure = ContractReverted("RoundManagerAlreadyFailed")
    assert not advance(parties[1].context)


def test_advance__excluded_and_its_rounds_over__erases_and_stops(chain: FakeChain, parties: list[Party]) -> None:
    left = parties[0]
    chain.books.left = left.bit
    chain.books.change_round(1, closed_as=Phase.FAILED)
    chain.books.state = StudyState.CEREMONY
    assert advance(left.context)
    assert left.ledger.sent == [] and left.hospital.secrets.names() == ()


def test_advance__left_while_a_round_goes_on__takes_part_in_it_to_its_end(
    chain: FakeChain, parties: list[Party]
) -> None:
    left = parties[0]
    chain.books.left = left.bit
    assert not advance(left.context)
    assert left.ledger.named("submit_update") and left.hospital.secrets.names() != ()


def test_advance__ended_and_closed__erases_everything_and_is_done(chain: FakeChain, hospital: Party) -> None:
    chain.books.state = StudyState.COMPLETED
    chain.books.change_round(1, closed_as=Phase.FAILED)
    assert advance(hospital.context)
    assert hospital.hospital.secrets.names() == ()


def test_advance__end_not_final__keeps_the_secrets(chain: FakeChain, hospital: Party) -> None:
    """A reorganisation could bring the study back."""
    chain.hold()
    chain.books.state = StudyState.CANCELLED
    assert not advance(hospital.context)
    assert hospital.hospital.secrets.names() != ()


@pytest.mark.parametrize(
    ("final", "released"), [(Phase.SUBMIT, False), (Phase.ATTEST, True), (Phase.INCLUDE, True)], ids=str
)
def test_advance__include_phase__releases_the_payload_once_the_end_of_submission_is_final(
    chain: FakeChain, parties: list[Party], final: Phase, released: bool
) -> None:
    hospital = parties[0]
    for party in parties:
        advance(party.context)
    entry = chain.books.submitted[1, hospital.number]
    begun = chain.books.rounds[1].started_at
    earlier = {
        Phase.SUBMIT: {"submit_ended_at": 0, "submitted_bitmap": 0, "started_at": begun + 1000},
        Phase.ATTEST: {},
    }
    past = {"started_at": begun - 1000, "submit_ended_at": int(chain.clock.now()) - 1000}
    chain.books.change_round(1, **(past if final is Phase.INCLUDE else earlier[final]))
    chain.hold()
    chain.books.change_round(1, submitted_bitmap=0b111, **past)
    advance(hospital.context)
    assert hospital.store.local.released(entry.digest, entry.size) is released


def test_confirmed_block__endpoints_with_other_heads__counts_from_the_one_furthest_behind(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that names blocks which do not exist yet must not make others final too early."""
    behind = replace(chain)
    monkeypatch.setattr(behind, "head", lambda: BlockRef(90, "0x5a", 0))
    monkeypatch.setattr(chain, "agreed", lambda read: (read(chain), read(behind))[0])
    assert hospital.context.confirmed_block() == 90 - chain.plan.phases.confirmations
