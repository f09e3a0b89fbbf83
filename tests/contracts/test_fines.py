# SPDX-License-Identifier: Apache-2.0
"""What absence costs: a fine, capped in a batch and never below a slice, which pays for services; the rest is burnt."""

from __future__ import annotations

import ape
import pytest
from ape.utils import ZERO_ADDRESS

from tests.support.acting import Acting
from tests.support.settlement import each, everybody_is_whole, open_books
from tests.support.stage import Stage
from tests.support.suite import ABSENCE_FINE, BOND, SERVICE_FEE

SLICE = BOND // 4
CAP = 3 * ABSENCE_FINE


def test_fine__that_does_not_divide_the_cap__takes_the_rest_of_it(stage: Stage, acting: Acting) -> None:
    stage.run(4, absenceFine=10, absenceCap=25)
    vault, openings = stage.suite.vault, acting(stage.suite.openings)
    for _ in range(4):
        vault.fine(stage.study, 1, 0b1, sender=openings)
    assert vault.finedIn(stage.study, 1, 0) == 25


def test_fines__of_many_batches__never_bring_a_bond_below_a_slice(stage: Stage, acting: Acting) -> None:
    """Without that rule a hospital with nothing left at stake would go on."""
    stage.run(4, bond=100, absenceFine=20, absenceCap=24)
    vault, openings = stage.suite.vault, acting(stage.suite.openings)
    for batch in range(1, 8):
        vault.fine(stage.study, batch, 0b1, sender=openings)
    assert vault.locked(stage.study, 1) == 25
    # What a lie costs is there in full.
    vault.slash(stage.study, 1, 1, 0b1, 0b1110, ZERO_ADDRESS, sender=acting(stage.suite.court))
    assert (vault.pot(1).amount, vault.locked(stage.study, 1)) == (25, 0)


def test_fines__are_spent_for_services_after_the_sponsors_budget_and_the_rest_is_burnt(stage: Stage) -> None:
    """Without burning, a sponsor would gain by hospitals' absence."""
    stage.run(4, serviceFee=SERVICE_FEE, serviceBudget=SERVICE_FEE)
    books, suite = open_books(stage), stage.suite
    stage.fail_rounds(1)
    for _ in range(2):
        stage.move_on()
    spent, from_fines = suite.rewards.serviceSpent(stage.study)
    half = SERVICE_FEE // 2
    # A failed round and a moved step use up the budget but for one unit, which the last begins with.
    assert (spent, from_fines) == (3 * half, 3 * half - SERVICE_FEE)
    everybody_is_whole(
        books,
        fined=each(CAP, stage.members),
        services={str(stage.stranger): 3 * half},
        of_fines=from_fines,
    )
    assert suite.vault.fines(stage.study) == 4 * CAP - from_fines


def test_services__once_budget_and_fines_are_spent__are_done_all_the_same(stage: Stage) -> None:
    """A credit that reverted for want of money would stop the study."""
    stage.run(4, serviceFee=7, serviceBudget=10, absenceFine=0, absenceCap=0)
    books = open_books(stage)
    for round_ in (1, 2, 3):
        stage.finish(round_)
    assert tuple(stage.suite.rewards.serviceSpent(stage.study)) == (10, 0)
    earned = stage.suite.rewards.ServiceEarned.range(books.block + 1, ape.chain.blocks.height + 1)
    assert [event.amount for event in earned] == [7, 3]


@pytest.mark.parametrize("count", [3, 4])
def test_everybody_away__is_fined_to_the_cap_and_no_further(stage: Stage, count: int) -> None:
    stage.run(count)
    books = open_books(stage)
    stage.fail_rounds(1)
    for _ in range(2):
        stage.move_on()
    everybody_is_whole(books, fined=each(CAP, stage.members))


def test_fine__each_absent_once__goes_to_the_studys_fines(running: Stage, acting: Acting) -> None:
    vault, study = running.suite.vault, running.study
    receipt = vault.fine(study, 1, 0b0101, sender=acting(running.suite.openings))
    assert receipt.events == [vault.AbsenceFined(study, number, 1, ABSENCE_FINE) for number in (1, 3)]
    assert vault.fines(study) == 2 * ABSENCE_FINE
    assert [vault.locked(study, one.id) for one in running.members] == [BOND - ABSENCE_FINE, BOND] * 2
    assert vault.excluded(study) == 0, "absence bars nobody"


def test_fines__of_one_batch__end_at_the_cap(running: Stage, acting: Acting) -> None:
    """A7: without the cap, a hospital behind a bad network loses its bond by absence alone."""
    vault, study, openings = running.suite.vault, running.study, acting(running.suite.openings)
    for _ in range(5):
        vault.fine(study, 1, 0b1, sender=openings)
    assert vault.finedIn(study, 1, 0) == CAP == BOND - vault.locked(study, 1)
    assert vault.fines(study) == CAP
    # The next batch is another one.
    vault.fine(study, 2, 0b1, sender=openings)
    assert vault.finedIn(study, 2, 0) == ABSENCE_FINE
    assert vault.fines(study) == CAP + ABSENCE_FINE
