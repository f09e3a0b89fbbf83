# SPDX-License-Identifier: Apache-2.0
"""What a look at the chain makes a node do, and when it leaves the work to another."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from node.errors import ContractReverted
from node.steps.advance import advance
from node.types import BlockRef, Phase, PhaseState, StudyState
from tests.support.fake_chain import FakeChain
from tests.support.steps import Party


def begin(chain: FakeChain, phase: Phase, seconds_ago: int) -> None:
    """Let a phase that no transaction began have begun so long ago."""
    now, phases = int(time.time()), chain.plan.phases
    chain.phases[1] = PhaseState(phase, 0)
    if phase is Phase.FAILED:
        chain.change_round(started_at=now - seconds_ago - phases.submit)
    else:
        chain.change_round(started_at=now - seconds_ago - phases.submit - phases.attest)


@pytest.mark.parametrize("state", [StudyState.PUBLISHED, StudyState.ENROLLING])
def test_advance__study_that_has_not_begun__does_nothing(chain: FakeChain, hospital: Party, state: StudyState) -> None:
    chain.state = state
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
    for party in parties:
        advance(party.context)
    assert [bool(party.ledger.named(call)) for party in parties] == [False, True, False]
    begin(chain, phase, seconds_ago=5)
    for party in parties:
        advance(party.context)
    assert [bool(party.ledger.named(call)) for party in parties] == [False, True, True]


def test_advance__unopened_round__is_failed_by_turns_from_the_end_of_the_last_attempt(
    chain: FakeChain, parties: list[Party]
) -> None:
    now, attempts = int(time.time()), chain.plan.encryption.attempts
    chain.attempt = attempts
    chain.phases[1] = PhaseState(Phase.FAILED, 0)
    chain.change_round(included_at=now - 1 - attempts * chain.plan.phases.open)
    for party in parties:
        advance(party.context)
    assert [bool(party.ledger.named("fail_round")) for party in parties] == [False, True, False]


def test_advance__somebody_was_faster_to_fail_the_round__goes_on(chain: FakeChain, parties: list[Party]) -> None:
    begin(chain, Phase.FAILED, seconds_ago=100)
    parties[1].ledger.failure = ContractReverted("RoundManagerAlreadyFailed")
    assert not advance(parties[1].context)


def test_advance__barred_in_a_failed_ceremony__erases_and_stops(chain: FakeChain, parties: list[Party]) -> None:
    chain.ceremony = replace(chain.ceremony, number=2, participants=0b110)
    barred = parties[0]
    assert advance(barred.context)
    assert barred.ledger.sent == [] and barred.hospital.secrets.names() == ()


def test_advance__ended_and_closed__erases_everything_and_is_done(chain: FakeChain, hospital: Party) -> None:
    chain.state = StudyState.COMPLETED
    chain.change_round(closed_as=Phase.FAILED)
    assert advance(hospital.context)
    assert hospital.hospital.secrets.names() == ()


def test_advance__end_not_final__keeps_the_secrets(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reorganisation could bring the study back."""
    chain.state = StudyState.CANCELLED
    chain.round_number = 0

    def state(_study: int, at: object = "latest") -> StudyState:
        return StudyState.CANCELLED if at == "latest" else StudyState.CEREMONY

    monkeypatch.setattr(chain, "study_state", state)
    assert not advance(hospital.context)
    assert hospital.hospital.secrets.names() != ()


@pytest.mark.parametrize(
    ("final", "released"), [(Phase.SUBMIT, False), (Phase.ATTEST, True), (Phase.INCLUDE, True)], ids=str
)
def test_advance__include_phase__releases_the_ciphertext_once_the_end_of_submission_is_final(
    chain: FakeChain, hospital: Party, final: Phase, released: bool
) -> None:
    advance(hospital.context)
    entry = chain.submitted[1, hospital.number]
    chain.phases[1], chain.final_phases[1] = PhaseState(Phase.INCLUDE, 0), PhaseState(final, 0)
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
