# SPDX-License-Identifier: Apache-2.0
"""Hospitals with more rows than the circuit: blocks, the draw by a block hash, and the one that is used."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import ape
import pytest
from ape.api import ReceiptAPI
from eth_abi.abi import encode
from eth_utils import keccak

from node.chain.blocks import Block, BlockTree
from node.types import CeremonyStep, Phase, StudyState
from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import (
    BOND,
    DIGEST,
    FIELD_ORDER,
    REWARD,
    Call,
    in_one_block,
    make_circuit,
    mine,
    pass_until,
    payout_commitment,
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
    blocks = stage.suite.blocks
    return blocks.enrolBlocks(stage.study, made.root, len(made.blocks), payout, sender=hospital.operator)


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
def sampled(stage: Stage) -> Stage:
    """A funded study in which the first hospital enrolled with blocks, and one was drawn."""
    stage.publish(maximum=4)
    enrol(stage, stage.hospitals[0])
    mine(2)
    return stage


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
    assert (draw.kept, draw.redrawn, draw.used) == (False, False, False)


@pytest.mark.parametrize("count", [0, 1, 65_537])
def test_enrol_blocks__too_few_or_too_many__reverts(stage: Stage, count: int) -> None:
    stage.publish()
    blocks, operator = stage.suite.blocks, stage.hospitals[0].operator
    with ape.reverts(blocks.BlockDrawsBlocksOutOfRange, blocks=count, limit=65_536):
        blocks.enrolBlocks(stage.study, DIGEST, count, bytes(32), sender=operator)
    blocks.enrolBlocks(stage.study, DIGEST, 65_536, bytes(32), sender=operator)


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
        suite.blocks.enrolBlocks(stage.study, DIGEST, 2, bytes(32), sender=first.owner)
    suite.registry.suspend(second.id, sender=suite.council)
    with ape.reverts(studies.StudyRegistryNotAdmitted, hospitalId=second.id):
        enrol(stage, second)
    suite.studies.setPaused(True, sender=suite.council)
    with ape.reverts(studies.StudyRegistryPaused):
        enrol(stage, first)


def test_enrol__a_second_time_in_the_other_way__reverts(sampled: Stage) -> None:
    (first, second, *_), studies = sampled.hospitals, sampled.suite.studies
    sampled.enrol(second)
    with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=first.id):
        sampled.enrol(first)
    for hospital in (first, second):
        with ape.reverts(studies.StudyRegistryAlreadyEnrolled, hospitalId=hospital.id):
            enrol(sampled, hospital)


def test_enrol_for_others__and_name_their_data__only_the_block_draws(sampled: Stage) -> None:
    studies, operator = sampled.suite.studies, sampled.hospitals[0].operator
    for sender in (operator, sampled.suite.council):
        with ape.reverts(studies.StudyRegistryNotBlockDraws, caller=sender.address):
            studies.enrolFor(sampled.study, sampled.hospitals[1].operator, bytes(32), sender=sender)
        with ape.reverts(studies.StudyRegistryNotBlockDraws, caller=sender.address):
            studies.nameData(sampled.study, 0, 1, 1, sender=sender)


# The draw


def test_draw__follows_from_the_hash_of_the_next_block(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    draw_at = blocks.blocksOf(sampled.study, hospital.id).drawAt
    assert drawn(sampled, hospital) == drawn_by(ape.chain.blocks[draw_at].hash, sampled.study, hospital)


def drawn_by(seed: bytes, study: int, hospital: Hospital) -> int:
    hashed = keccak(encode(["bytes32", "uint256", "uint32"], [bytes(seed), study, hospital.id]))
    return int.from_bytes(hashed, "big") % len(BLOCKS)


def test_draws__of_two_hospitals_by_one_hash__are_independent(stage: Stage) -> None:
    stage.publish(maximum=4)
    blocks, members = stage.suite.blocks, stage.hospitals[:4]
    tree = tree_of(members[0])
    terms = stage.study, tree.root, len(tree.blocks), bytes(32)
    calls = [Call(blocks.enrolBlocks, terms, one.operator, 9 - one.id) for one in members]
    assert all(in_one_block(*calls))
    mine(2)
    at = {int(blocks.blocksOf(stage.study, one.id).drawAt) for one in members}
    assert len(at) == 1
    seed = ape.chain.blocks[at.pop()].hash
    assert [drawn(stage, one) for one in members] == [drawn_by(seed, stage.study, one) for one in members]


def test_draw__is_there_from_the_block_after_that_of_the_hash_on(stage: Stage) -> None:
    stage.publish(maximum=4)
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    draw_at = enrol(stage, hospital).block_number + 1
    with ape.reverts(blocks.BlockDrawsNotDrawn, hospitalId=hospital.id, drawAt=draw_at):
        blocks.drawnBlock(stage.study, hospital.id)
    # What follows is sent in the block of the hash, and in the one after it.
    with ape.reverts(blocks.BlockDrawsNotDrawn, drawAt=draw_at):
        use(stage, hospital, 0)
    assert ape.chain.blocks.height == draw_at
    assert send(blocks.keepDraw, stage.study, hospital.id, sender=stage.stranger).ok


def test_draw__is_lost_after_256_blocks_unless_somebody_kept_it(stage: Stage) -> None:
    stage.publish(maximum=4)
    (first, second, *_), blocks = stage.hospitals, stage.suite.blocks
    draw_at = enrol(stage, first).block_number + 1
    assert enrol(stage, second).block_number == draw_at
    mine_until(draw_at + REACH)
    index = drawn(stage, first)
    receipt = blocks.keepDraw(stage.study, first.id, sender=stage.stranger)
    assert (receipt.block_number, receipt.events) == (
        draw_at + REACH,
        [blocks.BlockDrawn(stage.study, first.id, index)],
    )
    # The other one's draw is one block younger.
    mine()
    assert not send(blocks.keepDraw, stage.study, second.id, sender=stage.stranger).ok
    lost_at = draw_at + 1
    for lost in (
        lambda: blocks.drawnBlock(stage.study, second.id),
        lambda: use(stage, second, 0),
        lambda: blocks.keepDraw(stage.study, second.id, sender=stage.stranger),
    ):
        with ape.reverts(blocks.BlockDrawsLost, hospitalId=second.id, drawAt=lost_at):
            lost()
    mine(300)
    assert drawn(stage, first) == index
    with ape.reverts(blocks.BlockDrawsAlreadyKept, hospitalId=first.id, index=index):
        blocks.keepDraw(stage.study, first.id, sender=stage.stranger)
    use(stage, first)
    assert stage.suite.studies.enrolment(stage.study, first.id).rows == BLOCKS[index][1]


def test_redraw__of_a_lost_draw__is_by_the_next_hash(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    lose(sampled, hospital)
    receipt = blocks.redraw(sampled.study, sender=hospital.operator)
    draw_at = receipt.block_number + 1
    assert receipt.events == [blocks.BlockRedrawn(sampled.study, hospital.id, draw_at)]
    draw = blocks.blocksOf(sampled.study, hospital.id)
    assert (draw.drawAt, draw.redrawn, draw.kept) == (draw_at, True, False)
    with ape.reverts(blocks.BlockDrawsNotDrawn, drawAt=draw_at):
        blocks.drawnBlock(sampled.study, hospital.id)
    mine(2)
    assert drawn(sampled, hospital) == drawn_by(ape.chain.blocks[draw_at].hash, sampled.study, hospital)
    use(sampled, hospital)


def test_redraw__a_second_time__reverts_for_it_would_be_a_choice(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    lose(sampled, hospital)
    blocks.redraw(sampled.study, sender=hospital.operator)
    lose(sampled, hospital)
    with ape.reverts(blocks.BlockDrawsAlreadyRedrawn, hospitalId=hospital.id):
        blocks.redraw(sampled.study, sender=hospital.operator)


def test_redraw__of_a_draw_that_stands__reverts(sampled: Stage) -> None:
    (first, second, *_), blocks = sampled.hospitals, sampled.suite.blocks

    def refused(hospital: Hospital) -> None:
        draw_at = blocks.blocksOf(sampled.study, hospital.id).drawAt
        with ape.reverts(blocks.BlockDrawsNotLost, hospitalId=hospital.id, drawAt=draw_at):
            blocks.redraw(sampled.study, sender=hospital.operator)

    refused(first)
    enrol(sampled, second)
    refused(second)
    mine(2)
    blocks.keepDraw(sampled.study, first.id, sender=sampled.stranger)
    use(sampled, second)
    mine(REACH)
    refused(first)
    refused(second)


def test_redraw__in_the_last_block_that_knows_the_hash__is_no_second_choice(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    draw_at = int(blocks.blocksOf(sampled.study, hospital.id).drawAt)
    mine_until(draw_at + REACH)
    early = send(blocks.redraw, sampled.study, sender=hospital.operator)
    assert (early.ok, ape.chain.blocks.height) == (False, draw_at + REACH)
    assert send(blocks.redraw, sampled.study, sender=hospital.operator).ok


def test_redraw__by_another_than_the_operator__reverts(sampled: Stage) -> None:
    first, second = sampled.hospitals[:2]
    blocks, studies = sampled.suite.blocks, sampled.suite.studies
    lose(sampled, first)
    for sender in (sampled.stranger, first.owner, second.operator):
        with ape.reverts(studies.StudyRegistryNotEnrolled, operator=sender.address):
            blocks.redraw(sampled.study, sender=sender)


def test_hospital_without_blocks__has_no_draw(sampled: Stage) -> None:
    blocks, second = sampled.suite.blocks, sampled.hospitals[1]
    sampled.enrol(second)
    assert tuple(blocks.blocksOf(sampled.study, second.id)) == (bytes(32), 0, 0, 0, False, False, False)
    for refused in (
        lambda: blocks.drawnBlock(sampled.study, second.id),
        lambda: blocks.keepDraw(sampled.study, second.id, sender=sampled.stranger),
        lambda: blocks.redraw(sampled.study, sender=second.operator),
        lambda: use(sampled, second, 0),
    ):
        with ape.reverts(blocks.BlockDrawsNoBlocks, studyId=sampled.study, hospitalId=second.id):
            refused()


# Using the block that was drawn


def test_use_block__gives_the_enrolment_that_blocks_data(sampled: Stage) -> None:
    hospital, blocks, studies = sampled.hospitals[0], sampled.suite.blocks, sampled.suite.studies
    index = drawn(sampled, hospital)
    root, rows = tree_of(hospital).blocks[index]
    receipt = use(sampled, hospital)
    assert receipt.events == [blocks.BlockUsed(sampled.study, hospital.id, index, root, rows)]
    place = studies.enrolment(sampled.study, hospital.id)
    assert (place.dataRoot, place.rows) == (root, rows)
    assert list(studies.enrolledRows(sampled.study)) == [rows]
    assert studies.trainingTerms(sampled.study, 0)[2:] == (root, rows)
    draw = blocks.blocksOf(sampled.study, hospital.id)
    assert (draw.index, draw.kept, draw.used) == (index, True, True)


@pytest.mark.parametrize("count", [2, 3, 4, 5, 8, 9])
def test_use_block__of_trees_of_all_shapes__opens_at_the_drawn_position_alone(stage: Stage, count: int) -> None:
    stage.publish()
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    tree = tree_of(hospital, BLOCKS[:count])
    enrol(stage, hospital, tree)
    mine(2)
    index = drawn(stage, hospital)
    for other in set(range(count)) - {index}:
        with ape.reverts(blocks.BlockDrawsWrongBlock, hospitalId=hospital.id, index=index):
            use(stage, hospital, other, tree)
    use(stage, hospital, index, tree)


def test_use_block__pairs_in_sorted_order__would_not_tell_positions_apart(stage: Stage) -> None:
    """Two blocks: with sorted pairs the sibling of the one drawn would open as well as it."""
    stage.publish()
    hospital, blocks = stage.hospitals[0], stage.suite.blocks
    tree = tree_of(hospital, BLOCKS[:2])
    enrol(stage, hospital, tree)
    mine(2)
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
    stage.publish()
    hospital, studies = stage.hospitals[0], stage.suite.studies
    tree = BlockTree([data, data])
    enrol(stage, hospital, tree)
    mine(2)
    with ape.reverts(studies.StudyRegistryRowsOutOfRange, rows=data[1], capacity=1000):
        use(stage, hospital, tree=tree)


def test_use_block__root_beyond_the_field__reverts_though_committed(stage: Stage) -> None:
    stage.publish()
    hospital, tree = stage.hospitals[0], BlockTree([(FIELD_ORDER, 1)] * 2)
    enrol(stage, hospital, tree)
    mine(2)
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
    with ape.reverts(blocks.BlockDrawsAlreadyKept, index=index):
        blocks.keepDraw(sampled.study, hospital.id, sender=sampled.stranger)


def test_use_block__by_another_than_the_operator__reverts(sampled: Stage) -> None:
    hospital, index = sampled.hospitals[0], drawn(sampled, sampled.hospitals[0])
    tree = tree_of(hospital)
    for sender in (sampled.stranger, hospital.owner):
        with ape.reverts(sampled.suite.studies.StudyRegistryNotEnrolled, operator=sender.address):
            sampled.suite.blocks.useBlock(sampled.study, *tree.blocks[index], list(tree.path(index)), sender=sender)


def test_use_block__after_the_operator_was_rotated__by_the_new_one(sampled: Stage, accounts: Any) -> None:
    suite, hospital, fresh = sampled.suite, sampled.hospitals[0], accounts[21]
    suite.registry.rotateOperator(hospital.id, fresh, sender=hospital.owner)
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
    first, *others = sampled.hospitals[:4]
    sampled.enrol_all(others)
    sampled.hold_step(others, CeremonyStep.KEY)
    pass_until(sampled.suite.studies.ceremonyState(sampled.study).deadline)
    sampled.suite.studies.failCeremony(sampled.study, sender=sampled.stranger)
    assert sampled.suite.studies.enrolment(sampled.study, first.id).barred
    with ape.reverts(sampled.suite.blocks.BlockDrawsBarred, studyId=sampled.study, hospitalId=first.id):
        use(sampled, first, 0)


# In the rounds


@pytest.fixture
def unopened(sampled: Stage) -> Stage:
    """Round 1 with four hospitals, the first of which has not used its block."""
    sampled.members = sampled.hospitals[:4]
    sampled.enrol_all(sampled.members[1:])
    sampled.suite.blocks.keepDraw(sampled.study, 1, sender=sampled.stranger)
    sampled.hold_ceremony(sampled.members)
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


def test_round__nobody_has_used_a_block__fails_for_too_few_and_gives_everything_back(stage: Stage) -> None:
    stage.publish(maximum=3, unopenedRounds=1)
    stage.members = stage.hospitals[:3]
    for hospital in stage.members:
        enrol(stage, hospital)
    stage.hold_ceremony(stage.members)
    stage.end_phase()
    assert stage.phase() is Phase.FAILED
    stage.fail_round()
    assert stage.state() is StudyState.CANCELLED
    suite = stage.suite
    assert suite.rewards.refundable(stage.study) == suite.rewards.funded(stage.study)
    for hospital in stage.members:
        suite.studies.releaseBond(stage.study, hospital.id, sender=stage.stranger)
        assert suite.vault.available(hospital.id) == 3 * BOND


def test_running_study__joined_with_blocks__takes_part_from_the_next_ceremony_on(stage: Stage) -> None:
    stage.publish(maximum=4, rounds=3, batchRounds=3)
    stage.members = stage.hospitals[:3]
    stage.enrol_all(stage.members)
    stage.end_enrolment()
    stage.hold_ceremony(stage.members)
    late = stage.hospitals[3]
    enrol(stage, late)
    mine(2)
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
    use(stage, stage.members[0])
    stage.hold_ceremony(stage.members)
    stage.finish(1)
    with ape.reverts(suite.rewards.RewardPoolNotOwner, hospitalId=1):
        suite.rewards.claim(stage.study, 1, [1], sender=stage.stranger)
    due = suite.rewards.earned(stage.study, 1, 1)
    suite.rewards.claimTo(stage.study, 1, [1], payout, salt, sender=stage.stranger)
    assert suite.token.balanceOf(payout) == due > 0
