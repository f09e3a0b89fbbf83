# SPDX-License-Identifier: Apache-2.0
"""What lies cost: who shares it, to the last unit, each once, when nobody can be punished any more; and nobody else."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.utils import ZERO_ADDRESS

from node.types import CeremonyStep, Charge
from tests.support.acting import Acting
from tests.support.settlement import NEVER, each, equally, everybody_is_whole, nothing_is_left, of_a_model, open_books
from tests.support.stage import Hospital, Stage
from tests.support.suite import ABSENCE_FINE, BOND, DIGEST, pass_until

SLICE = BOND // 4
WEEK = 7 * 24 * 3600
FALSE_DEALING, FALSE_PAYLOAD, FALSE_PAD_SHARE, EQUIVOCATION = range(4)


@pytest.fixture
def pot(running: Stage) -> Stage:
    """Pot 1: what hospital 4 lost for a false payload in round 1, which goes on."""
    running.submit_all()
    convict(running, 0b1000, Charge.PAYLOAD)
    return running


def convict(stage: Stage, accused: int, charge: Charge, round_: int = 1) -> Any:
    """The first two, t of them, accuse; what the last accusation did."""
    stage.accuse(stage.members[0], accused, charge, round_)
    return stage.accuse(stage.members[1], accused, charge, round_)


def equivocate(stage: Stage, hospital: Hospital, round_: int = 1) -> Any:
    """Two signed shares of a hospital are shown by a stranger."""
    included = int(stage.record(round_).includedBitmap)
    first, second = (stage.sign(hospital.operator, digest, round_) for digest in (DIGEST, b"\x12" * 32))
    court, about = stage.suite.court, (stage.study, round_, hospital.id, included)
    return court.reportEquivocation(*about, DIGEST, first, b"\x12" * 32, second, sender=stage.stranger)


def close(stage: Stage, round_: int = 1) -> None:
    """The rest of the round, and the time in which evidence about it is accepted."""
    if not stage.record(round_).includedAt:
        stage.attest_all(round_=round_)
        stage.include(round_)
    stage.finalise(1000 + round_, round_)
    pass_until(stage.suite.vault.pot(1).claimableAt)


# From a study's beginning


def test_one_lie_after_another__costs_what_is_left_and_no_more(stage: Stage, acting: Acting) -> None:
    # Nine units: slices of two, and the bond is gone with the fifth.
    stage.run(4, bond=9, absenceFine=0, absenceCap=0)
    vault, court = stage.suite.vault, acting(stage.suite.court)
    for round_, left in ((1, 7), (2, 5), (3, 3), (4, 1), (5, 0), (6, 0)):
        vault.slash(stage.study, FALSE_PAYLOAD, round_, 0b1000, 0b0111, ZERO_ADDRESS, sender=court)
        assert vault.locked(stage.study, 4) == left
    assert vault.potCount() == 5 and vault.pot(5).amount == 1


def test_false_dealing__is_judged_once_a_ceremony_and_shared_at_once(stage: Stage, acting: Acting) -> None:
    """Without the rule of one judgement a later one could take a part that was claimed."""
    stage.publish(maximum=4)
    stage.members = stage.hospitals[:4]
    stage.enrol_all(stage.members)
    stage.hold_ceremony(stage.members, until=CeremonyStep.DEAL)
    stage.hold_step(stage.members, CeremonyStep.HOLD, satisfied=False)
    stage.hold_step(stage.members, CeremonyStep.COMPLAIN)
    stage.hold_step(stage.members, CeremonyStep.ACKNOWLEDGE, guilty=0b1000)
    vault, ceremony = stage.suite.vault, acting(stage.suite.ceremony)
    pot = vault.pot(1)
    assert (pot.amount, pot.beneficiaries, pot.stage, pot.offence) == (SLICE, 0b0111, 1, FALSE_DEALING)
    with ape.reverts(vault.StakeVaultEvidenceUsed, studyId=stage.study, offence=FALSE_DEALING, stage=1):
        vault.slash(stage.study, FALSE_DEALING, 1, 0b0001, 0b0110, ZERO_ADDRESS, sender=ceremony)
    for hospital in stage.members[:3]:
        vault.claimSlashed(1, hospital.id, sender=stage.stranger)
    assert vault.excluded(stage.study) == vault.punished(stage.study, FALSE_DEALING, 1) == 0b1000


def test_lie_in_a_study__costs_the_place_in_the_next_ceremony(stage: Stage) -> None:
    """A6: without the vault's bitmap of the excluded, a liar with no bond left goes on, opens, and is paid."""
    stage.run(5, rounds=2, batchRounds=1)
    stage.submit_all()
    convict(stage, 0b10000, Charge.PAYLOAD)
    stage.attest_all()
    stage.include()
    stage.finalise()
    ceremony = stage.suite.ceremony
    assert ceremony.nextDue(stage.study) == 0b01111
    liar = stage.members[4]
    with ape.reverts(ceremony.KeyCeremonyNotExpected, hospitalId=liar.id):
        stage.post(liar, CeremonyStep.KEY, ceremony=2)


