# SPDX-License-Identifier: Apache-2.0
"""Hospitals with more rows than the circuit: blocks, the draw by a block hash, and the one that is used."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from ape.api import ReceiptAPI
from eth_abi.abi import encode
from eth_utils import keccak

from node.chain.blocks import Block, BlockTree
from node.types import CeremonyStep, StudyState
from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import BOND, FIELD_ORDER, NO_PROOF, REWARD, Call, in_one_block

#: As far back as a contract can ask for hashes.
REACH = 256
BLOCKS: tuple[Block, ...] = tuple((7_000 + number, 10 + number) for number in range(11))


def mine(count: int = 1) -> None:
    ape.chain.provider.make_request("anvil_mine", [hex(count)])


def tree_of(hospital: Hospital) -> BlockTree:
    """Every hospital has data of its own."""
    return BlockTree([(root + 100 * hospital.id, rows) for root, rows in BLOCKS])


def enrol(stage: Stage, hospital: Hospital, tree: BlockTree | None = None, payout: bytes = bytes(32)) -> ReceiptAPI:
    made = tree or tree_of(hospital)
    blocks = stage.suite.blocks
    return blocks.enrolBlocks(stage.study, made.root, len(made.blocks), payout, sender=hospital.operator)


def use(stage: Stage, hospital: Hospital, index: int | None = None, tree: BlockTree | None = None) -> ReceiptAPI:
    """Open the block that was drawn, or another."""
    made = tree or tree_of(hospital)
    drawn = stage.suite.blocks.drawnBlock(stage.study, hospital.id) if index is None else index
    return stage.suite.blocks.useBlock(
        stage.study, *made.blocks[drawn], list(made.path(drawn)), sender=hospital.operator
    )


@pytest.fixture
def sampled(stage: Stage) -> Stage:
    """A funded study in which the first hospital enrolled with blocks, and one was drawn."""
    stage.publish(maximum=4)
    enrol(stage, stage.hospitals[0])
    mine(2)
    return stage


def test_enrol_blocks__takes_a_place_without_rows_and_locks_the_bond(stage: Stage) -> None:
    stage.publish()
    hospital, (blocks, studies) = stage.hospitals[1], (stage.suite.blocks, stage.suite.studies)
    receipt = enrol(stage, hospital, payout=b"\x77" * 32)
    draw_at = receipt.block_number + 1
    root = tree_of(hospital).root
    assert blocks.BlocksCommitted(stage.study, hospital.id, root, len(BLOCKS), draw_at) in receipt.events
    assert studies.HospitalEnrolled(stage.study, hospital.id, 0, 0, 0) in receipt.events
    place = studies.enrolment(stage.study, hospital.id)
    assert (place.operator, place.dataRoot, place.rows) == (hospital.operator, 0, 0)
    assert place.payoutCommitment == b"\x77" * 32
    assert stage.suite.vault.locked(stage.study, hospital.id) == BOND
    draw = blocks.blocksOf(stage.study, hospital.id)
    assert (draw.blocksRoot, draw.blocks, draw.drawAt) == (root, len(BLOCKS), draw_at)
    assert not (draw.kept or draw.redrawn or draw.used)


def test_draw__follows_from_the_hash_of_the_next_block(sampled: Stage) -> None:
    hospital, blocks = sampled.hospitals[0], sampled.suite.blocks
    draw_at = blocks.blocksOf(sampled.study, hospital.id).drawAt
    seed = bytes(ape.chain.blocks[draw_at].hash)
    hashed = keccak(encode(["bytes32", "uint256", "uint32"], [seed, sampled.study, hospital.id]))
    assert blocks.drawnBlock(sampled.study, hospital.id) == int.from_bytes(hashed, "big") % len(BLOCKS)


def test_use_block__gives_the_enrolment_that_blocks_data(sampled: Stage) -> None:
    hospital, blocks, studies = sampled.hospitals[0], sampled.suite.blocks, sampled.suite.studies
    index = blocks.drawnBlock(sampled.study, hospital.id)
    root, rows = tree_of(hospital).blocks[index]
    receipt = use(sampled, hospital)
    assert receipt.events == [blocks.BlockUsed(sampled.study, hospital.id, index, root, rows)]
    place = studies.enrolment(sampled.study, hospital.id)
    assert (place.dataRoot, place.rows) == (root, rows)
    assert list(studies.enrolledRows(sampled.study)) == [rows]
    draw = blocks.blocksOf(sampled.study, hospital.id)
    assert (draw.index, draw.kept, draw.used) == (index, True, True)
