# SPDX-License-Identifier: Apache-2.0
"""Batches of rounds: a key ceremony when one is used up, on request, where somebody leaves, and where a round failed."""

from __future__ import annotations

import ape
import pytest

from node.types import CeremonyFailure, CeremonyStep, Phase, StudyState
from tests.support.stage import Hospital, Stage
from tests.support.suite import ABSENCE_FINE, BOND, DIGEST, REWARD, pass_until

OTHER = b"\x77" * 32
SLICE = BOND // 4
PRICE = 5 * ABSENCE_FINE


def start(stage: Stage, count: int = 4, **changes: int) -> list[Hospital]:
    """A study of six rounds with keys for two at a time, and a place for a fifth hospital, in round 1."""
    stage.publish(**{"maximum": 5, "rounds": 6, "batchRounds": 2, "unopenedRounds": 4, "patience": 3_000, **changes})
    stage.members = stage.hospitals[:count]
    stage.enrol_all(stage.members)
    if count < stage.plan["maximum"]:
        stage.end_enrolment()
    stage.hold_ceremony(stage.members)
    return stage.members


def finish(stage: Stage, round_: int, among: list[Hospital] | None = None) -> None:
    """Play a round to its end with those who take part."""
    stage.submit_all(among, round_)
    stage.attest_all(by=among, round_=round_)
    stage.include(round_)
    stage.finalise(1000 + round_, round_)


def fail(stage: Stage, round_: int, submitting: list[Hospital]) -> None:
    """Let a round fail in which only these submit."""
    stage.submit_all(submitting, round_)
    stage.end_phase(round_)
    stage.fail_round(round_)


def batch(stage: Stage, round_: int) -> tuple[int, int]:
    """The ceremony that made a round's keys, and the round's participants."""
    found = stage.suite.ceremony.batchOf(stage.study, round_)
    return int(found.ceremony), int(found.participants)


def test_batch__used_up__a_new_ceremony_is_due_and_the_rounds_go_on_from_it(stage: Stage) -> None:
    members, ceremony, rounds = start(stage), stage.suite.ceremony, stage.suite.rounds
    finish(stage, 1)
    assert stage.state() is StudyState.RUNNING
    assert rounds.currentRound(stage.study) == 2
    finish(stage, 2)
    closed_at = ape.chain.blocks.head.timestamp
    assert stage.state() is StudyState.CEREMONY
    assert (rounds.currentRound(stage.study), stage.phase(3)) == (2, Phase.NONE)
    due = stage.ceremony()
    assert (due.number, due.step, due.completed, due.due) == (2, 0, False, 0b1111)
    assert (due.firstRound, due.rounds, due.deadline) == (3, 2, closed_at + stage.plan["ceremonyStepLength"])
    assert (due.keyed, due.guilty, due.transcriptDigest, due.keysHash) == (0, 0, bytes(32), bytes(32))
    with ape.reverts(rounds.RoundManagerWrongPhase, round=3, phase=Phase.NONE):
        stage.submit(members[0], 3)

    began = [stage.record(number).startedAt for number in (1, 2)]
    pass_until(ape.chain.blocks.head.timestamp + 5)
    stage.hold_ceremony(members, ceremony=2)
    assert stage.state() is StudyState.RUNNING
    state = stage.record(3)
    assert state.startedAt == ape.chain.blocks.head.timestamp
    assert state.rootBefore == 1002
    assert [batch(stage, number) for number in range(6)] == [(0, 0), (1, 15), (1, 15), (2, 15), (2, 15), (0, 0)]
    # What a round is bound to does not change with the ceremonies after it.
    assert [stage.record(number).startedAt for number in (1, 2)] == began
    finish(stage, 3)
    finish(stage, 4)
    stage.hold_ceremony(members, ceremony=3)
    finish(stage, 5)
    finish(stage, 6)
    assert stage.state() is StudyState.COMPLETED
    assert rounds.currentRound(stage.study) == 6
    assert [batch(stage, number)[0] for number in range(1, 8)] == [1, 1, 2, 2, 3, 3, 0]
    assert tuple(ceremony.batches(stage.study)) == (3, 6)
    assert [ceremony.batchOf(stage.study, number).number for number in (1, 2, 3, 6)] == [1, 1, 2, 3]


