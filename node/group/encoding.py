# SPDX-License-Identifier: Apache-2.0
"""Points and scalars as 32 bytes, one encoding for each, every other refused.

A point is y, little-endian, with the top bit set where x > (p − 1)/2: circomlib's `packPoint`. A scalar is an
integer below ℓ, little-endian.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.errors import MalformedEncoding
from node.group import babyjubjub
from node.group.babyjubjub import IDENTITY, ORDER, Point
from node.group.field import MODULUS, inverse, square_root

POINT_BYTES = 32
SCALAR_BYTES = 32

_SIGN = 1 << 255
_HALF = (MODULUS - 1) // 2


def write_point(point: Point) -> bytes:
    """Return the 32 bytes of a point of the curve."""
    return (point.y | (_SIGN if point.x > _HALF else 0)).to_bytes(POINT_BYTES, "little")


def write_points(points: Iterable[Point]) -> bytes:
    """Return the encodings of points, one after another."""
    return b"".join(map(write_point, points))


def read_point(data: bytes, *, identity: bool = False) -> Point:
    """Return the point of order ℓ that 32 bytes encode; the identity only where `identity` says so.

    Raises MalformedEncoding for another length, y >= p, no x for y, a sign for x = 0, or a point outside of the
    prime subgroup.
    """
    return checked_point(*unpacked(data), identity=identity)


def unpacked(data: bytes) -> Point:
    """Return the point of the curve, in the prime subgroup or not, that 32 bytes encode; MalformedEncoding else."""
    if len(data) != POINT_BYTES:
        raise MalformedEncoding(f"a point has {POINT_BYTES} bytes, not {len(data)}")
    word = int.from_bytes(data, "little")
    sign, y = word >= _SIGN, word % _SIGN
    if y >= MODULUS:
        raise MalformedEncoding("a point's y is not below the field's order")
    # d is no square, so the denominator is never zero.
    x = square_root((1 - y * y) * inverse(babyjubjub.A - babyjubjub.D * y * y))
    if x is None:
        raise MalformedEncoding("no point of the curve has this y")
    if sign and x == 0:
        raise MalformedEncoding("a point with x = 0 has a sign")
    return Point(MODULUS - x if sign else x, y)


def checked_point(x: int, y: int, *, identity: bool = False) -> Point:
    """Return the point with these coordinates, which must be of order ℓ; the identity only where `identity` says so.

    Raises MalformedEncoding for coordinates outside [0, p), a point off the curve or outside of the prime subgroup.
    """
    point = Point(x, y)
    if not babyjubjub.is_on_curve(point):
        raise MalformedEncoding("a point is not on the curve, or a coordinate is not below the field's order")
    if not babyjubjub.is_in_subgroup(point):
        raise MalformedEncoding("a point is not in the subgroup of prime order")
    if point == IDENTITY and not identity:
        raise MalformedEncoding("a point is the identity")
    return point


def write_scalar(scalar: int) -> bytes:
    """Return the 32 bytes of a scalar in [0, ℓ); ValueError for another."""
    if not 0 <= scalar < ORDER:
        raise ValueError("the scalar must be in [0, ℓ)")
    return scalar.to_bytes(SCALAR_BYTES, "little")


def write_scalars(scalars: Iterable[int]) -> bytes:
    """Return the encodings of scalars, one after another."""
    return b"".join(map(write_scalar, scalars))


def read_scalar(data: bytes) -> int:
    """Return the scalar that 32 bytes encode; MalformedEncoding for another length or a scalar >= ℓ."""
    return read_scalars(data, 1)[0]


def read_scalars(data: bytes, count: int) -> tuple[int, ...]:
    """Return the `count` scalars that the bytes encode; MalformedEncoding for another length or a scalar >= ℓ."""
    if len(data) != SCALAR_BYTES * count:
        raise MalformedEncoding(f"{count} scalars have {SCALAR_BYTES * count} bytes, not {len(data)}")
    scalars = tuple(
        int.from_bytes(data[start : start + SCALAR_BYTES], "little") for start in range(0, len(data), SCALAR_BYTES)
    )
    if any(scalar >= ORDER for scalar in scalars):
        raise MalformedEncoding("a scalar is not below the group's order")
    return scalars