def test_ceremony_asked_for_too_soon__pays_the_others_of_the_batch_at_once(stage: Stage) -> None:
    """A7's price: without the charge, each such ceremony costs the others their gas and the caller nothing."""
    stage.run(4, rounds=5, batchRounds=3)
    suite, vault, caller = stage.suite, stage.suite.vault, stage.members[3]
    suite.ceremony.requestCeremony(stage.study, sender=caller.operator)
    stage.finish(1)
    stage.hold_ceremony(stage.members, ceremony=2)
    receipt = suite.ceremony.requestCeremony(stage.study, sender=caller.operator)
    price = 5 * ABSENCE_FINE
    assert vault.CeremonyCharged(1, stage.study, caller.id, price, 0b0111) in receipt.events
    pot = vault.pot(1)
    assert (pot.stage, pot.beneficiaries, pot.amount) == (0, 0b0111, price)
    assert vault.locked(stage.study, caller.id) == BOND - price
    parts = equally(price, stage.members[:3])
    for hospital in stage.members[:3]:
        before = vault.available(hospital.id)
        vault.claimSlashed(1, hospital.id, sender=stage.stranger)
        assert vault.available(hospital.id) - before == parts[hospital.id]
    assert vault.finedIn(stage.study, 1, 3) == 0, "a charge is no fine"


def test_leaver__that_lied_in_its_last_round__pays_before_it_has_its_bond_back(stage: Stage) -> None:
    stage.run(4)
    suite, vault, leaver = stage.suite, stage.suite.vault, stage.members[3]
    stage.submit_all()
    suite.studies.leaveStudy(stage.study, leaver.id, sender=leaver.owner)
    with ape.reverts(suite.studies.StudyRegistryWrongState):
        suite.studies.releaseBond(stage.study, leaver.id, sender=stage.stranger)
    convict(stage, 0b1000, Charge.PAYLOAD)
    stage.attest_all()
    stage.include()
    stage.finalise()
    suite.studies.releaseBond(stage.study, leaver.id, sender=stage.stranger)
    assert vault.available(leaver.id) == 3 * BOND - SLICE
    stage.members = stage.members[:3]
    stage.hold_ceremony(stage.members, ceremony=2)
    stage.finish(2)
    stage.finish(3)
    nothing_is_left(stage)


# Who shares what


def test_pot__in_equal_parts__is_paid_to_the_last_unit(pot: Stage) -> None:
    close(pot)
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
    close(pot)
    vault = pot.suite.vault
    vault.claimSlashed(1, 1, sender=pot.stranger)
    with ape.reverts(vault.StakeVaultAlreadyClaimed, potId=1, hospitalId=1):
        vault.claimSlashed(1, 1, sender=pot.hospitals[0].owner)


def test_claim_slashed__by_the_slashed_for_a_pot_that_is_none_or_a_bystander__reverts(pot: Stage) -> None:
    close(pot)
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
    close(pot)
    vault, hospital = pot.suite.vault, pot.members[0]
    vault.claimSlashed(1, hospital.id, sender=pot.stranger)
    part = equally(SLICE, pot.members[:3])[hospital.id]
    vault.requestWithdrawal(hospital.id, 2 * BOND + part, sender=hospital.owner)
    assert vault.pending(hospital.id)[0] == 2 * BOND + part


def test_offences_of_one_transaction__make_one_pot(running: Stage) -> None:
    running.submit_all()
    receipt = convict(running, 0b1100, Charge.PAYLOAD)
    made = [event for event in receipt.events if event.event_name == "PotMade"]
    assert [(event.amount, event.beneficiaries) for event in made] == [(2 * SLICE, 0b0011)]


# When parts are fixed


def test_claim_slashed__while_evidence_is_accepted__reverts(pot: Stage) -> None:
    """Without the rule that waits, whoever claims first keeps its part though it is punished for the round later."""
    vault, never = pot.suite.vault, pot.suite.vault.pot(1).claimableAt
    assert never == NEVER, "no round ends evidence that has not closed"
    with ape.reverts(vault.StakeVaultTooEarly, potId=1, claimableAt=never):
        vault.claimSlashed(1, 1, sender=pot.stranger)
    pot.attest_all()
    pot.include()
    closed = pot.finalise().timestamp
    assert vault.pot(1).claimableAt == closed + WEEK
    pass_until(closed + WEEK - 2)
    with ape.reverts(vault.StakeVaultTooEarly, potId=1, claimableAt=closed + WEEK):
        vault.claimSlashed(1, 1, sender=pot.stranger)
    pass_until(closed + WEEK)
    vault.claimSlashed(1, 1, sender=pot.stranger)


def test_punishment__once_parts_can_be_claimed__is_refused_to_any_judge(pot: Stage, acting: Acting) -> None:
    """The vault keeps that rule by itself: however a court counts its window, no claimed part changes."""
    close(pot)
    vault, until = pot.suite.vault, pot.suite.vault.pot(1).claimableAt
    for offence in (FALSE_PAYLOAD, FALSE_PAD_SHARE, EQUIVOCATION):
        with ape.reverts(vault.StakeVaultTooLate, studyId=pot.study, round=1, deadline=until):
            vault.slash(pot.study, offence, 1, 0b1, 0b10, ZERO_ADDRESS, sender=acting(pot.suite.court))


