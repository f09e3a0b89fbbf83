# SPDX-License-Identifier: Apache-2.0
"""Every kind of 32 bytes that is no point of the commitments' group, and what is said of it."""

from __future__ import annotations

from itertools import count

from node.group import babyjubjub
from node.group.babyjubjub import IDENTITY, ORDER, Point, add, multiply
from node.group.field import MODULUS, inverse, square_root
from node.group.pedersen import generator


def packed(x: int, y: int, sign: int | None = None) -> bytes:
    """A point as circomlib packs it, with a y or a sign of one's own."""
    top = x > (MODULUS - 1) // 2 if sign is None else sign
    return (y | top << 255).to_bytes(32, "little")


def _x(y: int) -> int | None:
    return square_root((1 - y * y) * inverse(babyjubjub.A - babyjubjub.D * y * y))


def _of_order_eight() -> Point:
    """A point whose multiples are the eight of small order."""
    for y in count(2):
        x = _x(y)
        if x is not None:
            point = multiply(ORDER, Point(x, y))
            if multiply(4, point) != IDENTITY:
                return point
    raise AssertionError


#: k·T for k from 0 to 7, T of order 8.
SMALL_ORDER = tuple(multiply(place, _of_order_eight()) for place in range(8))

_SOUND = generator(3)
_NO_X = next(y for y in count(2) if _x(y) is None)
_TWISTED = add(_SOUND, SMALL_ORDER[1])

MALFORMED_POINTS: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "32 bytes"),
    "one byte short": (packed(*_SOUND)[:31], "32 bytes"),
    "one byte long": (packed(*_SOUND) + b"\0", "32 bytes"),
    "y equal to p": (packed(_SOUND.x, MODULUS), "not below"),
    "y of the identity plus p": (packed(0, 1 + MODULUS), "not below"),
    "y of a sound point plus p": (packed(_SOUND.x, _SOUND.y + MODULUS), "not below"),
    "all bits": (b"\xff" * 32, "not below"),
    "no x for y": (packed(0, _NO_X), "no point of the curve"),
    "no x for y, signed": (packed(0, _NO_X, 1), "no point of the curve"),
    "identity with a sign": (packed(0, 1, 1), "has a sign"),
    "order 2 with a sign": (packed(0, MODULUS - 1, 1), "has a sign"),
    "order 2": (packed(0, MODULUS - 1), "subgroup"),
    "order 4": (packed(*SMALL_ORDER[2]), "subgroup"),
    "order 8": (packed(*SMALL_ORDER[1]), "subgroup"),
    "a sound point plus one of order 8": (packed(*_TWISTED), "subgroup"),
}

#: 32 bytes that are no scalar.
MALFORMED_SCALARS: dict[str, bytes] = {
    "the order": ORDER.to_bytes(32, "little"),
    "the order plus one": (ORDER + 1).to_bytes(32, "little"),
    "all bits": b"\xff" * 32,
}
