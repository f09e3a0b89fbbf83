# SPDX-License-Identifier: Apache-2.0
"""What moving a study on earns: credited in the transaction that does it, paid on demand, nothing to whom it fines."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.utils import ZERO_ADDRESS

from tests.support.acting import Acting
from tests.support.settlement import each, everybody_is_whole, of_a_model, open_books, together
from tests.support.stage import Stage
from tests.support.suite import ABSENCE_FINE, SERVICE_FEE

INCLUDE, FINALISE, MOVE_ON, FAIL = range(4)
COLD = "0x52908400098527886E0F7030069857D2E4169EE7"


def earned(receipt: Any) -> list[tuple[str, int, int]]:
    """Who was credited what for which service."""
    events = [event for event in receipt.events if event.event_name == "ServiceEarned"]
    return [(str(event.account), int(event.service), int(event.amount)) for event in events]


def test_service_of_fines__is_paid_by_the_vault(stage: Stage, acting: Acting) -> None:
    stage.run(4, serviceFee=400, serviceBudget=1_000)
    suite, vault, stranger = stage.suite, stage.suite.vault, stage.stranger
    books = open_books(stage)
    vault.fine(stage.study, 1, 0b1, sender=acting(suite.openings))
    for _ in range(5):
        suite.rewards.credit(stage.study, stranger, INCLUDE, sender=acting(suite.rounds))
    assert tuple(suite.rewards.serviceSpent(stage.study)) == (2_000, 1_000)
    assert vault.fines(stage.study) == ABSENCE_FINE - 1_000
    before = suite.token.balanceOf(vault)
    receipt = suite.rewards.claimService(stranger, sender=stranger)
    assert vault.FinesPaid(stranger, 1_000) in receipt.events
    assert before - suite.token.balanceOf(vault) == 1_000
    # A budget that is spent takes nothing of what rounds earn.
    for round_ in (1, 2, 3):
        stage.finish(round_)
    everybody_is_whole(
        books,
        rewards=together(*[of_a_model(stage.members)] * 3),
        fined=each(ABSENCE_FINE, stage.members[:1]),
        services={str(stranger): 2_000 + 6 * 400},
        of_fines=1_000 + 6 * 400,
    )


def test_round__including_and_finalising__earn_the_fee_each(running: Stage) -> None:
    running.submit_all()
    running.attest_all()
    included, stranger = running.include(), str(running.stranger)
    assert earned(included) == [(stranger, INCLUDE, SERVICE_FEE)]
    assert [event.event_name for event in included.events].count("Transfer") == 0
    assert earned(running.finalise()) == [(stranger, FINALISE, SERVICE_FEE)]
    assert running.suite.rewards.serviceOwed(running.stranger) == 2 * SERVICE_FEE


def test_failure__earns_half_and_nothing_to_whom_it_fines(running: Stage) -> None:
    """Without that rule a hospital would be paid for recording its own absence."""
    running.submit_all(running.members[:2])
    running.end_phase()
    failed = running.suite.rounds.failRound
    for absent in (running.members[3].operator, running.members[3].owner):
        snapshot = ape.chain.snapshot()
        assert earned(failed(running.study, 1, sender=absent)) == []
        ape.chain.restore(snapshot)
    present = running.members[0].operator
    assert earned(failed(running.study, 1, sender=present)) == [(str(present), FAIL, SERVICE_FEE // 2)]


def test_move_on__earns_half_and_nothing_to_who_was_silent(running: Stage) -> None:
    running.fail_rounds(1)
    stranger = str(running.stranger)
    assert running.suite.rewards.serviceOwed(stranger) == SERVICE_FEE // 2
    assert earned(running.move_on(by=running.members[0].operator)) == []
    assert earned(running.move_on()) == [(stranger, MOVE_ON, SERVICE_FEE // 2)]


def test_claim_service__pays_all_studies_at_once_to_whom_the_account_says(running: Stage) -> None:
    suite, stranger = running.suite, running.stranger
    running.finish(1)
    before = suite.token.balanceOf(stranger)
    with ape.reverts(suite.rewards.RewardPoolZeroAddress):
        suite.rewards.claimService(ZERO_ADDRESS, sender=stranger)
    receipt = suite.rewards.claimService(COLD, sender=stranger)
    assert suite.rewards.ServicePaid(stranger, COLD, 2 * SERVICE_FEE) in receipt.events
    assert (suite.token.balanceOf(COLD), suite.token.balanceOf(stranger)) == (2 * SERVICE_FEE, before)
    with ape.reverts(suite.rewards.RewardPoolNoService, account=stranger.address):
        suite.rewards.claimService(stranger, sender=stranger)


def test_credit__by_anybody_but_ceremonies_and_rounds__reverts(running: Stage, acting: Acting) -> None:
    suite = running.suite
    for caller in (suite.council, running.sponsor, acting(suite.openings), acting(suite.court)):
        with ape.reverts(suite.rewards.RewardPoolNotServed, caller=caller.address):
            suite.rewards.credit(running.study, caller, FINALISE, sender=caller)


def test_service_done_after_the_refund__is_not_paid_out_of_others_money(running: Stage, acting: Acting) -> None:
    """Without the rule that a refund ends the budget, the pool would owe more than it holds."""
    suite = running.suite
    books = open_books(running)
    for round_ in (1, 2, 3):
        running.finish(round_)
    suite.rewards.refund(running.study, running.sponsor, sender=running.stranger)
    suite.rewards.credit(running.study, running.stranger, FAIL, sender=acting(suite.rounds))
    assert suite.rewards.serviceSpent(running.study)[0] == 6 * SERVICE_FEE
    everybody_is_whole(books, rewards=together(*[of_a_model(running.members)] * 3))


@pytest.mark.parametrize("amount", [1, 10**30])
def test_pay_fines__more_than_was_set_aside__reverts(running: Stage, acting: Acting, amount: int) -> None:
    vault = running.suite.vault
    vault.fine(running.study, 1, 0b1, sender=acting(running.suite.openings))
    with ape.reverts(vault.StakeVaultNotSetAside, amount=amount, setAside=0):
        vault.payFines(running.stranger, amount, sender=acting(running.suite.rewards))


def test_pool__has_the_vaults_token_and_no_other(running: Stage, project: Any) -> None:
    """What services are paid of comes from both: in two tokens one would be paid in the other."""
    suite = running.suite
    assert suite.rewards.TOKEN() == suite.vault.TOKEN() == suite.token
    assert "token" not in [one.name for one in project.RewardPool.contract_type.constructor.inputs]
