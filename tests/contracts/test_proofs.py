# SPDX-License-Identifier: Apache-2.0
"""Whole rounds with real proofs of the small circuits, and every way to pass one off as another."""

from __future__ import annotations

import dataclasses
from typing import Any

import ape
import pytest

from node.proofs.commitments import aggregation_context, training_context
from node.proofs.proof import Proved
from node.types import Phase
from tests.support.bn254 import BASE_ORDER
from tests.support.proving import CIRCUITS, NO_BOUNDS, Bounds, Work, proof_of
from tests.support.real_proofs import DIGEST, begin, finalise, prove_sum, submit, work_of
from tests.support.stage import Stage
from tests.support.suite import FIELD_ORDER

# With real verification, for the first submission of a round.
SUBMIT_GAS, FINALISE_GAS = 420_000, 400_000


def test_round__with_real_proofs__moves_the_model_to_the_proved_root(
    proved_round: Stage, works: dict[int, Work]
) -> None:
    root, proved = prove_sum(proved_round, works)
    state = proved_round.suite.rounds.roundState(proved_round.study, 1)
    assert (*proved_round.sum(), state.sumRows) == proved.public_signals[1:4]
    receipt = finalise(proved_round, root, proof_of(proved))
    assert receipt.gas_used < FINALISE_GAS
    assert proved_round.suite.rounds.RoundFinalised(proved_round.study, 1, root) in receipt.events
    assert proved_round.suite.rounds.roundState(proved_round.study, 2).rootBefore == root


def test_round__of_a_private_study__takes_what_keeps_its_bounds_and_nothing_else(proving: Stage) -> None:
    study, bounds = dataclasses.replace(proving), Bounds(10**9, 5000)
    begin(study, bounds)
    first = study.members[0]
    for others in (NO_BOUNDS, Bounds(10**9 + 1, 5000), Bounds(10**9, 5001)):
        with refused(study):
            submit(study, first, work_of(study, first, bounds=others))
    works = {hospital.id: work_of(study, hospital, bounds=bounds) for hospital in study.members}
    for hospital in study.members:
        submit(study, hospital, works[hospital.id])
    study.attest_all()
    study.include()
    root, proved = prove_sum(study, works)
    finalise(study, root, proof_of(proved))
    assert study.suite.rounds.roundState(study.study, 2).rootBefore == root


def test_contexts__of_contract_and_node__are_equal(proving: Stage) -> None:
    rounds, chain = proving.suite.rounds, ape.chain.chain_id
    assert rounds.trainingContext(7, 8, 9, DIGEST) == training_context(
        chain_id=chain,
        round_manager=rounds.address,
        study_id=7,
        round_number=8,
        hospital_id=9,
        ciphertext_digest=DIGEST,
    )
    assert rounds.aggregationContext(7, 8, 0b101) == aggregation_context(
        chain_id=chain, round_manager=rounds.address, study_id=7, round_number=8, included_bitmap=0b101
    )


def refused(stage: Stage) -> Any:
    return ape.reverts(stage.suite.rounds.RoundManagerProofInvalid, studyId=stage.study)


def test_proof__copied_from_another_hospital__reverts(proving: Stage, works: dict[int, Work]) -> None:
    thief, victim = proving.members[0], proving.members[1]
    with refused(proving):
        submit(proving, thief, works[victim.id])