def test_batch__longer_than_what_is_left__makes_keys_for_the_rest(stage: Stage) -> None:
    members = start(stage, rounds=3)
    finish(stage, 1)
    finish(stage, 2)
    due = stage.ceremony()
    assert (due.firstRound, due.rounds) == (3, 1)
    stage.hold_ceremony(members, ceremony=2)
    finish(stage, 3)
    assert stage.state() is StudyState.COMPLETED


def test_transcripts__each_ceremony_has_its_own(stage: Stage) -> None:
    members, ceremony = start(stage, batchRounds=1), stage.suite.ceremony
    assert stage.ceremony().transcriptDigest == DIGEST
    finish(stage, 1)
    stage.hold_ceremony(members, ceremony=2, until=CeremonyStep.HOLD)
    for hospital in members:
        receipt = stage.post(hospital, CeremonyStep.ACKNOWLEDGE, ceremony=2, digest=OTHER)
    assert ceremony.CeremonyCompleted(stage.study, 2, OTHER, 0b1111, 0, 0) in receipt.events
    done = stage.ceremony()
    assert (done.number, done.completed, done.transcriptDigest) == (2, True, OTHER)
    assert (done.firstRound, done.rounds) == (2, 1)


@pytest.mark.parametrize("wallet", ["operator", "owner"])
def test_request__by_a_participant__ends_the_batch_with_the_round_going_on(stage: Stage, wallet: str) -> None:
    members, ceremony = start(stage, batchRounds=6), stage.suite.ceremony
    receipt = ceremony.requestCeremony(stage.study, sender=getattr(members[1], wallet))
    assert receipt.events == [ceremony.CeremonyRequested(stage.study, members[1].id, 1, 0)]
    assert stage.state() is StudyState.RUNNING
    with ape.reverts(ceremony.KeyCeremonyBatchEnding, studyId=stage.study, lastRound=1):
        ceremony.requestCeremony(stage.study, sender=members[0].operator)
    finish(stage, 1)
    assert stage.state() is StudyState.CEREMONY
    due = stage.ceremony()
    assert (due.number, due.firstRound, due.rounds) == (2, 2, 5)
    with ape.reverts(ceremony.KeyCeremonyNotRunning, studyId=stage.study):
        ceremony.requestCeremony(stage.study, sender=members[0].operator)
    stage.hold_ceremony(members, ceremony=2)
    for number in range(2, 7):
        finish(stage, number)
    assert stage.state() is StudyState.COMPLETED


def test_request__by_anyone_else_or_in_the_last_round__reverts(stage: Stage) -> None:
    members, ceremony = start(stage, rounds=1, batchRounds=1), stage.suite.ceremony
    outside = stage.hospitals[5]
    for sender in (stage.stranger, stage.sponsor, stage.suite.council, outside.operator, outside.owner):
        with ape.reverts(stage.suite.studies.StudyRegistryHospitalNotEnrolled, studyId=stage.study):
            ceremony.requestCeremony(stage.study, sender=sender)
    with ape.reverts(ceremony.KeyCeremonyBatchEnding, lastRound=1):
        ceremony.requestCeremony(stage.study, sender=members[0].operator)


def test_requests__in_a_row__are_paid_for_from_the_bond_after_the_first(stage: Stage) -> None:
    """Each ceremony costs the others gas: one hospital must not have them hold one after another.

    Rule: a request sooner than `batchRounds` after the last free one pays the batch's others (`requestCeremony`).
    """
    members, ceremony, vault = start(stage, rounds=9, batchRounds=4), stage.suite.ceremony, stage.suite.vault
    eager = members[2]
    charged = []
    for round_ in range(1, 6):
        receipt = ceremony.requestCeremony(stage.study, sender=eager.operator)
        price = receipt.events[0].charged
        assert receipt.events[0] == ceremony.CeremonyRequested(stage.study, eager.id, round_, price)
        charged.append(price)
        finish(stage, round_)
        stage.hold_ceremony(members, ceremony=1 + round_)
    assert charged == [0, PRICE, PRICE, PRICE, 0]
    assert vault.locked(stage.study, eager.id) == BOND - 3 * PRICE
    pots = [vault.pot(number) for number in range(1, vault.potCount() + 1)]
    assert [(pot.amount, pot.beneficiaries) for pot in pots] == [(PRICE, 0b1011)] * 3
    # Others have a free one of their own.
    assert ceremony.requestCeremony(stage.study, sender=members[0].operator).events[0].charged == 0