def test_equivocator__gains_nothing_from_any_pot_of_its_round__made_before_or_after(running: Stage) -> None:
    """Without the rule that reads who is punished when a part is paid, it would keep its part of the earlier pot."""
    books, (first, second, third, fourth) = open_books(running), running.members
    vault = running.suite.vault
    running.submit_all()
    convict(running, 0b1000, Charge.PAYLOAD)
    assert vault.partOf(1, third.id) > 0
    running.attest_all(0b0111)
    running.include()
    equivocate(running, third)
    bounty = SLICE * 500 // 10_000
    assert (vault.partOf(1, third.id), vault.pot(1).beneficiaries) == (0, 0b0011)
    assert vault.pot(2).beneficiaries == 0b0011, "who was included, less the liars of the round"
    running.finalise()
    pass_until(vault.pot(1).claimableAt)
    for liar in (third, fourth):
        for number in (1, 2):
            with ape.reverts(vault.StakeVaultNotBeneficiary, potId=number, hospitalId=liar.id):
                vault.claimSlashed(number, liar.id, sender=liar.owner)
    # Two are too few to go on, and nobody comes to round 2.
    running.fail_rounds(2)
    everybody_is_whole(
        books,
        rewards=of_a_model([first, second, third]),
        slashed=each(SLICE, [third, fourth]),
        shared=equally(2 * SLICE - bounty, [first, second]),
        fined=each(ABSENCE_FINE, running.members),
        bounties={str(running.stranger): bounty},
    )


def test_everybody_with_a_part_lies_too__the_pot_is_nobodys(running: Stage) -> None:
    """What is left then is burnt: it goes to no liar and to nobody who only stood by."""
    running.reach_open()
    vault = running.suite.vault
    for hospital in running.members[:3]:
        equivocate(running, hospital)
    court = running.suite.court
    with ape.reverts(court.CourtNothingToSlash, hospitalId=4):
        equivocate(running, running.members[3])
    assert [vault.pot(number).beneficiaries for number in (1, 2, 3)] == [0b1000] * 3
    assert vault.excluded(running.study) == 0b0111, "what was refused counts for nothing"
    convict(running, 0b1000, Charge.PAYLOAD)
    assert [vault.pot(number).beneficiaries for number in (1, 2, 3)] == [0] * 3
    assert vault.potCount() == 3 and vault.locked(running.study, 4) == BOND
    running.finalise()
    pass_until(vault.pot(1).claimableAt)
    for hospital in running.members:
        with ape.reverts(vault.StakeVaultNotBeneficiary, potId=1, hospitalId=hospital.id):
            vault.claimSlashed(1, hospital.id, sender=hospital.owner)


# Of a released bond


def test_lie_shown_after_the_end__takes_of_what_was_released_and_asked_back(running: Stage) -> None:
    suite, vault, liar = running.suite, running.suite.vault, running.members[3]
    for round_ in (1, 2, 3):
        running.finish(round_)
    suite.studies.releaseBond(running.study, liar.id, sender=running.stranger)
    vault.requestWithdrawal(liar.id, 3 * BOND - 7, sender=liar.owner)
    before = vault.pending(liar.id)[0]
    equivocate(running, liar, 3)
    assert (vault.pending(liar.id)[0], vault.available(liar.id)) == (before - SLICE, 7)
    assert vault.pot(1).amount == SLICE - SLICE * 500 // 10_000


def test_lie_that_nobody_would_gain_by__takes_nothing_and_excludes(running: Stage, acting: Acting) -> None:
    vault, court = running.suite.vault, acting(running.suite.court)
    running.submit_all()
    vault.slash(running.study, FALSE_PAYLOAD, 1, 0b1000, 0b1000, ZERO_ADDRESS, sender=court)
    assert (vault.potCount(), vault.locked(running.study, 4)) == (0, BOND)
    assert vault.excluded(running.study) == vault.punished(running.study, FALSE_PAYLOAD, 1) == 0b1000


def test_charge__that_would_leave_less_than_a_slice__reverts(running: Stage, acting: Acting) -> None:
    vault, ceremony = running.suite.vault, acting(running.suite.ceremony)
    most = BOND - SLICE
    with ape.reverts(vault.StakeVaultInsufficient, hospitalId=4, available=most, wanted=most + 1):
        vault.charge(running.study, 3, 0b0111, most + 1, sender=ceremony)
    vault.charge(running.study, 3, 0b1111, most, sender=ceremony)
    assert vault.pot(1).beneficiaries == 0b0111 and vault.locked(running.study, 4) == SLICE
    # With nobody to share it there is nothing to take.
    vault.charge(running.study, 2, 0b0100, 1, sender=ceremony)
    assert vault.potCount() == 1 and vault.locked(running.study, 3) == BOND
