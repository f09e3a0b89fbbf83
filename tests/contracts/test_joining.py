# SPDX-License-Identifier: Apache-2.0
"""Who can join a study that runs: nobody, unless the plan says so and the batch's participants approve of it."""

from __future__ import annotations

import ape
import pytest

from node.types import CeremonyStep, StudyState
from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import BOND

OPEN = {"approvedJoining": True, "rounds": 6, "batchRounds": 6, "unopenedRounds": 4, "patience": 3_000}


def start(stage: Stage, count: int = 4, **changes: int) -> list[Hospital]:
    """A running study with a place for another hospital, which it takes if it is approved of."""
    stage.publish(**{"maximum": 5, **OPEN, **changes})
    stage.members = stage.hospitals[:count]
    stage.enrol_all(stage.members)
    if count < stage.plan["maximum"]:
        stage.end_enrolment()
    stage.hold_ceremony(stage.members)
    return stage.members


def approve(stage: Stage, newcomer: Hospital, *by: Hospital) -> None:
    for hospital in by:
        stage.suite.studies.approveNewcomer(stage.study, newcomer.id, sender=hospital.operator)


def finish(stage: Stage, round_: int, among: list[Hospital]) -> None:
    stage.submit_all(among, round_)
    stage.attest_all(by=among, round_=round_)
    stage.include(round_)
    stage.finalise(1000 + round_, round_)


def test_join__a_study_whose_plan_does_not_say_so__is_closed(stage: Stage) -> None:
    """With the council's help t shells once joined a running study and held t shares.

    Rule: after the first ceremony a study is closed, unless its plan says otherwise (`StudyRegistryJoiningClosed`).
    """
    members, studies = start(stage, approvedJoining=False), stage.suite.studies
    with ape.reverts(studies.StudyRegistryJoiningClosed, studyId=stage.study):
        stage.enrol(stage.hospitals[4])
    with ape.reverts(studies.StudyRegistryJoiningClosed, studyId=stage.study):
        approve(stage, stage.hospitals[4], members[0])


def test_join__approved_by_too_few__reverts(stage: Stage) -> None:
    """Rule: max(t, n − t + 1) approvals: t − 1 liars and the council together let nobody in."""
    members, studies, newcomer = start(stage), stage.suite.studies, stage.hospitals[4]
    assert tuple(studies.approvals(stage.study, newcomer.id)) == (0, 3)
    approve(stage, newcomer, *members[:2])
    assert tuple(studies.approvals(stage.study, newcomer.id)) == (0b0011, 3)
    with ape.reverts(studies.StudyRegistryNotApproved, hospitalId=newcomer.id, approvals=2, needed=3):
        stage.enrol(newcomer)
    approve(stage, newcomer, members[3])
    stage.enrol(newcomer)


@pytest.mark.parametrize(("threshold", "count", "needed"), [(3, 5, 3), (2, 5, 4), (3, 6, 4)])
def test_approvals__needed__are_t_and_more_than_n_less_t(stage: Stage, threshold: int, count: int, needed: int) -> None:
    start(stage, count, threshold=threshold, minimum=4, maximum=count)
    assert stage.suite.studies.approvals(stage.study, stage.hospitals[-1].id).needed == needed


def test_approval__twice_of_a_member_or_by_who_takes_no_part__reverts(stage: Stage) -> None:
    members, studies, newcomer = start(stage), stage.suite.studies, stage.hospitals[4]
    receipt = studies.approveNewcomer(stage.study, newcomer.id, sender=members[0].operator)
    assert receipt.events == [studies.NewcomerApproved(stage.study, newcomer.id, members[0].id)]
    with ape.reverts(studies.StudyRegistryAlreadyApproved, hospitalId=newcomer.id, by=members[0].id):
        approve(stage, newcomer, members[0])
    with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=members[1].id):
        approve(stage, members[1], members[0])
    for sender in (newcomer.operator, members[1].owner, stage.stranger, stage.suite.council):
        with ape.reverts(studies.StudyRegistryNotEnrolled):
            studies.approveNewcomer(stage.study, newcomer.id, sender=sender)