def test_requests__in_a_row__until_the_bond_is_down_to_a_slice__are_refused(stage: Stage) -> None:
    """Rule: what cannot be paid cannot be had (`StakeVault.charge`)."""
    fine = (BOND // 4 - 1) // 2
    members = start(stage, absenceFine=fine, absenceCap=fine, batchRounds=6)
    ceremony, vault = stage.suite.ceremony, stage.suite.vault
    ceremony.requestCeremony(stage.study, sender=members[0].operator)
    finish(stage, 1)
    stage.hold_ceremony(members, ceremony=2)
    ceremony.requestCeremony(stage.study, sender=members[0].operator)
    assert vault.locked(stage.study, members[0].id) == BOND - 5 * fine
    finish(stage, 2)
    stage.hold_ceremony(members, ceremony=3)
    with ape.reverts(vault.StakeVaultInsufficient):
        ceremony.requestCeremony(stage.study, sender=members[0].operator)
    assert ceremony.batchOf(stage.study, 3).lastRound == 6


def test_leave__by_the_owner__takes_part_to_the_end_of_the_round_and_no_further(stage: Stage) -> None:
    members, studies, ceremony = start(stage, batchRounds=6), stage.suite.studies, stage.suite.ceremony
    leaver, rest = members[1], [members[0], *members[2:]]
    receipt = studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    assert receipt.events == [ceremony.HospitalLeft(stage.study, leaver.id, 1)]
    with ape.reverts(ceremony.KeyCeremonyAlreadyLeaving, hospitalId=leaver.id):
        studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    assert not studies.enrolment(stage.study, leaver.id).barred
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, leaver.id, sender=leaver.owner)
    finish(stage, 1)
    assert stage.ceremony().due == 0b1101
    assert studies.enrolment(stage.study, leaver.id).barred
    with ape.reverts(ceremony.KeyCeremonyNotExpected, hospitalId=leaver.id):
        stage.post(leaver, CeremonyStep.KEY, ceremony=2)
    # No round can ask for it any more; evidence about earlier ones still reaches its bond.
    studies.releaseBond(stage.study, leaver.id, sender=leaver.owner)
    assert stage.suite.vault.available(leaver.id) == 3 * BOND

    stage.hold_ceremony(rest, ceremony=2)
    with ape.reverts(stage.suite.rounds.RoundManagerNotParticipant, hospitalId=leaver.id):
        stage.submit(leaver, 2)
    with ape.reverts(ceremony.KeyCeremonyNotInBatch, hospitalId=leaver.id):
        ceremony.requestCeremony(stage.study, sender=leaver.operator)
    for number in range(2, 7):
        finish(stage, number, rest)
    assert stage.state() is StudyState.COMPLETED
    assert stage.suite.rewards.earned(stage.study, 1, leaver.id) > 0
    assert stage.suite.rewards.earned(stage.study, 2, leaver.id) == 0


def test_leave__by_the_operator_or_a_stranger__reverts(stage: Stage) -> None:
    """The node's hot wallet must not be able to take its hospital out of a study."""
    members, studies = start(stage), stage.suite.studies
    for sender in (members[0].operator, stage.stranger, members[1].owner, stage.suite.council):
        with ape.reverts(studies.StudyRegistryNotOwner, hospitalId=members[0].id):
            studies.leaveStudy(stage.study, members[0].id, sender=sender)
    with ape.reverts(studies.StudyRegistryHospitalNotEnrolled, hospitalId=stage.hospitals[5].id):
        studies.leaveStudy(stage.study, stage.hospitals[5].id, sender=stage.hospitals[5].owner)


