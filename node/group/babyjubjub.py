# SPDX-License-Identifier: Apache-2.0
"""The curve of the commitments: Baby Jubjub, in circomlib's twisted Edwards form.

a·x² + y² = 1 + d·x²·y² with a = 168700 (a square) and d = 168696 (not one), so that the addition
formulas are complete: they hold for every pair of points on the curve (ERC-2494).
"""

from __future__ import annotations

from typing import NamedTuple

from node.group.field import MODULUS, inverse

A = 168700
D = 168696
COFACTOR = 8
#: Order of the prime subgroup (251 bits), in which all commitments lie.
ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041


class Point(NamedTuple):
    """An affine point, coordinates in [0, p)."""

    x: int
    y: int


IDENTITY = Point(0, 1)

_Projective = tuple[int, int, int]


def is_on_curve(point: Point) -> bool:
    """Say whether both coordinates are in [0, p) and the point meets the curve's equation."""
    if not (0 <= point.x < MODULUS and 0 <= point.y < MODULUS):
        return False
    x2, y2 = point.x * point.x, point.y * point.y
    return (A * x2 + y2 - 1 - D * x2 * y2) % MODULUS == 0


def is_in_subgroup(point: Point) -> bool:
    """Say whether the point is on the curve and of the prime order ℓ, or the identity."""
    return is_on_curve(point) and multiply(ORDER, point) == IDENTITY


def add(left: Point, right: Point) -> Point:
    """Return the sum of two points of the curve."""
    return _affine(_add((*left, 1), (*right, 1)))


def negate(point: Point) -> Point:
    """Return the point's inverse."""
    return Point(-point.x % MODULUS, point.y)


def multiply(scalar: int, point: Point) -> Point:
    """Return scalar·point for any integer; the scalar is taken as it is, not mod ℓ."""
    return _affine(_multiply(scalar, point))


def combine(scalars: list[int], points: list[Point]) -> Point:
    """Return Σ scalar·point with one pass of doublings for all; both lists have the same length."""
    terms = [
        (abs(scalar), (*(negate(point) if scalar < 0 else point), 1))
        for scalar, point in zip(scalars, points, strict=True)
    ]
    total: _Projective = (0, 1, 1)
    for bit in reversed(range(max((scalar.bit_length() for scalar, _ in terms), default=0))):
        total = _double(total)
        for scalar, point in terms:
            if scalar >> bit & 1:
                total = _add(total, point)
    return _affine(total)


def _multiply(scalar: int, point: Point) -> _Projective:
    base: _Projective = (*(negate(point) if scalar < 0 else point), 1)
    result: _Projective = (0, 1, 1)
    for bit in bin(abs(scalar))[2:]:
        result = _double(result)
        if bit == "1":
            result = _add(result, base)
    return result


def _add(left: _Projective, right: _Projective) -> _Projective:
    """Add in projective coordinates ("add-2008-bbjlp" of the Explicit-Formulas Database)."""
    x1, y1, z1 = left
    x2, y2, z2 = right
    a = z1 * z2 % MODULUS
    b = a * a % MODULUS
    c = x1 * x2 % MODULUS
    d = y1 * y2 % MODULUS
    e = D * c * d % MODULUS
    f, g = b - e, b + e
    cross = (x1 + y1) * (x2 + y2) - c - d
    return a * f * cross % MODULUS, a * g * (d - A * c) % MODULUS, f * g % MODULUS


def _double(point: _Projective) -> _Projective:
    """Double in projective coordinates ("dbl-2008-bbjlp" of the Explicit-Formulas Database)."""
    x, y, z = point
    b = (x + y) ** 2 % MODULUS
    c = x * x % MODULUS
    d = y * y % MODULUS
    e = A * c
    f = (e + d) % MODULUS
    j = (f - 2 * z * z) % MODULUS
    return (b - c - d) * j % MODULUS, f * (e - d) % MODULUS, f * j % MODULUS


def _affine(point: _Projective) -> Point:
    x, y, z = point
    scale = inverse(z)
    return Point(x * scale % MODULUS, y * scale % MODULUS)
