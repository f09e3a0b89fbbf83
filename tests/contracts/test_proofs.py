# SPDX-License-Identifier: Apache-2.0
"""Whole rounds with real proofs of the small circuits, and every way to pass one off as another."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import ape
import pytest

from node.learning.reference import aggregate, train, update
from node.proofs.artefacts import find_artefacts
from node.proofs.babyjubjub import ORDER
from node.proofs.commitments import aggregation_context, data_commitment, training_context, weights_root
from node.proofs.proof import Proved
from node.proofs.prover import NativeProver
from node.proofs.statements import aggregation_statement, training_statement
from scripts.deployment import catalogue, deploy, load_parameters
from tests.support.bn254 import BASE_ORDER
from tests.support.stage import Hospital, Phase, Stage
from tests.support.suite import BOND, FIELD_ORDER, contracts_of

TRAINING, AGGREGATION = "training_8x4", "aggregation_5"
SHAPE = {"capacity": 8, "batch_size": 4}
EPOCHS, RATE, VALUE_BITS = 2, 128, 26
DIGEST = b"\xab" * 32
# With real verification, for the first submission of a round.
SUBMIT_GAS, FINALISE_GAS = 420_000, 400_000


@dataclasses.dataclass(frozen=True)
class Records:
    """A hospital's rows, and the salt of its commitment."""

    rows: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    salt: int

    @property
    def root(self) -> int:
        return int(data_commitment(self.rows, self.labels, salt=self.salt, **SHAPE))


@dataclasses.dataclass(frozen=True)
class Work:
    """What a hospital makes in a round."""

    update: tuple[int, ...]
    blinding: int
    proved: Proved

    @property
    def commitment(self) -> tuple[int, int]:
        return self.proved.public_signals[5], self.proved.public_signals[6]


WEIGHTS = (120_000, -40_000, 5, 0, -77_777)
RANDOM = random.Random("records")
RECORDS = {
    number: Records(
        tuple(tuple(RANDOM.randint(-128, 127) for _ in range(4)) for _ in range(4 + number)),
        tuple(RANDOM.randint(0, 1) for _ in range(4 + number)),
        RANDOM.getrandbits(248),
    )
    for number in (1, 2, 3)
}


@pytest.fixture(scope="module")
def proving(deployed: Stage, accounts: Any) -> Stage:
    """A study of three hospitals on real verifiers, deployed by the deployment itself, in round 1."""
    council = accounts[23]
    listings = [one for one in catalogue(with_test_circuits=True)[0] if one.name in (TRAINING, AGGREGATION)]
    record = deploy(council, load_parameters("local"), listings, True, say=lambda _: None)
    suite = contracts_of(record, council)
    suite.token.transfer(deployed.sponsor, 10**12, sender=council)
    suite.token.approve(suite.vault, 3 * BOND, sender=council)
    for hospital in deployed.hospitals[:3]:
        suite.registry.register(hospital.operator, f"H{hospital.id}", "", sender=hospital.owner)
        suite.registry.admit(hospital.id, sender=council)
        suite.vault.deposit(hospital.id, BOND, sender=council)
    circuits = record["circuits"]
    stage = dataclasses.replace(
        deployed,
        suite=suite,
        training=circuits[TRAINING]["id"],
        aggregation=circuits[AGGREGATION]["id"],
        members=deployed.hospitals[:3],
        plan={},
    )
    stage.publish(maximum=3, initialRoot=weights_root(WEIGHTS), epochs=EPOCHS, learningRate=RATE)
    for hospital in stage.members:
        records = RECORDS[hospital.id]
        stage.enrol(hospital, rows=len(records.rows), root=records.root)
    stage.hold_ceremony(stage.members)
    return stage


def work_of(stage: Stage, hospital: Hospital, round_: int = 1, digest: bytes = DIGEST) -> Work:
    """Train on the hospital's records and prove it."""
    records, rng = RECORDS[hospital.id], random.Random(f"{hospital.id}/{round_}")
    local = train(WEIGHTS, records.rows, records.labels, epochs=EPOCHS, learning_rate=RATE, **SHAPE)
    made = tuple(update(WEIGHTS, local, len(records.rows), VALUE_BITS))
    blinding = rng.randrange(ORDER)
    statement = training_statement(
        context=stage.suite.rounds.trainingContext(stage.study, round_, hospital.id, digest),
        weights=WEIGHTS,
        rows=records.rows,
        labels=records.labels,
        salt=records.salt,
        update=made,
        blinding=blinding,
        epochs=EPOCHS,
        learning_rate=RATE,
        value_bits=VALUE_BITS,
        **SHAPE,
    )
    return Work(made, blinding, NativeProver().prove(find_artefacts(TRAINING), statement))


def arguments(proved: Proved) -> tuple[Any, Any, Any]:
    return proved.proof.a, proved.proof.b, proved.proof.c


@pytest.fixture(scope="module")
def works(proving: Stage) -> dict[int, Work]:
    """Everybody's proved update of round 1."""
    return {hospital.id: work_of(proving, hospital) for hospital in proving.members}


