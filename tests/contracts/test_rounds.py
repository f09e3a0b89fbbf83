# SPDX-License-Identifier: Apache-2.0
"""Rounds with the verifier double: phases, refusals, the attestation rule."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
from eth_abi import encode
from eth_utils import keccak

from node.types import Phase, StudyState, Submission
from tests.support.stage import Stage, commitment, rows_of, update_digest
from tests.support.suite import BOND, DIGEST, FIELD_ORDER, add_points

SLICE = BOND // 4
TOO_FEW_SUBMISSIONS, TOO_FEW_INCLUDED, UNOPENED = range(3)


def test_round__from_submit_to_finalise__sets_the_new_root_and_starts_the_next(running: Stage) -> None:
    rounds = running.suite.rounds
    assert running.state() is StudyState.RUNNING
    assert (rounds.currentRound(running.study), running.phase()) == (1, Phase.SUBMIT)
    assert rounds.roundState(running.study, 1).rootBefore == 42

    running.submit_all()
    assert running.phase() is Phase.ATTEST
    for hospital in running.members:
        receipt = running.attest(hospital, 0b1111)
    assert running.phase() is Phase.INCLUDE
    assert rounds.roundState(running.study, 1).attestEndedAt == receipt.block.timestamp
    receipt = running.include()
    assert running.phase() is Phase.OPEN

    state = rounds.roundState(running.study, 1)
    expected = (0, 1)
    for hospital in running.members:
        expected = add_points(expected, commitment(hospital))
    rows = sum(rows_of(hospital) for hospital in running.members)
    assert (state.sumDigest, state.sumRows) == (keccak(encode(["uint256", "uint256"], expected)), rows)
    assert receipt.events == [rounds.UpdatesIncluded(running.study, 1, 0b1111, *expected, rows)]
    assert state.includedAt == receipt.block.timestamp

    for number in running.quorum():
        running.share(number)
    receipt = running.finalise(root=4711)
    assert receipt.events == [rounds.RoundFinalised(running.study, 1, 4711)]
    assert running.phase() is Phase.FINALISED
    assert (rounds.currentRound(running.study), running.phase(2)) == (2, Phase.SUBMIT)
    assert rounds.roundState(running.study, 2).rootBefore == 4711
    assert running.phase(3) is Phase.NONE


def test_study__after_its_last_round__is_completed(running: Stage) -> None:
    for round_ in (1, 2, 3):
        running.reach_open(round_)
        running.finalise(round_=round_, root=round_)
    assert running.state() is StudyState.COMPLETED
    assert running.suite.rounds.currentRound(running.study) == 3
    running.suite.studies.releaseBond(running.study, 1, sender=running.stranger)
    assert running.suite.vault.available(1) == 3 * BOND


def test_submit__proved_update__is_recorded_and_logged(running: Stage) -> None:
    rounds, hospital = running.suite.rounds, running.members[2]
    x, y = commitment(hospital)
    digest = update_digest(hospital, 1)
    receipt = running.submit(hospital)
    rows = rows_of(hospital)
    assert receipt.events == [rounds.UpdateSubmitted(running.study, 1, hospital.id, digest, 1000, rows, x, y)]
    recorded = keccak(encode(["bytes32", "uint64", "uint256", "uint256"], [digest, 1000, x, y]))
    assert rounds.submission(running.study, 1, hospital.id) == recorded
    assert rounds.submission(running.study, 1, running.members[0].id) == bytes(32)


def test_submit__by_all__ends_the_phase_at_that_block(running: Stage) -> None:
    running.submit_all(running.members[:3])
    assert running.suite.rounds.roundState(running.study, 1).submitEndedAt == 0
    receipt = running.submit(running.members[3])
    assert running.suite.rounds.roundState(running.study, 1).submitEndedAt == receipt.block.timestamp


def test_submit__after_deadline__reverts(running: Stage) -> None:
    running.submit_all(running.members[:3])
    running.end_phase()
    rounds = running.suite.rounds
    with ape.reverts(rounds.RoundManagerWrongPhase, studyId=running.study, round=1, phase=2, needed=1):
        running.submit(running.members[3])


def test_submit__unknown_operator_or_owner__reverts(running: Stage) -> None:
    studies, rounds = running.suite.studies, running.suite.rounds
    for caller in (running.stranger, running.members[0].owner, running.hospitals[5].operator):
        with ape.reverts(studies.StudyRegistryNotEnrolled, studyId=running.study, operator=caller.address):
            rounds.submitUpdate(
                running.study, 1, b"\1" * 32, 1, 0, 1, ((0, 0), ((0, 0), (0, 0)), (0, 0)), sender=caller
            )


def test_submit__twice__reverts(running: Stage) -> None:
    hospital = running.members[0]
    running.submit(hospital)
    with ape.reverts(running.suite.rounds.RoundManagerAlreadySubmitted, round=1, hospitalId=hospital.id):
        running.submit(hospital)


def test_submit__in_another_round__reverts(running: Stage) -> None:
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, round=2, phase=0, needed=1):
        running.submit(running.members[0], round_=2)


def test_submit__commitment_plus_the_field_order_or_no_digest__reverts(running: Stage) -> None:
    hospital, rounds = running.members[0], running.suite.rounds
    x, y = commitment(hospital)
    with ape.reverts(rounds.RoundManagerNotInField, value=x + FIELD_ORDER):
        running.submit(hospital, cx=x + FIELD_ORDER)
    with ape.reverts(rounds.RoundManagerNotInField, value=y + FIELD_ORDER):
        running.submit(hospital, cy=y + FIELD_ORDER)
    with ape.reverts(rounds.RoundManagerEmptyDigest):
        running.submit(hospital, digest=bytes(32))
    # Points off the curve may have no sum: a verifier that lets one through must not strand the round.
    with ape.reverts(rounds.RoundManagerNotOnCurve, cx=x, cy=y + 1):
        running.submit(hospital, cy=y + 1)


def test_submit__proof_that_fails__reverts(running: Stage) -> None:
    running.double.setAccepts(False, sender=running.stranger)
    with ape.reverts(running.suite.rounds.RoundManagerProofInvalid, studyId=running.study, round=1):
        running.submit(running.members[0])


def test_submissions__below_the_minimum_at_the_deadline__fail_the_round(running: Stage) -> None:
    rounds = running.suite.rounds
    running.submit_all(running.members[:2])
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=1, needed=6):
        running.fail_round()
    running.end_phase()
    assert running.phase() is Phase.FAILED
    receipt = running.fail_round()
    assert receipt.events == [rounds.RoundFailed(running.study, 1, TOO_FEW_SUBMISSIONS)]
    assert (rounds.currentRound(running.study), running.phase(2)) == (2, Phase.SUBMIT)
    assert rounds.roundState(running.study, 2).rootBefore == 42
    with ape.reverts(rounds.RoundManagerAlreadyFailed, round=1):
        running.fail_round()


def test_attest__unsubmitted_twice_or_out_of_phase__reverts(running: Stage) -> None:
    rounds, first = running.suite.rounds, running.members[0]
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=1, needed=2):
        running.attest(first, 1)
    running.submit_all(running.members[:3])
    running.end_phase()
    with ape.reverts(rounds.RoundManagerAttestedUnsubmitted, round=1, unsubmitted=0b1000):
        running.attest(first, 0b1111)
    receipt = running.attest(first, 0b0011)
    assert receipt.events == [rounds.CiphertextsAttested(running.study, 1, first.id, 0b0011)]
    assert rounds.attestation(running.study, 1, first.id) == 0b0011
    with ape.reverts(rounds.RoundManagerAlreadyAttested, hospitalId=first.id):
        running.attest(first, 0b0111)
    # A hospital that did not submit can still hold and serve what others did.
    running.attest(running.members[3], 0b0111)
    running.end_phase()
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=3, needed=2):
        running.attest(running.members[1], 0b0111)


def test_include__exactly_those_with_t_attestations(running: Stage) -> None:
    rounds, vault = running.suite.rounds, running.suite.vault
    running.submit_all()
    for hospital, bitmap in zip(running.members, (0b1111, 0b0001, 0b0110, 0b0000), strict=True):
        running.attest(hospital, bitmap)
    receipt = running.include()
    # Held by two: 0, 1, 2; by one only: 3, which is left out although all four attested.
    assert rounds.roundState(running.study, 1).includedBitmap == 0b0111
    left_out = running.members[3]
    assert vault.BondSlashed(running.study, left_out.id, 1, 1, SLICE) in receipt.events
    assert vault.locked(running.study, left_out.id) == BOND - SLICE
    assert sum(event.event_name == "BondSlashed" for event in receipt.events) == 1


def test_include__with_few_attesting__slashes_nobody(running: Stage) -> None:
    running.submit_all()
    running.attest(running.members[0], 0b1111)
    running.attest(running.members[1], 0b0111)
    running.end_phase()
    receipt = running.include()
    assert running.suite.rounds.roundState(running.study, 1).includedBitmap == 0b0111
    assert not any(event.event_name == "BondSlashed" for event in receipt.events)


def test_include__below_the_minimum__fails_the_round_unopened(running: Stage) -> None:
    rounds, vault = running.suite.rounds, running.suite.vault
    running.submit_all()
    for hospital in running.members[:3]:
        running.attest(hospital, 0b0011)
    running.end_phase()
    receipt = running.include()
    assert rounds.RoundFailed(running.study, 1, TOO_FEW_INCLUDED) in receipt.events
    assert running.phase() is Phase.FAILED
    assert rounds.currentRound(running.study) == 2
    # 2t − 1 hospitals attested: what two of them could not get hold of counts as withheld.
    assert [vault.locked(running.study, h.id) for h in running.members] == [BOND] * 2 + [BOND - SLICE] * 2


def test_include__other_submissions_than_recorded__reverts(running: Stage) -> None:
    rounds = running.suite.rounds
    running.submit_all()
    running.attest_all(0b0111)
    assert rounds.includable(running.study, 1) == 0b0111

    def include(updates: list[Submission]) -> Any:
        given = [(one.digest, one.size, one.cx, one.cy) for one in updates]
        return rounds.includeUpdates(running.study, 1, given, sender=running.stranger)

    right = running.included(0b0111)
    for size, updates in ((0, []), (2, right[:2]), (4, running.included(0b1111))):
        with ape.reverts(rounds.RoundManagerWrongSubmissionCount, given=size, needed=3):
            include(updates)
    with ape.reverts(rounds.RoundManagerWrongSubmission, round=1, hospitalId=running.members[0].id):
        include([right[1], right[0], right[2]])
    for changes in ({"size": 1001}, {"digest": DIGEST}, {"cx": right[2].cx + FIELD_ORDER}, {"cy": 1}):
        with ape.reverts(rounds.RoundManagerWrongSubmission, hospitalId=running.members[2].id):
            include([*right[:2], dataclasses.replace(right[2], **changes)])
    include(right)


def test_include__before_attesting_ended__reverts(running: Stage) -> None:
    running.submit_all()
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, phase=2, needed=3):
        running.include()
