# SPDX-License-Identifier: Apache-2.0
"""Who posts no pad share although the round needs it: a small fine, once, and never a slice."""

from __future__ import annotations

import ape
import pytest

from node.types import Phase
from tests.support.stage import Stage
from tests.support.suite import BOND, pass_until


@pytest.fixture
def padding(running: Stage) -> Stage:
    """Round 1 in its window for pads, everybody included."""
    running.reach_open()
    running.reach_pads()
    return running


def fined(stage: Stage) -> list[int]:
    """What each member was fined in the first batch, counted in fines."""
    return [stage.suite.vault.finedIn(stage.study, 1, n) // stage.plan["absenceFine"] for n in range(4)]


def test_absence__from_an_opening_that_ran_out__is_fined_once_for_the_round(padding: Stage) -> None:
    openings, vault = padding.suite.openings, padding.suite.vault
    padding.pad_share_all(padding.members[:1])
    padding.reach_suspension()
    receipt = padding.record_absence()
    assert openings.AbsenceRecorded(padding.study, 1, 0b1110) in receipt.events
    assert fined(padding) == [0, 1, 1, 1]
    assert vault.excluded(padding.study) == 0
    with ape.reverts(openings.OpeningsAlreadyRecorded, studyId=padding.study, round=1):
        padding.record_absence()


def test_absence__before_the_window_is_over__is_not_known_yet(padding: Stage) -> None:
    openings, until = padding.suite.openings, padding.record().padsUntil
    with ape.reverts(openings.OpeningsNotYet, studyId=padding.study, round=1, start=until):
        padding.record_absence()
    pass_until(until)
    padding.record_absence()


def test_absence__from_a_round_finalised_in_its_windows__is_nobodys(padding: Stage) -> None:
    """With t shares there nobody else had to pay for one.

    Removed: that a round finalised before its window's end records no absence.
    """
    padding.finalise()
    pass_until(padding.record().padsUntil + 1)
    with ape.reverts(padding.suite.openings.OpeningsWrongPhase, round=1):
        padding.record_absence()


def test_absence__who_posts_too_late__pays_whenever_it_is_recorded(padding: Stage) -> None:
    """Removed: that `late` is counted apart; the fine would depend on who is quicker."""
    padding.pad_share_all(padding.members[:1])
    padding.reach_suspension()
    padding.pad_share_all(padding.members[1:3])
    padding.finalise()
    padding.pad_share_all(padding.members[3:])
    padding.record_absence()
    assert fined(padding) == [0, 1, 1, 1]


@pytest.mark.parametrize("phase", [Phase.NONE, Phase.SUBMIT, Phase.ATTEST, Phase.FAILED])
def test_absence__in_a_round_whose_set_was_never_fixed__reverts(running: Stage, phase: Phase) -> None:
    if phase is Phase.FAILED:
        running.end_phase()
        running.fail_round()
    elif phase is Phase.ATTEST:
        running.submit_all()
    with ape.reverts(running.suite.openings.OpeningsWrongPhase):
        running.record_absence(9 if phase is Phase.NONE else 1)


def test_absence__after_patience__is_still_recorded(padding: Stage) -> None:
    pass_until(padding.record().includedAt + padding.plan["patience"])
    padding.fail_round()
    padding.record_absence()
    assert fined(padding) == [1] * 4
    assert padding.suite.vault.locked(padding.study, 1) == BOND - padding.plan["absenceFine"]


def test_absence__in_every_round_of_a_batch__costs_no_more_than_the_cap(stage: Stage) -> None:
    """No absence alone brings a bond below a slice, or bars.

    Removed: the cap of what one hospital pays in a batch.
    """
    stage.run(4, rounds=8, batchRounds=8)
    cap, fine, vault = stage.plan["absenceCap"], stage.plan["absenceFine"], stage.suite.vault
    for round_ in range(1, 9):
        stage.reach_open(round_)
        stage.reach_suspension(round_)
        stage.record_absence(round_)
        stage.finalise(1000 + round_, round_)
        assert vault.finedIn(stage.study, 1, 3) == min(round_ * fine, cap)
    assert vault.locked(stage.study, stage.members[3].id) == BOND - cap > BOND // 4
    assert vault.excluded(stage.study) == 0
