# SPDX-License-Identifier: Apache-2.0
"""Who may register, admit, suspend, rotate, and take over."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_account import Account

from tests.support.consents import consent
from tests.support.stage import Stage
from tests.support.suite import BOND, Call, in_one_block, pass_until

NOBODY = "0x" + "00" * 20


@pytest.fixture
def newcomer(accounts: Any) -> tuple[Any, Any]:
    """Owner and operator of a hospital that is not registered."""
    return accounts[20], accounts[21]


def test_register__new_owner__gets_the_next_number_as_applied(stage: Stage, newcomer: Any) -> None:
    owner, operator = newcomer
    registry = stage.suite.registry
    signed = consent(registry, owner, operator)
    receipt = registry.register(operator, signed, "Charité", "http://127.0.0.1:9000", sender=owner)
    number = registry.hospitalCount()
    assert (registry.hospitalIdOf(owner), registry.hospitalIdOfOperator(operator)) == (number, number)
    assert registry.hospital(number).standing == 1
    assert receipt.events == [registry.HospitalRegistered(number, owner, operator, "Charité", "http://127.0.0.1:9000")]


def test_register__owner_or_operator_in_use__reverts(stage: Stage, newcomer: Any) -> None:
    registry, known = stage.suite.registry, stage.hospitals[0]
    with ape.reverts(registry.HospitalRegistryOwnerTaken, owner=known.owner.address, hospitalId=known.id):
        registry.register(newcomer[1], consent(registry, known.owner, newcomer[1]), "Again", "", sender=known.owner)
    with ape.reverts(registry.HospitalRegistryOperatorTaken, operator=known.operator.address):
        signed = consent(registry, newcomer[0], known.operator)
        registry.register(known.operator, signed, "Other", "", sender=newcomer[0])


def test_register__texts_or_operator_missing_or_too_long__reverts(stage: Stage, newcomer: Any) -> None:
    registry, (owner, operator) = stage.suite.registry, newcomer
    signed = consent(registry, owner, operator)
    with ape.reverts(registry.HospitalRegistryEmptyName):
        registry.register(operator, signed, "", "", sender=owner)
    with ape.reverts(registry.HospitalRegistryTextTooLong, length=65, maximum=64):
        registry.register(operator, signed, "n" * 65, "", sender=owner)
    with ape.reverts(registry.HospitalRegistryTextTooLong, length=257, maximum=256):
        registry.register(operator, signed, "name", "e" * 257, sender=owner)
    with ape.reverts(registry.HospitalRegistryZeroAddress):
        registry.register(NOBODY, signed, "name", "", sender=owner)


def test_register__operator_that_did_not_sign_for_this_owner__reverts(stage: Stage, newcomer: Any) -> None:
    """Without the operator's signature anybody could register, and so take, the address of another's node."""
    registry, (owner, operator) = stage.suite.registry, newcomer
    for signed in (
        consent(registry, stage.stranger, operator),  # for another owner: as one who watched the mempool would have it
        consent(registry, owner, owner),
        b"",
        consent(registry, owner, operator)[:64],
        bytes(65),
    ):
        with ape.reverts(registry.HospitalRegistryWrongSignature, operator=operator.address):
            registry.register(operator, signed, "St. Anna", "", sender=owner)
    registry.register(operator, consent(registry, owner, operator), "St. Anna", "", sender=owner)


def test_register__watcher_that_is_mined_first__does_not_get_the_operator(stage: Stage, accounts: Any) -> None:
    """It has the signature, as it was sent, and that is for another owner."""
    registry = stage.suite.registry
    victim, operator, watcher = accounts[20], accounts[21], accounts[22]
    signed = consent(registry, victim, operator)
    done = in_one_block(
        Call(registry.register, (str(operator), signed, "Watcher", ""), watcher, 9),
        Call(registry.register, (str(operator), signed, "St. Anna", ""), victim, 1),
    )
    assert done == [False, True] and registry.hospital(registry.hospitalCount()).owner == victim


def test_operator_hash__is_what_wallets_sign(stage: Stage, newcomer: Any) -> None:
    registry, (owner, operator) = stage.suite.registry, newcomer
    hashed = bytes(registry.operatorHash(owner, operator))
    signed = consent(registry, owner, operator)
    assert Account._recover_hash(hashed, signature=signed) == operator.address


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
        lambda: registry.proposeOwner(99, stage.stranger, sender=stage.stranger),
        lambda: registry.acceptOwner(99, sender=stage.stranger),
    ):
        with ape.reverts(registry.HospitalRegistryUnknownHospital, hospitalId=99):
            call()


def test_rotate_operator__owner__frees_the_old_address(stage: Stage, newcomer: Any) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    for signed in (consent(registry, newcomer[0], newcomer[1]), consent(registry, hospital.owner, hospital.operator)):
        with ape.reverts(registry.HospitalRegistryWrongSignature, operator=newcomer[1].address):
            registry.rotateOperator(hospital.id, newcomer[1], signed, sender=hospital.owner)
    signed = consent(registry, hospital.owner, newcomer[1])
    registry.rotateOperator(hospital.id, newcomer[1], signed, sender=hospital.owner)
    assert registry.hospitalIdOfOperator(hospital.operator) == 0
    assert registry.hospitalIdOfOperator(newcomer[1]) == hospital.id


def test_rotate_operator__operator_itself__reverts(stage: Stage, newcomer: Any) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    with ape.reverts(registry.HospitalRegistryNotOwner, hospitalId=1, caller=hospital.operator.address):
        signed = consent(registry, hospital.owner, newcomer[1])
        registry.rotateOperator(hospital.id, newcomer[1], signed, sender=hospital.operator)


# Another owner


def test_owner__proposed_and_accepted_after_the_delay__has_everything_that_is_the_hospitals(
    stage: Stage, newcomer: Any
) -> None:
    suite, hospital, heir = stage.suite, stage.hospitals[0], newcomer[0]
    registry, vault = suite.registry, suite.vault
    vault.requestWithdrawal(hospital.id, BOND, sender=hospital.owner)
    receipt = registry.proposeOwner(hospital.id, heir, sender=hospital.owner)
    start = receipt.timestamp + registry.OWNER_DELAY()
    assert receipt.events == [registry.OwnerProposed(hospital.id, hospital.owner, heir, start)]
    assert tuple(registry.proposedOwner(hospital.id)) == (heir.address, start)
    with ape.reverts(registry.HospitalRegistryTooEarly, hospitalId=hospital.id):
        registry.acceptOwner(hospital.id, sender=heir)
    pass_until(start)
    receipt = registry.acceptOwner(hospital.id, sender=heir)
    assert receipt.events == [registry.OwnerReplaced(hospital.id, hospital.owner, heir)]
    assert registry.ownerOf(hospital.id) == heir and registry.hospital(hospital.id).operator == hospital.operator
    assert (registry.hospitalIdOf(heir), registry.hospitalIdOf(hospital.owner)) == (hospital.id, 0)
    assert tuple(registry.proposedOwner(hospital.id)) == (NOBODY, 0)
    with ape.reverts(vault.StakeVaultNotOwner, caller=hospital.owner.address):
        vault.withdraw(hospital.id, hospital.owner, sender=hospital.owner)
    pass_until(vault.pending(hospital.id)[1])
    vault.withdraw(hospital.id, heir, sender=heir)
    assert suite.token.balanceOf(heir) == BOND
    # The one before is free to own another hospital.
    signed = consent(registry, hospital.owner, newcomer[1])
    registry.register(newcomer[1], signed, "St. Anna", "", sender=hospital.owner)


def test_owner__taken_back_within_the_delay__stays(stage: Stage, newcomer: Any) -> None:
    """Who holds the key against its owner proposes itself; the owner, who has it too, takes that back."""
    registry, hospital, heir = stage.suite.registry, stage.hospitals[0], newcomer[0]
    registry.proposeOwner(hospital.id, heir, sender=hospital.owner)
    pass_until(registry.proposedOwner(hospital.id)[1])
    receipt = registry.proposeOwner(hospital.id, NOBODY, sender=hospital.owner)
    assert receipt.events == [registry.OwnerProposed(hospital.id, hospital.owner, NOBODY, 0)]
    with ape.reverts(registry.HospitalRegistryNoOwnerProposed, hospitalId=hospital.id):
        registry.acceptOwner(hospital.id, sender=heir)


def test_owner__proposed_again__waits_for_the_whole_delay_again(stage: Stage, newcomer: Any) -> None:
    registry, hospital = stage.suite.registry, stage.hospitals[0]
    registry.proposeOwner(hospital.id, newcomer[0], sender=hospital.owner)
    pass_until(registry.proposedOwner(hospital.id)[1])
    registry.proposeOwner(hospital.id, newcomer[0], sender=hospital.owner)
    with ape.reverts(registry.HospitalRegistryTooEarly, hospitalId=hospital.id):
        registry.acceptOwner(hospital.id, sender=newcomer[0])


def test_owner__by_anybody_else_or_with_a_hospital_already__reverts(stage: Stage, newcomer: Any) -> None:
    registry, (hospital, other, *_) = stage.suite.registry, stage.hospitals
    for caller in (hospital.operator, other.owner, stage.suite.council):
        with ape.reverts(registry.HospitalRegistryNotOwner, hospitalId=hospital.id, caller=caller.address):
            registry.proposeOwner(hospital.id, caller, sender=caller)
    registry.proposeOwner(hospital.id, other.owner, sender=hospital.owner)
    pass_until(registry.proposedOwner(hospital.id)[1])
    with ape.reverts(registry.HospitalRegistryNotProposed, hospitalId=hospital.id, caller=newcomer[0].address):
        registry.acceptOwner(hospital.id, sender=newcomer[0])
    with ape.reverts(registry.HospitalRegistryOwnerTaken, owner=other.owner.address, hospitalId=other.id):
        registry.acceptOwner(hospital.id, sender=other.owner)


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
