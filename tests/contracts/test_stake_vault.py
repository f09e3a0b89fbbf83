# SPDX-License-Identifier: Apache-2.0
"""Bonds: in, out after the delay to whom the owner says, and nobody but the suite's own contracts in between."""

from __future__ import annotations

from typing import Any

import ape
from ape.utils import ZERO_ADDRESS

from tests.support.acting import Acting
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, pass_until

WEEK = 7 * 24 * 3600
FALSE_DEALING = 0
COLD = "0x52908400098527886E0F7030069857D2E4169EE7"


def play_to_the_end(stage: Stage) -> None:
    """A study of one round, in which evidence can be about somebody."""
    stage.run(3, rounds=1, batchRounds=1)
    stage.finish(1)


def leave_with_bond(stage: Stage, hospital: Hospital) -> None:
    """A study is played, and gives the hospital its bond back just now."""
    play_to_the_end(stage)
    stage.suite.studies.releaseBond(stage.study, hospital.id, sender=stage.stranger)


def add_to_bond(stage: Stage, hospital: Hospital, amount: int) -> None:
    suite = stage.suite
    suite.token.approve(suite.vault, amount, sender=stage.sponsor)
    suite.vault.deposit(hospital.id, amount, sender=stage.sponsor)


def test_deposit__anyone_for_a_known_hospital__adds_what_arrived(stage: Stage) -> None:
    suite = stage.suite
    suite.token.approve(suite.vault, 7, sender=stage.sponsor)
    suite.vault.deposit(1, 7, sender=stage.sponsor)
    assert suite.vault.available(1) == 3 * BOND + 7


def test_deposit__unknown_hospital_or_nothing__reverts(stage: Stage) -> None:
    vault = stage.suite.vault
    with ape.reverts(vault.StakeVaultUnknownHospital, hospitalId=99):
        vault.deposit(99, 1, sender=stage.sponsor)
    with ape.reverts(vault.StakeVaultZeroAmount):
        vault.deposit(1, 0, sender=stage.sponsor)


def test_withdraw__after_the_delay__pays_the_owner(stage: Stage) -> None:
    suite, hospital = stage.suite, stage.hospitals[0]
    suite.vault.requestWithdrawal(hospital.id, BOND, sender=hospital.owner)
    amount, available_at = suite.vault.pending(hospital.id)
    assert amount == BOND
    assert suite.vault.available(hospital.id) == 2 * BOND
    pass_until(available_at)
    before = suite.token.balanceOf(hospital.owner)
    suite.vault.withdraw(hospital.id, hospital.owner, sender=hospital.owner)
    assert suite.token.balanceOf(hospital.owner) - before == BOND
    with ape.reverts(suite.vault.StakeVaultNothingPending, hospitalId=hospital.id):
        suite.vault.withdraw(hospital.id, hospital.owner, sender=hospital.owner)


def test_withdraw__to_another_address__is_the_owners_word_alone(stage: Stage) -> None:
    suite, hospital = stage.suite, stage.hospitals[0]
    suite.vault.requestWithdrawal(hospital.id, BOND, sender=hospital.owner)
    pass_until(suite.vault.pending(hospital.id)[1])
    for caller in (hospital.operator, stage.stranger, suite.council):
        with ape.reverts(suite.vault.StakeVaultNotOwner, caller=caller.address):
            suite.vault.withdraw(hospital.id, caller, sender=caller)
    with ape.reverts(suite.vault.StakeVaultZeroAddress):
        suite.vault.withdraw(hospital.id, ZERO_ADDRESS, sender=hospital.owner)
    receipt = suite.vault.withdraw(hospital.id, COLD, sender=hospital.owner)
    assert suite.vault.BondWithdrawn(hospital.id, COLD, BOND) in receipt.events
    assert suite.token.balanceOf(COLD) == BOND


def test_withdraw__before_the_delay_is_over__reverts(stage: Stage) -> None:
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    vault.requestWithdrawal(hospital.id, BOND, sender=hospital.owner)
    with ape.reverts(vault.StakeVaultStillUnbonding, hospitalId=hospital.id):
        vault.withdraw(hospital.id, hospital.owner, sender=hospital.owner)


