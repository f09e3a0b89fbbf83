# SPDX-License-Identifier: Apache-2.0
"""Who can enrol, with what, until when; who leaves again; operators; bonds after the end."""

from __future__ import annotations

from typing import Any

import ape

from node.types import CeremonyStep, StudyState
from tests.support.consents import consent
from tests.support.stage import Stage, rows_of, salt_of
from tests.support.suite import BOND, FIELD_ORDER, salt_commitment

SALTED = b"\x55" * 32


def test_enrol__admitted_and_bonded__locks_the_bond_at_the_next_index(stage: Stage) -> None:
    studies, vault = stage.suite.studies, stage.suite.vault
    stage.publish()
    second, first = stage.hospitals[1], stage.hospitals[0]
    stage.enrol(second)
    receipt = stage.enrol(first, root=9)
    assert studies.HospitalEnrolled(stage.study, first.id, 1, 9, rows_of(first)) in receipt.events
    record = studies.enrolment(stage.study, first.id)
    assert (record.index, record.rows, record.operator, record.dataRoot) == (
        1,
        rows_of(first),
        first.operator,
        9,
    )
    assert list(studies.enrolledIds(stage.study)) == [second.id, first.id]
    assert (vault.locked(stage.study, first.id), vault.available(first.id)) == (BOND, 2 * BOND)


def test_enrol__unfunded_study__reverts(stage: Stage) -> None:
    stage.publish(funded=False)
    with ape.reverts(stage.suite.studies.StudyRegistryWrongState, studyId=stage.study, state=1):
        stage.enrol(stage.hospitals[0])


def test_enrol__after_the_deadline__reverts(stage: Stage) -> None:
    stage.publish()
    stage.end_enrolment()
    with ape.reverts(stage.suite.studies.StudyRegistryWrongState, studyId=stage.study, state=6):
        stage.enrol(stage.hospitals[0])


def test_enrol__unknown_operator__reverts(stage: Stage) -> None:
    stage.publish()
    studies = stage.suite.studies
    with ape.reverts(studies.StudyRegistryNotOperator, caller=stage.stranger.address):
        studies.enrol(stage.study, 1, 10, bytes(32), SALTED, sender=stage.stranger)


def test_enrol__applied_or_suspended__reverts(stage: Stage, accounts: Any) -> None:
    suite, hospital = stage.suite, stage.hospitals[0]
    stage.publish()
    suite.registry.suspend(hospital.id, sender=suite.council)
    with ape.reverts(suite.studies.StudyRegistryNotAdmitted, hospitalId=hospital.id):
        stage.enrol(hospital)
    signed = consent(suite.registry, accounts[20], accounts[21])
    suite.registry.register(accounts[21], signed, "New", "", sender=accounts[20])
    number = suite.registry.hospitalCount()
    with ape.reverts(suite.studies.StudyRegistryNotAdmitted, hospitalId=number):
        suite.studies.enrol(stage.study, 1, 10, bytes(32), SALTED, sender=accounts[21])


def test_enrol__without_a_bond__reverts(stage: Stage) -> None:
    stage.publish(bond=3 * BOND + 1)
    vault = stage.suite.vault
    with ape.reverts(vault.StakeVaultInsufficient, available=3 * BOND, wanted=3 * BOND + 1):
        stage.enrol(stage.hospitals[0])


def test_enrol__twice__reverts(stage: Stage) -> None:
    stage.publish()
    stage.enrol(stage.hospitals[0])
    with ape.reverts(stage.suite.studies.StudyRegistryAlreadyEnrolled, studyId=stage.study, hospitalId=1):
        stage.enrol(stage.hospitals[0])


def test_enrol__rows_or_root_out_of_range__reverts(stage: Stage) -> None:
    stage.publish()
    studies, hospital = stage.suite.studies, stage.hospitals[0]
    with ape.reverts(studies.StudyRegistryRowsOutOfRange, rows=0, capacity=1000):
        stage.enrol(hospital, rows=0)
    with ape.reverts(studies.StudyRegistryRowsOutOfRange, rows=1001, capacity=1000):
        stage.enrol(hospital, rows=1001)
    with ape.reverts(studies.StudyRegistryNotInField, value=FIELD_ORDER + 5):
        stage.enrol(hospital, root=FIELD_ORDER + 5)


def test_enrol__with_a_salt__is_on_record_and_without_one_reverts(stage: Stage) -> None:
    studies, hospital = stage.suite.studies, stage.hospitals[0]
    stage.publish()
    with ape.reverts(studies.StudyRegistrySaltMissing):
        stage.enrol(hospital, salted=bytes(32))
    stage.enrol(hospital)
    expected = salt_commitment(salt_of(hospital))
    assert studies.saltCommitment(stage.study, 0) == expected
    assert studies.enrolment(stage.study, hospital.id).saltCommitment == expected


def test_leave__while_enrolment_is_open__frees_bond_and_place_but_not_the_index(stage: Stage) -> None:
    studies, vault = stage.suite.studies, stage.suite.vault
    leaver, *others = stage.hospitals[:4]
    stage.publish(maximum=3)
    stage.enrol_all([leaver, others[0]])
    receipt = studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    assert studies.EnrolmentWithdrawn(stage.study, leaver.id) in receipt.events
    assert (vault.locked(stage.study, leaver.id), vault.available(leaver.id)) == (0, 3 * BOND)
    record = studies.study(stage.study)
    assert (record.enrolled, record.left, record.filledAt) == (2, 0b001, 0)
    assert studies.enrolment(stage.study, leaver.id).barred
    with ape.reverts(studies.StudyRegistryAlreadyLeft, hospitalId=leaver.id):
        studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    # A place that is given back and taken again for ever would use up the indices.
    with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=leaver.id):
        stage.enrol(leaver)
    stage.enrol(others[1])
    assert stage.state() is StudyState.ENROLLING
    stage.enrol(others[2])
    assert stage.index(others[2]) == 3
    assert stage.state() is StudyState.CEREMONY
    assert stage.ceremony().due == 0b1110
    with ape.reverts(stage.suite.ceremony.KeyCeremonyNotExpected, hospitalId=leaver.id):
        stage.post(leaver, CeremonyStep.KEY)
    stage.members = others
    stage.hold_ceremony(others)
    stage.submit_all()
    assert stage.record().submittedBitmap == 0b1110


