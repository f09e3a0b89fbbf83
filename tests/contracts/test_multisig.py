# SPDX-License-Identifier: Apache-2.0
"""A Safe of three owners, two of whom must sign, as the council: what it can do, and that one alone cannot."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
import pytest

from tests.support.consents import consent
from tests.support.safe import Council, make_council
from tests.support.stage import Stage
from tests.support.suite import Suite, make_circuit, make_suite, pass_until

ADMITTED = 2
ADMIN_DELAY = 86_400


@pytest.fixture(scope="module")
def council(accounts: Any) -> Council:
    """Two of three."""
    return make_council(accounts[15], accounts[16:19], 2)


@pytest.fixture(scope="module")
def suite(accounts: Any, council: Council) -> Suite:
    """A suite deployed by somebody who is not the council, the Safe."""
    return make_suite(accounts[15], council=council.address)


@pytest.fixture(scope="module")
def hospital(accounts: Any, suite: Suite) -> Any:
    """Owner of hospital 1, which has applied."""
    owner = accounts[19]
    signed = consent(suite.registry, owner, accounts[20])
    suite.registry.register(accounts[20], signed, "St. Anna", "", sender=owner)
    return owner


def test_two_of_three__admit_a_hospital__anyone_may_send_it(
    suite: Suite, council: Council, hospital: Any, stage: Stage
) -> None:
    first, _, third = council.owners
    order = council.order(suite.registry.admit, 1)
    receipt = council.send(order, council.sign(order, [third, first]), stage.stranger)
    assert suite.registry.HospitalAdmitted(1) in receipt.events
    assert suite.registry.standingOf(1) == ADMITTED


def test_two_of_three__list_a_circuit_and_pause_intake(
    suite: Suite, council: Council, hospital: Any, stage: Stage
) -> None:
    council.decide(council.owners[:2], suite.catalogue.listCircuit, make_circuit(stage.double.address))
    council.decide(council.owners[1:], suite.catalogue.listCircuit, make_circuit(stage.double.address, training=False))
    assert suite.catalogue.circuitCount() == 2
    assert suite.catalogue.isListed(1) and suite.catalogue.isListed(2)
    # What they agreed on works: with the circuits listed anyone can publish, until they pause.
    here = dataclasses.replace(stage, suite=suite, training=1, aggregation=2)
    here.publish(funded=False)
    council.decide(council.owners[:2], suite.studies.setPaused, True)
    with ape.reverts(suite.studies.StudyRegistryPaused):
        here.publish(funded=False)
    council.decide(council.owners[:2], suite.studies.setPaused, False)
    assert here.publish(funded=False) == 2


def test_one_of_three__alone_twice_or_with_an_outsider__is_refused(
    suite: Suite, council: Council, hospital: Any, stage: Stage
) -> None:
    first, second, _ = council.owners
    order = council.order(suite.registry.admit, 1)
    own = council.sign(order, [first])
    for signatures, why in (
        (b"", "GS020"),
        (own, "GS020"),
        (own + own, "GS026"),
        (council.sign(order, [first, stage.stranger]), "GS026"),
        # A signature is for one call: two owners who agreed on another one did not agree on this.
        (council.sign(dataclasses.replace(order, data=order.data[:-1] + b"\2"), [first, second]), "GS026"),
    ):
        with ape.reverts(why):
            council.send(order, signatures, first)
    with ape.reverts(suite.registry.AccessControlUnauthorizedAccount, account=first.address):
        suite.registry.admit(1, sender=first)
    assert suite.registry.standingOf(1) != ADMITTED


def test_signatures__of_an_order_that_was_carried_out__are_spent(
    suite: Suite, council: Council, hospital: Any, stage: Stage
) -> None:
    admit = council.order(suite.registry.admit, 1)
    signatures = council.sign(admit, council.owners[:2])
    council.send(admit, signatures, stage.stranger)
    council.decide(council.owners[:2], suite.registry.suspend, 1)
    # Else anyone could bring back a hospital that the council suspended.
    with ape.reverts("GS026"):
        council.send(admit, signatures, stage.stranger)


def test_refusal_of_the_suite__comes_through_the_safe(suite: Suite, council: Council) -> None:
    with ape.reverts(suite.registry.HospitalRegistryUnknownHospital, hospitalId=99):
        council.decide(council.owners[:2], suite.registry.admit, 99)


def test_admin__from_one_person_to_the_safe__takes_the_delay(accounts: Any, council: Council, stage: Stage) -> None:
    person = accounts[21]
    registry = make_suite(person, admin_delay=ADMIN_DELAY).registry
    role, signers = registry.COUNCIL_ROLE(), council.owners[:2]

    registry.beginDefaultAdminTransfer(council.address, sender=person)
    _, schedule = registry.pendingDefaultAdmin()
    with ape.reverts(registry.AccessControlEnforcedDefaultAdminDelay, schedule=schedule):
        council.decide(signers, registry.acceptDefaultAdminTransfer)
    assert registry.defaultAdmin() == person
    pass_until(schedule + 1)
    with ape.reverts(registry.AccessControlInvalidDefaultAdmin, defaultAdmin=signers[0].address):
        registry.acceptDefaultAdminTransfer(sender=signers[0])
    council.decide(signers, registry.acceptDefaultAdminTransfer)
    assert registry.defaultAdmin() == council.address

    # Being admin is not being the council; the Safe makes itself the only one.
    council.decide(signers, registry.grantRole, role, council.address)
    council.decide(signers, registry.revokeRole, role, person)
    assert registry.isCouncil(council.address) and not registry.isCouncil(person)
    signed = consent(registry, accounts[19], accounts[20])
    registry.register(accounts[20], signed, "St. Anna", "", sender=accounts[19])
    with ape.reverts(registry.AccessControlUnauthorizedAccount, account=person.address):
        registry.admit(1, sender=person)
    council.decide(signers, registry.admit, 1)
    assert registry.standingOf(1) == ADMITTED


def test_council__admits_shells_in_mid_study__no_place_without_the_participants(stage: Stage) -> None:
    """A9: without the participants' approvals, the council's word alone gives t shells t shares of every round."""
    studies, council = stage.suite.studies, stage.suite.council
    for joining in (False, True):
        stage.publish(maximum=6, rounds=10, batchRounds=10, approvedJoining=joining)
        stage.members, shells = stage.hospitals[:4], stage.hospitals[4:6]
        stage.enrol_all(stage.members)
        stage.end_enrolment()
        stage.hold_ceremony(stage.members)
        assert all(stage.suite.registry.standingOf(shell.id) == ADMITTED for shell in shells)
        for shell in shells:
            refusal = studies.StudyRegistryNotApproved if joining else studies.StudyRegistryJoiningClosed
            with ape.reverts(refusal, studyId=stage.study):
                stage.enrol(shell)
            # Neither the council nor the shells can approve.
            for caller in (council, shell.operator):
                refusal = studies.StudyRegistryNotEnrolled if joining else studies.StudyRegistryJoiningClosed
                with ape.reverts(refusal):
                    studies.approveNewcomer(stage.study, shell.id, sender=caller)
        assert stage.suite.ceremony.nextDue(stage.study) == 0b001111
