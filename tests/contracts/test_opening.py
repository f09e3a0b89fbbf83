# SPDX-License-Identifier: Apache-2.0
"""Opening a round with the verifier double: shares, finalising, failing, and what proofs are bound to."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from node.types import Phase, StudyState
from tests.support.stage import Stage
from tests.support.suite import BOND, DIGEST, FIELD_ORDER, NO_PROOF, pass_until

SLICE = BOND // 4
TOO_FEW_SUBMISSIONS, TOO_FEW_INCLUDED, UNOPENED = range(3)


@pytest.fixture
def opening(running: Stage) -> Stage:
    """Round 1 in the first opening attempt, everybody included."""
    running.reach_open()
    return running


def test_share__not_named_twice_wrong_attempt_or_empty__reverts(opening: Stage) -> None:
    rounds = opening.suite.rounds
    named = opening.quorum()
    outsider = next(h for h in opening.members if h.id not in named)
    with ape.reverts(rounds.RoundManagerNotInQuorum, round=1, attempt=0, hospitalId=outsider.id):
        opening.share(outsider.id)
    with ape.reverts(rounds.RoundManagerWrongAttempt, attempt=1, current=0):
        opening.share(named[0], attempt=1)
    insider = next(h for h in opening.members if h.id == named[0])
    with ape.reverts(rounds.RoundManagerEmptyDigest):
        opening.share(named[0], digest=bytes(32))
    receipt = opening.share(named[0])
    signature = opening.sign(insider.operator, 0, DIGEST)
    assert receipt.events == [rounds.SharePosted(opening.study, 1, 0, named[0], DIGEST, 500, signature)]
    assert rounds.sharesPosted(opening.study, 1, 0) == 1 << opening.index(insider)
    with ape.reverts(rounds.RoundManagerAlreadyPosted, attempt=0, hospitalId=named[0]):
        opening.share(named[0])


def test_share__signed_by_another_key_or_for_something_else__reverts(opening: Stage) -> None:
    rounds, insider = opening.suite.rounds, next(h for h in opening.members if h.id == opening.quorum()[0])
    signatures = (
        b"",
        bytes(65),
        opening.sign(opening.stranger, 0, DIGEST),
        opening.sign(insider.owner, 0, DIGEST),
        opening.sign(insider.operator, 0, b"\x12" * 32),
        opening.sign(insider.operator, 1, DIGEST),
        opening.sign(insider.operator, 0, DIGEST, round_=2, included=0b1111),
        opening.sign(insider.operator, 0, DIGEST, included=0b0111),
    )
    for signature in signatures:
        with ape.reverts(rounds.RoundManagerWrongSignature, round=1, hospitalId=insider.id):
            rounds.postShare(opening.study, 1, 0, DIGEST, 500, signature, sender=insider.operator)


def test_shares__of_a_full_quorum__verify_the_work_and_do_not_end_the_phase(opening: Stage) -> None:
    rounds = opening.suite.rounds
    first, second = opening.quorum()
    opening.share(first)
    assert not rounds.roundState(opening.study, 1).verified
    receipt = opening.share(second)
    assert rounds.WorkVerified(opening.study, 1, 0) in receipt.events
    assert rounds.roundState(opening.study, 1).verified
    assert opening.phase() is Phase.OPEN
    assert tuple(rounds.tally(opening.study)) == (1, 0)


def test_finalise__out_of_range_refused_or_too_early__reverts(running: Stage) -> None:
    rounds = running.suite.rounds
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=1, needed=4):
        running.finalise()
    running.reach_open()
    with ape.reverts(rounds.RoundManagerNotInField, value=FIELD_ORDER + 1):
        running.finalise(root=FIELD_ORDER + 1)
    x, y = running.sum()
    for point in ((x + FIELD_ORDER, y), (x, y + 1), (0, 1)):
        with ape.reverts(rounds.RoundManagerWrongSum, studyId=running.study, round=1):
            rounds.finalise(running.study, 1, *point, 777, NO_PROOF, sender=running.stranger)
    running.double.setAccepts(False, sender=running.stranger)
    with ape.reverts(rounds.RoundManagerProofInvalid, round=1):
        running.finalise()
    running.double.setAccepts(True, sender=running.stranger)
    running.finalise()
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=5, needed=4):
        running.finalise()


def test_finalise__in_a_later_attempt__slashes_who_missed_the_first(opening: Stage) -> None:
    vault = opening.suite.vault
    first, second = opening.quorum()
    opening.share(first)
    opening.end_phase()
    assert opening.suite.rounds.currentAttempt(opening.study, 1) == 1
    named = opening.quorum(1)
    assert second not in named
    for number in named:
        opening.share(number, attempt=1)
    receipt = opening.finalise()
    assert vault.BondSlashed(opening.study, second, 2, 1, SLICE) in receipt.events
    assert [vault.locked(opening.study, h.id) for h in opening.members] == [
        BOND - SLICE if h.id == second else BOND for h in opening.members
    ]


def test_unopened__after_all_attempts__fails_and_slashes_who_was_named(opening: Stage) -> None:
    rounds, vault = opening.suite.rounds, opening.suite.vault
    opening.end_phase()
    opening.end_phase()
    assert opening.phase() is Phase.FAILED
    receipt = opening.fail_round()
    assert rounds.RoundFailed(opening.study, 1, UNOPENED) in receipt.events
    # Two quorums of two, and nobody of the first is named again: all four kept silent, so that nobody is left
    # whom it could go to, and nobody gains by it.
    assert [vault.locked(opening.study, h.id) for h in opening.members] == [BOND] * 4
    assert vault.potCount() == 0
    assert rounds.roundState(opening.study, 2).rootBefore == 42


def test_unopened__full_quorums__fail_and_slash_nobody(opening: Stage) -> None:
    for attempt in (0, 1):
        for number in opening.quorum(attempt):
            opening.share(number, attempt=attempt)
        opening.end_phase()
    receipt = opening.fail_round()
    assert not any(event.event_name == "BondSlashed" for event in receipt.events)
    assert tuple(opening.suite.rounds.tally(opening.study)) == (1, 0)


def test_unopened_rounds__too_many_in_a_row__cancel_the_study(running: Stage) -> None:
    rounds, studies = running.suite.rounds, running.suite.studies
    for round_ in (1, 2):
        running.end_phase(round_)
        running.fail_round(round_)
    assert running.state() is StudyState.CANCELLED
    assert (rounds.currentRound(running.study), running.phase(3)) == (2, Phase.NONE)
    with ape.reverts(rounds.RoundManagerWrongPhase, round=3, phase=0, needed=1):
        running.submit(running.members[0], round_=3)
    for hospital in running.members:
        studies.releaseBond(running.study, hospital.id, sender=running.stranger)
    assert running.suite.rewards.refundable(running.study) == studies.requiredFunding(running.study)


def test_unopened_rounds__not_in_a_row__do_not_end_the_study(running: Stage) -> None:
    running.end_phase(1)
    running.fail_round(1)
    running.reach_open(2)
    running.finalise(round_=2)
    running.end_phase(3)
    running.fail_round(3)
    assert running.state() is StudyState.COMPLETED


def test_post_model__of_a_finalised_round__is_logged_as_often_as_wanted(opening: Stage) -> None:
    rounds = opening.suite.rounds
    digest = b"\x55" * 32
    with ape.reverts(rounds.RoundManagerWrongPhase, needed=5):
        rounds.postModel(opening.study, 1, digest, 99, sender=opening.stranger)
    opening.finalise()
    for caller in (opening.stranger, opening.sponsor):
        receipt = rounds.postModel(opening.study, 1, digest, 99, sender=caller)
        assert receipt.events == [rounds.ModelPosted(opening.study, 1, caller, digest, 99)]
    with ape.reverts(rounds.RoundManagerEmptyDigest):
        rounds.postModel(opening.study, 1, bytes(32), 99, sender=opening.stranger)


def test_context__of_a_proof__binds_chain_contract_study_round_hospital_and_digest(running: Stage) -> None:
    rounds = running.suite.rounds

    def context(tag: bytes, *values: Any) -> int:
        types = ["bytes32", "uint256", "address", "uint256", "uint256", "uint256", "bytes32"]
        bound = encode(types, [keccak(tag), ape.chain.chain_id, rounds.address, *values])
        return int.from_bytes(keccak(bound)) % FIELD_ORDER

    digest = b"\x77" * 32
    assert rounds.trainingContext(5, 6, 7, digest) == context(b"consilium.training.v1", 5, 6, 7, digest)
    expected = context(b"consilium.aggregation.v1", 5, 6, 0, (0b1011).to_bytes(32))
    assert rounds.aggregationContext(5, 6, 0b1011) == expected


@pytest.mark.parametrize("finalised", [True, False])
def test_attempt__of_a_closed_round__does_not_go_on_with_the_clock(opening: Stage, finalised: bool) -> None:
    rounds, attempts = opening.suite.rounds, opening.plan["attempts"]
    if finalised:
        opening.share_all()
        opening.finalise()
        reached = 0
    else:
        for attempt in range(attempts):
            opening.share_all(attempt, digest=b"\x66" * 32)
            opening.end_phase()
        opening.fail_round()
        reached = attempts
    quorums = [opening.quorum(attempt) for attempt in range(attempts)]
    pass_until(ape.chain.blocks.head.timestamp + (attempts + 1) * opening.plan["openLength"])
    assert rounds.currentAttempt(opening.study, 1) == reached
    assert [opening.quorum(attempt) for attempt in range(attempts)] == quorums
    assert [bool(quorum) for quorum in quorums] == [attempt <= reached for attempt in range(attempts)]
