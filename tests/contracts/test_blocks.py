# SPDX-License-Identifier: Apache-2.0
"""Hospitals with more rows than the circuit: blocks, the draw by a block hash and salts, and the one that is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import ape
import pytest
from ape.api import ReceiptAPI
from eth_abi.abi import encode
from eth_utils import keccak

from node.chain.blocks import Block, BlockTree
from node.types import CeremonyStep, Phase, StudyState
from tests.support.consents import consent
from tests.support.stage import Hospital, Stage, rows_of, salt_of
from tests.support.suite import (
    BOND,
    DIGEST,
    FIELD_ORDER,
    REWARD,
    Call,
    in_one_block,
    make_circuit,
    mine,
    payout_commitment,
    salt_commitment,
    send,
)

#: As far back as a contract can ask for hashes.
REACH = 256
BLOCKS: tuple[Block, ...] = tuple((7_000 + number, 10 + number) for number in range(11))


def mine_until(number: int) -> None:
    """The next transaction is in the block of that number."""
    mine(number - 1 - ape.chain.blocks.height)


def tree_of(hospital: Hospital, blocks: tuple[Block, ...] = BLOCKS) -> BlockTree:
    """Every hospital has data of its own."""
    return BlockTree([(root + 100 * hospital.id, rows) for root, rows in blocks])


def enrol(stage: Stage, hospital: Hospital, tree: BlockTree | None = None, payout: bytes = bytes(32)) -> ReceiptAPI:
    made = tree or tree_of(hospital)
    given = (made.root, len(made.blocks), payout, salted(hospital))
    return stage.suite.blocks.enrolBlocks(stage.study, *given, sender=hospital.operator)


def salted(hospital: Hospital) -> bytes:
    """What a hospital commits to its salt by."""
    return salt_commitment(salt_of(hospital))


def show_salts(stage: Stage, hospitals: Sequence[Hospital]) -> None:
    """All hospitals post their keys for the first ceremony, and with them their salts."""
    stage.hold_step(hospitals, CeremonyStep.KEY)


def mix_of(hospitals: Sequence[Hospital]) -> bytes:
    """XOR of keccak256(abi.encode(index, salt)), those that posted keys being the first to enrol."""
    parts = [keccak(encode(["uint8", "bytes32"], [place, salt_of(one)])) for place, one in enumerate(hospitals)]
    return reduce(lambda left, right: bytes(a ^ b for a, b in zip(left, right, strict=True)), parts)


def drawn(stage: Stage, hospital: Hospital) -> int:
    return int(stage.suite.blocks.drawnBlock(stage.study, hospital.id))


def use(stage: Stage, hospital: Hospital, index: int | None = None, tree: BlockTree | None = None) -> ReceiptAPI:
    """Open the block that was drawn, or another one."""
    made = tree or tree_of(hospital)
    shown = drawn(stage, hospital) if index is None else index
    path = list(made.path(shown))
    return stage.suite.blocks.useBlock(stage.study, *made.blocks[shown], path, sender=hospital.operator)


def lose(stage: Stage, hospital: Hospital) -> int:
    """Wait until nobody can ask for the hash any more; the block that was to draw."""
    draw_at = int(stage.suite.blocks.blocksOf(stage.study, hospital.id).drawAt)
    mine_until(draw_at + REACH + 2)
    return draw_at


@pytest.fixture
def enrolling(stage: Stage) -> Stage:
    """A funded study with places, in which the first hospital enrolled with blocks; the hash that draws is known."""
    stage.publish(maximum=4)
    enrol(stage, stage.hospitals[0])
    mine(2)
    return stage


@pytest.fixture
def sampled(enrolling: Stage) -> Stage:
    """The same with four hospitals, when all have shown their salts: the block is drawn."""
    enrolling.members = enrolling.hospitals[:4]
    enrolling.enrol_all(enrolling.members[1:])
    enrolling.suite.blocks.keepDraw(enrolling.study, 1, sender=enrolling.stranger)
    show_salts(enrolling, enrolling.members)
    return enrolling


# Enrolling


def test_enrol_blocks__takes_a_place_without_rows_and_locks_the_bond(stage: Stage) -> None:
    stage.publish()
    hospital, blocks, studies = stage.hospitals[1], stage.suite.blocks, stage.suite.studies
    receipt = enrol(stage, hospital, payout=b"\x77" * 32)
    draw_at, root = receipt.block_number + 1, tree_of(hospital).root
    assert blocks.BlocksCommitted(stage.study, hospital.id, root, len(BLOCKS), draw_at) in receipt.events
    assert studies.HospitalEnrolled(stage.study, hospital.id, 0, 0, 0) in receipt.events
    place = studies.enrolment(stage.study, hospital.id)
    assert (place.operator, place.dataRoot, place.rows) == (hospital.operator, 0, 0)
    assert place.payoutCommitment == b"\x77" * 32
    assert stage.suite.vault.locked(stage.study, hospital.id) == BOND
    draw = blocks.blocksOf(stage.study, hospital.id)
    assert (draw.blocksRoot, draw.blocks, draw.drawAt) == (root, len(BLOCKS), draw_at)
    assert (draw.blockHash, draw.index, draw.redrawn, draw.used) == (bytes(32), 0, False, False)
    assert studies.saltCommitment(stage.study, 0) == salted(hospital)


@pytest.mark.parametrize("count", [0, 1, 65_537])
def test_enrol_blocks__too_few_or_too_many__reverts(stage: Stage, count: int) -> None:
    stage.publish()
    blocks, operator = stage.suite.blocks, stage.hospitals[0].operator
    with ape.reverts(blocks.BlockDrawsBlocksOutOfRange, blocks=count, limit=65_536):
        blocks.enrolBlocks(stage.study, DIGEST, count, bytes(32), DIGEST, sender=operator)
    blocks.enrolBlocks(stage.study, DIGEST, 65_536, bytes(32), DIGEST, sender=operator)


def test_enrol_blocks__circuit_that_proves_nothing_about_rows__reverts(stage: Stage) -> None:
    bounded = make_circuit(stage.double.address, kind=3, batchSize=0, maxEpochs=0, capacity=1, noisy=True)
    stage.suite.catalogue.listCircuit(bounded, sender=stage.suite.council)
    stage.publish(trainingCircuit=3, epochs=0, learningRate=0, updateBound=5)
    with ape.reverts(stage.suite.blocks.BlockDrawsNothingSampled, studyId=stage.study):
        enrol(stage, stage.hospitals[0])
    stage.study += 1  # which nobody published
    with ape.reverts(stage.suite.blocks.BlockDrawsNothingSampled, studyId=stage.study):
        enrol(stage, stage.hospitals[0])


def test_enrol_blocks__who_could_not_enrol_otherwise__reverts(stage: Stage) -> None:
    suite, (first, second, *_) = stage.suite, stage.hospitals
    studies = suite.studies
    stage.publish(funded=False)
    with ape.reverts(studies.StudyRegistryWrongState, state=StudyState.PUBLISHED):
        enrol(stage, first)
    stage.fund()
    with ape.reverts(studies.StudyRegistryNotOperator, caller=first.owner.address):
        suite.blocks.enrolBlocks(stage.study, DIGEST, 2, bytes(32), DIGEST, sender=first.owner)
    with ape.reverts(studies.StudyRegistrySaltMissing):
        suite.blocks.enrolBlocks(stage.study, DIGEST, 2, bytes(32), bytes(32), sender=first.operator)
    suite.registry.suspend(second.id, sender=suite.council)
    with ape.reverts(studies.StudyRegistryNotAdmitted, hospitalId=second.id):
        enrol(stage, second)
    suite.studies.setPaused(True, sender=suite.council)
    with ape.reverts(studies.StudyRegistryPaused):
        enrol(stage, first)


def test_enrol__a_second_time_in_the_other_way__reverts(enrolling: Stage) -> None:
    (first, second, *_), studies = enrolling.hospitals, enrolling.suite.studies
    enrolling.enrol(second)
    with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=first.id):
        enrolling.enrol(first)
    for hospital in (first, second):
        with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=hospital.id):
            enrol(enrolling, hospital)


def test_enrol_for_others__and_name_their_data__only_the_block_draws(sampled: Stage) -> None:
    studies, operator = sampled.suite.studies, sampled.hospitals[0].operator
    for sender in (operator, sampled.suite.council):
        with ape.reverts(studies.StudyRegistryNotBlockDraws, caller=sender.address):
            studies.enrolFor(sampled.study, sampled.hospitals[1].operator, bytes(32), DIGEST, sender=sender)
        with ape.reverts(studies.StudyRegistryNotBlockDraws, caller=sender.address):
            studies.nameData(sampled.study, 0, 1, 1, sender=sender)


# The draw


def drawn_by(seed: bytes, mix: bytes, study: int, hospital: Hospital) -> int:
    hashed = keccak(encode(["bytes32", "bytes32", "uint256", "uint32"], [bytes(seed), mix, study, hospital.id]))
    return int.from_bytes(hashed, "big") % len(BLOCKS)


def test_draw__follows_from_the_hash_of_the_next_block_and_all_salts(sampled: Stage) -> None:
    """Without the salts, whoever builds that block (a sequencer, say) draws whichever block of rows it likes."""
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    draw_at = blocks.blocksOf(sampled.study, hospital.id).drawAt
    mix = mix_of(sampled.members)
    assert sampled.suite.ceremony.saltMix(sampled.study) == mix
    assert drawn(sampled, hospital) == drawn_by(ape.chain.blocks[draw_at].hash, mix, sampled.study, hospital)


def test_draws__of_two_hospitals_by_one_hash__are_independent(stage: Stage) -> None:
    stage.publish(maximum=4)
    blocks, members = stage.suite.blocks, stage.hospitals[:4]
    tree = tree_of(members[0])
    calls = [
        Call(
            blocks.enrolBlocks,
            (stage.study, tree.root, len(tree.blocks), bytes(32), salted(one)),
            one.operator,
            9 - one.id,
        )
        for one in members
    ]
    assert all(in_one_block(*calls))
    mine(2)
    at = {int(blocks.blocksOf(stage.study, one.id).drawAt) for one in members}
    assert len(at) == 1
    show_salts(stage, members)
    seed, mix = ape.chain.blocks[at.pop()].hash, mix_of(members)
    assert [drawn(stage, one) for one in members] == [drawn_by(seed, mix, stage.study, one) for one in members]


def test_draw__while_salts_are_secret__is_known_to_nobody(enrolling: Stage) -> None:
    """Not even the hospital itself can see the draw before all others are enrolled and showed their salts."""
    (first, *others), blocks = enrolling.hospitals[:4], enrolling.suite.blocks
    enrolling.enrol_all(others)
    secret = blocks.BlockDrawsSaltsSecret
    for posted in range(4):
        for refused in (lambda: blocks.drawnBlock(enrolling.study, first.id), lambda: use(enrolling, first, 0)):
            with ape.reverts(secret, studyId=enrolling.study):
                refused()
        show_salts(enrolling, [enrolling.hospitals[posted]])
    use(enrolling, first)


def test_keep_draw__puts_the_hash_on_record_from_the_block_after_it_on(stage: Stage) -> None:
    stage.publish(maximum=4)
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    draw_at = enrol(stage, hospital).block_number + 1
    # This one is sent in the block of the hash, the next in the one after it.
    with ape.reverts(blocks.BlockDrawsNotDrawn, hospitalId=hospital.id, drawAt=draw_at):
        blocks.keepDraw(stage.study, hospital.id, sender=stage.stranger)
    assert ape.chain.blocks.height == draw_at
    receipt = blocks.keepDraw(stage.study, hospital.id, sender=stage.stranger)
    seed = bytes(ape.chain.blocks[draw_at].hash)
    assert receipt.events == [blocks.DrawKept(stage.study, hospital.id, seed)]
    assert blocks.blocksOf(stage.study, hospital.id).blockHash == seed


def test_draw__is_lost_after_256_blocks_unless_somebody_kept_the_hash(stage: Stage) -> None:
    stage.publish(maximum=4)
    members, blocks = stage.hospitals[:4], stage.suite.blocks
    first, second, *others = members
    draw_at = enrol(stage, first).block_number + 1
    assert enrol(stage, second).block_number == draw_at
    mine_until(draw_at + REACH)
    receipt = blocks.keepDraw(stage.study, first.id, sender=stage.stranger)
    assert receipt.block_number == draw_at + REACH
    # The other one's draw is one block younger.
    mine()
    assert not send(blocks.keepDraw, stage.study, second.id, sender=stage.stranger).ok
    stage.enrol_all(others)
    show_salts(stage, members)
    for lost in (
        lambda: blocks.drawnBlock(stage.study, second.id),
        lambda: use(stage, second, 0),
        lambda: blocks.keepDraw(stage.study, second.id, sender=stage.stranger),
    ):
        with ape.reverts(blocks.BlockDrawsLost, hospitalId=second.id, drawAt=draw_at + 1):
            lost()
    mine(300)
    seed = bytes(ape.chain.blocks[draw_at].hash)
    with ape.reverts(blocks.BlockDrawsAlreadyKept, hospitalId=first.id, blockHash=seed):
        blocks.keepDraw(stage.study, first.id, sender=stage.stranger)
    index = drawn(stage, first)
    assert index == drawn_by(seed, mix_of(members), stage.study, first)
    use(stage, first)
    assert stage.suite.studies.enrolment(stage.study, first.id).rows == BLOCKS[index][1]


def test_redraw__of_a_lost_draw__is_by_the_next_hash(enrolling: Stage) -> None:
    hospital, blocks = enrolling.hospitals[0], enrolling.suite.blocks
    lose(enrolling, hospital)
    receipt = blocks.redraw(enrolling.study, sender=hospital.operator)
    draw_at = receipt.block_number + 1
    assert receipt.events == [blocks.BlockRedrawn(enrolling.study, hospital.id, draw_at)]
    draw = blocks.blocksOf(enrolling.study, hospital.id)
    assert (draw.drawAt, draw.redrawn, draw.blockHash) == (draw_at, True, bytes(32))
    with ape.reverts(blocks.BlockDrawsNotDrawn, drawAt=draw_at):
        blocks.drawnBlock(enrolling.study, hospital.id)
    members = enrolling.hospitals[:4]
    enrolling.enrol_all(members[1:])
    show_salts(enrolling, members)
    seed = ape.chain.blocks[draw_at].hash
    assert drawn(enrolling, hospital) == drawn_by(seed, mix_of(members), enrolling.study, hospital)
    use(enrolling, hospital)


def test_redraw__once_a_salt_is_shown__reverts_for_it_could_be_a_choice(enrolling: Stage) -> None:
    """Without that rule, who posts its keys last knows the mix, lets its draw lapse, and has a builder choose anew."""
    (hospital, *others), blocks = enrolling.hospitals[:4], enrolling.suite.blocks
    enrolling.enrol_all(others)
    lose(enrolling, hospital)
    show_salts(enrolling, others[:1])
    with ape.reverts(blocks.BlockDrawsSaltsKnown, studyId=enrolling.study):
        blocks.redraw(enrolling.study, sender=hospital.operator)


def test_redraw__a_second_time__reverts_for_it_would_be_a_choice(enrolling: Stage) -> None:
    hospital, blocks = enrolling.hospitals[0], enrolling.suite.blocks
    lose(enrolling, hospital)
    blocks.redraw(enrolling.study, sender=hospital.operator)
    lose(enrolling, hospital)
    with ape.reverts(blocks.BlockDrawsAlreadyRedrawn, hospitalId=hospital.id):
        blocks.redraw(enrolling.study, sender=hospital.operator)


def test_redraw__of_a_draw_that_stands__reverts(enrolling: Stage) -> None:
    (first, second, *_), blocks = enrolling.hospitals, enrolling.suite.blocks

    def refused(hospital: Hospital) -> None:
        draw_at = blocks.blocksOf(enrolling.study, hospital.id).drawAt
        with ape.reverts(blocks.BlockDrawsNotLost, hospitalId=hospital.id, drawAt=draw_at):
            blocks.redraw(enrolling.study, sender=hospital.operator)

    refused(first)
    enrol(enrolling, second)
    refused(second)
    mine(2)
    for hospital in (first, second):
        blocks.keepDraw(enrolling.study, hospital.id, sender=enrolling.stranger)
    mine(REACH)
    refused(first)
    refused(second)


def test_redraw__in_the_last_block_that_knows_the_hash__is_no_second_choice(enrolling: Stage) -> None:
    hospital, blocks = enrolling.hospitals[0], enrolling.suite.blocks
    draw_at = int(blocks.blocksOf(enrolling.study, hospital.id).drawAt)
    mine_until(draw_at + REACH)
    early = send(blocks.redraw, enrolling.study, sender=hospital.operator)
    assert (early.ok, ape.chain.blocks.height) == (False, draw_at + REACH)
    assert send(blocks.redraw, enrolling.study, sender=hospital.operator).ok


def test_redraw__by_another_than_the_operator__reverts(enrolling: Stage) -> None:
    first, second = enrolling.hospitals[:2]
    blocks, studies = enrolling.suite.blocks, enrolling.suite.studies
    lose(enrolling, first)
    for sender in (enrolling.stranger, first.owner, second.operator):
        with ape.reverts(studies.StudyRegistryNotEnrolled, operator=sender.address):
            blocks.redraw(enrolling.study, sender=sender)


def test_hospital_without_blocks__has_no_draw(enrolling: Stage) -> None:
    blocks, second = enrolling.suite.blocks, enrolling.hospitals[1]
    enrolling.enrol(second)
    assert tuple(blocks.blocksOf(enrolling.study, second.id)) == (bytes(32), bytes(32), 0, 0, 0, False, False)
    for refused in (
        lambda: blocks.drawnBlock(enrolling.study, second.id),
        lambda: blocks.keepDraw(enrolling.study, second.id, sender=enrolling.stranger),
        lambda: blocks.redraw(enrolling.study, sender=second.operator),
        lambda: use(enrolling, second, 0),
    ):
        with ape.reverts(blocks.BlockDrawsNoBlocks, studyId=enrolling.study, hospitalId=second.id):
            refused()


# Using the block that was drawn


def draw_from(stage: Stage, hospital: Hospital, tree: BlockTree) -> None:
    """The first hospital enrols with these blocks and three others without; all show their salts."""
    stage.publish(maximum=4)
    enrol(stage, hospital, tree)
    stage.enrol_all(stage.hospitals[1:4])
    show_salts(stage, stage.hospitals[:4])


def test_use_block__gives_the_enrolment_that_blocks_data(sampled: Stage) -> None:
    hospital, blocks, studies = sampled.hospitals[0], sampled.suite.blocks, sampled.suite.studies
    index = drawn(sampled, hospital)
    root, rows = tree_of(hospital).blocks[index]
    receipt = use(sampled, hospital)
    assert receipt.events == [blocks.BlockUsed(sampled.study, hospital.id, index, root, rows)]
    place = studies.enrolment(sampled.study, hospital.id)
    assert (place.dataRoot, place.rows) == (root, rows)
    assert next(iter(studies.enrolledRows(sampled.study))) == rows
    assert studies.trainingTerms(sampled.study, 0)[2:] == (root, rows)
    draw = blocks.blocksOf(sampled.study, hospital.id)
    assert (draw.index, draw.used, any(draw.blockHash)) == (index, True, True)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9])
def test_use_block__of_trees_of_all_shapes__opens_at_the_drawn_position_alone(stage: Stage, count: int) -> None:
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    tree = tree_of(hospital, BLOCKS[:count])
    draw_from(stage, hospital, tree)
    index = drawn(stage, hospital)
    for other in set(range(count)) - {index}:
        with ape.reverts(blocks.BlockDrawsWrongBlock, hospitalId=hospital.id, index=index):
            use(stage, hospital, other, tree)
    use(stage, hospital, index, tree)


def test_use_block__pairs_in_sorted_order__would_not_tell_positions_apart(stage: Stage) -> None:
    """Two blocks: with sorted pairs the sibling of the one drawn would open as well as it."""
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    tree = tree_of(hospital, BLOCKS[:2])
    draw_from(stage, hospital, tree)
    index = drawn(stage, hospital)
    drawn_leaf, other_leaf = (keccak(encode(["uint256", "uint32"], tree.blocks[one])) for one in (index, 1 - index))
    assert tree.path(1 - index) == (drawn_leaf,)
    assert tree.path(index) == (other_leaf,)
    with ape.reverts(blocks.BlockDrawsWrongBlock, index=index):
        blocks.useBlock(stage.study, *tree.blocks[1 - index], [drawn_leaf], sender=hospital.operator)


def test_use_block__other_data_than_committed__reverts(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    tree, index = tree_of(hospital), drawn(sampled, hospital)
    (root, rows), path = tree.blocks[index], list(tree.path(index))
    forged = [
        (root, rows + 1, path),
        (root, rows - 1, path),
        (root + 1, rows, path),
        (root + FIELD_ORDER, rows, path),
        (root, rows, path[::-1]),
        (root, rows, [*path[:-1], bytes(32)]),
        (root, rows, list(tree.path((index + 1) % len(BLOCKS)))),
    ]
    for data_root, count, siblings in forged:
        with ape.reverts(blocks.BlockDrawsWrongBlock, studyId=sampled.study, hospitalId=hospital.id, index=index):
            blocks.useBlock(sampled.study, data_root, count, siblings, sender=hospital.operator)
    use(sampled, hospital)


def test_use_block__path_of_another_length__reverts(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    tree, index = tree_of(hospital), drawn(sampled, hospital)
    path = list(tree.path(index))
    assert len(path) == 4
    for wrong in ([], path[:-1], path[1:], [*path, bytes(32)]):
        with ape.reverts(blocks.BlockDrawsWrongDepth, length=len(wrong), depth=4):
            blocks.useBlock(sampled.study, *tree.blocks[index], wrong, sender=hospital.operator)


@pytest.mark.parametrize("data", [(1, 0), (1, 1001)])
def test_use_block__rows_that_no_proof_takes__reverts_though_committed(stage: Stage, data: Block) -> None:
    hospital, studies = stage.hospitals[0], stage.suite.studies
    tree = BlockTree([data, data])
    draw_from(stage, hospital, tree)
    with ape.reverts(studies.StudyRegistryRowsOutOfRange, rows=data[1], capacity=1000):
        use(stage, hospital, tree=tree)


def test_use_block__root_beyond_the_field__reverts_though_committed(stage: Stage) -> None:
    hospital, tree = stage.hospitals[0], BlockTree([(FIELD_ORDER, 1)] * 2)
    draw_from(stage, hospital, tree)
    with ape.reverts(stage.suite.studies.StudyRegistryNotInField, value=FIELD_ORDER):
        use(stage, hospital, tree=tree)


def test_use_block__twice__reverts(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    index = drawn(sampled, hospital)
    use(sampled, hospital)
    mine(REACH + 2)
    for shown in (index, (index + 1) % len(BLOCKS)):
        with ape.reverts(blocks.BlockDrawsAlreadyUsed, hospitalId=hospital.id, index=index):
            use(sampled, hospital, shown)
    with ape.reverts(blocks.BlockDrawsAlreadyKept, hospitalId=hospital.id):
        blocks.keepDraw(sampled.study, hospital.id, sender=sampled.stranger)


def test_use_block__by_another_than_the_operator__reverts(sampled: Stage) -> None:
    hospital, index = sampled.hospitals[0], drawn(sampled, sampled.hospitals[0])
    tree = tree_of(hospital)
    for sender in (sampled.stranger, hospital.owner):
        with ape.reverts(sampled.suite.studies.StudyRegistryNotEnrolled, operator=sender.address):
            sampled.suite.blocks.useBlock(sampled.study, *tree.blocks[index], list(tree.path(index)), sender=sender)


def test_use_block__after_the_operator_was_rotated__by_the_new_one(sampled: Stage, accounts: Any) -> None:
    suite, hospital, fresh = sampled.suite, sampled.hospitals[0], accounts[21]
    signed = consent(suite.registry, hospital.owner, fresh)
    suite.registry.rotateOperator(hospital.id, fresh, signed, sender=hospital.owner)
    suite.studies.adoptOperator(sampled.study, hospital.id, sender=hospital.owner)
    with ape.reverts(suite.studies.StudyRegistryNotEnrolled, operator=hospital.operator.address):
        use(sampled, hospital)
    use(sampled, replace(hospital, operator=fresh))


def test_use_block__while_intake_is_paused_or_the_hospital_suspended__goes_on(sampled: Stage) -> None:
    suite, hospital = sampled.suite, sampled.hospitals[0]
    suite.studies.setPaused(True, sender=suite.council)
    suite.registry.suspend(hospital.id, sender=suite.council)
    use(sampled, hospital)


def test_use_block__barred_from_the_study__reverts(sampled: Stage) -> None:
    first, *others = sampled.members
    rest_of_ceremony(sampled, sampled.members, guilty=0b0001)
    assert len(others) == 3
    assert sampled.suite.studies.enrolment(sampled.study, first.id).barred
    with ape.reverts(sampled.suite.blocks.BlockDrawsBarred, studyId=sampled.study, hospitalId=first.id):
        use(sampled, first, 0)


# In the rounds


def rest_of_ceremony(stage: Stage, members: Sequence[Hospital], guilty: int = 0) -> None:
    """What follows the Key step."""
    stage.hold_step(members, CeremonyStep.DEAL)
    stage.hold_step(members, CeremonyStep.HOLD)
    stage.hold_step(members, CeremonyStep.ACKNOWLEDGE, guilty=guilty)


@pytest.fixture
def unopened(sampled: Stage) -> Stage:
    """Round 1 with four hospitals, the first of which has not used its block."""
    rest_of_ceremony(sampled, sampled.members)
    return sampled


def test_round__who_used_no_block__submits_nothing_and_does_not_stall_the_others(unopened: Stage) -> None:
    (first, *others), rounds, rewards = unopened.members, unopened.suite.rounds, unopened.suite.rewards
    with ape.reverts(rounds.RoundManagerNoRows, studyId=unopened.study, hospitalId=first.id):
        unopened.submit(first)
    unopened.submit_all(others)
    assert unopened.phase() is Phase.SUBMIT
    unopened.end_phase()
    # It holds what the others submitted, opens with them, and is paid nothing.
    unopened.attest_all()
    unopened.include()
    unopened.share_all()
    unopened.finalise(1001)
    assert rounds.roundState(unopened.study, 1).sumRows == sum(map(rows_of, others))
    earned = [rewards.earned(unopened.study, 1, one.id) for one in unopened.members]
    assert earned[0] == 0 and sum(earned) == REWARD
    # Once it has used it, it is one of them; the round before stays as it was.
    use(unopened, first)
    assert [rewards.earned(unopened.study, 1, one.id) for one in unopened.members] == earned
    unopened.finish(2)
    rows = int(unopened.suite.studies.enrolment(unopened.study, first.id).rows)
    assert rounds.roundState(unopened.study, 2).sumRows == rows + sum(map(rows_of, others))
    later = [rewards.earned(unopened.study, 2, one.id) for one in unopened.members]
    assert later[0] > 0 and sum(later) == REWARD


def test_round__block_used_within_it__counts_at_once(unopened: Stage) -> None:
    unopened.submit_all(unopened.members[1:])
    use(unopened, unopened.members[0])
    unopened.submit(unopened.members[0])
    assert unopened.phase() is Phase.ATTEST


def test_round__nobody_has_used_a_block__fails_for_too_few(stage: Stage) -> None:
    stage.publish(maximum=3)
    stage.members = stage.hospitals[:3]
    for hospital in stage.members:
        enrol(stage, hospital)
    stage.hold_ceremony(stage.members)
    stage.end_phase()
    assert stage.phase() is Phase.FAILED
    stage.fail_round()
    assert stage.state() is StudyState.CEREMONY


def test_running_study__joined_with_blocks__draws_with_salts_that_are_known(stage: Stage) -> None:
    """Of a newcomer's draw only the hash is new: whoever builds that block could choose it."""
    stage.publish(maximum=4, rounds=3, batchRounds=3, approvedJoining=True)
    stage.members, late = stage.hospitals[:3], stage.hospitals[3]
    stage.enrol_all(stage.members)
    stage.end_enrolment()
    stage.hold_ceremony(stage.members)
    for member in stage.members[:2]:
        stage.suite.studies.approveNewcomer(stage.study, late.id, sender=member.operator)
    enrol(stage, late)
    mine(2)
    draw_at = stage.suite.blocks.blocksOf(stage.study, late.id).drawAt
    seed = ape.chain.blocks[draw_at].hash
    assert drawn(stage, late) == drawn_by(seed, mix_of(stage.members), stage.study, late)
    use(stage, late)
    with ape.reverts(stage.suite.rounds.RoundManagerNotParticipant, hospitalId=late.id):
        stage.submit(late)
    stage.finish(1)
    assert stage.state() is StudyState.CEREMONY
    stage.members = stage.hospitals[:4]
    stage.hold_ceremony(stage.members, ceremony=2)
    stage.finish(2)
    assert stage.suite.rewards.earned(stage.study, 2, late.id) > 0


def test_payout_commitment__of_a_hospital_with_blocks__is_where_its_rewards_go(stage: Stage) -> None:
    payout, salt = "0x52908400098527886E0F7030069857D2E4169EE7", bytes(range(32))
    stage.publish(maximum=3)
    stage.members, suite = stage.hospitals[:3], stage.suite
    enrol(stage, stage.members[0], payout=payout_commitment(payout, salt))
    stage.enrol_all(stage.members[1:])
    stage.hold_ceremony(stage.members)
    use(stage, stage.members[0])
    stage.finish(1)
    with ape.reverts(suite.rewards.RewardPoolNotOwner, hospitalId=1):
        suite.rewards.claim(stage.study, 1, [1], stage.members[0].owner, sender=stage.stranger)
    due = suite.rewards.earned(stage.study, 1, 1)
    suite.rewards.claimTo(stage.study, 1, [1], payout, salt, sender=stage.stranger)
    assert suite.token.balanceOf(payout) == due > 0
