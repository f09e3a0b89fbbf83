# SPDX-License-Identifier: Apache-2.0
"""Batches of rounds: a key ceremony when one is used up, on request, and when a hospital joins or leaves."""

from __future__ import annotations

import ape
import pytest
from ape.api import ReceiptAPI

from node.types import CeremonyStep, Phase, StudyState
from tests.support.settlement import everybody_is_whole, nothing_is_left, of_a_model, open_books
from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import BOND, DIGEST, REWARD, pass_until

SLICE = BOND // 4


def start(stage: Stage, count: int = 4, **changes: int) -> list[Hospital]:
    """A study of six rounds with keys for two at a time, and a place for a fifth hospital, in round 1."""
    stage.publish(**{"maximum": 5, "rounds": 6, "batchRounds": 2, "unopenedRounds": 4, **changes})
    stage.members = stage.hospitals[:count]
    stage.enrol_all(stage.members)
    if count < stage.plan["maximum"]:
        stage.end_enrolment()
    stage.hold_ceremony(stage.members)
    return stage.members


def finish(stage: Stage, round_: int, among: list[Hospital] | None = None) -> ReceiptAPI:
    """Play a round to its end with those who take part."""
    stage.submit_all(among, round_)
    stage.attest_all(by=among, round_=round_)
    stage.include(round_)
    return stage.finalise(1000 + round_, round_)


def settle(stage: Stage) -> None:
    """The study has ended, and everybody takes out what is theirs; nothing is left."""
    assert stage.state() in (StudyState.COMPLETED, StudyState.CANCELLED)
    nothing_is_left(stage)


def bitmap(stage: Stage, round_: int) -> tuple[int, int]:
    number, participants = stage.suite.studies.ceremonyOf(stage.study, round_)
    return int(number), int(participants)


def test_batch__used_up__a_new_ceremony_is_due_and_the_rounds_go_on_from_it(stage: Stage) -> None:
    members, studies, rounds = start(stage), stage.suite.studies, stage.suite.rounds
    finish(stage, 1)
    assert stage.state() is StudyState.RUNNING
    assert rounds.currentRound(stage.study) == 2
    closed_at = finish(stage, 2).timestamp
    assert stage.state() is StudyState.CEREMONY
    assert (rounds.currentRound(stage.study), stage.phase(3)) == (2, Phase.NONE)
    due = studies.ceremonyState(stage.study)
    assert (due.number, due.step, due.completed, due.participants) == (2, 0, False, 0b1111)
    assert (due.firstRound, due.rounds, due.deadline) == (3, 2, closed_at + stage.plan["ceremonyStepLength"])
    with ape.reverts(rounds.RoundManagerWrongPhase, round=3, phase=Phase.NONE):
        stage.submit(members[0], 3)

    began = [rounds.roundState(stage.study, number).startedAt for number in (1, 2)]
    pass_until(ape.chain.blocks.head.timestamp + 5)
    stage.hold_ceremony(members, ceremony=2)
    assert stage.state() is StudyState.RUNNING
    state = rounds.roundState(stage.study, 3)
    assert state.startedAt == ape.chain.blocks.head.timestamp
    assert state.rootBefore == 1002
    assert [bitmap(stage, number) for number in range(1, 6)] == [(1, 15), (1, 15), (2, 15), (2, 15), (0, 0)]
    # What a round is bound to does not change with the ceremonies after it.
    assert [rounds.roundState(stage.study, number).startedAt for number in (1, 2)] == began
    finish(stage, 3)
    finish(stage, 4)
    stage.hold_ceremony(members, ceremony=3)
    finish(stage, 5)
    finish(stage, 6)
    assert stage.state() is StudyState.COMPLETED
    assert rounds.currentRound(stage.study) == 6
    assert [bitmap(stage, number)[0] for number in range(1, 8)] == [1, 1, 2, 2, 3, 3, 0]
    settle(stage)


