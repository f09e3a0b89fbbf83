# SPDX-License-Identifier: Apache-2.0
"""The key ceremony's record: order, deadlines, failure and retry."""

from __future__ import annotations

import ape
import pytest

from node.types import CeremonyStep, StudyState
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, DIGEST, pass_until

OTHER = b"\x77" * 32
SLICE = BOND // 4


@pytest.fixture
def members(stage: Stage) -> list[Hospital]:
    """Four enrolled hospitals of a study with t = 2 and minimum 3, in the ceremony's first step."""
    stage.publish(maximum=4)
    stage.enrol_all(stage.hospitals[:4])
    return stage.hospitals[:4]


def pass_step(stage: Stage) -> None:
    pass_until(stage.suite.studies.ceremonyState(stage.study).deadline)


def fail(stage: Stage) -> ape.api.ReceiptAPI:
    pass_step(stage)
    return stage.suite.studies.failCeremony(stage.study, sender=stage.stranger)


def test_ceremony__all_acknowledge_one_transcript__starts_round_one(stage: Stage, members: list[Hospital]) -> None:
    studies = stage.suite.studies
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    for hospital in members:
        receipt = stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT, OTHER)
    assert studies.CeremonyCompleted(stage.study, 1, OTHER) in receipt.events
    ceremony = studies.ceremonyState(stage.study)
    assert (ceremony.completed, ceremony.transcriptDigest) == (True, OTHER)
    assert stage.state() is StudyState.RUNNING
    with ape.reverts(studies.StudyRegistryNoCeremony, studyId=stage.study):
        studies.failCeremony(stage.study, sender=stage.stranger)


def test_post__in_order__is_recorded_and_logged(stage: Stage, members: list[Hospital]) -> None:
    studies = stage.suite.studies
    receipt = stage.post(members[2], CeremonyStep.KEY, OTHER)
    assert receipt.events == [studies.CeremonyPosted(stage.study, 1, 0, members[2].id, OTHER, 32)]
    assert studies.ceremonyDigest(stage.study, 1, 0, members[2].id) == OTHER
    assert studies.ceremonyState(stage.study).posted == 0b100


def test_post__out_of_order_twice_empty_or_late__reverts(stage: Stage, members: list[Hospital]) -> None:
    studies, first = stage.suite.studies, members[0]
    with ape.reverts(studies.StudyRegistryWrongStep, step=1, current=0):
        stage.post(first, CeremonyStep.DEALING)
    with ape.reverts(studies.StudyRegistryWrongCeremony, ceremony=2, current=1):
        stage.post(first, CeremonyStep.KEY, ceremony=2)
    with ape.reverts(studies.StudyRegistryEmptyDigest):
        stage.post(first, CeremonyStep.KEY, bytes(32))
    stage.post(first, CeremonyStep.KEY)
    with ape.reverts(studies.StudyRegistryAlreadyPosted, step=0, hospitalId=first.id):
        stage.post(first, CeremonyStep.KEY)
    with ape.reverts(studies.StudyRegistryNotEnrolled, operator=stage.stranger.address):
        studies.postCeremony(stage.study, 1, 0, DIGEST, 32, sender=stage.stranger)
    with ape.reverts(studies.StudyRegistryStepOpen, step=0):
        studies.failCeremony(stage.study, sender=stage.stranger)
    pass_step(stage)
    with ape.reverts(studies.StudyRegistryStepOver, step=0):
        stage.post(members[1], CeremonyStep.KEY)


def test_ceremony__before_enrolment_ended__does_not_exist(stage: Stage) -> None:
    stage.publish()
    stage.enrol(stage.hospitals[0])
    with ape.reverts(stage.suite.studies.StudyRegistryNoCeremony, studyId=stage.study):
        stage.post(stage.hospitals[0], CeremonyStep.KEY)


def test_missing_dealing__at_the_deadline__is_slashed_and_barred_from_the_retry(
    stage: Stage, members: list[Hospital]
) -> None:
    studies, vault = stage.suite.studies, stage.suite.vault
    stage.hold_ceremony(members, until=CeremonyStep.KEY)
    for hospital in members[:3]:
        stage.post(hospital, CeremonyStep.DEALING)
    absent = members[3]
    receipt = fail(stage)
    assert studies.CeremonyFailed(stage.study, 1, 1, 0b1000, 0b0111) in receipt.events
    assert vault.BondSlashed(stage.study, absent.id, 0, 1, SLICE) in receipt.events
    assert vault.locked(stage.study, absent.id) == BOND - SLICE
    assert studies.enrolment(stage.study, absent.id).barred
    with ape.reverts(studies.StudyRegistryBarred, hospitalId=absent.id):
        stage.post(absent, CeremonyStep.KEY, ceremony=2)

    # Who was left behind takes back the rest at once; the others go on.
    studies.releaseBond(stage.study, absent.id, sender=absent.owner)
    assert vault.available(absent.id) == 3 * BOND - SLICE
    with ape.reverts(studies.StudyRegistryWrongState, studyId=stage.study, state=3):
        studies.releaseBond(stage.study, members[0].id, sender=members[0].owner)
    stage.hold_ceremony(members[:3], ceremony=2)
    assert stage.state() is StudyState.RUNNING
    with ape.reverts(stage.suite.rounds.RoundManagerNotParticipant, hospitalId=absent.id):
        stage.submit(absent)


