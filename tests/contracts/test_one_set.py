# SPDX-License-Identifier: Apache-2.0
"""One set for each starting model: a second sum over others, from the same weights, would show somebody's update."""

from __future__ import annotations

import dataclasses
import random

import ape
import pytest
from ape.api import ReceiptAPI

from node.learning import reference
from node.types import FailureReason, Phase, StudyState
from tests.support.stage import Hospital, Stage
from tests.support.suite import pass_until

#: Rounds enough to see what comes after a failed one, whose failing does not end the study at once.
LONG = {"rounds": 5, "batchRounds": 5, "unopenedRounds": 3, "patience": 2_100}


def started(deployed: Stage, count: int = 4, **changes: int) -> Stage:
    """A study of its own at the beginning of round 1."""
    stage = dataclasses.replace(deployed, plan={}, members=[], updates={})
    stage.run(count, **{**LONG, **changes})
    return stage


def include(stage: Stage, round_: int, members: list[Hospital] | None = None) -> ReceiptAPI:
    """These hospitals submit (else all), everybody holds what they did, and the set is fixed."""
    stage.submit_all(members, round_)
    if stage.phase(round_) is Phase.SUBMIT:
        stage.end_phase(round_)
    stage.attest_all(round_=round_)
    return stage.include(round_)


def set_of(stage: Stage, root: int) -> int:
    return int(stage.suite.rounds.setOf(stage.study, root))


def train(number: int) -> list[int]:
    """What a hospital learns from the starting weights, the same whenever it does."""
    rng = random.Random(number)
    rows = tuple(tuple(rng.randrange(-128, 128) for _ in range(4)) for _ in range(8))
    labels = tuple(rng.randrange(2) for _ in rows)
    weights = (0,) * 5
    local = reference.train(weights, rows, labels, capacity=8, batch_size=4, epochs=2, learning_rate=128)
    return list(reference.update(weights, local, len(rows), 26))


def test_chosen_victim__its_update_never_stands_between_two_sums_from_one_model(stage: Stage) -> None:
    """A liar spoils a round that opened, has the victim out of the next, and subtracts: the next does not come.

    Removed: that a round whose set is fixed is suspended and not failed.
    """
    spoilt = started(stage, 5)
    updates = [train(number) for number in range(5)]
    included: dict[int, set[int]] = {}
    include(spoilt, 1)
    included[spoilt.record(1).rootBefore] = {spoilt.record(1).includedBitmap}
    # All shares of the sum are out there, and the liar's ciphertext makes it no model.
    spoilt.share_all()
    spoilt.reach_pads()
    spoilt.pad_share_all(spoilt.members[:2])
    spoilt.reach_suspension()
    wrong = spoilt.suite.rounds.RoundManagerWrongPhase
    with ape.reverts(wrong, round=1, phase=Phase.SUSPENDED):
        spoilt.fail_round(1)
    with ape.reverts(wrong, round=2, phase=Phase.NONE):
        spoilt.submit(spoilt.members[0], 2)
    # What pads open is the sum that was bound, of the payloads that the proofs commit to.
    spoilt.finalise(4711)
    include(spoilt, 2, spoilt.members[:4])
    included.setdefault(spoilt.record(2).rootBefore, set()).add(spoilt.record(2).includedBitmap)
    assert [len(sets) for sets in included.values()] == [1, 1], "two sets of one model"
    first = [sum(parts) for parts in zip(*updates, strict=True)]
    second = [sum(parts) for parts in zip(*updates[:4], strict=True)]
    assert [a - b for a, b in zip(first, second, strict=True)] == updates[4], "two sums of one model show an update"


def test_include__binds_the_set_to_its_weights_before_any_share_can_exist(stage: Stage) -> None:
    fresh = started(stage)
    fresh.submit_all()
    fresh.attest_all(0b0111)
    assert set_of(fresh, 42) == 0
    fresh.include()
    assert set_of(fresh, 42) == 0b0111
    assert fresh.suite.openings.sharesPosted(fresh.study, 1) == (0, 0)


