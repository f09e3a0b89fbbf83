# SPDX-License-Identifier: Apache-2.0
"""Fixing the included set: the attestation rule, what it wants to be told, who is fined, who is paid."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
import pytest

from node.types import Charge, FailureReason, Phase, Service, StudyState, Submission
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, DIGEST, FIELD_ORDER


def fined(stage: Stage) -> list[int]:
    """What each member was fined in the first batch, counted in fines."""
    finedIn, fine = stage.suite.vault.finedIn, stage.plan["absenceFine"]
    assert fine
    return [finedIn(stage.study, 1, stage.index(one)) // fine for one in stage.members]


def left_out(stage: Stage, bitmap: int = 0b0111, by: list[Hospital] | None = None) -> None:
    """All submit; those named (else all) attest to `bitmap` only."""
    stage.submit_all()
    stage.attest_all(bitmap, by)
    if stage.phase() is Phase.ATTEST:
        stage.end_phase()


def test_include__exactly_those_with_t_attestations(running: Stage) -> None:
    running.submit_all()
    for hospital, bitmap in zip(running.members, (0b1111, 0b0001, 0b0110, 0b0000), strict=True):
        running.attest(hospital, bitmap)
    receipt = running.include()
    # Held by two: 0, 1, 2; by one only: 3, which is left out although all four attested.
    assert running.record().includedBitmap == 0b0111
    vault, fine = running.suite.vault, running.plan["absenceFine"]
    assert vault.AbsenceFined(running.study, running.members[3].id, 1, fine) in receipt.events
    assert fined(running) == [0, 0, 0, 1]


def test_include__left_out_by_a_bad_network__costs_a_fine_and_no_slice(running: Stage) -> None:
    """What could not be fetched is absence, never a lie.

    Removed: that a submission left out is fined and not slashed.
    """
    left_out(running)
    receipt = running.include()
    vault, away = running.suite.vault, running.members[3]
    assert vault.locked(running.study, away.id) == BOND - running.plan["absenceFine"]
    assert vault.excluded(running.study) == 0
    assert not any(event.event_name == "BondSlashed" for event in receipt.events)


def test_include__with_few_attesting__fines_nobody(running: Stage) -> None:
    """Below 2t − 1 the honest among those who attested may be too few to hold anything.

    Removed: that a fine needs 2t − 1 attesting.
    """
    left_out(running, 0b0111, running.members[:2])
    running.include()
    assert running.record().includedBitmap == 0b0111
    assert fined(running) == [0] * 4


def test_include__left_out_for_a_false_payload__pays_a_slice_and_not_a_fine_as_well(running: Stage) -> None:
    running.submit_all()
    for accuser in running.members[:2]:
        running.accuse(accuser, 0b1000, Charge.PAYLOAD)
    running.attest_all(0b0111)
    running.include()
    assert fined(running) == [0] * 4
    assert running.suite.vault.locked(running.study, running.members[3].id) == BOND - BOND // 4


def test_include__left_out_and_accused_by_a_friend__pays_the_fine(running: Stage) -> None:
    """Removed: that only a conviction spares a fine."""
    running.submit_all()
    running.accuse(running.members[2], 0b1000, Charge.PAYLOAD)
    running.attest_all(0b0111)
    running.include()
    assert fined(running) == [0, 0, 0, 1]


def test_include__below_the_minimum__fails_the_round_unopened(running: Stage) -> None:
    rounds = running.suite.rounds
    left_out(running, 0b0011, running.members[:3])
    receipt = running.include()
    assert rounds.RoundFailed(running.study, 1, FailureReason.TOO_FEW_INCLUDED) in receipt.events
    assert (running.phase(), running.state()) == (Phase.FAILED, StudyState.CEREMONY)
    assert rounds.setOf(running.study, 42) == 0
    # 2t − 1 attested: who is left out pays, and who attested nothing too; each once.
    assert fined(running) == [0, 0, 1, 1]
    assert running.suite.ceremony.BatchCutShort(running.study, 1, 0b1100) in receipt.events


def test_include__below_the_minimum_with_few_attesting__puts_it_down_to_the_silent(running: Stage) -> None:
    """Who submitted and attested did what can be asked, whoever was there to hold its file."""
    left_out(running, 0b1111, running.members[:1])
    receipt = running.include()
    assert running.suite.ceremony.BatchCutShort(running.study, 1, 0b1110) in receipt.events
    assert fined(running) == [0, 1, 1, 1]


def test_include__other_submissions_than_recorded__reverts(running: Stage) -> None:
    rounds = running.suite.rounds
    running.submit_all()
    running.attest_all(0b0111)
    assert rounds.includable(running.study, 1) == 0b0111

    def include(updates: list[Submission]) -> Any:
        given = [(one.digest, one.size, one.cx, one.cy) for one in updates]
        return rounds.includeUpdates(running.study, 1, given, sender=running.stranger)

    right = running.included(0b0111)
    for size, updates in ((0, []), (2, right[:2]), (4, running.included(0b1111))):
        with ape.reverts(rounds.RoundManagerWrongSubmissionCount, given=size, needed=3):
            include(updates)
    with ape.reverts(rounds.RoundManagerWrongSubmission, round=1, hospitalId=running.members[0].id):
        include([right[1], right[0], right[2]])
    for changes in ({"size": 1001}, {"digest": DIGEST}, {"cx": right[2].cx + FIELD_ORDER}, {"cy": 1}):
        with ape.reverts(rounds.RoundManagerWrongSubmission, hospitalId=running.members[2].id):
            include([*right[:2], dataclasses.replace(right[2], **changes)])
    include(right)


def test_include__before_attesting_ended__reverts(running: Stage) -> None:
    running.submit_all()
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, phase=Phase.ATTEST, needed=Phase.INCLUDE):
        running.include()


def test_services__of_a_round__are_paid_once_to_whoever_did_them(running: Stage) -> None:
    rewards, fee, stranger = running.suite.rewards, running.plan["serviceFee"], running.stranger
    running.reach_open()
    assert rewards.serviceOwed(stranger) == fee > 0
    receipt = running.finalise()
    assert rewards.ServiceEarned(running.study, stranger, Service.FINALISE, fee) in receipt.events
    assert rewards.serviceOwed(stranger) == 2 * fee
    assert rewards.serviceSpent(running.study) == (2 * fee, 0)
    # No token moves in a round's transaction: one in trouble must not stop a study.
    assert not any(event.event_name == "Transfer" for event in receipt.events)
    for again in (running.include, running.finalise, running.fail_round):
        with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, phase=Phase.FINALISED):
            again()


def test_service__of_a_failure__pays_half_and_nothing_to_whom_it_fines(running: Stage) -> None:
    """Removed: that `_credit` looks for the caller among those fined."""
    rounds, rewards, half = running.suite.rounds, running.suite.rewards, running.plan["serviceFee"] // 2
    present, absent = running.members[0], running.members[3]
    running.submit_all(running.members[:2])
    running.end_phase()
    earned = {present.operator: half, present.owner: half, running.stranger: half, absent.operator: 0, absent.owner: 0}
    for caller, amount in earned.items():
        with ape.chain.isolate():
            rounds.failRound(running.study, 1, sender=caller)
            assert rewards.serviceOwed(caller) == amount, caller


def test_service__of_including__pays_nothing_to_whom_it_fines(running: Stage) -> None:
    rounds, rewards = running.suite.rounds, running.suite.rewards
    left_out(running)
    entries = [dataclasses.astuple(one) for one in running.included(0b0111)]
    rounds.includeUpdates(running.study, 1, entries, sender=running.members[3].operator)
    assert rewards.serviceOwed(running.members[3].operator) == 0
    assert fined(running) == [0, 0, 0, 1]


def test_services__once_the_budget_is_spent__are_done_all_the_same(stage: Stage) -> None:
    fee = 10_001
    stage.run(4, serviceFee=fee, serviceBudget=2 * fee)
    stage.finish(1)
    stage.finish(2)
    assert stage.suite.rewards.serviceOwed(stage.stranger) == 2 * fee
    assert stage.phase(3) is Phase.SUBMIT


@pytest.mark.parametrize("count", [1, 2])
def test_absence_fines__of_a_batch__stop_at_the_cap(running: Stage, count: int) -> None:
    """The fine of every round, and no more in a batch than the plan says."""
    assert running.plan["absenceCap"] >= 2 * running.plan["absenceFine"]
    for round_ in range(1, count + 1):
        running.submit_all(round_=round_)
        running.attest_all(0b0111, round_=round_)
        running.include(round_)
        running.finalise(1000 + round_, round_)
    assert fined(running) == [0, 0, 0, count]