def test_proof__for_another_ciphertext__reverts(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    with refused(proving):
        submit(proving, hospital, works[hospital.id], digest=b"\xac" * 32)


def test_proof__of_another_round__reverts(proving: Stage, works: dict[int, Work]) -> None:
    proving.end_phase()
    proving.fail_round()
    proving.hold_ceremony(proving.members, ceremony=2)
    hospital = proving.members[0]
    # The model is still the same: only the context tells the rounds apart.
    with refused(proving):
        submit(proving, hospital, works[hospital.id], round_=2)
    receipt = submit(proving, hospital, work_of(proving, hospital, round_=2), round_=2)
    assert receipt.gas_used < SUBMIT_GAS


def test_proof__of_another_study__reverts(proving: Stage, works: dict[int, Work]) -> None:
    # The same hospitals, records, plan and starting model, beside the first.
    other, hospital = dataclasses.replace(proving), proving.members[0]
    begin(other)
    with refused(other):
        submit(other, hospital, works[hospital.id])
    submit(proving, hospital, works[hospital.id])
    submit(other, hospital, work_of(other, hospital))


def test_proof__for_another_commitment__reverts(proving: Stage, works: dict[int, Work]) -> None:
    first, second = proving.members[0], proving.members[1]
    x, y = works[second.id].commitment
    with refused(proving):
        submit(proving, first, works[first.id], cx=x, cy=y)


def test_proof__with_a_changed_point__reverts(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    a, b, c = proof_of(works[hospital.id].proved)
    other = proof_of(works[proving.members[1].id].proved)[2]
    for proof in ((a, b, other), (c, b, a), ((a[0], a[1] + 1), b, c)):
        with refused(proving):
            submit(proving, hospital, works[hospital.id], proof=proof)


def test_commitment__plus_the_field_order__reverts(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    x, y = works[hospital.id].commitment
    rounds = proving.suite.rounds
    with ape.reverts(rounds.RoundManagerNotInField, value=x + FIELD_ORDER):
        submit(proving, hospital, works[hospital.id], cx=x + FIELD_ORDER)
    with ape.reverts(rounds.RoundManagerNotInField, value=y + FIELD_ORDER):
        submit(proving, hospital, works[hospital.id], cy=y + FIELD_ORDER)


def holds_for_its_signals_alone(verifier: Any, proved: Proved, position: int) -> None:
    """The verifier accepts the proof, and not for a signal plus the field order, nor for the next number."""
    signals = list(proved.public_signals)
    assert verifier.verifyProof(*proof_of(proved), signals)
    for step in (FIELD_ORDER, 1):
        changed = [*signals]
        changed[position] += step
        assert not verifier.verifyProof(*proof_of(proved), changed)


@pytest.mark.parametrize("position", range(7))
def test_verifier__signal_plus_the_field_order_or_off_by_one__is_false(
    proving: Stage, works: dict[int, Work], project: Any, position: int
) -> None:
    address = proving.suite.record["circuits"][CIRCUITS[0]]["verifier"]
    holds_for_its_signals_alone(project.Training8x4Verifier.at(address), works[1].proved, position)


def opposite(proof: Any) -> Any:
    """(−A, −B, C): another proof of the same statement, made by anybody who saw the first."""
    a, b, c = proof
    return (a[0], -a[1] % BASE_ORDER), (b[0], tuple(-part % BASE_ORDER for part in b[1])), c


def half_opposite(proof: Any) -> Any:
    """(−A, B, C), which proves nothing."""
    return opposite(proof)[0], *proof[1:]


def test_proof__malleated__verifies_and_still_spends_no_second_slot(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    proof = proof_of(works[hospital.id].proved)
    with refused(proving):
        submit(proving, hospital, works[hospital.id], proof=half_opposite(proof))
    submit(proving, hospital, works[hospital.id], proof=opposite(proof))
    with ape.reverts(proving.suite.rounds.RoundManagerAlreadySubmitted, hospitalId=hospital.id):
        submit(proving, hospital, works[hospital.id], proof=proof)


def test_proof__malleated__is_of_no_use_to_another_hospital(proving: Stage, works: dict[int, Work]) -> None:
    thief, victim = proving.members[0], works[proving.members[1].id]
    with refused(proving):
        submit(proving, thief, victim, proof=opposite(proof_of(victim.proved)))


def test_finalise__with_a_malleated_proof__sets_the_same_model_once(
    proved_round: Stage, works: dict[int, Work]
) -> None:
    root, proved = prove_sum(proved_round, works)
    with refused(proved_round):
        finalise(proved_round, root, half_opposite(proof_of(proved)))
    finalise(proved_round, root, opposite(proof_of(proved)))
    rounds = proved_round.suite.rounds
    assert rounds.roundState(proved_round.study, 1).rootAfter == root
    with ape.reverts(rounds.RoundManagerWrongPhase, phase=Phase.FINALISED):
        finalise(proved_round, root, proof_of(proved))


def test_finalise__another_root_or_another_rounds_proof__reverts(proved_round: Stage, works: dict[int, Work]) -> None:
    root, proved = prove_sum(proved_round, works)
    rounds = proved_round.suite.rounds
    with refused(proved_round):
        finalise(proved_round, root + 1, proof_of(proved))
    with ape.reverts(rounds.RoundManagerNotInField, value=root + FIELD_ORDER):
        finalise(proved_round, root + FIELD_ORDER, proof_of(proved))
    _, elsewhere = prove_sum(proved_round, works, round_=2)
    with refused(proved_round):
        finalise(proved_round, root, proof_of(elsewhere))
    # A proof of training proves no model.
    with refused(proved_round):
        finalise(proved_round, root, proof_of(works[1].proved))
    assert proved_round.phase() is Phase.OPEN


@pytest.mark.parametrize("position", range(6))
def test_aggregation_verifier__signal_plus_the_field_order_or_off_by_one__is_false(
    proved_round: Stage, works: dict[int, Work], project: Any, position: int
) -> None:
    address = proved_round.suite.record["circuits"][CIRCUITS[1]]["verifier"]
    _, proved = prove_sum(proved_round, works)
    holds_for_its_signals_alone(project.Aggregation5Verifier.at(address), proved, position)
