# SPDX-License-Identifier: Apache-2.0
"""Lies that only nodes can check: t participants say so, and t include an honest one."""

from __future__ import annotations

import ape
import pytest

from node.types import CeremonyStep, Charge, Offence, Phase
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND, pass_until

SLICE = BOND // 4
PAYLOAD, PAD_SHARE = Charge.PAYLOAD, Charge.PAD_SHARE


@pytest.fixture
def five(stage: Stage) -> Stage:
    """Five hospitals, t = 3, minimum 4, all of whom have submitted."""
    stage.run(5, threshold=3, minimum=4, unopenedRounds=3, patience=2_100)
    stage.submit_all()
    return stage


def bonds(stage: Stage) -> list[int]:
    return [stage.suite.vault.locked(stage.study, one.id) for one in stage.members]


def test_accused__by_one_less_than_t__is_innocent(five: Stage) -> None:
    """All liars together take nobody's slice and nobody's place.

    Removed: that a conviction needs t accusers.
    """
    court, vault = five.suite.court, five.suite.vault
    for liar in five.members[:2]:
        receipt = five.accuse(liar, 0b11100, PAYLOAD)
        assert receipt.events == [court.Accused(five.study, 1, liar.id, PAYLOAD, 0b11100)]
    assert court.convicted(five.study, 1, PAYLOAD) == 0
    assert bonds(five) == [BOND] * 5 and vault.excluded(five.study) == 0
    five.attest_all()
    five.include()
    assert five.record().includedBitmap == 0b11111


def test_accused__by_t__pays_a_slice_to_the_others_and_has_no_place_in_the_next_ceremony(five: Stage) -> None:
    court, vault, study = five.suite.court, five.suite.vault, five.study
    for accuser in five.members[:2]:
        five.accuse(accuser, 0b10000, PAYLOAD)
    receipt = five.accuse(five.members[2], 0b10000, PAYLOAD)
    liar = five.members[4]
    assert receipt.events == [
        court.Accused(study, 1, five.members[2].id, PAYLOAD, 0b10000),
        court.Convicted(study, 1, PAYLOAD, 0b10000),
        vault.BondSlashed(study, liar.id, Offence.FALSE_PAYLOAD, 1, SLICE),
        vault.PotMade(1, study, Offence.FALSE_PAYLOAD, 1, SLICE, 0b01111),
    ]
    assert court.convicted(study, 1, PAYLOAD) == vault.excluded(study) == 0b10000
    assert bonds(five) == [BOND] * 4 + [BOND - SLICE]
    assert five.suite.ceremony.nextDue(study) == 0b01111


def test_conviction__costs_once_however_many_accuse(five: Stage) -> None:
    """Removed: that only the accusation that reaches t convicts."""
    court = five.suite.court
    for accuser in five.members[:4]:
        five.accuse(accuser, 0b10000, PAYLOAD)
    assert bonds(five)[4] == BOND - SLICE
    again = five.members[0]
    with ape.reverts(court.CourtAlreadyAccused, round=1, hospitalId=again.id, accused=0b10000):
        five.accuse(again, 0b11000, PAYLOAD)
    assert court.accusedBy(five.study, 1, PAYLOAD, 0) == 0b10000


def test_accusations__of_several_at_different_times__count_for_each(five: Stage) -> None:
    court, study = five.suite.court, five.study
    five.accuse(five.members[0], 0b11000, PAYLOAD)
    five.accuse(five.members[1], 0b10000, PAYLOAD)
    five.accuse(five.members[2], 0b01000, PAYLOAD)
    assert court.convicted(study, 1, PAYLOAD) == 0
    receipt = five.accuse(five.members[1], 0b01000, PAYLOAD)
    assert court.Convicted(study, 1, PAYLOAD, 0b01000) in receipt.events
    assert court.accusedBy(study, 1, PAYLOAD, 1) == 0b11000
    five.accuse(five.members[2], 0b10000, PAYLOAD)
    assert court.convicted(study, 1, PAYLOAD) == 0b11000
    assert bonds(five) == [BOND] * 3 + [BOND - SLICE] * 2


def test_charges__are_counted_apart(five: Stage) -> None:
    """Two for one lie and one for another are not three."""
    court, study, liar = five.suite.court, five.study, five.members[4]
    five.attest_all()
    five.include()
    five.reach_pads()
    five.pad_share(liar)
    for accuser in five.members[:2]:
        five.accuse(accuser, 0b10000, PAYLOAD)
    five.accuse(five.members[2], 0b10000, PAD_SHARE)
    assert court.convicted(study, 1, PAYLOAD) == court.convicted(study, 1, PAD_SHARE) == 0
    for accuser in five.members[:2]:
        receipt = five.accuse(accuser, 0b10000, PAD_SHARE)
    assert five.suite.vault.BondSlashed(study, liar.id, Offence.FALSE_PAD_SHARE, 1, SLICE) in receipt.events


