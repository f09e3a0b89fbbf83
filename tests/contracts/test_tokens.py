# SPDX-License-Identifier: Apache-2.0
"""Tokens in trouble: they keep a fee, stop, refuse a wallet, or call back; nobody loses a unit by it."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Any

import ape
import pytest

from node.types import StudyState
from tests.support.acting import Acting
from tests.support.consents import consent
from tests.support.settlement import each, everybody_is_whole, of_a_model, open_books, together
from tests.support.stage import Hospital, Stage
from tests.support.suite import ABSENCE_FINE, BOND, REWARD, SERVICE_FEE, make_circuit, make_suite

NOBODY = "0x" + "00" * 20
PAYOUT = "0x52908400098527886E0F7030069857D2E4169EE7"
SUPPLY = 10**30


def bonded(token: Any, council: Any, accounts: Any, project: Any) -> Stage:
    """A suite on a token of the network's own, with four hospitals admitted and bonded."""
    suite = dataclasses.replace(make_suite(council, token=token.address), token=token)
    double = council.deploy(project.VerifierDouble)
    for training in (True, False):
        suite.catalogue.listCircuit(make_circuit(double.address, training), sender=council)
    token.transfer(accounts[1], SUPPLY // 10, sender=council)
    token.approve(suite.vault, SUPPLY, sender=council)
    hospitals = []
    for number in range(1, 5):
        owner, operator = accounts[1 + 2 * number], accounts[2 + 2 * number]
        signed = consent(suite.registry, owner, operator)
        suite.registry.register(operator, signed, f"Hospital {number}", "", sender=owner)
        suite.registry.admit(number, sender=council)
        suite.vault.deposit(number, 2 * BOND, sender=council)
        hospitals.append(Hospital(number, owner, operator))
    return Stage(suite, accounts[1], accounts[2], hospitals, 1, 2, double, members=hospitals)


@pytest.fixture
def moody(accounts: Any, project: Any) -> Stage:
    """On a token that can be told to refuse."""
    council = accounts[20]
    return bonded(council.deploy(project.MoodyToken, SUPPLY), council, accounts, project)


def begin(stage: Stage, payout: bytes = bytes(32)) -> None:
    """Four hospitals in round 1; hospital 1 with a payout commitment, if any."""
    stage.enrol(stage.members[0], payout=payout)
    stage.enrol_all(stage.members[1:])
    stage.hold_ceremony(stage.members)


def test_token_stops__rounds_go_on_and_all_is_paid_once_it_moves_again(moody: Stage) -> None:
    suite, token, stage = moody.suite, moody.suite.token, moody
    stage.publish(maximum=4)
    books = open_books(stage)
    begin(stage)
    token.setStopped(True, sender=stage.stranger)
    stage.finish(1)
    stage.finish(2)
    with ape.reverts(token.MoodyTokenRefused):
        suite.rewards.claim(stage.study, 1, [1, 2], stage.members[0].owner, sender=stage.stranger)
    with ape.reverts(token.MoodyTokenRefused):
        suite.rewards.claimService(stage.stranger, sender=stage.stranger)
    assert suite.rewards.paid(stage.study, 1, 1) == 0
    assert suite.rewards.serviceOwed(stage.stranger) == 4 * SERVICE_FEE
    stage.finish(3)
    assert stage.state() is StudyState.COMPLETED
    suite.vault.requestWithdrawal(1, BOND, sender=stage.members[0].owner)
    ape.chain.mine(timestamp=suite.vault.pending(1)[1])
    with ape.reverts(token.MoodyTokenRefused):
        suite.vault.withdraw(1, stage.members[0].owner, sender=stage.members[0].owner)
    assert suite.vault.pending(1)[0] == BOND
    token.setStopped(False, sender=stage.stranger)
    everybody_is_whole(books, rewards=together(*[of_a_model(stage.members)] * 3))


def test_token_refuses_one_owner__the_others_are_paid_and_it_can_be_elsewhere(moody: Stage) -> None:
    suite, token, stage = moody.suite, moody.suite.token, moody
    salt = bytes(range(32))
    stage.publish(maximum=4)
    books = open_books(stage)
    begin(stage, hashlib.sha256(bytes.fromhex(PAYOUT[2:]) + salt).digest())
    stage.finish(1)
    due = of_a_model(stage.members)
    token.setRefused(stage.members[0].owner, sender=stage.stranger)
    with ape.reverts(token.MoodyTokenRefused):
        suite.rewards.claim(stage.study, 1, [1], stage.members[0].owner, sender=stage.members[0].owner)
    for hospital in stage.members[1:]:
        suite.rewards.claim(stage.study, hospital.id, [1], hospital.owner, sender=stage.stranger)
        assert token.balanceOf(hospital.owner) == due[hospital.id]
    suite.rewards.claimTo(stage.study, 1, [1], PAYOUT, salt, sender=stage.stranger)
    assert token.balanceOf(PAYOUT) == due[1]
    stage.finish(2)
    stage.fail_rounds(3)
    token.setRefused(NOBODY, sender=stage.stranger)
    # The first reward of hospital 1 went to the other wallet.
    everybody_is_whole(
        books,
        rewards=together(due, due),
        fined=each(ABSENCE_FINE, stage.members),
        elsewhere={1: due[1]},
    )


def test_token_that_keeps_a_fee__everybody_gets_what_the_token_lets_through(accounts: Any, project: Any) -> None:
    council = accounts[20]
    stage = bonded(council.deploy(project.FeeToken, SUPPLY), council, accounts, project)
    assert stage.suite.vault.available(1) == 2 * BOND - 2 * BOND // 100
    stage.publish(funded=False, maximum=4)
    stage.fund()
    assert stage.state() is StudyState.PUBLISHED, "what arrived is less than what was sent"
    stage.fund(REWARD // 20)
    assert stage.state() is StudyState.ENROLLING
    books = open_books(stage)
    begin(stage)
    stage.finish(1)
    stage.finish(2)
    stage.fail_rounds(3)
    everybody_is_whole(
        books,
        rewards=together(*[of_a_model(stage.members)] * 2),
        fined=each(ABSENCE_FINE, stage.members),
        arriving=lambda amount: amount - amount // 100,
    )


def test_token_that_keeps_a_fee__what_services_take_of_fines_costs_no_reward(
    accounts: Any, project: Any, acting: Acting
) -> None:
    """Were fines paid by way of the pool, each payment would take the token's fee out of what others are owed."""
    council = accounts[20]
    stage = bonded(council.deploy(project.FeeToken, SUPPLY), council, accounts, project)
    stage.publish(funded=False, maximum=4, serviceFee=300, serviceBudget=1_000)
    stage.fund(4 * REWARD)
    begin(stage)
    suite = stage.suite
    suite.vault.fine(stage.study, 1, 0b1, sender=acting(suite.openings))
    for round_ in (1, 2, 3):
        stage.finish(round_)
    held = suite.token.balanceOf(suite.rewards)
    suite.rewards.claimService(stage.stranger, sender=stage.stranger)
    assert suite.rewards.serviceSpent(stage.study)[1] == 800
    assert held - suite.token.balanceOf(suite.rewards) == 1_000
    assert suite.token.balanceOf(stage.stranger) == 1_000 - 10 + 800 - 8


def test_token_that_calls_back__pays_nobody_twice(moody: Stage) -> None:
    suite, token, stage = moody.suite, moody.suite.token, moody
    stage.publish(maximum=4)
    begin(stage)
    for round_ in (1, 2, 3):
        stage.finish(round_)
    due, owner = together(*[of_a_model(stage.members)] * 3)[1], stage.members[0].owner
    calls = (
        suite.rewards.claim.encode_input(stage.study, 1, [1], owner),
        suite.rewards.refund.encode_input(stage.study, stage.sponsor),
        suite.rewards.claimService.encode_input(owner),
    )
    for call in calls:
        snapshot = ape.chain.snapshot()
        token.setCallback(suite.rewards, call, sender=stage.stranger)
        suite.rewards.claim(stage.study, 1, [1, 2, 3], owner, sender=stage.stranger)
        assert token.refusedCalls() == 1
        assert token.balanceOf(owner) == due
        ape.chain.restore(snapshot)
    # The same in the vault: out again while it pays.
    suite.vault.requestWithdrawal(1, BOND, sender=owner)
    ape.chain.mine(timestamp=suite.vault.pending(1)[1])
    token.setCallback(suite.vault, suite.vault.deposit.encode_input(1, 0), sender=stage.stranger)
    suite.vault.withdraw(1, owner, sender=owner)
    assert (token.refusedCalls(), token.balanceOf(owner)) == (1, BOND)
