# SPDX-License-Identifier: Apache-2.0
"""Pedersen commitments to integer vectors: C = Σ values_j·G_j + blinding·H on Baby Jubjub.

A long vector is packed first, many values to a scalar. Nobody knows a relation between the generators, since
each comes from a hash of its own label.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from functools import cache

from node.group import babyjubjub
from node.group.babyjubjub import COFACTOR, IDENTITY, ORDER, Point
from node.group.field import MODULUS, inverse, square_root

DOMAIN = "consilium/pedersen/v1/"
#: Blinding values are in [0, ORDER), hence of this many bits.
BLINDING_BITS = ORDER.bit_length()
#: Packed scalars stay below 2^250, hence below ℓ, and have room for sums of 2^6 values.
_SCALAR_BITS = 250
_SUM_BITS = 6


@cache
def hash_to_curve(label: str) -> Point:
    """Return the subgroup point that a label names, by try and increment.

    For ctr = 0, 1, …: digest = SHAKE-256(DOMAIN + label + "/" + ctr), 64 bytes; y is the digest as
    a little-endian integer mod p; where the curve has x for it, the top bit of the last byte
    picks the larger (1) or the smaller (0) root; the point is multiplied by the cofactor 8.
    """
    counter = 0
    while True:
        digest = hashlib.shake_256(f"{DOMAIN}{label}/{counter}".encode()).digest(64)
        counter += 1
        y = int.from_bytes(digest, "little") % MODULUS
        # d is not a square, so the denominator is never zero.
        x = square_root((1 - y * y) * inverse(babyjubjub.A - babyjubjub.D * y * y))
        if x is None:
            continue
        if digest[63] >> 7 and x:
            x = MODULUS - x
        point = babyjubjub.multiply(COFACTOR, Point(x, y))
        if point != IDENTITY:
            return point


def generator(index: int) -> Point:
    """Return G_index, the generator of coordinate `index` from 0."""
    return hash_to_curve(f"G/{index}")


def blinding_generator() -> Point:
    """Return H, the generator of the blinding value."""
    return hash_to_curve("H")


def offset_points() -> tuple[Point, Point]:
    """Return the circuit's start point and the point that it adds in every window.

    They keep its incomplete additions away from equal and opposite points, and are subtracted
    again as one constant: commitments do not depend on them.
    """
    return hash_to_curve("O/start"), hash_to_curve("O/window")


def commit(values: Sequence[int], blinding: int) -> Point:
    """Return the commitment to signed integers with a blinding value in [0, ℓ).

    Raises ValueError for a blinding value out of range.
    """
    if not 0 <= blinding < ORDER:
        raise ValueError("the blinding value must be in [0, ℓ)")
    points = [*(generator(index) for index in range(len(values))), blinding_generator()]
    return babyjubjub.combine([*values, blinding], points)


def pack(values: Sequence[int], value_bits: int) -> list[int]:
    """Return the scalars that commit to a long vector, ⌊250/(value_bits + 6)⌋ values in each, in order.

    Neighbours are value_bits + 6 bits apart: scalars add up as values do, and sums of up to 64 values of
    value_bits bits are bound one by one. Raises ValueError for a value that is not such a sum.
    """
    pitch = value_bits + _SUM_BITS
    half = 1 << (pitch - 1)
    if not all(-half <= value < half for value in values):
        raise ValueError(f"a value is outside of {pitch} bits")
    count = _SCALAR_BITS // pitch
    return [
        sum(value << (pitch * place) for place, value in enumerate(values[start : start + count]))
        for start in range(0, len(values), count)
    ]


def packed_count(values: int, value_bits: int) -> int:
    """Return how many scalars `pack` makes of so many values."""
    return -(-values // (_SCALAR_BITS // (value_bits + _SUM_BITS)))


def unpack(scalars: Sequence[int], count: int, value_bits: int) -> list[int]:
    """Return the `count` values that `pack` packed, of scalars as signed integers or of sums of such.

    Raises ValueError for scalars that `pack` does not make: of another number, or that hold more than values.
    """
    pitch = value_bits + _SUM_BITS
    half, mask = 1 << (pitch - 1), (1 << pitch) - 1
    places = _SCALAR_BITS // pitch
    if len(scalars) != packed_count(count, value_bits):
        raise ValueError(
            f"{count} values are packed into {packed_count(count, value_bits)} scalars, not {len(scalars)}"
        )
    values: list[int] = []
    for scalar in scalars:
        rest = scalar
        for _ in range(min(places, count - len(values))):
            value = ((rest + half) & mask) - half
            values.append(value)
            rest = (rest - value) >> pitch
        if rest:
            raise ValueError("a scalar holds more than the values packed into it")
    return values


def random_blinding() -> int:
    """Return a blinding value, uniform in [0, ℓ), from the system's randomness."""
    return secrets.randbelow(ORDER)


def limb_count(value_bits: int) -> int:
    """Return how many limbs of value_bits - 1 bits a blinding value takes."""
    return -(-BLINDING_BITS // (value_bits - 1))


def blinding_limbs(blinding: int, value_bits: int) -> list[int]:
    """Return the little-endian limbs of a blinding value, each of value_bits - 1 bits.

    A limb is in [0, 2^(value_bits - 1)), so it fits where an update's coordinate fits.
    """
    if not 0 <= blinding < ORDER:
        raise ValueError("the blinding value must be in [0, ℓ)")
    width = value_bits - 1
    mask = (1 << width) - 1
    return [(blinding >> (width * index)) & mask for index in range(limb_count(value_bits))]


def blinding_from_limbs(limbs: Sequence[int], value_bits: int) -> int:
    """Return the blinding value in [0, ℓ) that (summed) limbs stand for.

    Limbs may exceed value_bits - 1 bits: they are carried over the integers, then reduced mod ℓ.
    """
    width = value_bits - 1
    return sum(limb << (width * index) for index, limb in enumerate(limbs)) % ORDER
