# SPDX-License-Identifier: Apache-2.0
"""Rewards to a wallet that is on no ledger before: committed to at enrolment, revealed at the claim."""

from __future__ import annotations

import ape
import pytest

from tests.support.settlement import of_a_model
from tests.support.stage import Stage
from tests.support.suite import payout_commitment

PAYOUT = "0x52908400098527886E0F7030069857D2E4169EE7"
SALT = bytes(range(32))
COMMITMENT = payout_commitment(PAYOUT, SALT)


@pytest.fixture
def hidden(stage: Stage) -> Stage:
    """Hospital 1 committed to a wallet, the others to none; round 1 is finalised."""
    stage.publish(maximum=4)
    stage.members = stage.hospitals[:4]
    stage.enrol(stage.members[0], payout=COMMITMENT)
    stage.enrol_all(stage.members[1:])
    stage.hold_ceremony(stage.members)
    stage.finish(1)
    return stage


def test_claim_to__revealed_by_anyone__pays_that_wallet_alone(hidden: Stage) -> None:
    suite, hospital = hidden.suite, hidden.members[0]
    due, before = of_a_model(hidden.members)[hospital.id], suite.token.balanceOf(hospital.owner)
    receipt = suite.rewards.claimTo(hidden.study, hospital.id, [1], PAYOUT, SALT, sender=hidden.stranger)
    assert suite.rewards.RewardClaimed(hidden.study, hospital.id, PAYOUT, due) in receipt.events
    assert suite.token.balanceOf(PAYOUT) == due
    assert suite.token.balanceOf(hospital.owner) == before
    with ape.reverts(suite.rewards.RewardPoolNothingToClaim, hospitalId=hospital.id):
        suite.rewards.claim(hidden.study, hospital.id, [1], hospital.owner, sender=hospital.owner)


def test_claim_to__another_wallet_salt_or_hospital__reverts(hidden: Stage) -> None:
    rewards, hospital = hidden.suite.rewards, hidden.members[0]
    # A watcher who saw the reveal and puts in a wallet of its own gets nothing.
    for payout, salt in ((hidden.stranger, SALT), (PAYOUT, bytes(32))):
        with ape.reverts(rewards.RewardPoolWrongPayout, studyId=hidden.study, hospitalId=hospital.id):
            rewards.claimTo(hidden.study, hospital.id, [1], payout, salt, sender=hidden.stranger)
    with ape.reverts(rewards.RewardPoolWrongPayout, hospitalId=2):
        rewards.claimTo(hidden.study, 2, [1], PAYOUT, SALT, sender=hidden.stranger)


def test_claim__with_a_commitment__is_the_owners_choice_alone(hidden: Stage) -> None:
    suite, hospital = hidden.suite, hidden.members[0]
    # Else anyone could tie the reward to the wallet that everybody knows.
    for caller in (hidden.stranger, hospital.operator, hidden.sponsor):
        with ape.reverts(suite.rewards.RewardPoolNotOwner, hospitalId=hospital.id, caller=caller.address):
            suite.rewards.claim(hidden.study, hospital.id, [1], hospital.owner, sender=caller)
    before = suite.token.balanceOf(hospital.owner)
    suite.rewards.claim(hidden.study, hospital.id, [1], hospital.owner, sender=hospital.owner)
    assert suite.token.balanceOf(hospital.owner) - before == of_a_model(hidden.members)[hospital.id]


def test_claim__without_a_commitment__pays_the_owner_whoever_asks(hidden: Stage) -> None:
    suite, hospital = hidden.suite, hidden.members[1]
    before = suite.token.balanceOf(hospital.owner)
    suite.rewards.claim(hidden.study, hospital.id, [1], hospital.owner, sender=hidden.stranger)
    assert suite.token.balanceOf(hospital.owner) - before == of_a_model(hidden.members)[hospital.id]
