# SPDX-License-Identifier: Apache-2.0
"""Opening a round with the verifier double: shares by CKKS and by pads, finalising, and what proofs are bound to."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from eth_abi import encode
from eth_utils import keccak

from node.types import Opening, Phase, StudyState
from tests.support.stage import PAD_SHARE, Stage
from tests.support.suite import DIGEST, FIELD_ORDER, NO_PROOF, pass_until


@pytest.fixture
def opening(running: Stage) -> Stage:
    """Round 1 in its first window, everybody included."""
    running.reach_open()
    return running


def test_share__not_named_twice_or_empty__reverts(opening: Stage) -> None:
    openings = opening.suite.openings
    named = opening.quorum()
    outsider = next(h for h in opening.members if h.id not in named)
    with ape.reverts(openings.OpeningsNotInQuorum, round=1, hospitalId=outsider.id):
        opening.share(outsider.id)
    insider = next(h for h in opening.members if h.id == named[0])
    with ape.reverts(openings.OpeningsEmptyDigest):
        opening.share(named[0], digest=bytes(32))
    receipt = opening.share(named[0])
    signature = opening.sign(insider.operator, DIGEST)
    assert receipt.events == [openings.SharePosted(opening.study, 1, named[0], DIGEST, 500, signature)]
    assert openings.sharesPosted(opening.study, 1) == (1 << opening.index(insider), 0)
    with ape.reverts(openings.OpeningsAlreadyPosted, hospitalId=named[0]):
        opening.share(named[0])


def test_share__signed_by_another_key_or_for_something_else__reverts(opening: Stage) -> None:
    openings, insider = opening.suite.openings, next(h for h in opening.members if h.id == opening.quorum()[0])
    signatures = (
        b"",
        bytes(65),
        opening.sign(opening.stranger, DIGEST),
        opening.sign(insider.owner, DIGEST),
        opening.sign(insider.operator, b"\x12" * 32),
        opening.sign(insider.operator, DIGEST, round_=2, included=0b1111),
        opening.sign(insider.operator, DIGEST, included=0b0111),
    )
    for signature in signatures:
        with ape.reverts(openings.OpeningsWrongSignature, round=1, hospitalId=insider.id):
            openings.postShare(opening.study, 1, DIGEST, 500, signature, sender=insider.operator)


def test_share__by_a_stranger__reverts(opening: Stage) -> None:
    studies, openings = opening.suite.studies, opening.suite.openings
    for call, rest in (
        (openings.postShare, (DIGEST, 5, bytes(65))),
        (openings.postPadShare, (PAD_SHARE,)),
        (openings.postPadShareFile, (DIGEST, 5)),
    ):
        with ape.reverts(studies.StudyRegistryNotEnrolled, operator=opening.stranger.address):
            call(opening.study, 1, *rest, sender=opening.stranger)


def test_ckks__after_its_window__is_never_opened_again(opening: Stage) -> None:
    """One attempt, one quorum: every further share of a sum would tell more of the keys.

    Removed: that a CKKS share needs the first window.
    """
    openings, late = opening.suite.openings, opening.quorum()[0]
    pass_until(opening.record().padsFrom - 2)
    opening.share(opening.quorum()[1])
    opening.reach_pads()
    for reach in (opening.reach_pads, opening.reach_suspension):
        reach()
        with ape.reverts(openings.OpeningsWrongPhase, round=1):
            opening.share(late)
    opening.pad_share_all(opening.members[:2])
    opening.finalise()
    with ape.reverts(openings.OpeningsWrongPhase, round=1):
        opening.share(late)


def test_pad_share__before_the_set_is_fixed_or_while_ckks_opens__reverts(running: Stage) -> None:
    """A pad share is public for good: none leaves while the round may still open without."""
    openings, first = running.suite.openings, running.members[0]
    wrong = ape.reverts(openings.OpeningsWrongPhase, round=1)
    running.submit_all()
    with wrong:
        running.pad_share(first)
    running.attest_all()
    with wrong:
        running.pad_share(first)
    running.include()
    with wrong:
        running.pad_share(first)
    running.reach_pads()
    running.pad_share(first)


def test_pad_share__of_any_participant__is_logged_once_by_event_or_by_file(opening: Stage) -> None:
    openings, (first, second, third, fourth) = opening.suite.openings, opening.members
    opening.reach_pads()
    receipt = opening.pad_share(first, share=b"\x07" * openings.MAX_INLINE_BYTES())
    assert receipt.events == [openings.PadSharePosted(opening.study, 1, first.id, b"\x07" * 2048)]
    receipt = openings.postPadShareFile(opening.study, 1, DIGEST, 99_999, sender=second.operator)
    assert receipt.events == [openings.PadShareFilePosted(opening.study, 1, second.id, DIGEST, 99_999)]
    assert openings.sharesPosted(opening.study, 1) == (0, 0b0011)
    for again in (first, second):
        with ape.reverts(openings.OpeningsAlreadyPosted, hospitalId=again.id):
            opening.pad_share(again)
        with ape.reverts(openings.OpeningsAlreadyPosted, hospitalId=again.id):
            openings.postPadShareFile(opening.study, 1, DIGEST, 64, sender=again.operator)
    for length in (0, 2049):
        with ape.reverts(openings.OpeningsWrongLength, length=length, limit=2048):
            opening.pad_share(third, share=bytes(length))
    with ape.reverts(openings.OpeningsEmptyDigest):
        openings.postPadShareFile(opening.study, 1, bytes(32), 64, sender=fourth.operator)


def test_pad_share__of_a_hospital_outside_the_batch__reverts(stage: Stage) -> None:
    """It was dealt nothing, or was left out."""
    stage.run(4)
    stage.submit_all(stage.members[:3])
    stage.end_phase()
    stage.attest_all(0b0111)
    stage.include()
    stage.reach_pads()
    # Whoever did not submit holds shares all the same.
    stage.pad_share(stage.members[3])
    with ape.reverts(stage.suite.studies.StudyRegistryNotEnrolled):
        stage.pad_share(stage.hospitals[5])


def test_round__of_a_plan_with_pads_alone__opens_by_pads_at_once(stage: Stage) -> None:
    stage.run(4, padsOnly=True)
    stage.reach_open()
    record = stage.record()
    assert (record.opening, record.padsFrom) == (Opening.PADS, record.includedAt)
    assert record.padsUntil == record.includedAt + stage.plan["openLength"]
    assert stage.quorum() == []
    with ape.reverts(stage.suite.openings.OpeningsWrongPhase):
        stage.suite.openings.postShare(stage.study, 1, DIGEST, 5, bytes(65), sender=stage.members[0].operator)
    stage.pad_share_all(stage.members[:2])
    stage.finalise()
    assert stage.suite.rounds.failedCkksOpenings(stage.study) == 0


def test_ckks__that_failed_twice__is_given_up_for_the_rest_of_the_study(stage: Stage) -> None:
    """Garbage in it names nobody, so that it must not cost more than two windows.

    Removed: that `opening` follows from the count of failed openings.
    """
    stage.run(4, rounds=5, batchRounds=5)
    failed = stage.suite.rounds.failedCkksOpenings
    for round_, late in ((1, True), (2, False), (3, True), (4, False), (5, True)):
        before = failed(stage.study)
        assert stage.record(round_).opening == (Opening.CKKS if before < 2 else Opening.PADS)
        stage.reach_open(round_)
        record = stage.record(round_)
        if late:
            pass_until(max(record.padsFrom, record.padsUntil - 10))
        stage.finalise(1000 + round_, round_)
        assert failed(stage.study) == before + (late and before < 2)
        # Constant during a round and after it, whatever comes of others.
        assert stage.record(round_).opening == record.opening
    assert (failed(stage.study), stage.state()) == (2, StudyState.COMPLETED)
    assert [stage.record(number).opening for number in range(1, 6)] == [0, 0, 0, 1, 1]


def test_ckks__finalised_in_the_last_second_of_its_window__has_not_failed(opening: Stage) -> None:
    deadline = opening.record().padsFrom
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [deadline - 1])
    assert opening.finalise().timestamp == deadline - 1
    assert opening.suite.rounds.failedCkksOpenings(opening.study) == 0


def test_ckks__finalised_at_the_second_of_its_deadline__has_failed(opening: Stage) -> None:
    deadline = opening.record().padsFrom
    ape.chain.provider.make_request("evm_setNextBlockTimestamp", [deadline])
    assert opening.finalise().timestamp == deadline
    assert opening.suite.rounds.failedCkksOpenings(opening.study) == 1


def test_finalise__out_of_range_refused_or_too_early__reverts(running: Stage) -> None:
    rounds = running.suite.rounds
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=Phase.SUBMIT, needed=Phase.OPEN):
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
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=Phase.FINALISED, needed=Phase.OPEN):
        running.finalise()


def test_post_model__of_a_finalised_round__is_logged_as_often_as_wanted(opening: Stage) -> None:
    rounds = opening.suite.rounds
    digest = b"\x55" * 32
    with ape.reverts(rounds.RoundManagerWrongPhase, needed=Phase.FINALISED):
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
