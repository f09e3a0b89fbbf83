# SPDX-License-Identifier: Apache-2.0
"""Below the threshold, whatever the hospitals see is what they would see of other updates, shown by making those.

The generators are replaced by known multiples of one point, so that the other blindings can be computed. An update
is changed by any δ, its pad by −δ along a polynomial that is 0 at every point of those that pool what they have.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest

from node.crypto.pads import polynomials
from node.crypto.pads.keys import base
from node.crypto.pads.polynomials import Vector, commit, evaluate, through, total
from node.group.babyjubjub import ORDER, Point, add, multiply

WIDTH, THRESHOLD = 5, 3
POINTS = (1, 3, 4, 5, 6)
LOGARITHMS = tuple(random.Random("logarithms").randrange(1, ORDER) for _ in range(WIDTH))
RNG = random.Random("secrecy")


@pytest.fixture(autouse=True)
def known_logarithms(monkeypatch: pytest.MonkeyPatch) -> None:
    generators = tuple(multiply(logarithm, base()) for logarithm in LOGARITHMS)
    monkeypatch.setattr(polynomials, "_generators", lambda _: generators)


def drawn() -> Vector:
    return tuple(RNG.randrange(ORDER) for _ in range(WIDTH))


def opened_alike(values: Vector) -> Vector:
    """The values with the last, the blinding, chosen so that they commit to nothing."""
    rest = sum(value * logarithm for value, logarithm in zip(values[:-1], LOGARITHMS[:-1], strict=True))
    return (*values[:-1], -rest * pow(LOGARITHMS[-1], -1, ORDER) % ORDER)


def negated(vector: Vector) -> Vector:
    return tuple(-value % ORDER for value in vector)


@dataclass(frozen=True)
class World:
    """What one honest hospital has: the polynomial of its pad, and its update with the blinding."""

    coefficients: list[Vector]
    update: Vector

    def seen(self, coalition: tuple[int, ...]) -> tuple[list[Point], list[Vector], Point, Vector]:
        """What a coalition sees of it: A's, its own shares, C and d."""
        return (
            commit(self.coefficients),
            [evaluate(self.coefficients, point) for point in coalition],
            commit([self.update])[0],
            total([self.update, self.coefficients[0]]),
        )

    def with_update(self, change: Vector, coalition: tuple[int, ...]) -> World:
        """Another update that looks the same to the coalition."""
        pad = {0: negated(change), **dict.fromkeys(coalition, (0,) * WIDTH)}
        shifted = [total(pair) for pair in zip(self.coefficients, through(pad), strict=True)]
        return World(shifted, total([self.update, change]))


def world() -> World:
    return World([drawn() for _ in range(THRESHOLD)], drawn())


@pytest.mark.parametrize("coalition", [(1, 3), (1, 6), (4, 5)])
def test_fewer_than_the_threshold__see_the_same_of_every_update(coalition: tuple[int, ...]) -> None:
    honest, change = world(), opened_alike(drawn())
    other = honest.with_update(change, coalition)
    assert other.update != honest.update
    assert other.seen(coalition) == honest.seen(coalition)


def test_as_many_as_the_threshold__do_not() -> None:
    honest, coalition = world(), (1, 3)
    other = honest.with_update(opened_alike(drawn()), coalition)
    assert other.seen((*coalition, 4)) != honest.seen((*coalition, 4))


def test_an_update_with_another_commitment__is_told_apart_by_it_alone() -> None:
    honest, coalition = world(), (1, 3)
    other = honest.with_update(drawn(), coalition)
    seen, expected = other.seen(coalition), honest.seen(coalition)
    assert seen[0] != expected[0] and seen[2] != expected[2]
    assert (seen[1], seen[3]) == (expected[1], expected[3])


def test_an_opened_sum__shows_no_more_than_the_sum() -> None:
    """Two honest hospitals, one with δ more and one with δ less: all σ are the same as well, hence what they open."""
    coalition, change = (1, 3), opened_alike(drawn())
    honest = world(), world()
    other = honest[0].with_update(change, coalition), honest[1].with_update(negated(change), coalition)
    for before, after in zip(honest, other, strict=True):
        assert before.update != after.update and before.seen(coalition) == after.seen(coalition)
    for point in POINTS:
        sigmas = [total(evaluate(one.coefficients, point) for one in pair) for pair in (honest, other)]
        assert sigmas[0] == sigmas[1]


def test_masking_twice_under_one_pad__shows_the_difference() -> None:
    """Why a pad masks one update, ever."""
    pad, first, second = drawn(), drawn(), drawn()
    difference = total([total([first, pad]), negated(total([second, pad]))])
    assert difference == total([first, negated(second)])


def test_the_point_of_small_changes__is_additive() -> None:
    """Commitments add up as what they commit to does; the checks of rounds rest on it."""
    first, second = drawn(), drawn()
    assert add(*commit([first, second])) == commit([total([first, second])])[0]
