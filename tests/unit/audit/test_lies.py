# SPDX-License-Identifier: Apache-2.0
"""Cut bonds as an auditor sees them: whose they were, whose they are, and that they add up."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.audit.basics import Verdict
from node.audit.contents import open_contents
from node.audit.money_checks import check_money
from node.audit.studies import read_study
from node.audit.views import StudyView
from node.types import Offence
from tests.support.local_suite import UNIT
from tests.support.played_study import Stage

BOUNTY_BPS = 500
EVIDENCE_WINDOW = 604_800


def show_equivocation(stage: Stage, study: int) -> None:
    """Hospital 2 turns out to have signed two shares of round 1; the sponsor reports it."""
    included = stage.played().reader().round_state(study, 1).included_bitmap
    evidence = []
    for digest in (bytes([1] * 32), bytes([2] * 32)):
        evidence += [digest, stage.sign_share(2, study, 1, included, digest)]
    stage.send(stage.sponsor, "Court", "reportEquivocation", study, 1, 2, included, *evidence)


def read(stage: Stage, study: int) -> StudyView:
    played = stage.played()
    return read_study(played.reader(), open_contents([played.store], []), study)


def failed(view: StudyView) -> list[str]:
    return [check.statement for check in check_money(view) if check.verdict is not Verdict.PASSED]


@pytest.fixture
def study(stage: Stage) -> int:
    """A study whose first round is finalised."""
    number = stage.publish()
    stage.enrol(number)
    stage.hold_ceremony(number)
    stage.play_round(number, 1, (9_000, -52_000, 31_000, 77_000, -4_000))
    return number


def test_cut_bond__belongs_to_the_other_hospitals__less_the_bounty(stage: Stage, study: int) -> None:
    show_equivocation(stage, study)
    view = read(stage, study)
    (cut,), (pot,) = view.money.slashes, view.money.pots
    assert (cut.hospital_id, cut.offence, cut.stage, cut.after_release) == (2, Offence.EQUIVOCATION, 1, False)
    assert pot.bounty == cut.amount * BOUNTY_BPS // 10_000 and pot.amount == cut.amount - pot.bounty > 0
    assert [part.hospital_id for part in pot.parts] == [1, 3] and pot.punished == (2,)
    assert pot.untaken == pot.amount
    assert failed(view) == []
    stage.anvil.warp(EVIDENCE_WINDOW)
    stage.send(stage.sponsor, "StakeVault", "claimSlashed", pot.pot_id, 3)
    after = read(stage, study)
    assert [bool(part.taken) for part in after.money.pots[0].parts] == [False, True]
    assert after.money.untaken == pot.parts[0].amount
    assert failed(after) == []


def test_cut_bond__that_the_study_had_given_back__adds_up(stage: Stage, study: int) -> None:
    for number in range(2, stage.plan.participation.rounds + 1):
        stage.play_round(study, number, (number, -52_000, 31_000, 77_000, -4_000))
    stage.send(stage.sponsor, "StudyRegistry", "releaseBond", study, 2)
    show_equivocation(stage, study)
    view = read(stage, study)
    assert view.money.slashes[0].after_release and view.money.slashed_while_held == 0
    assert (view.money.locked, view.money.released) == (120 * UNIT, 40 * UNIT)
    assert failed(view) == []


def test_pot__that_is_not_what_was_cut__fails(stage: Stage, study: int) -> None:
    show_equivocation(stage, study)
    view = read(stage, study)
    (pot,) = view.money.pots
    for lied, statement in (
        (replace(pot, bounty=0), "Cut bonds = shares of other hospitals + bounties"),
        (replace(pot, parts=pot.parts[:1]), "Each pot is shared out to the last unit, among hospitals that"),
        (replace(pot, punished=(1, 2)), "Each pot is shared out to the last unit, among hospitals that"),
    ):
        (found,) = failed(replace(view, money=replace(view.money, pots=(lied,))))
        assert found.startswith(statement)
