# SPDX-License-Identifier: Apache-2.0
"""One set for each starting model: a second sum over others, from the same weights, would show somebody's update."""

from __future__ import annotations

import dataclasses

from ape.api import ReceiptAPI

from node.types import FailureReason, Phase, StudyState
from tests.support.settlement import (
    Books,
    each,
    equally,
    everybody_is_whole,
    of_a_model,
    of_work,
    open_books,
    together,
)
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND

SLICE = BOND // 4
GARBAGE = b"\x66" * 32
#: Rounds enough to see what comes after a failed one, whose failing does not end the study at once.
LONG = {"rounds": 5, "batchRounds": 5, "unopenedRounds": 3}


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


def spoil(stage: Stage, round_: int = 1, members: list[Hospital] | None = None) -> None:
    """A round in which all shares are posted, and so public, and no model comes of them."""
    include(stage, round_, members)
    for attempt in range(stage.plan["attempts"]):
        stage.share_all(attempt, round_, GARBAGE)
        stage.end_phase(round_)
    stage.fail_round(round_)


def included(stage: Stage, round_: int) -> int:
    return int(stage.suite.rounds.roundState(stage.study, round_).includedBitmap)


def assert_unopened(stage: Stage, round_: int, receipt: ReceiptAPI) -> None:
    """The round failed for the rule's sake: nobody was named to open, nobody was slashed."""
    rounds = stage.suite.rounds
    assert receipt.events == [rounds.RoundFailed(stage.study, round_, FailureReason.ANOTHER_SET)]
    assert stage.phase(round_) is Phase.FAILED
    assert included(stage, round_) == 0 and stage.quorum(0, round_) == []
    assert not rounds.roundState(stage.study, round_).verified
    assert [stage.suite.vault.locked(stage.study, one.id) for one in stage.members] == [BOND] * len(stage.members)


def test_include__another_set_after_one_was_opened__fails_the_round_unopened(stage: Stage) -> None:
    again = started(stage)
    spoil(again)
    receipt = include(again, 2, again.members[:3])
    assert_unopened(again, 2, receipt)
    # The same ones again, and the study goes on.
    again.finish(3)
    assert included(again, 3) == 0b1111 and again.phase(3) is Phase.FINALISED
    # Another model: whoever is there.
    include(again, 4, again.members[:3])
    assert included(again, 4) == 0b0111


def test_include__a_set_of_which_no_share_was_ever_posted__counts_as_opened(stage: Stage) -> None:
    """A share is public from the moment it leaves its node, whether or not its transaction is mined."""
    silent = started(stage)
    include(silent, 1)
    for _ in range(silent.plan["attempts"]):
        silent.end_phase(1)
    silent.fail_round(1)
    assert included(silent, 1) == 0b1111
    include(silent, 2, silent.members[1:])
    assert silent.phase(2) is Phase.FAILED and included(silent, 2) == 0


def test_include__round_that_failed_before_its_set_was_fixed__binds_nobody(stage: Stage) -> None:
    fresh = started(stage)
    fresh.submit_all(fresh.members[:2])
    fresh.end_phase(1)
    fresh.fail_round(1)
    include(fresh, 2, fresh.members[:3])
    assert included(fresh, 2) == 0b0111


def test_include__more_than_the_set_are_there__includes_exactly_the_set_and_slashes_nobody(stage: Stage) -> None:
    """Whoever was slow in the round that failed comes back: its update waits, and the round is not lost."""
    back = started(stage)
    spoil(back, members=back.members[:3])
    back.submit_all(round_=2)
    back.attest_all(round_=2)
    assert back.suite.rounds.includable(back.study, 2) == 0b0111
    receipt = back.include(2)
    assert included(back, 2) == 0b0111
    assert not [event for event in receipt.events if event.event_name == "BondSlashed"]
    back.share_all(round_=2)
    back.finalise(round_=2)
    earned = [back.suite.rewards.earned(back.study, 2, one.id) for one in back.members]
    assert all(earned[:3]) and earned[3] == 0
    back.finish(3)
    assert included(back, 3) == 0b1111


def test_include__another_set__who_withholds_its_ciphertext_is_slashed_as_ever(stage: Stage) -> None:
    books_of = started(stage)
    spoil(books_of)
    books_of.submit_all(round_=2)
    books_of.attest_all(0b0111, round_=2)
    assert books_of.suite.rounds.includable(books_of.study, 2) == 0
    receipt = books_of.include(2)
    rounds, vault, last = books_of.suite.rounds, books_of.suite.vault, books_of.members[3]
    assert rounds.RoundFailed(books_of.study, 2, FailureReason.ANOTHER_SET) in receipt.events
    assert [vault.locked(books_of.study, one.id) for one in books_of.members] == [BOND] * 3 + [BOND - SLICE]
    assert vault.pot(vault.potCount()).beneficiaries == 0b0111 and last.id == 4


def test_include__the_model_came_back_after_finalised_rounds__its_set_still_counts(stage: Stage) -> None:
    turning = started(stage)
    initial = turning.plan["initialRoot"]
    turning.reach_open(1)
    turning.share_all(round_=1)
    turning.finalise(777, 1)
    turning.reach_open(2)
    turning.share_all(round_=2)
    turning.finalise(initial, 2)
    assert_unopened(turning, 3, include(turning, 3, turning.members[:3]))


def test_include__where_a_privacy_budget_pays__takes_another_set(stage: Stage) -> None:
    paid = started(stage, privacyBudget=50, privacyCost=10)
    spoil(paid)
    include(paid, 2, paid.members[:3])
    assert included(paid, 2) == 0b0111 and paid.phase(2) is Phase.OPEN
    paid.share_all(round_=2)
    paid.finalise(round_=2)


def test_include__other_study_that_starts_from_the_same_weights__is_not_bound(stage: Stage) -> None:
    """The contract cannot tell whose rows are whose there: nodes remember."""
    spoil(started(stage))
    second = started(stage)
    include(second, 1, second.members[:3])
    assert included(second, 1) == 0b0111


def test_one_of_the_set_never_comes_back__the_study_ends_and_everybody_is_whole(running: Stage) -> None:
    """What one hospital can do for nothing: it costs the study, and nobody a bond."""
    books: Books = open_books(running)
    spoil(running)
    include(running, 2, running.members[:3])
    assert running.state() is StudyState.CANCELLED
    everybody_is_whole(books, rewards=of_work(running.members))


def test_one_of_the_set_withholds_its_ciphertext__the_study_ends_and_it_pays_the_others(running: Stage) -> None:
    books: Books = open_books(running)
    spoil(running)
    running.submit_all(round_=2)
    running.attest_all(0b0111, round_=2)
    running.include(2)
    assert running.state() is StudyState.CANCELLED
    everybody_is_whole(
        books,
        rewards=of_work(running.members),
        slashed=each(SLICE, running.members[3:]),
        shared=equally(SLICE, running.members[:3]),
    )


def test_same_set_again__is_paid_for_each_of_its_rounds(running: Stage) -> None:
    books: Books = open_books(running)
    spoil(running)
    running.finish(2)
    running.finish(3)
    model = of_a_model(running.members)
    everybody_is_whole(books, rewards=together(of_work(running.members), model, model))