def test_request_withdrawal__more_than_free_or_by_the_operator__reverts(stage: Stage) -> None:
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    with ape.reverts(vault.StakeVaultInsufficient, available=3 * BOND, wanted=3 * BOND + 1):
        vault.requestWithdrawal(hospital.id, 3 * BOND + 1, sender=hospital.owner)
    with ape.reverts(vault.StakeVaultNotOwner, caller=hospital.operator.address):
        vault.requestWithdrawal(hospital.id, 1, sender=hospital.operator)


def test_request_withdrawal__of_a_locked_bond__reverts(stage: Stage) -> None:
    hospital, vault = stage.hospitals[0], stage.suite.vault
    stage.publish()
    stage.enrol(hospital)
    assert vault.locked(stage.study, hospital.id) == BOND
    with ape.reverts(vault.StakeVaultInsufficient, available=2 * BOND, wanted=3 * BOND):
        vault.requestWithdrawal(hospital.id, 3 * BOND, sender=hospital.owner)


def test_bonds_and_fines__anyone_else__reverts_even_for_the_council(stage: Stage) -> None:
    vault = stage.suite.vault
    for caller in (stage.suite.council, stage.sponsor, stage.hospitals[0].owner):
        with ape.reverts(vault.StakeVaultNotStudyRegistry, caller=caller.address):
            vault.lock(1, 1, BOND, sender=caller)
        with ape.reverts(vault.StakeVaultNotStudyRegistry, caller=caller.address):
            vault.release(1, 1, sender=caller)
        with ape.reverts(vault.StakeVaultNotJudge, caller=caller.address):
            vault.slash(1, 1, 1, 0b1, 0b10, ZERO_ADDRESS, sender=caller)
        with ape.reverts(vault.StakeVaultNotJudge, caller=caller.address):
            vault.fine(1, 1, 0b1, sender=caller)
        with ape.reverts(vault.StakeVaultNotJudge, caller=caller.address):
            vault.charge(1, 0, 0b10, 1, sender=caller)
        with ape.reverts(vault.StakeVaultNotRewardPool, caller=caller.address):
            vault.spendFines(1, 1, sender=caller)
        with ape.reverts(vault.StakeVaultNotRewardPool, caller=caller.address):
            vault.payFines(caller, 1, sender=caller)


def test_unbonding__no_longer_than_the_evidence_window__is_refused(stage: Stage, project: Any) -> None:
    vault, council, week = stage.suite.vault, stage.suite.council, stage.suite.court.EVIDENCE_WINDOW()
    known = (vault.TOKEN(), *_wired(vault))
    # Else an equivocator could be gone with its bond before it is shown.
    with ape.reverts(vault.StakeVaultUnbondingTooShort, unbondingDelay=week, evidenceWindow=week):
        council.deploy(project.StakeVault, *known, week)
    assert council.deploy(project.StakeVault, *known, week + 1).UNBONDING_DELAY() == week + 1


def test_lock__of_a_hospital_that_has_a_bond_in_the_study__reverts(stage: Stage, acting: Acting) -> None:
    suite = stage.suite
    stage.publish()
    stage.enrol(stage.hospitals[0])
    with ape.reverts(suite.vault.StakeVaultAlreadyLocked, studyId=stage.study, hospitalId=1, amount=BOND):
        suite.vault.lock(stage.study, 1, BOND, sender=acting(suite.studies))


def test_claim_bounty__none_earned__reverts(stage: Stage) -> None:
    with ape.reverts(stage.suite.vault.StakeVaultNoBounty, reporter=stage.stranger.address):
        stage.suite.vault.claimBounty(sender=stage.stranger)


def test_lockable__a_released_bond_that_was_asked_back__is_not_kept_back_from_a_fresh_one_as_well(stage: Stage) -> None:
    suite, hospital = stage.suite, stage.hospitals[0]
    vault = suite.vault
    leave_with_bond(stage, hospital)
    assert (vault.available(hospital.id), vault.lockable(hospital.id)) == (3 * BOND, 2 * BOND)
    vault.requestWithdrawal(hospital.id, 3 * BOND, sender=hospital.owner)
    add_to_bond(stage, hospital, BOND)
    assert vault.lockable(hospital.id) == BOND
    stage.publish()
    stage.enrol(hospital)
    assert vault.locked(stage.study, hospital.id) == BOND