def test_batch__longer_than_what_is_left__makes_keys_for_the_rest(stage: Stage) -> None:
    members = start(stage, rounds=3)
    finish(stage, 1)
    finish(stage, 2)
    due = stage.suite.studies.ceremonyState(stage.study)
    assert (due.firstRound, due.rounds) == (3, 1)
    stage.hold_ceremony(members, ceremony=2)
    finish(stage, 3)
    assert stage.state() is StudyState.COMPLETED
    settle(stage)


def test_batch__its_last_round_fails__the_ceremony_is_due_all_the_same(stage: Stage) -> None:
    members = start(stage)
    finish(stage, 1)
    stage.end_phase(2)
    stage.fail_round(2)
    assert stage.state() is StudyState.CEREMONY
    stage.hold_ceremony(members, ceremony=2)
    assert stage.suite.rounds.roundState(stage.study, 3).rootBefore == 1001
    assert stage.phase(3) is Phase.SUBMIT


@pytest.mark.parametrize("by_owner", [False, True])
def test_request__by_a_participant__ends_the_batch_with_the_round_going_on(stage: Stage, by_owner: bool) -> None:
    members, studies = start(stage, batchRounds=6), stage.suite.studies
    receipt = studies.requestCeremony(stage.study, sender=members[1].owner if by_owner else members[1].operator)
    assert receipt.events == [studies.CeremonyRequested(stage.study, members[1].id, 1)]
    assert stage.state() is StudyState.RUNNING
    with ape.reverts(studies.StudyRegistryBatchEnding, studyId=stage.study, lastRound=1):
        studies.requestCeremony(stage.study, sender=members[0].operator)
    finish(stage, 1)
    assert stage.state() is StudyState.CEREMONY
    due = studies.ceremonyState(stage.study)
    assert (due.number, due.firstRound, due.rounds) == (2, 2, 5)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.CEREMONY):
        studies.requestCeremony(stage.study, sender=members[0].operator)
    stage.hold_ceremony(members, ceremony=2)
    for number in range(2, 7):
        finish(stage, number)
    assert stage.state() is StudyState.COMPLETED
    settle(stage)


def test_request__by_anyone_else_or_in_the_last_round__reverts(stage: Stage) -> None:
    members, studies = start(stage, rounds=1, batchRounds=1), stage.suite.studies
    outside = stage.hospitals[5]
    for sender in (stage.stranger, stage.sponsor, stage.suite.council, outside.operator, outside.owner):
        with ape.reverts(studies.StudyRegistryHospitalNotEnrolled, studyId=stage.study):
            studies.requestCeremony(stage.study, sender=sender)
    with ape.reverts(studies.StudyRegistryBatchEnding, lastRound=1):
        studies.requestCeremony(stage.study, sender=members[0].operator)


@pytest.mark.parametrize("by_owner", [False, True])
def test_leave__takes_part_to_the_end_of_the_round_and_no_further(stage: Stage, by_owner: bool) -> None:
    members, studies = start(stage, batchRounds=6), stage.suite.studies
    leaver, rest = members[1], [members[0], *members[2:]]
    receipt = studies.leaveStudy(stage.study, sender=leaver.owner if by_owner else leaver.operator)
    assert receipt.events == [studies.HospitalLeft(stage.study, leaver.id, 1)]
    with ape.reverts(studies.StudyRegistryAlreadyLeaving, hospitalId=leaver.id):
        studies.leaveStudy(stage.study, sender=leaver.operator)
    assert not studies.enrolment(stage.study, leaver.id).barred
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, leaver.id, sender=leaver.owner)
    finish(stage, 1)
    assert studies.ceremonyState(stage.study).participants == 0b1101
    assert studies.enrolment(stage.study, leaver.id).barred
    with ape.reverts(studies.StudyRegistryBarred, hospitalId=leaver.id):
        stage.post(leaver, CeremonyStep.KEY, ceremony=2)
    # Nothing can be held against it any more.
    studies.releaseBond(stage.study, leaver.id, sender=leaver.owner)
    assert stage.suite.vault.available(leaver.id) == 3 * BOND

    stage.hold_ceremony(rest, ceremony=2)
    with ape.reverts(stage.suite.rounds.RoundManagerNotParticipant, hospitalId=leaver.id):
        stage.submit(leaver, 2)
    with ape.reverts(studies.StudyRegistryNotInBatch, hospitalId=leaver.id):
        studies.leaveStudy(stage.study, sender=leaver.operator)
    with ape.reverts(studies.StudyRegistryNotInBatch, hospitalId=leaver.id):
        studies.requestCeremony(stage.study, sender=leaver.operator)
    for number in range(2, 7):
        finish(stage, number, rest)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.rewards.earned(stage.study, 1, leaver.id) > 0
    assert stage.suite.rewards.earned(stage.study, 2, leaver.id) == 0
    settle(stage)


