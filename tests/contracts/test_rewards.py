# SPDX-License-Identifier: Apache-2.0
"""Escrow, what finalised work earns, claims, refunds: to the last unit."""

from __future__ import annotations

import ape
from ape.utils import ZERO_ADDRESS

from node.types import StudyState
from tests.support.settlement import each, everybody_is_whole, open_books
from tests.support.stage import Stage, rows_of
from tests.support.suite import ABSENCE_FINE, REWARD, SERVICE_BUDGET, SERVICE_FEE

COLD = "0x52908400098527886E0F7030069857D2E4169EE7"


def model_split(reward: int, rows: list[int]) -> list[int]:
    """Cumulative rounding: each gets the difference of two floors, so nothing is left over."""
    shares, before = [], 0
    for count in rows:
        shares.append(reward * (before + count) // sum(rows) - reward * before // sum(rows))
        before += count
    return shares


def test_fund__nothing__reverts(stage: Stage) -> None:
    stage.publish(funded=False)
    with ape.reverts(stage.suite.rewards.RewardPoolZeroAmount):
        stage.fund(0)


def test_required_funding__is_rewards_and_services(stage: Stage) -> None:
    stage.publish(funded=False)
    assert stage.suite.studies.requiredFunding(stage.study) == 3 * REWARD + SERVICE_BUDGET
    stage.fund(3 * REWARD + SERVICE_BUDGET - 1)
    assert stage.state() is StudyState.PUBLISHED
    stage.fund(1)
    assert stage.state() is StudyState.ENROLLING


def test_refund__before_the_end_or_twice__reverts(stage: Stage) -> None:
    rewards = stage.suite.rewards
    stage.publish()
    stage.fund(5)  # more than required comes back too
    with ape.reverts(rewards.RewardPoolStudyNotEnded, studyId=stage.study):
        rewards.refund(stage.study, stage.sponsor, sender=stage.sponsor)
    stage.end_enrolment()
    before = stage.suite.token.balanceOf(stage.sponsor)
    rewards.refund(stage.study, stage.sponsor, sender=stage.stranger)
    assert stage.suite.token.balanceOf(stage.sponsor) - before == 3 * REWARD + SERVICE_BUDGET + 5
    with ape.reverts(rewards.RewardPoolNothingToRefund, studyId=stage.study):
        rewards.refund(stage.study, stage.sponsor, sender=stage.sponsor)


def test_refund__to_another_address__is_the_sponsors_word_alone(stage: Stage) -> None:
    rewards = stage.suite.rewards
    stage.publish()
    stage.end_enrolment()
    for caller in (stage.stranger, stage.suite.council, stage.hospitals[0].owner):
        with ape.reverts(rewards.RewardPoolWrongRecipient, studyId=stage.study, caller=caller.address, to=COLD):
            rewards.refund(stage.study, COLD, sender=caller)
    with ape.reverts(rewards.RewardPoolZeroAddress):
        rewards.refund(stage.study, ZERO_ADDRESS, sender=stage.sponsor)
    rewards.refund(stage.study, COLD, sender=stage.sponsor)
    assert stage.suite.token.balanceOf(COLD) == 3 * REWARD + SERVICE_BUDGET


def test_money__over_a_whole_study__adds_up_to_the_last_unit(stage: Stage) -> None:
    # Round 1 is finalised for three of four, round 2 for all, round 3 fails early, and nobody comes any more.
    members, suite = stage.run(4), stage.suite
    books = open_books(stage)
    stage.submit_all(members[:3])
    stage.end_phase()
    stage.attest_all()
    stage.include()
    stage.share_all()
    stage.finalise()
    stage.finish(2)
    stage.fail_rounds(3)
    assert stage.state() is StudyState.COMPLETED, "its planned rounds are over"

    rows = [rows_of(hospital) for hospital in members]
    first, second = [*model_split(REWARD, rows[:3]), 0], model_split(REWARD, rows)
    assert sum(first) == sum(second) == REWARD
    for hospital, one, two in zip(members, first, second, strict=True):
        found = [suite.rewards.earned(stage.study, round_, hospital.id) for round_ in (1, 2, 3)]
        assert found == [one, two, 0]
    everybody_is_whole(
        books,
        rewards={one.id: first[place] + second[place] for place, one in enumerate(members)},
        fined=each(ABSENCE_FINE, members),
        services={str(stage.stranger): 4 * SERVICE_FEE + SERVICE_FEE // 2},
    )


def test_claim__before_a_round_is_finalised__pays_nothing(running: Stage) -> None:
    """Without that rule whoever spoils every round is paid for it."""
    rewards, hospital = running.suite.rewards, running.members[1]
    running.reach_open()
    running.share_all()
    with ape.reverts(rewards.RewardPoolNothingToClaim, studyId=running.study, hospitalId=hospital.id):
        rewards.claim(running.study, hospital.id, [1], hospital.owner, sender=running.stranger)
    running.finalise()
    due = model_split(REWARD, [rows_of(member) for member in running.members])[1]
    assert rewards.claimable(running.study, hospital.id, [1, 1]) == due
    receipt = rewards.claim(running.study, hospital.id, [1, 1], hospital.owner, sender=running.stranger)
    assert rewards.RewardClaimed(running.study, hospital.id, hospital.owner, due) in receipt.events
    assert rewards.paid(running.study, 1, hospital.id) == due
    with ape.reverts(rewards.RewardPoolNothingToClaim):
        rewards.claim(running.study, hospital.id, [1], hospital.owner, sender=running.stranger)


def test_claim__to_another_address__is_the_owners_word_alone(running: Stage) -> None:
    rewards, hospital = running.suite.rewards, running.members[1]
    running.finish(1)
    for caller in (running.stranger, hospital.operator, running.sponsor):
        with ape.reverts(rewards.RewardPoolWrongRecipient, studyId=running.study, caller=caller.address, to=COLD):
            rewards.claim(running.study, hospital.id, [1], COLD, sender=caller)
    with ape.reverts(rewards.RewardPoolZeroAddress):
        rewards.claim(running.study, hospital.id, [1], ZERO_ADDRESS, sender=hospital.owner)
    rewards.claim(running.study, hospital.id, [1], COLD, sender=hospital.owner)
    rows = [rows_of(member) for member in running.members]
    assert running.suite.token.balanceOf(COLD) == model_split(REWARD, rows)[1]


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