def test_approval__by_who_lost_its_place__does_not_count(stage: Stage) -> None:
    """Rule: those approve whose batch it is (`approvals`: & participants), not who once had a place."""
    members, studies, newcomer = start(stage), stage.suite.studies, stage.hospitals[4]
    approve(stage, newcomer, *members[:2])
    studies.leaveStudy(stage.study, members[0].id, sender=members[0].owner)
    finish(stage, 1, members)
    stage.hold_ceremony(members[1:], ceremony=2)
    assert tuple(studies.approvals(stage.study, newcomer.id)) == (0b0010, 2)
    with ape.reverts(studies.StudyRegistryNotParticipant, hospitalId=members[0].id):
        approve(stage, newcomer, members[0])
    with ape.reverts(studies.StudyRegistryNotApproved, approvals=1, needed=2):
        stage.enrol(newcomer)
    approve(stage, newcomer, members[2])
    stage.enrol(newcomer)


def test_newcomer__approved_of__takes_part_from_the_next_ceremony_on(stage: Stage) -> None:
    members, studies, ceremony = start(stage), stage.suite.studies, stage.suite.ceremony
    newcomer = stage.hospitals[4]
    approve(stage, newcomer, *members)
    stage.reach_open()
    quorum_before = stage.quorum()
    receipt = stage.enrol(newcomer)
    assert studies.HospitalEnrolled(stage.study, newcomer.id, 4, newcomer.id, rows_of(newcomer)) in receipt.events
    # Who joins does not shift who opens the round that goes on.
    assert stage.quorum() == quorum_before
    assert not studies.enrolment(stage.study, newcomer.id).barred
    with ape.reverts(stage.suite.rounds.RoundManagerWrongPhase):
        stage.submit(newcomer, 1)
    with ape.reverts(ceremony.KeyCeremonyNotInBatch, hospitalId=newcomer.id):
        ceremony.requestCeremony(stage.study, sender=newcomer.operator)
    approve(stage, stage.hospitals[5], *members)
    with ape.reverts(studies.StudyRegistryFull, maximum=5):
        stage.enrol(stage.hospitals[5])
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, newcomer.id, sender=newcomer.owner)
    stage.finalise(1001)
    assert stage.ceremony().due == 0b11111
    everyone = [*members, newcomer]
    stage.hold_ceremony(everyone, ceremony=2)
    assert ceremony.batchOf(stage.study, 1).participants == 0b01111
    for number in range(2, 7):
        finish(stage, number, everyone)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.rewards.earned(stage.study, 2, newcomer.id) > 0


def test_newcomer__into_the_place_of_one_who_leaves__is_possible(stage: Stage) -> None:
    members, studies = start(stage, maximum=4), stage.suite.studies
    approve(stage, stage.hospitals[4], *members)
    with ape.reverts(studies.StudyRegistryFull, maximum=4):
        stage.enrol(stage.hospitals[4])
    studies.leaveStudy(stage.study, members[0].id, sender=members[0].owner)
    stage.enrol(stage.hospitals[4])
    finish(stage, 1, members)
    assert stage.ceremony().due == 0b11110


def test_newcomer__in_the_last_round_or_during_a_ceremony__reverts(stage: Stage) -> None:
    members, studies, newcomer = start(stage, rounds=2, batchRounds=1), stage.suite.studies, stage.hospitals[4]
    approve(stage, newcomer, *members)
    finish(stage, 1, members)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.CEREMONY):
        stage.enrol(newcomer)
    stage.hold_ceremony(members, ceremony=2)
    with ape.reverts(stage.suite.ceremony.KeyCeremonyNoRoundLeft):
        stage.enrol(newcomer)


def test_newcomer__missing_in_the_ceremony__comes_back_at_the_next(stage: Stage) -> None:
    members, newcomer = start(stage, batchRounds=1), stage.hospitals[4]
    approve(stage, newcomer, *members)
    stage.enrol(newcomer)
    finish(stage, 1, members)
    stage.hold_step(members, CeremonyStep.KEY, ceremony=2)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(members, step, ceremony=2)
    finish(stage, 2, members)
    assert stage.ceremony().due == 0b11111
    assert not stage.suite.studies.enrolment(stage.study, newcomer.id).barred


def test_newcomer__that_leaves_before_its_first_ceremony__has_its_bond_back_at_once(stage: Stage) -> None:
    members, studies, newcomer = start(stage), stage.suite.studies, stage.hospitals[4]
    approve(stage, newcomer, *members)
    stage.enrol(newcomer)
    studies.leaveStudy(stage.study, newcomer.id, sender=newcomer.owner)
    assert studies.enrolment(stage.study, newcomer.id).barred
    studies.releaseBond(stage.study, newcomer.id, sender=newcomer.owner)
    assert stage.suite.vault.available(newcomer.id) == 3 * BOND
    finish(stage, 1, members)
    assert stage.ceremony().due == 0b01111