def test_leave__by_a_stranger__reverts(stage: Stage) -> None:
    start(stage)
    for sender in (stage.stranger, stage.hospitals[5].owner, stage.hospitals[5].operator):
        with ape.reverts(stage.suite.studies.StudyRegistryHospitalNotEnrolled):
            stage.suite.studies.leaveStudy(stage.study, sender=sender)


def test_leave__below_the_minimum__the_study_ends_with_the_round_and_everyone_is_paid(stage: Stage) -> None:
    members, suite = start(stage, batchRounds=6), stage.suite
    books = open_books(stage)
    suite.studies.leaveStudy(stage.study, sender=members[0].operator)
    suite.studies.leaveStudy(stage.study, sender=members[3].operator)
    assert stage.state() is StudyState.RUNNING
    finish(stage, 1)
    assert stage.state() is StudyState.CANCELLED
    with ape.reverts(suite.studies.StudyRegistryNoCeremony):
        stage.post(members[1], CeremonyStep.KEY, ceremony=2)
    assert suite.rewards.refundable(stage.study) == 5 * REWARD
    everybody_is_whole(books, rewards=of_a_model(members))


def test_join__while_the_study_runs__takes_part_from_the_next_ceremony_on(stage: Stage) -> None:
    members, studies = start(stage, batchRounds=6), stage.suite.studies
    joiner = stage.hospitals[4]
    stage.reach_open()
    quorum_before = stage.quorum()
    receipt = stage.enrol(joiner)
    assert studies.HospitalEnrolled(stage.study, joiner.id, 4, joiner.id, rows_of(joiner)) in receipt.events
    # Who joins does not shift who opens the round that goes on.
    assert stage.quorum() == quorum_before
    assert not studies.enrolment(stage.study, joiner.id).barred
    with ape.reverts(stage.suite.rounds.RoundManagerWrongPhase):
        stage.submit(joiner, 1)
    with ape.reverts(studies.StudyRegistryNotInBatch, hospitalId=joiner.id):
        studies.leaveStudy(stage.study, sender=joiner.operator)
    with ape.reverts(studies.StudyRegistryFull, maximum=5):
        stage.enrol(stage.hospitals[5])
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, joiner.id, sender=joiner.owner)
    stage.finalise(1001)
    assert studies.ceremonyState(stage.study).participants == 0b11111
    everyone = [*members, joiner]
    stage.hold_ceremony(everyone, ceremony=2)
    assert bitmap(stage, 1) == (1, 0b1111)
    for number in range(2, 7):
        finish(stage, number, everyone)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.rewards.earned(stage.study, 2, joiner.id) > 0
    settle(stage)


def test_join__into_the_place_of_one_who_leaves__is_possible(stage: Stage) -> None:
    members, studies = start(stage, maximum=4), stage.suite.studies
    with ape.reverts(studies.StudyRegistryFull, maximum=4):
        stage.enrol(stage.hospitals[4])
    studies.leaveStudy(stage.study, sender=members[0].operator)
    stage.enrol(stage.hospitals[4])
    finish(stage, 1)
    assert studies.ceremonyState(stage.study).participants == 0b11110


def test_join__in_the_last_round_or_during_a_ceremony__reverts(stage: Stage) -> None:
    members, studies = start(stage, rounds=2, batchRounds=1), stage.suite.studies
    finish(stage, 1)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.CEREMONY):
        stage.enrol(stage.hospitals[4])
    stage.hold_ceremony(members, ceremony=2)
    with ape.reverts(studies.StudyRegistryNoRoundLeft):
        stage.enrol(stage.hospitals[4])


