# SPDX-License-Identifier: Apache-2.0
"""The tree over a hospital's blocks of rows, of which one is drawn after enrolment.

A leaf is keccak256(abi.encode(dataRoot, rows)), an inner node keccak256(left ‖ right), the depth is the least that has
room for all blocks, and leaves beyond them are 0. Source: `contracts/interfaces/IBlockDraws.sol`.
"""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi.abi import encode
from web3 import Web3

from node.errors import DataError

FEWEST_BLOCKS, MOST_BLOCKS = 2, 65_536
_MISSING = bytes(32)

Block = tuple[int, int]
"""A block's data root, below the field order, and its number of rows."""


class BlockTree:
    """The tree over 2 to 65,536 blocks; raises `DataError` for another number of them."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        if not FEWEST_BLOCKS <= len(blocks) <= MOST_BLOCKS:
            raise DataError(f"Data are cut into {FEWEST_BLOCKS} to {MOST_BLOCKS} blocks, not {len(blocks)}.")
        self.blocks = tuple(blocks)
        depth = (len(blocks) - 1).bit_length()
        leaves = [_keccak(encode(["uint256", "uint32"], block)) for block in self.blocks]
        self._levels = [[*leaves, *[_MISSING] * ((1 << depth) - len(leaves))]]
        for _ in range(depth):
            below = self._levels[-1]
            self._levels.append([_keccak(left + right) for left, right in zip(below[::2], below[1::2], strict=True)])

    @property
    def root(self) -> bytes:
        """What a hospital commits to: 32 bytes."""
        return self._levels[-1][0]

    def path(self, index: int) -> tuple[bytes, ...]:
        """The siblings from a block's leaf to the root, 32 bytes each; IndexError where there is no such block."""
        if not 0 <= index < len(self.blocks):
            raise IndexError(f"there is no block {index} among {len(self.blocks)}")
        return tuple(nodes[(index >> level) ^ 1] for level, nodes in enumerate(self._levels[:-1]))


def drawn_by(block_hash: bytes, salt_mix: bytes, study: int, hospital_id: int, blocks: int) -> int:
    """Which of so many blocks, from 0, is drawn for a hospital in a study: by the hash (32 bytes) of a block of the
    chain and the mix of the hospitals' salts (32 bytes, `CeremonyReader.salt_mix`)."""
    values = [block_hash, salt_mix, study, hospital_id]
    seed = _keccak(encode(["bytes32", "bytes32", "uint256", "uint32"], values))
    return int.from_bytes(seed, "big") % blocks


def _keccak(content: bytes) -> bytes:
    return bytes(Web3.keccak(content))