def test_accused__behind_a_bad_network__did_nothing_that_a_charge_is_for(five: Stage) -> None:
    """Absence is never a lie: who posted nothing cannot be accused, by however many.

    Removed: that a charge is for those who submitted, or posted a pad share.
    """
    court = five.suite.court
    five.attest_all()
    five.include()
    five.reach_pads()
    five.pad_share_all(five.members[:3])
    with ape.reverts(court.CourtNothingToAccuse, studyId=five.study, round=1, without=0b11000):
        five.accuse(five.members[0], 0b11001, PAD_SHARE)
    five.finalise()
    five.submit_all(five.members[:4], 2)
    with ape.reverts(court.CourtNothingToAccuse, round=2, without=0b10000):
        five.accuse(five.members[0], 0b10000, PAYLOAD, 2)
    for charge in Charge:
        with ape.reverts(court.CourtNothingToAccuse, round=1, without=0):
            five.accuse(five.members[0], 0, charge)


def test_accuse__by_who_takes_no_part__reverts(five: Stage) -> None:
    """Removed: that accusers are the round's participants; shells of one owner could convict."""
    suite, outsider = five.suite, five.hospitals[5]
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled, operator=outsider.operator.address):
        five.accuse(outsider, 0b1, PAYLOAD)
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled):
        suite.court.accuse(five.study, 1, PAYLOAD, 1, sender=five.members[0].owner)


@pytest.fixture
def left_out(stage: Stage) -> Hospital:
    """A member that sat out the ceremony which made round 2's keys; the others have submitted in that round."""
    stage.run(5, unopenedRounds=3, patience=2_100)
    stage.submit_all(stage.members[:2])
    stage.end_phase()
    stage.fail_round()
    stage.hold_step(stage.members[:4], CeremonyStep.KEY, ceremony=2)
    stage.move_on()
    for step in (CeremonyStep.DEAL, CeremonyStep.HOLD, CeremonyStep.ACKNOWLEDGE):
        stage.hold_step(stage.members[:4], step, ceremony=2)
    stage.submit_all(stage.members[:4], 2)
    return stage.members[4]


def test_accuse__by_a_member_outside_the_batch__reverts(stage: Stage, left_out: Hospital) -> None:
    """It sat the ceremony out, and holds no bytes of the round."""
    with ape.reverts(stage.suite.court.CourtNotParticipant, hospitalId=left_out.id):
        stage.accuse(left_out, 0b1, PAYLOAD, 2)


def test_pad_share__by_a_member_outside_the_batch__reverts(stage: Stage, left_out: Hospital) -> None:
    """Nobody dealt to it: what it posts could be no share."""
    stage.attest_all(0b1111, stage.members[:4], 2)
    stage.include(2)
    stage.reach_pads(2)
    with ape.reverts(stage.suite.openings.OpeningsNotParticipant, hospitalId=left_out.id):
        stage.pad_share(left_out, 2)


def test_accuse__until_the_last_second_of_the_window__and_no_later(five: Stage) -> None:
    court = five.suite.court
    five.attest_all()
    five.include()
    five.finalise()
    deadline = five.record().closedAt + court.EVIDENCE_WINDOW()
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [deadline - 1])
    assert five.accuse(five.members[0], 0b10000, PAYLOAD).timestamp == deadline - 1
    pass_until(deadline)
    with ape.reverts(court.CourtTooLate, round=1, deadline=deadline):
        five.accuse(five.members[1], 0b10000, PAYLOAD)


def test_false_share__in_recovery__is_a_lie_too(five: Stage) -> None:
    """Whoever withholds a model could else feed garbage to who asks for it."""
    five.attest_all()
    five.include()
    five.finalise()
    assert five.phase(2) is Phase.SUBMIT
    five.pad_share(five.members[4])
    for accuser in five.members[:3]:
        five.accuse(accuser, 0b10000, PAD_SHARE)
    assert bonds(five)[4] == BOND - SLICE


def test_convicted__submits_and_is_left_out_like_anybody__and_earns_nothing(five: Stage) -> None:
    for accuser in five.members[:3]:
        five.accuse(accuser, 0b10000, PAYLOAD)
    five.attest_all(0b01111)
    five.include()
    five.finalise()
    assert five.suite.rewards.earned(five.study, 1, five.members[4].id) == 0
    assert five.record().includedBitmap == 0b01111


def test_convicted__of_everything__everybody__takes_what_somebody_is_left_to_share(stage: Stage) -> None:
    """Nothing is taken where nobody would benefit; who lied is out all the same."""
    stage.run(3)
    stage.submit_all()
    for accuser in stage.members[:2]:
        stage.accuse(accuser, 0b111, PAYLOAD)
    assert stage.suite.court.convicted(stage.study, 1, PAYLOAD) == stage.suite.vault.excluded(stage.study) == 0b111
    assert bonds(stage) == [BOND] * 3