def test_share__whose_transaction_reverts__was_for_the_one_set_that_there_is(stage: Stage) -> None:
    """A share is public from the moment it leaves its node, mined or not: no other set ever opens.

    Removed: that the set is bound when it is included, not when a share is recorded.
    """
    silent = started(stage)
    include(silent, 1)
    named = silent.quorum()
    silent.reach_suspension()
    with ape.reverts(silent.suite.openings.OpeningsWrongPhase, round=1):
        silent.share(named[0])
    assert silent.suite.openings.sharesPosted(silent.study, 1) == (0, 0)
    assert (silent.phase(1), set_of(silent, 42)) == (Phase.SUSPENDED, 0b1111)
    pass_until(silent.record(1).includedAt + silent.plan["patience"])
    silent.fail_round(1)
    assert silent.state() is StudyState.CANCELLED


def test_include__round_that_failed_before_its_set_was_fixed__binds_nobody(stage: Stage) -> None:
    fresh = started(stage)
    fresh.submit_all(fresh.members[:2])
    fresh.end_phase(1)
    fresh.fail_round(1)
    assert set_of(fresh, 42) == 0
    fresh.hold_ceremony(fresh.members, ceremony=2)
    include(fresh, 2, fresh.members[:3])
    assert set_of(fresh, 42) == fresh.record(2).includedBitmap == 0b0111


def test_include__too_few_held__binds_nobody(stage: Stage) -> None:
    fresh = started(stage)
    fresh.submit_all()
    fresh.attest_all(0b0011)
    receipt = fresh.include()
    assert fresh.suite.rounds.RoundFailed(fresh.study, 1, FailureReason.TOO_FEW_INCLUDED) in receipt.events
    assert set_of(fresh, 42) == 0


def test_another_model__takes_whoever_is_there(stage: Stage) -> None:
    again = started(stage)
    again.finish(1)
    include(again, 2, again.members[:3])
    assert (set_of(again, 42), set_of(again, 1001)) == (0b1111, 0b0111)


@pytest.mark.parametrize("root", [42, 1001])
def test_model__that_comes_back__ends_the_study(stage: Stage, root: int) -> None:
    """The rounds before started from it, or this very one did: the same updates would be summed again.

    Removed: that a finalised round whose root was bound ends the study.
    """
    turning = started(stage)
    turning.finish(1)
    turning.reach_open(2)
    receipt = turning.finalise(root, 2)
    rounds = turning.suite.rounds
    assert receipt.events[:2] == [
        rounds.RoundFinalised(turning.study, 2, root),
        rounds.ModelReturned(turning.study, 2, root),
    ]
    assert (turning.state(), turning.phase(3)) == (StudyState.COMPLETED, Phase.NONE)
    # The round is paid as every finalised one, what no round earned goes back.
    rewards, reward = turning.suite.rewards, turning.plan["rewardPerRound"]
    assert sum(rewards.earned(turning.study, 2, one.id) for one in turning.members) == reward
    spent, _ = rewards.serviceSpent(turning.study)
    assert rewards.refundable(turning.study) == 3 * reward + turning.plan["serviceBudget"] - spent


def test_model__that_a_failed_round_spoiltfrom__may_be_reached(stage: Stage) -> None:
    """It was bound to no set."""
    fresh = started(stage)
    fresh.submit_all(fresh.members[:2])
    fresh.end_phase(1)
    fresh.fail_round(1)
    fresh.hold_ceremony(fresh.members, ceremony=2)
    fresh.reach_open(2)
    fresh.finalise(43, 2)
    assert fresh.state() is StudyState.RUNNING


def test_one_set__holds_where_a_privacy_budget_pays_as_well(stage: Stage) -> None:
    """Noise hides one sum; the difference of two has it twice, and the budget was for one.

    Removed: that the rule asks for no budget.
    """
    paid = started(stage, privacyBudget=50, privacyCost=10)
    include(paid, 1)
    paid.reach_suspension()
    assert paid.phase(1) is Phase.SUSPENDED
    with ape.reverts(paid.suite.rounds.RoundManagerWrongPhase, phase=Phase.SUSPENDED):
        paid.fail_round(1)
    paid.finalise(42, 1)
    assert paid.state() is StudyState.COMPLETED


def test_include__other_study_that_starts_from_the_same_weights__is_not_bound(stage: Stage) -> None:
    """The contract cannot tell whose rows are whose there: nodes remember."""
    include(started(stage), 1)
    second = started(stage)
    include(second, 1, second.members[:3])
    assert set_of(second, 42) == 0b0111