def test_lockable__part_of_the_released_bond_asked_back__keeps_the_rest(stage: Stage) -> None:
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    leave_with_bond(stage, hospital)
    vault.requestWithdrawal(hospital.id, BOND // 4, sender=hospital.owner)
    assert vault.available(hospital.id) == 3 * BOND - BOND // 4
    assert vault.lockable(hospital.id) == 2 * BOND


def test_lockable__withdrawal_that_is_paid_within_the_window__covers_nothing(stage: Stage) -> None:
    """Asked back before the release, it can be gone while evidence may still come."""
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    stage.run(3, rounds=1, batchRounds=1)
    vault.requestWithdrawal(hospital.id, BOND, sender=hospital.owner)
    stage.finish(1)
    pass_until(ape.chain.blocks.head.timestamp + 10)
    stage.suite.studies.releaseBond(stage.study, hospital.id, sender=stage.stranger)
    assert vault.pending(hospital.id).availableAt < vault.coolsUntil(hospital.id)
    assert (vault.available(hospital.id), vault.lockable(hospital.id)) == (2 * BOND, BOND)


def test_lockable__released_twice_within_the_window__keeps_both_back(stage: Stage) -> None:
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    for released in (1, 2):
        leave_with_bond(stage, hospital)
        assert vault.lockable(hospital.id) == (3 - released) * BOND
    until = vault.coolsUntil(hospital.id)
    assert until == ape.chain.blocks.head.timestamp + WEEK
    pass_until(until - 2)
    assert vault.lockable(hospital.id) == BOND
    pass_until(until)
    assert vault.lockable(hospital.id) == 3 * BOND


def test_lockable__left_while_enrolment_was_open__is_free_at_once(stage: Stage) -> None:
    """No evidence can be about who was out before the first round, so nothing cools."""
    vault, hospital = stage.suite.vault, stage.hospitals[0]
    stage.publish()
    stage.enrol(hospital)
    stage.suite.studies.leaveStudy(stage.study, hospital.id, sender=hospital.owner)
    assert (vault.available(hospital.id), vault.lockable(hospital.id)) == (3 * BOND, 3 * BOND)
    assert vault.coolsUntil(hospital.id) == 0
    stage.publish()
    stage.enrol(hospital)
    assert vault.locked(stage.study, hospital.id) == BOND


def test_request_withdrawal__more_than_its_record_can_hold__reverts_and_loses_nothing(
    stage: Stage, project: Any
) -> None:
    """No token has so many units; one that had would lose what does not fit."""
    suite, hospital, most = stage.suite, stage.hospitals[0], 2**192 - 1
    token = suite.council.deploy(project.ConsiliumToken, 2**200)
    vault = suite.council.deploy(project.StakeVault, token, *_wired(suite.vault), WEEK + 1)
    token.approve(vault, 2**200, sender=suite.council)
    vault.deposit(hospital.id, most + 1, sender=suite.council)
    with ape.reverts(vault.StakeVaultInsufficient, hospitalId=hospital.id, available=most, wanted=most + 1):
        vault.requestWithdrawal(hospital.id, most + 1, sender=hospital.owner)
    vault.requestWithdrawal(hospital.id, most, sender=hospital.owner)
    with ape.reverts(vault.StakeVaultInsufficient, available=most, wanted=most + 1):
        vault.requestWithdrawal(hospital.id, 1, sender=hospital.owner)
    assert (vault.pending(hospital.id).amount, vault.available(hospital.id)) == (most, 1)


def test_slash__each_offence_has_one_judge(running: Stage, acting: Acting) -> None:
    """Else a judge of rounds could punish for a ceremony, whose pots count on one judgement."""
    suite, vault = running.suite, running.suite.vault
    for judge, offence in ((suite.court, FALSE_DEALING), (suite.ceremony, 1), (suite.ceremony, 3), (suite.rounds, 1)):
        with ape.reverts(vault.StakeVaultNotJudge, caller=judge.address):
            vault.slash(running.study, offence, 1, 0b1, 0b10, ZERO_ADDRESS, sender=acting(judge))
    with ape.reverts(vault.StakeVaultNotJudge, caller=suite.court.address):
        vault.fine(running.study, 1, 0b1, sender=acting(suite.court))


def _wired(vault: Any) -> tuple[Any, ...]:
    """What a vault is deployed with between token and delay."""
    judges = (vault.CEREMONY(), vault.OPENINGS(), vault.COURT())
    return vault.HOSPITALS(), vault.STUDIES(), vault.ROUNDS(), judges, vault.REWARD_POOL()