def test_leave__while_a_ceremony_goes_on__waits_for_its_end(stage: Stage) -> None:
    members, studies = start(stage, batchRounds=1), stage.suite.studies
    finish(stage, 1)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.CEREMONY):
        studies.leaveStudy(stage.study, members[0].id, sender=members[0].owner)
    stage.hold_ceremony(members, ceremony=2)
    studies.leaveStudy(stage.study, members[0].id, sender=members[0].owner)


def test_leave__by_who_is_not_in_the_batch__costs_the_others_no_ceremony(stage: Stage) -> None:
    """Rule: only a participant's leaving ends the batch (`Batches.leave`)."""
    stage.publish(maximum=4, rounds=6, batchRounds=6)
    stage.members, absent = stage.hospitals[:3], stage.hospitals[3]
    stage.enrol_all(stage.hospitals[:4])
    stage.hold_step(stage.members, CeremonyStep.KEY)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(stage.members, step)
    stage.suite.studies.leaveStudy(stage.study, absent.id, sender=absent.owner)
    assert stage.suite.ceremony.batchOf(stage.study, 1).lastRound == 6
    # No round asks anything of it: it may take its bond.
    stage.suite.studies.releaseBond(stage.study, absent.id, sender=absent.owner)


def test_leave__below_the_minimum__the_study_ends_with_the_round(stage: Stage) -> None:
    members, suite = start(stage, batchRounds=6), stage.suite
    for leaver in (members[0], members[3]):
        suite.studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    assert stage.state() is StudyState.RUNNING
    finish(stage, 1)
    assert stage.state() is StudyState.CANCELLED
    with ape.reverts(suite.ceremony.KeyCeremonyNoCeremony):
        stage.post(members[1], CeremonyStep.KEY, ceremony=2)
    spent, _ = suite.rewards.serviceSpent(stage.study)
    assert suite.rewards.refundable(stage.study) == 5 * REWARD + stage.plan["serviceBudget"] - spent


def test_request_and_leave__while_a_round_is_suspended__wait_for_it(stage: Stage) -> None:
    """Rule: a batch ends with a round that closed (`Steps._current`), and a suspended one has not."""
    members, studies, ceremony = start(stage, batchRounds=6), stage.suite.studies, stage.suite.ceremony
    stage.reach_open(1)
    stage.reach_suspension(1)
    ceremony.requestCeremony(stage.study, sender=members[0].operator)
    studies.leaveStudy(stage.study, members[1].id, sender=members[1].owner)
    assert stage.phase(1) is Phase.SUSPENDED
    assert (stage.state(), stage.ceremony().number) == (StudyState.RUNNING, 1)
    with ape.reverts(ceremony.KeyCeremonyNoCeremony):
        stage.post(members[0], CeremonyStep.KEY, ceremony=2)
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, members[1].id, sender=members[1].owner)
    stage.finalise(1001)
    assert (stage.state(), stage.ceremony().due) == (StudyState.CEREMONY, 0b1101)


def start_without_two(stage: Stage) -> list[Hospital]:
    """Six hospitals in a study of which the last two were silent in the first ceremony; the batch's four."""
    stage.publish(maximum=6, rounds=6, batchRounds=6, unopenedRounds=4, patience=3_000)
    stage.enrol_all(stage.hospitals[:6])
    stage.members = stage.hospitals[:4]
    stage.hold_step(stage.members, CeremonyStep.KEY)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(stage.members, step)
    return stage.members


