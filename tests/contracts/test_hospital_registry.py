# SPDX-License-Identifier: Apache-2.0
"""Who may register, admit, suspend and rotate."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.support.stage import Stage


@pytest.fixture
def newcomer(accounts: Any) -> tuple[Any, Any]:
    """Owner and operator of a hospital that is not registered."""
    return accounts[20], accounts[21]


def test_register__new_owner__gets_the_next_number_as_applied(stage: Stage, newcomer: Any) -> None:
    owner, operator = newcomer
    registry = stage.suite.registry
    receipt = registry.register(operator, "Charité", "http://127.0.0.1:9000", sender=owner)
    number = registry.hospitalCount()
    assert (registry.hospitalIdOf(owner), registry.hospitalIdOfOperator(operator)) == (number, number)
    assert registry.hospital(number).standing == 1
    assert receipt.events == [registry.HospitalRegistered(number, owner, operator, "Charité", "http://127.0.0.1:9000")]


def test_register__owner_or_operator_in_use__reverts(stage: Stage, newcomer: Any) -> None:
    registry, known = stage.suite.registry, stage.hospitals[0]
    with ape.reverts(registry.HospitalRegistryOwnerTaken, owner=known.owner.address, hospitalId=known.id):
        registry.register(newcomer[1], "Again", "", sender=known.owner)
    with ape.reverts(registry.HospitalRegistryOperatorTaken, operator=known.operator.address):
        registry.register(known.operator, "Other", "", sender=newcomer[0])


def test_register__texts_or_operator_missing_or_too_long__reverts(stage: Stage, newcomer: Any) -> None:
    registry, (owner, operator) = stage.suite.registry, newcomer
    with ape.reverts(registry.HospitalRegistryEmptyName):
        registry.register(operator, "", "", sender=owner)
    with ape.reverts(registry.HospitalRegistryTextTooLong, length=65, maximum=64):
        registry.register(operator, "n" * 65, "", sender=owner)
    with ape.reverts(registry.HospitalRegistryTextTooLong, length=257, maximum=256):
        registry.register(operator, "name", "e" * 257, sender=owner)
    with ape.reverts(registry.HospitalRegistryZeroAddress):
        registry.register("0x" + "00" * 20, "name", "", sender=owner)


def test_admit_and_suspend__stranger__reverts(stage: Stage) -> None:
    registry = stage.suite.registry
    with ape.reverts(registry.AccessControlUnauthorizedAccount):
        registry.suspend(1, sender=stage.stranger)
    with ape.reverts(registry.AccessControlUnauthorizedAccount):
        registry.admit(1, sender=stage.hospitals[0].owner)


def test_suspend_then_admit__council__changes_the_standing(stage: Stage) -> None:
    registry, council = stage.suite.registry, stage.suite.council
    registry.suspend(1, sender=council)
    assert registry.standingOf(1) == 3
    with ape.reverts(registry.HospitalRegistryWrongStanding, hospitalId=1, standing=3):
        registry.suspend(1, sender=council)
    registry.admit(1, sender=council)
    with ape.reverts(registry.HospitalRegistryWrongStanding, hospitalId=1, standing=2):
        registry.admit(1, sender=council)


def test_unknown_hospital__every_call__reverts(stage: Stage) -> None:
    registry = stage.suite.registry
    for call in (
        lambda: registry.hospital(99),
        lambda: registry.admit(99, sender=stage.suite.council),
        lambda: registry.setEndpoint(99, "", sender=stage.stranger),
    ):
        with ape.reverts(registry.HospitalRegistryUnknownHospital, hospitalId=99):
            call()


def test_rotate_operator__owner__frees_the_old_address(stage: Stage, newcomer: Any) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    registry.rotateOperator(hospital.id, newcomer[1], sender=hospital.owner)
    assert registry.hospitalIdOfOperator(hospital.operator) == 0
    assert registry.hospitalIdOfOperator(newcomer[1]) == hospital.id


def test_rotate_operator__operator_itself__reverts(stage: Stage, newcomer: Any) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    with ape.reverts(registry.HospitalRegistryNotOwner, hospitalId=1, caller=hospital.operator.address):
        registry.rotateOperator(hospital.id, newcomer[1], sender=hospital.operator)


def test_set_endpoint__stranger__reverts_and_operator_may(stage: Stage) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    with ape.reverts(registry.HospitalRegistryNotOwnerOrOperator):
        registry.setEndpoint(hospital.id, "http://evil", sender=stage.stranger)
    registry.setEndpoint(hospital.id, "http://127.0.0.1:9001", sender=hospital.operator)
    assert registry.hospital(hospital.id).endpoint == "http://127.0.0.1:9001"


def test_admin__handing_on__takes_two_steps_and_the_delay(stage: Stage) -> None:
    registry = stage.suite.registry
    registry.beginDefaultAdminTransfer(stage.stranger, sender=stage.suite.council)
    with ape.reverts(registry.AccessControlEnforcedDefaultAdminDelay):
        registry.acceptDefaultAdminTransfer(sender=stage.stranger)
    ape.chain.mine(timestamp=ape.chain.blocks.head.timestamp + 86_401)
    registry.acceptDefaultAdminTransfer(sender=stage.stranger)
    assert registry.defaultAdmin() == stage.stranger
