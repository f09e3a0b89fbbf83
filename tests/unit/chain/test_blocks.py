# SPDX-License-Identifier: Apache-2.0
"""The tree over a hospital's blocks, by itself and as the contract sees it, and what a node reads and writes of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_utils.crypto import keccak

from node.chain.blocks import BlockTree, drawn_by
from node.chain.client import ChainReader
from node.chain.sender import TransactionSender
from node.chain.studies import salt_commitment
from node.chain.writes import Ledger
from node.errors import ContractReverted, DataError, DrawLost
from node.group.pedersen import hash_to_curve
from node.state import NodeState
from tests.support.chain import development_wallet, running_anvil
from tests.support.played_study import Stage

BLOCKS = ((1, 8), (2, 7), (3, 6))
ROOT = "af3cfdc9c24fb7ceab65734ef0718a982432751ddce12a260abf136b0bfdc367"
#: Account of the first hospital's operator.
OPERATOR = 4


def leaf(data_root: int, rows: int) -> bytes:
    return keccak(data_root.to_bytes(32, "big") + rows.to_bytes(32, "big"))


def test_tree__of_three_blocks__is_filled_up_with_a_zero() -> None:
    first, second, third = (leaf(*block) for block in BLOCKS)
    left, right = keccak(first + second), keccak(third + bytes(32))
    tree = BlockTree(BLOCKS)
    assert tree.root == keccak(left + right)
    assert [tree.path(index) for index in range(3)] == [(second, right), (first, right), (bytes(32), left)]


def test_tree__known_answer() -> None:
    assert BlockTree(BLOCKS).root.hex() == ROOT


@pytest.mark.parametrize(("count", "depth"), [(2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4), (1000, 10)])
def test_tree__has_the_least_depth(count: int, depth: int) -> None:
    tree = BlockTree([(number, 1) for number in range(count)])
    assert {len(tree.path(index)) for index in range(count)} == {depth}


@pytest.mark.parametrize("count", [0, 1, 65_537])
def test_tree__of_too_few_or_too_many__is_refused(count: int) -> None:
    with pytest.raises(DataError, match=f"not {count}"):
        BlockTree([(1, 1)] * count)


@pytest.mark.parametrize("index", [-1, 3])
def test_path__of_no_block__is_an_error(index: int) -> None:
    with pytest.raises(IndexError):
        BlockTree(BLOCKS).path(index)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The suite on a chain, with three hospitals."""
    folder = tmp_path_factory.mktemp("blocks")
    with running_anvil(folder) as anvil:
        yield Stage(anvil, folder)


@pytest.fixture
def reader(stage: Stage) -> ChainReader:
    return stage.played().reader()


@pytest.fixture
def ledger(reader: ChainReader, state: NodeState) -> Ledger:
    return Ledger(TransactionSender(reader, development_wallet(OPERATOR), state))


def enrolled(stage: Stage, ledger: Ledger, blocks: tuple[tuple[int, int], ...] = BLOCKS) -> int:
    """A study that the first hospital enrolled in with blocks, the others with one data root."""
    study, tree = stage.publish(), BlockTree(blocks)
    ledger.enrol_blocks(study, tree.root, len(blocks), salt_commitment(stage.salt(0)))
    for place in (1, 2):
        commitment = salt_commitment(stage.salt(place))
        stage.send(stage.operators[place], "StudyRegistry", "enrol", study, 1000 + place, 6, bytes(32), commitment)
    return study


def test_node__enrols_with_blocks_and_uses_the_one_drawn(stage: Stage, reader: ChainReader, ledger: Ledger) -> None:
    study, tree = enrolled(stage, ledger), BlockTree(BLOCKS)
    assert (reader.enrolment(study, 1).rows, reader.enrolment(study, 1).data_root) == (0, 0)
    stage.anvil.mine(2)
    # The hash is known, the salts are not.
    assert reader.drawn_block(study, 1) is None and not any(reader.salt_mix(study))
    stage.post_keys(study, 1)
    drawn = reader.drawn_block(study, 1)
    committed = reader.blocks_of(study, 1)
    assert (committed.blocks_root, committed.blocks, committed.used) == (tree.root, 3, False)
    drawing = bytes.fromhex(reader.block(committed.draw_at).hash[2:])
    assert drawn == drawn_by(drawing, reader.salt_mix(study), study, 1, len(BLOCKS))

    receipt = ledger.use_block(study, *BLOCKS[drawn], tree.path(drawn))
    assert receipt.event("BlockUsed").arguments["index"] == drawn
    place = reader.enrolment(study, 1)
    assert (place.data_root, place.rows) == BLOCKS[drawn]
    committed = reader.blocks_of(study, 1)
    assert (committed.index, committed.used) == (drawn, True)
    # Whoever asks again gets the first receipt, also for the other way to enrol.
    assert ledger.use_block(study, *BLOCKS[drawn], tree.path(drawn)) == receipt
    assert ledger.enrol(study, 9, 9, bytes(32)).call == "BlockDraws.enrolBlocks"


def test_salt__any_other_than_committed_to__is_refused(stage: Stage, ledger: Ledger) -> None:
    study = enrolled(stage, ledger)
    x, y = hash_to_curve("a key")
    with pytest.raises(ContractReverted, match="not the salt that hospital 1 committed to"):
        ledger.post_keys(study, 1, x, y, bytes([1]) * 32, stage.salt(1))


def test_node__whose_draw_was_lost__is_told_and_draws_anew(stage: Stage, reader: ChainReader, ledger: Ledger) -> None:
    study = enrolled(stage, ledger)
    stage.anvil.mine(300)
    ledger.redraw(study)
    committed = reader.blocks_of(study, 1)
    assert committed.redrawn and not committed.kept
    stage.anvil.mine(2)
    ledger.keep_draw(study, 1)
    assert reader.blocks_of(study, 1).kept
    stage.anvil.mine(300)
    stage.post_keys(study, 1)
    drawn = reader.drawn_block(study, 1)
    kept = reader.blocks_of(study, 1).block_hash
    assert drawn == drawn_by(kept, reader.salt_mix(study), study, 1, len(BLOCKS))


def test_node__draw_lost_after_the_salts_are_known__is_told(stage: Stage, reader: ChainReader, ledger: Ledger) -> None:
    study = enrolled(stage, ledger)
    stage.anvil.mine(300)
    stage.post_keys(study, 1)
    with pytest.raises(DrawLost):
        reader.drawn_block(study, 1)
    with pytest.raises(ContractReverted, match="BlockDrawsSaltsKnown"):
        ledger.redraw(study)


def test_hospital_with_one_data_root__has_no_blocks(stage: Stage, reader: ChainReader) -> None:
    study = stage.publish()
    stage.enrol(study)
    assert reader.blocks_of(study, 2).blocks == 0
    with pytest.raises(ContractReverted, match="BlockDrawsNoBlocks"):
        reader.drawn_block(study, 2)
