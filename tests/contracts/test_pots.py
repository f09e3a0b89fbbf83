# SPDX-License-Identifier: Apache-2.0
"""Slashed bonds: who shares them, to the last unit, each once; and nobody else."""

from __future__ import annotations

import ape
import pytest

from tests.support.settlement import equally, nothing_is_left
from tests.support.stage import Stage
from tests.support.suite import BOND

SLICE = BOND // 4
LEFT_OUT, MISSING_SHARE = 1, 2


@pytest.fixture
def pot(running: Stage) -> Stage:
    """Pot 1: what hospital 4 lost for a withheld ciphertext."""
    running.submit_all()
    running.attest_all(0b0111, running.members[:3])
    running.attest_all(0b1111, running.members[3:])
    running.include()
    return running


def test_bond_slashed_away__costs_what_is_left_and_no_more(stage: Stage) -> None:
    # Seven units: slices of one, and the bond is gone only with the seventh.
    stage.run(4, bond=7)
    vault = stage.suite.vault
    stage.submit_all()
    stage.attest_all(0b0111, stage.members[:3])
    stage.attest_all(0b1111, stage.members[3:])
    stage.include()
    assert vault.locked(stage.study, 4) == 6
    assert [vault.partOf(1, hospital.id) for hospital in stage.members] == [0, 0, 1, 0]
    stage.finalise()
    stage.fail_rounds(2, 3)
    nothing_is_left(stage)


def test_leaver__silent_in_its_last_round__pays_before_it_has_its_bond_back(stage: Stage) -> None:
    stage.run(4)
    studies, vault = stage.suite.studies, stage.suite.vault
    stage.reach_open()
    number = stage.quorum()[0]
    studies.leaveStudy(stage.study, sender=stage.operators[number])
    with ape.reverts(studies.StudyRegistryWrongState):
        studies.releaseBond(stage.study, number, sender=stage.stranger)
    stage.share_all(but=[number])
    stage.end_phase()
    stage.finalise()
    assert vault.punished(stage.study, MISSING_SHARE, 1).bit_count() == 1
    studies.releaseBond(stage.study, number, sender=stage.stranger)
    assert vault.available(number) == 3 * BOND - SLICE


def test_pot__in_equal_parts__is_paid_to_the_last_unit(pot: Stage) -> None:
    vault, parts = pot.suite.vault, equally(SLICE, pot.members[:3])
    assert len(set(parts.values())) == 2, "a slice does not split evenly among three"
    assert sum(parts.values()) == SLICE == vault.pot(1).amount
    for hospital in pot.members[:3]:
        before = vault.available(hospital.id)
        assert vault.partOf(1, hospital.id) == parts[hospital.id]
        receipt = vault.claimSlashed(1, hospital.id, sender=pot.stranger)
        assert receipt.events == [vault.PotClaimed(1, hospital.id, parts[hospital.id])]
        assert vault.available(hospital.id) - before == parts[hospital.id]
    assert vault.pot(1).claimed == vault.pot(1).beneficiaries == 0b0111


def test_claim_slashed__twice__reverts(pot: Stage) -> None:
    vault = pot.suite.vault
    vault.claimSlashed(1, 1, sender=pot.stranger)
    with ape.reverts(vault.StakeVaultAlreadyClaimed, potId=1, hospitalId=1):
        vault.claimSlashed(1, 1, sender=pot.hospitals[0].owner)


def test_claim_slashed__by_the_slashed_for_a_pot_that_is_none_or_a_bystander__reverts(pot: Stage) -> None:
    vault = pot.suite.vault
    with ape.reverts(vault.StakeVaultNotBeneficiary, potId=1, hospitalId=4):
        vault.claimSlashed(1, 4, sender=pot.members[3].owner)
    for number in (0, 2):
        with ape.reverts(vault.StakeVaultNotBeneficiary, potId=number, hospitalId=1):
            vault.claimSlashed(number, 1, sender=pot.stranger)
    with ape.reverts(pot.suite.studies.StudyRegistryHospitalNotEnrolled, hospitalId=6):
        vault.claimSlashed(1, 6, sender=pot.stranger)
    assert vault.partOf(1, 4) == 0


def test_part__is_withdrawn_like_a_bond(pot: Stage) -> None:
    vault, hospital = pot.suite.vault, pot.members[0]
    vault.claimSlashed(1, hospital.id, sender=pot.stranger)
    part = equally(SLICE, pot.members[:3])[hospital.id]
    vault.requestWithdrawal(hospital.id, 2 * BOND + part, sender=hospital.owner)
    assert vault.pending(hospital.id)[0] == 2 * BOND + part


def test_pot_of_a_later_offence__leaves_out_whoever_was_slashed_for_the_round(pot: Stage) -> None:
    vault, rounds = pot.suite.vault, pot.suite.rounds
    silent = pot.quorum()[0]
    pot.share_all(but=[silent])
    pot.end_phase()
    receipt = pot.finalise()
    place = pot.index(next(one for one in pot.members if one.id == silent))
    assert vault.BondSlashed(pot.study, silent, MISSING_SHARE, 1, SLICE) in receipt.events
    assert vault.pot(2).beneficiaries == 0b0111 & ~(1 << place)
    assert vault.punished(pot.study, LEFT_OUT, 1) == 0b1000
    assert rounds.roundState(pot.study, 1).includedBitmap == 0b0111
    pot.fail_rounds(2, 3)
    nothing_is_left(pot)


def test_offences_of_one_transaction__make_one_pot(running: Stage) -> None:
    running.submit_all()
    running.attest_all(0b0011, running.members[:3])
    running.end_phase()
    receipt = running.include()
    made = [event for event in receipt.events if event.event_name == "PotMade"]
    assert [(event.amount, event.beneficiaries) for event in made] == [(2 * SLICE, 0b0011)]
