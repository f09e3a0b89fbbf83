# SPDX-License-Identifier: Apache-2.0
"""Vectors over the integers mod ℓ, polynomials of them, and commitments to them.

Shamir, "How to share a secret", 1979; Pedersen, "Non-interactive and information-theoretic secure verifiable secret
sharing", 1991, here with one commitment for a whole vector of polynomials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache

from node.group import pedersen
from node.group.babyjubjub import IDENTITY, ORDER, Point, add, combine, multiply
from node.group.native import combinations

Vector = tuple[int, ...]


def total(vectors: Iterable[Sequence[int]]) -> Vector:
    """Return the sum of vectors of one length, each coordinate in [0, ℓ)."""
    return tuple(sum(column) % ORDER for column in zip(*vectors, strict=True))


def through(values: Mapping[int, Vector]) -> list[Vector]:
    """Return the coefficients, constant first, of the polynomial of lowest degree with these values at these points."""
    bases = {point: _basis(tuple(values), point) for point in values}
    return [_combined([bases[point][power] for point in values], list(values.values())) for power in range(len(values))]


def evaluate(coefficients: Sequence[Vector], point: int) -> Vector:
    """Return the polynomial's value, by Horner's rule."""
    value = [0] * len(coefficients[0])
    for coefficient in reversed(coefficients):
        value = [(v * point + c) % ORDER for v, c in zip(value, coefficient, strict=True)]
    return tuple(value)


def at_zero(values: Mapping[int, Vector]) -> Vector:
    """Return what the polynomial of lowest degree through these values is at 0."""
    return _combined([_basis(tuple(values), point)[0] for point in values], list(values.values()))


def commit(vectors: Sequence[Sequence[int]]) -> list[Point]:
    """Return the commitment to each vector: Σ scalar·G_m, the last scalar being H's; vectors have one length."""
    return combinations(_generators(len(vectors[0]) - 1), vectors)


def commitment_at(commitments: Sequence[Point], point: int) -> Point:
    """Return Σ_j point^j·A_j: the commitment to the value there, by Horner's rule."""
    value = IDENTITY
    for commitment in reversed(commitments):
        value = add(multiply(point, value), commitment)
    return value


def total_points(points: Sequence[Point]) -> Point:
    """Return the sum of points of the curve."""
    return combine([1] * len(points), list(points))


@cache
def _generators(scalars: int) -> tuple[Point, ...]:
    return (*map(pedersen.generator, range(scalars)), pedersen.blinding_generator())


@lru_cache(1024)
def _basis(points: tuple[int, ...], own: int) -> Vector:
    """Coefficients of the polynomial that is 1 at `own` and 0 at the other points."""
    coefficients, below = [1], 1
    for other in points:
        if other != own:
            coefficients = [
                (a - other * b) % ORDER for a, b in zip([0, *coefficients], [*coefficients, 0], strict=True)
            ]
            below = below * (own - other) % ORDER
    scale = pow(below, -1, ORDER)
    return tuple(coefficient * scale % ORDER for coefficient in coefficients)


def _combined(factors: Sequence[int], vectors: Sequence[Vector]) -> Vector:
    return tuple(
        sum(factor * value for factor, value in zip(factors, column, strict=True)) % ORDER
        for column in zip(*vectors, strict=True)
    )
