# SPDX-License-Identifier: Apache-2.0
"""Key ceremonies as an auditor computes them anew: each statement against what it is there for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.audit.basics import Verdict
from node.audit.ceremony_checks import check_ceremonies
from node.audit.ceremony_views import CeremonyView, LackingView
from node.audit.contents import ContentReader, open_contents
from node.audit.studies import read_study
from node.audit.views import StudyView
from node.group.field import MODULUS
from node.types import CeremonyFailure, CeremonyStep, Offence, StudyState
from tests.support.local_suite import Played
from tests.support.played_study import Stage

POINTS = "Every pad key is a point of the group's order"
KEYS = "Every dealing was made for exactly the keys that events tell"
COURSE = "Who was still in after each step, and who was silent, follows from what hospitals did"
ONE = "One transcript was acknowledged by the threshold, and no other"
DIGEST = "It is the digest of the keys, dealings and complaints that count"
PARTICIPANTS = "Those take part whose dealings count, who are not guilty, and who acknowledged it"
GUILTY = "Bonds were cut of those named guilty, and of nobody else"


@pytest.fixture
def contents(played_study: Played) -> ContentReader:
    return open_contents([played_study.store], [])


@pytest.fixture
def view(played_study: Played, contents: ContentReader) -> StudyView:
    return read_study(played_study.reader(), contents, 1)


def failed(played: Played, contents: ContentReader, view: StudyView) -> list[str]:
    found = check_ceremonies(played.reader(), contents, view)
    return [check.statement for check in found if check.verdict is not Verdict.PASSED]


def told(view: StudyView, **changes: Any) -> StudyView:
    """The view with its first ceremony told otherwise."""
    first, *others = view.ceremonies
    return replace(view, ceremonies=(replace(first, **changes), *others))


def first(view: StudyView) -> CeremonyView:
    return view.ceremonies[0]


def test_read_study__gives_every_act_of_its_ceremonies(view: StudyView) -> None:
    one, two = view.ceremonies
    assert [step.step for step in one.steps] == [
        CeremonyStep.KEY, CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE
    ]  # fmt: skip
    assert one.dealt == one.participants == (1, 2, 3) and (one.rounds, two.rounds) == ((1, 2), (3,))
    assert all(holding.satisfied and holding.holds == (1, 2, 3) for holding in one.holdings)
    assert two.kept_hash == two.keys_hash != one.keys_hash and one.kept_hash is None


def test_checks__of_honest_ceremonies__hold(played_study: Played, contents: ContentReader, view: StudyView) -> None:
    assert failed(played_study, contents, view) == []


@pytest.mark.parametrize("point", [(0, MODULUS - 1), (0, 1), (1, 1), (0, MODULUS + 1)], ids=str)
def test_checks__of_a_key_that_is_no_point_of_the_order__fail(
    played_study: Played, contents: ContentReader, view: StudyView, point: tuple[int, int]
) -> None:
    key, *others = first(view).keys
    assert failed(played_study, contents, told(view, keys=(replace(key, point=point), *others))) == [POINTS]


def test_checks__of_keys_that_events_tell_otherwise__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    assert failed(played_study, contents, told(view, keys_hash=bytes(32))) == [KEYS, DIGEST]
    last = replace(view.ceremonies[1], kept_hash=bytes(32))
    assert failed(played_study, contents, replace(view, ceremonies=(first(view), last))) == [KEYS]


def test_checks__of_a_dealing_that_too_few_held__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    holdings = tuple(replace(one, holds=(1, 2) if one.hospital_id != 3 else one.holds) for one in first(view).holdings)
    assert failed(played_study, contents, told(view, holdings=holdings)) == [COURSE, DIGEST, PARTICIPANTS]


def test_checks__of_a_dealing_that_enough_lacked__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    lackings = tuple(LackingView(hospital, (3,), first(view).steps[2].act) for hospital in (1, 2))
    assert DIGEST in failed(played_study, contents, told(view, lackings=lackings))
    assert DIGEST not in failed(played_study, contents, told(view, lackings=lackings[:1]))


def test_checks__of_a_transcript_that_fewer_than_the_threshold_acknowledged__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    one = first(view).acknowledgements[:1]
    assert failed(played_study, contents, told(view, acknowledgements=one)) == [COURSE, ONE, PARTICIPANTS]


def test_checks__of_two_transcripts__fail(played_study: Played, contents: ContentReader, view: StudyView) -> None:
    acknowledged = first(view).acknowledgements
    other = tuple(replace(one, digest=bytes(32)) for one in acknowledged[:2])
    assert ONE in failed(played_study, contents, told(view, acknowledgements=(*acknowledged, *other)))


def test_checks__of_a_cut_bond_that_no_transcript_names__fail(
    played_study: Played, contents: ContentReader, view: StudyView
) -> None:
    lied = told(view, guilty=(2,))
    assert {ONE, DIGEST, PARTICIPANTS} <= set(failed(played_study, contents, lied))
    named = tuple(replace(one, guilty=(2,)) for one in first(view).acknowledgements)
    assert GUILTY in failed(played_study, contents, told(view, acknowledgements=named))


def test_ceremony__with_a_liar_and_too_few_left__is_read_with_the_lie_and_how_it_failed(stage: Stage) -> None:
    study = stage.publish()
    stage.enrol(study)
    stage.post_keys(study, 1)
    stage.deal(study, 1)
    stage.hold(study, 1, satisfied=False)
    stage.complain(study, 1, by=1, dealer=0)
    stage.anvil.warp(stage.plan.phases.ceremony_step)
    stage.send(stage.sponsor, "KeyCeremony", "moveOn", study)
    stage.acknowledge(study, 1, guilty=0b010)
    played = stage.played()
    contents = open_contents([played.store], [])
    view = read_study(played.reader(), contents, study)
    (run,) = view.ceremonies
    assert view.state is StudyState.CANCELLED
    assert (run.failure, run.failed_step) == (CeremonyFailure.TOO_FEW, CeremonyStep.ACKNOWLEDGE)
    assert [(one.hospital_id, one.dealer) for one in run.complaints] == [(2, 1)]
    assert run.absent[0] == (CeremonyStep.COMPLAIN, (1, 3))
    (cut,) = view.money.slashes
    assert (cut.hospital_id, cut.offence, cut.stage) == (2, Offence.FALSE_DEALING, 1)
    # The one that fails says that the study ended without a complete ceremony.
    assert failed(played, contents, view) == [ONE]
    assert view.hospitals[1].excluded and not view.hospitals[0].excluded