def submit(stage: Stage, hospital: Hospital, work: Work, round_: int = 1, **changes: Any) -> Any:
    x, y = work.commitment
    given = {"digest": DIGEST, "cx": x, "cy": y, "proof": arguments(work.proved), **changes}
    return stage.submit(hospital, round_, **given)


def finalise(stage: Stage, root: int, proved: Proved, sender: Any = None, **changes: Any) -> Any:
    proof = changes.get("proof", arguments(proved))
    point = changes.get("point", stage.sum())
    return stage.suite.rounds.finalise(stage.study, 1, *point, root, proof, sender=sender or stage.stranger)


def prove_sum(stage: Stage, works: dict[int, Work], round_: int = 1) -> tuple[tuple[int, ...], Proved]:
    """The new weights and the proof that they follow from the opened sum."""
    sums = tuple(sum(parts) for parts in zip(*(work.update for work in works.values()), strict=True))
    rows = sum(len(RECORDS[number].rows) for number in works)
    after = tuple(aggregate(WEIGHTS, sums, rows))
    statement = aggregation_statement(
        context=stage.suite.rounds.aggregationContext(stage.study, round_, 0b111),
        weights=WEIGHTS,
        weights_after=after,
        sums=sums,
        blinding=sum(work.blinding for work in works.values()) % ORDER,
        row_sum=rows,
    )
    return after, NativeProver().prove(find_artefacts(AGGREGATION), statement)


@pytest.fixture
def opening(proving: Stage, works: dict[int, Work]) -> Stage:
    """Round 1 with all real updates included."""
    for hospital in proving.members:
        submit(proving, hospital, works[hospital.id])
    for hospital in proving.members:
        proving.attest(hospital, 0b111)
    proving.include()
    return proving


def test_round__with_real_proofs__moves_the_model_to_the_proved_root(opening: Stage, works: dict[int, Work]) -> None:
    after, proved = prove_sum(opening, works)
    state = opening.suite.rounds.roundState(opening.study, 1)
    assert (*opening.sum(), state.sumRows) == proved.public_signals[1:4]
    root = weights_root(after)
    receipt = finalise(opening, root, proved)
    assert receipt.gas_used < FINALISE_GAS
    assert opening.suite.rounds.RoundFinalised(opening.study, 1, root) in receipt.events
    assert opening.suite.rounds.roundState(opening.study, 2).rootBefore == root


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
    hospital = proving.members[0]
    # The model is still the same: only the context tells the rounds apart.
    with refused(proving):
        submit(proving, hospital, works[hospital.id], round_=2)
    receipt = submit(proving, hospital, work_of(proving, hospital, round_=2), round_=2)
    assert receipt.gas_used < SUBMIT_GAS


def test_proof__for_another_commitment__reverts(proving: Stage, works: dict[int, Work]) -> None:
    first, second = proving.members[0], proving.members[1]
    x, y = works[second.id].commitment
    with refused(proving):
        submit(proving, first, works[first.id], cx=x, cy=y)


def test_proof__with_a_changed_point__reverts(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    a, b, c = arguments(works[hospital.id].proved)
    other = arguments(works[proving.members[1].id].proved)[2]
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


@pytest.mark.parametrize("position", range(7))
def test_verifier__signal_plus_the_field_order_or_off_by_one__is_false(
    proving: Stage, works: dict[int, Work], project: Any, position: int
) -> None:
    address = proving.suite.record["circuits"][TRAINING]["verifier"]
    verifier = project.Training8x4Verifier.at(address)
    proved = works[1].proved
    signals = list(proved.public_signals)
    assert verifier.verifyProof(*arguments(proved), signals)
    for step in (FIELD_ORDER, 1):
        changed = [*signals]
        changed[position] += step
        assert not verifier.verifyProof(*arguments(proved), changed)


def test_proof__malleated__verifies_and_still_spends_no_second_slot(proving: Stage, works: dict[int, Work]) -> None:
    hospital = proving.members[0]
    a, b, c = arguments(works[hospital.id].proved)
    opposite = (
        (a[0], -a[1] % BASE_ORDER),
        (b[0], tuple(-part % BASE_ORDER for part in b[1])),
        c,
    )
    submit(proving, hospital, works[hospital.id], proof=opposite)
    with ape.reverts(proving.suite.rounds.RoundManagerAlreadySubmitted, hospitalId=hospital.id):
        submit(proving, hospital, works[hospital.id])


def test_finalise__another_root_or_another_rounds_proof__reverts(opening: Stage, works: dict[int, Work]) -> None:
    after, proved = prove_sum(opening, works)
    root = weights_root(after)
    rounds = opening.suite.rounds
    with refused(opening):
        finalise(opening, root + 1, proved)
    with ape.reverts(rounds.RoundManagerNotInField, value=root + FIELD_ORDER):
        finalise(opening, root + FIELD_ORDER, proved)
    _, elsewhere = prove_sum(opening, works, round_=2)
    with refused(opening):
        finalise(opening, root, elsewhere)
    assert opening.phase() is Phase.OPEN
