# SPDX-License-Identifier: Apache-2.0
"""What a round's pads are bound to: every hash and key derivation begins with a tag and all of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from node.errors import ParameterError
from node.group.babyjubjub import ORDER
from node.hashing import Field, encode

TAG = "consilium/pads/v1/"
KEYS_HASH_BYTES = 32

#: Taken mod ℓ, so many bytes are uniform to 2^−261.
_WIDE_BYTES = 64
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_MAXIMUM_SCALARS = 1 << 16


@dataclass(frozen=True)
class PadContext:
    """The pads of one round: `contract` is the key ceremony's address, `dealt` the hospitals that are dealt to.

    `dealt` are hospital numbers in index order, `points` each one's point x (its index + 1), `scalars` how many
    scalars an update has; a pad has one more, for the blinding. `keys_hash` is the contract's, over the keys posted:
    the caller computes it from the very keys that it deals to.
    """

    chain_id: int
    contract: str
    study_id: int
    ceremony: int
    round: int
    dealt: tuple[int, ...]
    points: Mapping[int, int]
    threshold: int
    scalars: int
    keys_hash: bytes

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.contract):
            raise ParameterError("the contract's address must be 0x and 40 hexadecimal digits")
        limits = (
            ("chain id", self.chain_id, 64), ("study", self.study_id, 64), ("ceremony", self.ceremony, 32),
            ("round", self.round, 32), *(("hospital", number, 32) for number in self.dealt),
            *(("point", point, 32) for point in self.points.values()),
        )  # fmt: skip
        for name, value, bits in limits:
            if not 0 <= value < 1 << bits:
                raise ParameterError(f"the {name} is {value}; it must lie between 0 and 2^{bits} - 1")
        if set(self.points) != set(self.dealt) or len(set(self.dealt)) != len(self.dealt):
            raise ParameterError("every hospital that is dealt to has one point, and no other has one")
        in_order = [self.points[number] for number in self.dealt]
        if in_order != sorted(set(in_order)) or in_order[:1] < [1]:
            raise ParameterError("points count from 1, differ, and rise in index order")
        if not 2 <= self.threshold <= len(self.dealt):
            raise ParameterError(f"{self.threshold} of {len(self.dealt)} hospitals cannot open: choose 2 or more")
        if not 1 <= self.scalars < _MAXIMUM_SCALARS:
            raise ParameterError(f"an update of {self.scalars} scalars is not possible")
        if len(self.keys_hash) != KEYS_HASH_BYTES:
            raise ParameterError(f"the hash of the keys has {KEYS_HASH_BYTES} bytes")

    @property
    def width(self) -> int:
        """How many scalars a pad has."""
        return self.scalars + 1

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What stands after the tag of every input."""
        return (
            self.chain_id, bytes.fromhex(self.contract[2:]), self.study_id, self.ceremony, self.round, self.dealt,
            tuple(self.points[number] for number in self.dealt), self.threshold, self.scalars, self.keys_hash,
        )  # fmt: skip

    def input(self, use: str, *fields: Field) -> bytes:
        """The input for one use: tag, context, and what the use adds."""
        return encode(TAG + use, *self.fields, *fields)

    def digest(self, use: str, length: int, *fields: Field) -> bytes:
        """`length` bytes of SHAKE-256 of the input."""
        return hashlib.shake_256(self.input(use, *fields)).digest(length)

    def stream(self, use: str, count: int, *fields: Field) -> tuple[int, ...]:
        """`count` scalars, each 64 bytes of the digest, little-endian, mod ℓ."""
        data = self.digest(use, _WIDE_BYTES * count, *fields)
        return tuple(wide_scalar(data[start : start + _WIDE_BYTES]) for start in range(0, len(data), _WIDE_BYTES))

    def scalar(self, use: str, *fields: Field) -> int:
        """One scalar of the digest."""
        return self.stream(use, 1, *fields)[0]

    def recipients(self, dealer: int) -> tuple[int, ...]:
        """Whom a dealer makes boxes for: all that are dealt to but itself, in index order."""
        self.require([dealer])
        return tuple(number for number in self.dealt if number != dealer)

    def seeded(self, dealer: int) -> tuple[int, ...]:
        """The recipients whose boxes hold a seed: the first t - 1."""
        return self.recipients(dealer)[: self.threshold - 1]

    def require(self, hospitals: Iterable[int]) -> None:
        """Raises ParameterError for a hospital that is not dealt to."""
        strangers = sorted(set(hospitals) - set(self.dealt))
        if strangers:
            raise ParameterError(f"hospitals {strangers} are not dealt to in ceremony {self.ceremony}")


def wide_scalar(data: bytes) -> int:
    """A hash's 64 bytes as a scalar."""
    return int.from_bytes(data, "little") % ORDER


def key_scalar(*fields: Field) -> int:
    """The scalar in [1, ℓ) of a pad key, which is made before there is a context."""
    data = hashlib.shake_256(encode(TAG + "key", *fields)).digest(_WIDE_BYTES)
    return 1 + int.from_bytes(data, "little") % (ORDER - 1)