def test_round__failed_for_too_few__ends_the_batch_and_who_was_missing_sits_out(stage: Stage) -> None:
    """Who holds up rounds must not hold up the ceremony that they cost, too.

    Rule: those missing sit out the next ceremony, if enough are left without them (`Batches._nextDue`).
    """
    members, ceremony = start_without_two(stage), stage.suite.ceremony
    stage.submit_all(members[:2], 1)
    stage.end_phase(1)
    receipt = stage.fail_round(1)
    assert ceremony.BatchCutShort(stage.study, 1, 0b001100) in receipt.events
    assert ceremony.batchOf(stage.study, 1).lastRound == 1
    due = stage.ceremony()
    assert (due.number, due.firstRound, due.rounds) == (2, 2, 5)
    assert due.due == ceremony.nextDue(stage.study) == 0b110011
    attending = [*members[:2], *stage.hospitals[4:6]]
    with ape.reverts(ceremony.KeyCeremonyNotExpected, hospitalId=members[2].id):
        stage.post(members[2], CeremonyStep.KEY, ceremony=2)
    stage.hold_ceremony(attending, ceremony=2)
    assert batch(stage, 2) == (2, 0b110011)
    # They sat out once, and come back without being asked for.
    assert ceremony.nextDue(stage.study) == 0b111111
    assert not stage.suite.studies.enrolment(stage.study, members[2].id).barred


def test_round__failed_for_too_few__nobody_sits_out_where_too_few_would_be_left(stage: Stage) -> None:
    members = start(stage, count=4, batchRounds=6)
    fail(stage, 1, members[:2])
    due = stage.ceremony()
    assert (due.number, due.due) == (2, 0b1111)
    vault = stage.suite.vault
    assert [BOND - vault.locked(stage.study, one.id) for one in members] == [0, 0, ABSENCE_FINE, ABSENCE_FINE]
    stage.hold_ceremony(members, ceremony=2)
    assert stage.record(2).rootBefore == stage.plan["initialRoot"]


def test_sitting_out__a_ceremony_that_fails__is_over(stage: Stage) -> None:
    """Rule: who sits out does so in one ceremony only: what follows a failed one takes everybody (`Course.sitting`)."""
    members = start_without_two(stage)
    fail(stage, 1, members[:2])
    stage.hold_step(members[:2], CeremonyStep.KEY, ceremony=2)
    receipt = stage.move_on()
    why = CeremonyFailure.TOO_FEW
    assert stage.suite.ceremony.CeremonyFailed(stage.study, 2, CeremonyStep.KEY, why, 0b111111) in receipt.events
    assert stage.ceremony().due == 0b111111


def test_failed_rounds_in_a_row__end_the_study_across_batches(stage: Stage) -> None:
    members = start(stage, unopenedRounds=2, patience=2_000)
    fail(stage, 1, [])
    assert stage.state() is StudyState.CEREMONY
    stage.hold_ceremony(members, ceremony=2)
    fail(stage, 2, [])
    assert stage.state() is StudyState.CANCELLED


def test_ceremony_in_mid_study__a_liar_found__is_slashed_and_the_rest_go_on(stage: Stage) -> None:
    members, suite = start(stage), stage.suite
    finish(stage, 1)
    finish(stage, 2)
    stage.hold_ceremony(members, ceremony=2, until=CeremonyStep.HOLD)
    stage.hold_step(members, CeremonyStep.ACKNOWLEDGE, ceremony=2, guilty=0b0001)
    assert suite.vault.locked(stage.study, members[0].id) == BOND - SLICE
    assert batch(stage, 3) == (2, 0b1110)
    # The rest of its bond is free at once, since no round asks anything of it.
    suite.studies.releaseBond(stage.study, members[0].id, sender=members[0].owner)
    for number in (3, 4):
        finish(stage, number, members[1:])
    stage.hold_ceremony(members[1:], ceremony=3)
    for number in (5, 6):
        finish(stage, number, members[1:])
    assert stage.state() is StudyState.COMPLETED


@pytest.mark.parametrize("method", ["join", "leave", "cutShort"])
def test_batches__anyone_but_the_contract_that_it_is_for__changes_nothing(stage: Stage, method: str) -> None:
    members, ceremony = start(stage), stage.suite.ceremony
    arguments = {"join": (4,), "leave": (members[0].id, 0), "cutShort": (1, 0b0001)}[method]
    error = ceremony.KeyCeremonyNotRoundManager if method == "cutShort" else ceremony.KeyCeremonyNotStudyRegistry
    for sender in (members[0].operator, members[0].owner, stage.suite.council, stage.stranger):
        with ape.reverts(error, caller=str(sender)):
            getattr(ceremony, method)(stage.study, *arguments, sender=sender)
