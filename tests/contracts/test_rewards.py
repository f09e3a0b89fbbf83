# SPDX-License-Identifier: Apache-2.0
"""Escrow, what verified and finalised work earns, claims, refunds: to the last unit."""

from __future__ import annotations

import ape

from node.types import StudyState
from tests.support.stage import Stage, rows_of
from tests.support.suite import REWARD

VERIFIED = REWARD * 3_333 // 10_000


def model_split(reward: int, rows: list[int]) -> list[int]:
    """Cumulative rounding: each gets the difference of two floors, so nothing is left over."""
    shares, before = [], 0
    for count in rows:
        shares.append(reward * (before + count) // sum(rows) - reward * before // sum(rows))
        before += count
    return shares


def test_money__over_a_whole_study__adds_up_to_the_last_unit(running: Stage) -> None:
    suite = running.suite
    members = running.members
    # Round 1 is finalised for three of four, round 2 verified and not opened, round 3 fails early.
    running.submit_all(members[:3])
    running.end_phase()
    for hospital in members:
        running.attest(hospital, 0b0111)
    running.include()
    for number in running.quorum():
        running.share(number)
    running.finalise()
    running.reach_open(2)
    for attempt in (0, 1):
        for number in running.quorum(attempt, 2):
            running.share(number, attempt, 2)
        running.end_phase(2)
    running.fail_round(2)
    running.end_phase(3)
    running.fail_round(3)
    assert running.state() is StudyState.CANCELLED

    rows = [rows_of(hospital) for hospital in members]
    first = [
        verified + final
        for verified, final in zip(
            model_split(VERIFIED, rows[:3]), model_split(REWARD - VERIFIED, rows[:3]), strict=True
        )
    ] + [0]
    second = model_split(VERIFIED, rows)
    assert sum(first) == REWARD and sum(second) == VERIFIED
    for hospital, one, two in zip(members, first, second, strict=True):
        assert suite.rewards.earned(running.study, 1, hospital.id) == one
        assert suite.rewards.earned(running.study, 2, hospital.id) == two
        assert suite.rewards.earned(running.study, 3, hospital.id) == 0
        before = suite.token.balanceOf(hospital.owner)
        suite.rewards.claim(running.study, hospital.id, [1, 2, 3], sender=running.stranger)
        assert suite.token.balanceOf(hospital.owner) - before == one + two
    before = suite.token.balanceOf(running.sponsor)
    suite.rewards.refund(running.study, sender=running.stranger)
    assert suite.token.balanceOf(running.sponsor) - before == 2 * REWARD - VERIFIED
    assert suite.token.balanceOf(suite.rewards) == 0


def test_claim__verified_work__is_paid_before_finalise_and_the_rest_after(running: Stage) -> None:
    rewards, hospital = running.suite.rewards, running.members[1]
    running.reach_open()
    with ape.reverts(rewards.RewardPoolNothingToClaim, studyId=running.study, hospitalId=hospital.id):
        rewards.claim(running.study, hospital.id, [1], sender=running.stranger)
    for number in running.quorum():
        running.share(number)
    rows = [rows_of(member) for member in running.members]
    early, late = model_split(VERIFIED, rows)[1], model_split(REWARD - VERIFIED, rows)[1]
    receipt = rewards.claim(running.study, hospital.id, [1, 1], sender=running.stranger)
    assert rewards.RewardClaimed(running.study, hospital.id, hospital.owner, early) in receipt.events
    running.finalise()
    assert rewards.claimable(running.study, hospital.id, [1, 1]) == late
    rewards.claim(running.study, hospital.id, [1], sender=running.stranger)
    assert rewards.paid(running.study, 1, hospital.id) == early + late
    with ape.reverts(rewards.RewardPoolNothingToClaim):
        rewards.claim(running.study, hospital.id, [1], sender=running.stranger)


def test_finalise__without_posted_shares__earns_the_whole_reward(running: Stage) -> None:
    running.reach_open()
    running.finalise()
    rewards = running.suite.rewards
    assert sum(rewards.earned(running.study, 1, hospital.id) for hospital in running.members) == REWARD


def test_fund__after_enrolment__reverts(running: Stage) -> None:
    rewards = running.suite.rewards
    with ape.reverts(rewards.RewardPoolStudyNotOpen, studyId=running.study):
        running.fund(1)
    with ape.reverts(rewards.RewardPoolStudyNotOpen, studyId=99):
        rewards.fund(99, 1, sender=running.sponsor)


def test_fund__nothing__reverts(stage: Stage) -> None:
    stage.publish(funded=False)
    with ape.reverts(stage.suite.rewards.RewardPoolZeroAmount):
        stage.fund(0)


def test_refund__before_the_end_or_twice__reverts(stage: Stage) -> None:
    rewards = stage.suite.rewards
    stage.publish()
    stage.fund(5)  # more than required comes back too
    with ape.reverts(rewards.RewardPoolStudyNotEnded, studyId=stage.study):
        rewards.refund(stage.study, sender=stage.sponsor)
    stage.end_enrolment()
    before = stage.suite.token.balanceOf(stage.sponsor)
    rewards.refund(stage.study, sender=stage.stranger)
    assert stage.suite.token.balanceOf(stage.sponsor) - before == 3 * REWARD + 5
    with ape.reverts(rewards.RewardPoolNothingToRefund, studyId=stage.study):
        rewards.refund(stage.study, sender=stage.sponsor)