def test_leave__while_enrolment_is_open__too_few_are_left_at_its_end(stage: Stage) -> None:
    stage.publish()
    stage.enrol_all(stage.hospitals[:3])
    leaver = stage.hospitals[2]
    stage.suite.studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    stage.end_enrolment()
    assert stage.state() is StudyState.CANCELLED
    assert stage.ceremony().number == 0


def test_leave__before_the_study_began__only_by_the_owner_and_only_while_it_enrols(stage: Stage) -> None:
    studies, members = stage.suite.studies, stage.hospitals[:3]
    stage.publish(maximum=3)
    stage.enrol_all(members)
    with ape.reverts(studies.StudyRegistryNotOwner, hospitalId=members[0].id):
        studies.leaveStudy(stage.study, members[0].id, sender=members[0].operator)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.CEREMONY):
        studies.leaveStudy(stage.study, members[0].id, sender=members[0].owner)
    assert stage.suite.vault.locked(stage.study, members[0].id) == BOND


def test_enrol__last_place_taken__starts_the_ceremony(stage: Stage) -> None:
    stage.publish(maximum=3)
    stage.enrol_all(stage.hospitals[:3])
    assert stage.state() is StudyState.CEREMONY
    with ape.reverts(stage.suite.studies.StudyRegistryWrongState, studyId=stage.study, state=3):
        stage.enrol(stage.hospitals[3])


def test_enrolment_end__enough_hospitals__starts_the_ceremony_without_a_transaction(stage: Stage) -> None:
    stage.publish()
    stage.enrol_all(stage.hospitals[:3])
    assert stage.state() is StudyState.ENROLLING
    assert stage.ceremony().number == 0
    stage.end_enrolment()
    assert stage.state() is StudyState.CEREMONY
    ceremony = stage.ceremony()
    assert (ceremony.number, ceremony.step, ceremony.due) == (1, 0, 0b111)


def test_enrolment_end__too_few_hospitals__gives_the_bonds_back(stage: Stage) -> None:
    studies, vault = stage.suite.studies, stage.suite.vault
    stage.publish()
    stage.enrol_all(stage.hospitals[:2])
    with ape.reverts(studies.StudyRegistryWrongState, studyId=stage.study, state=2):
        studies.releaseBond(stage.study, 1, sender=stage.stranger)
    stage.end_enrolment()
    assert stage.state() is StudyState.CANCELLED
    studies.releaseBond(stage.study, 1, sender=stage.stranger)
    assert vault.available(1) == 3 * BOND
    with ape.reverts(vault.StakeVaultNothingLocked, studyId=stage.study, hospitalId=1):
        studies.releaseBond(stage.study, 1, sender=stage.stranger)


def test_close_study__ended__is_logged_once(stage: Stage) -> None:
    studies = stage.suite.studies
    stage.publish()
    with ape.reverts(studies.StudyRegistryWrongState, studyId=stage.study, state=2):
        studies.closeStudy(stage.study, sender=stage.stranger)
    stage.end_enrolment()
    receipt = studies.closeStudy(stage.study, sender=stage.stranger)
    assert receipt.events == [studies.StudyClosed(stage.study, 6)]
    with ape.reverts(studies.StudyRegistryAlreadyClosed, studyId=stage.study):
        studies.closeStudy(stage.study, sender=stage.stranger)


def test_rotated_operator__running_study__acts_only_once_adopted(stage: Stage, accounts: Any) -> None:
    suite, hospital = stage.suite, stage.hospitals[0]
    stage.publish(maximum=3)
    stage.enrol_all(stage.hospitals[:3])
    fresh = accounts[21]
    signed = consent(suite.registry, hospital.owner, fresh)
    suite.registry.rotateOperator(hospital.id, fresh, signed, sender=hospital.owner)
    stage.post(hospital, CeremonyStep.KEY)
    with ape.reverts(suite.studies.StudyRegistryNotOwner, hospitalId=1, caller=fresh.address):
        suite.studies.adoptOperator(stage.study, hospital.id, sender=fresh)
    suite.studies.adoptOperator(stage.study, hospital.id, sender=hospital.owner)
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled, operator=hospital.operator.address):
        stage.post(hospital, CeremonyStep.KEY)
    assert suite.studies.enrolmentOf(stage.study, fresh).hospitalId == hospital.id


def test_suspended_hospital__running_study__goes_on(stage: Stage) -> None:
    members = stage.run(3)
    stage.suite.registry.suspend(members[0].id, sender=stage.suite.council)
    stage.submit(members[0])
    assert stage.suite.rounds.roundState(stage.study, 1).submittedBitmap == 1


def test_unknown_study__views__say_so(stage: Stage) -> None:
    studies = stage.suite.studies
    assert studies.studyState(99) == StudyState.NONE
    with ape.reverts(studies.StudyRegistryUnknownStudy, studyId=99):
        studies.study(99)
    with ape.reverts(studies.StudyRegistryHospitalNotEnrolled, studyId=99, hospitalId=1):
        studies.enrolment(99, 1)