def test_joiner__missing_in_the_ceremony__is_barred_and_the_others_go_on(stage: Stage) -> None:
    members, studies = start(stage), stage.suite.studies
    joiner = stage.hospitals[4]
    stage.enrol(joiner)
    finish(stage, 1)
    for hospital in members:
        stage.post(hospital, CeremonyStep.KEY, ceremony=2)
    pass_until(studies.ceremonyState(stage.study).deadline)
    studies.failCeremony(stage.study, sender=stage.stranger)
    assert studies.enrolment(stage.study, joiner.id).barred
    stage.hold_ceremony(members, ceremony=3)
    assert bitmap(stage, 2) == (3, 0b1111)
    finish(stage, 2)
    finish(stage, 3)
    # Barred for good: the ceremonies after it go without it too.
    assert studies.ceremonyState(stage.study).participants == 0b1111
    assert studies.enrolment(stage.study, joiner.id).barred


def test_ceremony_in_mid_study__nobody_posts__fails_for_good_and_everyone_is_paid(stage: Stage) -> None:
    members, suite = start(stage), stage.suite
    finish(stage, 1)
    finish(stage, 2)
    pass_until(suite.studies.ceremonyState(stage.study).deadline)
    with ape.reverts(suite.studies.StudyRegistryStepOver):
        stage.post(members[0], CeremonyStep.KEY, ceremony=2)
    receipt = suite.studies.failCeremony(stage.study, sender=stage.stranger)
    assert suite.studies.CeremonyFailed(stage.study, 2, 0, 0b1111, 0) in receipt.events
    assert stage.state() is StudyState.CANCELLED
    assert suite.rewards.refundable(stage.study) == 4 * REWARD
    settle(stage)


def test_ceremony_in_mid_study__missing_dealing__is_slashed_and_the_rest_go_on(stage: Stage) -> None:
    members, suite = start(stage), stage.suite
    finish(stage, 1)
    finish(stage, 2)
    stage.hold_ceremony(members, ceremony=2, until=CeremonyStep.KEY)
    for hospital in members[1:]:
        stage.post(hospital, CeremonyStep.DEALING, ceremony=2)
    pass_until(suite.studies.ceremonyState(stage.study).deadline)
    suite.studies.failCeremony(stage.study, sender=stage.stranger)
    assert suite.vault.locked(stage.study, members[0].id) == BOND - SLICE
    due = suite.studies.ceremonyState(stage.study)
    assert (due.number, due.participants, due.firstRound, due.rounds) == (3, 0b1110, 3, 2)
    stage.hold_ceremony(members[1:], ceremony=3)
    for number in (3, 4):
        finish(stage, number, members[1:])
    stage.hold_ceremony(members[1:], ceremony=4)
    for number in (5, 6):
        finish(stage, number, members[1:])
    assert stage.state() is StudyState.COMPLETED
    settle(stage)


def test_failed_rounds_in_a_row__end_the_study_across_batches(stage: Stage) -> None:
    members = start(stage, batchRounds=1, unopenedRounds=2)
    stage.end_phase(1)
    stage.fail_round(1)
    stage.hold_ceremony(members, ceremony=2)
    stage.end_phase(2)
    stage.fail_round(2)
    assert stage.state() is StudyState.CANCELLED
    settle(stage)


def test_transcripts__each_ceremony_has_its_own(stage: Stage) -> None:
    members, studies = start(stage, batchRounds=1), stage.suite.studies
    assert studies.ceremonyState(stage.study).transcriptDigest == DIGEST
    finish(stage, 1)
    assert studies.ceremonyState(stage.study).transcriptDigest == bytes(32)
    stage.hold_ceremony(members, ceremony=2, until=CeremonyStep.TEST_SHARES)
    for hospital in members:
        receipt = stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT, b"\x77" * 32, ceremony=2)
    assert studies.CeremonyCompleted(stage.study, 2, b"\x77" * 32) in receipt.events
    done = studies.ceremonyState(stage.study)
    assert (done.number, done.completed, done.transcriptDigest) == (2, True, b"\x77" * 32)
    assert (done.firstRound, done.rounds) == (2, 1)
