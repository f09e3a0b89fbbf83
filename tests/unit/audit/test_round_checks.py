# SPDX-License-Identifier: Apache-2.0
"""Openings, absences, suspension and convictions as an auditor sees and computes them anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations

import pytest

from node.audit.basics import Verdict
from node.audit.checks import check_study
from node.audit.contents import open_contents
from node.audit.quorums import drawn_quorum
from node.audit.studies import read_study
from node.audit.views import StudyView
from node.types import Charge, Offence, Opening, Phase, bitmap_of
from tests.support.local_suite import Played
from tests.support.played_study import Stage

QUORUM = "The quorum is the one that set and starting model draw, and nobody else gave a CKKS share"
ABSENT = "Absent are on record exactly those without a pad share when the windows ended"
CONVICTED = "Whoever was convicted of a lie was accused of it by at least 2 participants"
OPENS = "It opens as plan and earlier rounds have it: by CKKS once, or by pads at once"
COUNTED = "The contract counts as many failed openings by CKKS as there were"


def read(played: Played, study: int = 1) -> StudyView:
    return read_study(played.reader(), open_contents([played.store], []), study)


def failed(played: Played, view: StudyView) -> list[str]:
    found = check_study(played.reader(), open_contents([played.store], []), view)
    return [check.statement for check in found if check.verdict is not Verdict.PASSED]


def told(view: StudyView, place: int, **changes: object) -> StudyView:
    rounds = list(view.rounds)
    rounds[place] = replace(rounds[place], **changes)  # type: ignore[arg-type]
    return replace(view, rounds=tuple(rounds))


@pytest.fixture
def opening(stage: Stage) -> int:
    """A study whose first round waits for its opening."""
    study = stage.publish()
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.submit(study, 1)
    stage.include(study, 1)
    return study


def test_quorum__of_every_place__is_each_subset_in_lexicographic_order() -> None:
    attested, threshold = (0, 2, 3, 5, 6), 3
    drawn = [drawn_quorum(bitmap_of(attested), threshold, 0b1, root) for root in range(600)]
    subsets = list(combinations(attested, threshold))
    assert set(drawn) == set(subsets)
    # Of 600 draws among 10 each is expected 60 times; nobody is preferred by place.
    assert all(30 < count < 100 for count in Counter(drawn).values())


def test_quorum__of_all_who_attested__is_all_of_them() -> None:
    assert drawn_quorum(0b1101, 3, 7, 9) == (0, 2, 3)


def test_rounds__of_the_played_study__tell_how_each_was_opened(played_study: Played) -> None:
    by_ckks, unopened, by_pads = read(played_study).rounds
    assert [item.opening for item in (by_ckks, by_pads)] == [Opening.CKKS] * 2
    assert not by_ckks.fell_to_pads and by_pads.fell_to_pads and not by_pads.was_suspended
    assert {share.hospital_id for share in by_ckks.shares} == set(by_ckks.quorum) and not by_pads.shares
    assert [share.content is None for share in by_pads.pad_shares] == [False, True]
    assert unopened.quorum == () and not unopened.fell_to_pads


def test_checks__of_a_quorum_that_somebody_chose__fail(played_study: Played) -> None:
    view = read(played_study)
    named = view.rounds[0].quorum
    other = tuple(hospital for hospital in (1, 2, 3) if hospital != named[0])
    assert failed(played_study, told(view, 0, quorum=other)) == [QUORUM]
    stranger = (*view.rounds[0].shares, replace(view.rounds[0].shares[0], hospital_id=other[-1]))
    if other[-1] in named:
        stranger = (replace(stranger[-1], hospital_id=next(iter({1, 2, 3} - set(named)))),)
    assert QUORUM in failed(played_study, told(view, 0, shares=stranger))


def test_checks__of_an_opening_that_plan_and_failures_do_not_give__fail(played_study: Played) -> None:
    view = read(played_study)
    assert OPENS in failed(played_study, told(view, 0, opening=Opening.PADS, quorum=(), shares=()))
    assert failed(played_study, replace(view, failed_openings=0)) == [COUNTED]
    alone = replace(view, plan=replace(view.plan, terms=replace(view.plan.terms, pads_only=True)))
    assert failed(played_study, alone).count(OPENS) == 3


def test_round__whose_windows_ran_out__is_suspended_and_who_was_absent_is_fined(stage: Stage, opening: int) -> None:
    stage.anvil.warp(stage.plan.phases.open)
    stage.post_pad_shares(opening, 1, members=(0,))
    stage.anvil.warp(stage.plan.phases.open)
    stage.send(stage.sponsor, "Openings", "recordAbsence", opening, 1)
    stage.post_pad_shares(opening, 1, members=(1,))
    played = stage.played()
    view = read(played, opening)
    (item,) = view.rounds
    assert item.phase is Phase.SUSPENDED and item.was_suspended and item.fell_to_pads
    assert item.absent == (2, 3)
    assert {fine.hospital_id: fine.batch for fine in view.money.fines} == {2: 1, 3: 1}
    assert failed(played, view) == []
    assert failed(played, told(view, 0, absent=(3,))) == [ABSENT]
    stage.finalise(opening, 1, (1, 2, 3, 4, 5))
    after = read(stage.played(), opening)
    assert after.rounds[0].was_suspended and after.failed_openings == 1
    assert failed(stage.played(), after) == []


def test_pad_share__after_the_end__is_for_those_that_lack_the_model(stage: Stage, opening: int) -> None:
    stage.post_shares(opening, 1)
    stage.finalise(opening, 1, (1, 2, 3, 4, 5))
    stage.post_pad_shares(opening, 1, members=(2,))
    view = read(stage.played(), opening)
    assert [share.hospital_id for share in view.rounds[0].recovered] == [3]
    assert not view.rounds[0].fell_to_pads
    assert failed(stage.played(), view) == []


def test_conviction__by_two_accusers__is_theirs_and_cut(stage: Stage, opening: int) -> None:
    stage.anvil.warp(stage.plan.phases.open)
    stage.post_pad_shares(opening, 1, members=(0, 1, 2))
    for place in (0, 1):
        stage.send(stage.operators[place], "Court", "accuse", opening, 1, int(Charge.PAD_SHARE), 0b100)
    stage.finalise(opening, 1, (1, 2, 3, 4, 5))
    played = stage.played()
    view = read(played, opening)
    item = view.rounds[0]
    (conviction,) = item.convictions
    assert (conviction.charge, conviction.convicted) == (Charge.PAD_SHARE, (3,))
    assert item.accusers_of(3, Charge.PAD_SHARE) == {1, 2}
    assert [(cut.hospital_id, cut.offence) for cut in view.money.slashes] == [(3, Offence.FALSE_PAD_SHARE)]
    assert view.hospitals[2].excluded
    assert failed(played, view) == []
    assert failed(played, told(view, 0, accusations=item.accusations[:1])) == [CONVICTED]


def test_spare__is_what_the_plan_and_the_threshold_leave(played_study: Played) -> None:
    view = read(played_study)
    assert view.spare == 0
    terms = replace(view.plan.terms, minimum=2)
    assert replace(view, plan=replace(view.plan, terms=terms)).spare == 1
    idle = replace(view.hospitals[0], rows=0)
    sampled = replace(view, hospitals=(idle, *view.hospitals[1:]), plan=replace(view.plan, terms=terms))
    assert sampled.spare == 0
    assert replace(view, batch=replace(view.batch, participants=0)).spare is None