@pytest.mark.parametrize(
    "step", [step for step in CeremonyStep if step not in (CeremonyStep.DEALING, CeremonyStep.ACKNOWLEDGEMENT)]
)
def test_missing_in_another_step__is_barred_and_not_slashed(
    stage: Stage, members: list[Hospital], step: CeremonyStep
) -> None:
    if step > 0:
        stage.hold_ceremony(members, until=CeremonyStep(step - 1))
    for hospital in members[1:]:
        stage.post(hospital, step)
    fail(stage)
    ceremony = stage.suite.studies.ceremonyState(stage.study)
    assert (ceremony.number, ceremony.step, ceremony.participants) == (2, 0, 0b1110)
    assert stage.suite.vault.locked(stage.study, members[0].id) == BOND


def test_missing_dealing__too_few_left__cancels_the_study(stage: Stage, members: list[Hospital]) -> None:
    studies, vault = stage.suite.studies, stage.suite.vault
    stage.hold_ceremony(members, until=CeremonyStep.KEY)
    for hospital in members[:2]:
        stage.post(hospital, CeremonyStep.DEALING)
    receipt = fail(stage)
    assert studies.CeremonyFailed(stage.study, 1, 1, 0b1100, 0) in receipt.events
    assert stage.state() is StudyState.CANCELLED
    for hospital in members:
        studies.releaseBond(stage.study, hospital.id, sender=stage.stranger)
    assert [vault.available(h.id) for h in members] == [3 * BOND] * 2 + [3 * BOND - SLICE] * 2
    assert stage.suite.rewards.refundable(stage.study) == studies.requiredFunding(stage.study)
    for hospital in members[:2]:
        vault.claimSlashed(1, hospital.id, sender=stage.stranger)
    assert [vault.available(h.id) for h in members] == [3 * BOND + SLICE] * 2 + [3 * BOND - SLICE] * 2


def test_unequal_acknowledgement__fails_at_the_deadline_and_bars_the_dissenter(
    stage: Stage, members: list[Hospital]
) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    # The first to speak does not decide which transcript is the record.
    stage.post(members[0], CeremonyStep.ACKNOWLEDGEMENT, OTHER)
    for hospital in members[1:]:
        stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT)
    assert stage.state() is StudyState.CEREMONY
    fail(stage)
    ceremony = stage.suite.studies.ceremonyState(stage.study)
    assert (ceremony.number, ceremony.participants) == (2, 0b1110)
    assert stage.suite.vault.locked(stage.study, members[0].id) == BOND
    stage.hold_ceremony(members[1:], ceremony=2)
    assert stage.state() is StudyState.RUNNING


def test_missing_acknowledgement__is_barred(stage: Stage, members: list[Hospital]) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    for hospital in members[:3]:
        stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT)
    fail(stage)
    assert stage.suite.studies.ceremonyState(stage.study).participants == 0b0111


def test_acknowledgements__without_a_majority__cancel_the_study(stage: Stage, members: list[Hospital]) -> None:
    stage.hold_ceremony(members, until=CeremonyStep.TEST_SHARES)
    for hospital, digest in zip(members, (DIGEST, OTHER, DIGEST, OTHER), strict=True):
        stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT, digest)
    fail(stage)
    assert stage.state() is StudyState.CANCELLED


def test_acknowledgements__of_exactly_half__are_no_majority(stage: Stage) -> None:
    """Three liars of six must not have the three honest ones barred, though they would be enough to go on."""
    stage.publish(maximum=6)
    six = stage.hospitals[:6]
    stage.enrol_all(six)
    stage.hold_ceremony(six, until=CeremonyStep.TEST_SHARES)
    for hospital in six[3:]:
        stage.post(hospital, CeremonyStep.ACKNOWLEDGEMENT, OTHER)
    stage.hold_step(six[:3], CeremonyStep.ACKNOWLEDGEMENT)
    receipt = fail(stage)
    studies = stage.suite.studies
    assert studies.CeremonyFailed(stage.study, 1, CeremonyStep.ACKNOWLEDGEMENT, 0b111111, 0) in receipt.events
    assert stage.state() is StudyState.CANCELLED
