# SPDX-License-Identifier: Apache-2.0
"""A watcher copies a transaction out of the pool and pays more for it: it gains the fee of a service, and no more."""

from __future__ import annotations

from typing import Any

from tests.support.proving import Work, proof_of
from tests.support.real_proofs import DIGEST, prove_sum
from tests.support.settlement import open_books
from tests.support.stage import Stage
from tests.support.suite import Call, in_one_block, payout_commitment

PAYOUT = "0x52908400098527886E0F7030069857D2E4169EE7"


def test_submission__copied_by_a_hospital_and_a_stranger__counts_for_its_maker_alone(
    proving: Stage, works: dict[int, Work]
) -> None:
    maker, rival = proving.members[0], proving.members[1]
    work, rounds = works[maker.id], proving.suite.rounds
    copied = (proving.study, 1, DIGEST, 1000, *work.commitment, proof_of(work.proved))
    assert in_one_block(
        Call(rounds.submitUpdate, copied, rival.operator, 9),
        Call(rounds.submitUpdate, copied, proving.stranger, 8),
        Call(rounds.submitUpdate, copied, maker.operator, 1),
    ) == [False, False, True]
    assert rounds.roundState(proving.study, 1).submittedBitmap == 1 << proving.index(maker)


def test_finalising__copied_by_a_stranger__sets_the_same_model_and_takes_the_services_fee_alone(
    proved_round: Stage, works: dict[int, Work], accounts: Any
) -> None:
    root, proved = prove_sum(proved_round, works)
    rounds, rewards = proved_round.suite.rounds, proved_round.suite.rewards
    books, watcher, finaliser = open_books(proved_round), accounts[21], proved_round.members[0].operator
    point, proof = proved_round.sum(), proof_of(proved)
    assert in_one_block(
        # With a model of its own first: the proof is of another.
        Call(rounds.finalise, (proved_round.study, 1, *point, root + 1, proof), watcher, 9),
        Call(rounds.finalise, (proved_round.study, 1, *point, root, proof), watcher, 8),
        Call(rounds.finalise, (proved_round.study, 1, *point, root, proof), finaliser, 1),
    ) == [False, True, False]
    assert rounds.roundState(proved_round.study, 1).rootAfter == root
    assert open_books(proved_round).wallets == books.wallets
    # Whoever does it first is paid for it, once; the hospital pays for a call that reverts.
    fee = proved_round.plan["serviceFee"]
    assert [rewards.serviceOwed(one) for one in (watcher, finaliser)] == [fee, 0]
    assert (
        sum(rewards.earned(proved_round.study, 1, one.id) for one in proved_round.members)
        == proved_round.plan["rewardPerRound"]
    )


def test_reveal_of_a_payout__copied__pays_the_revealed_wallet(stage: Stage) -> None:
    salt, suite = bytes(range(32)), stage.suite
    stage.publish(maximum=3)
    stage.members = stage.hospitals[:3]
    stage.enrol(stage.members[0], payout=payout_commitment(PAYOUT, salt))
    stage.enrol_all(stage.members[1:])
    stage.hold_ceremony(stage.members)
    stage.finish(1)
    due = suite.rewards.earned(stage.study, 1, 1)
    reveal = (stage.study, 1, [1], PAYOUT, salt)
    assert in_one_block(
        Call(suite.rewards.claimTo, (stage.study, 1, [1], str(stage.stranger), salt), stage.stranger, 9),
        Call(suite.rewards.claimTo, reveal, stage.stranger, 8),
        Call(suite.rewards.claimTo, reveal, stage.members[0].owner, 1),
    ) == [False, True, False]
    assert suite.token.balanceOf(PAYOUT) == due > 0
