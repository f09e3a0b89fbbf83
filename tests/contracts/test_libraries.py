# SPDX-License-Identifier: Apache-2.0
"""Libraries against plain Python: sums of points of Baby Jubjub, sets of indices, and how often each is named."""

from __future__ import annotations

import random
from typing import Any

import ape
import pytest

from tests.support.suite import BASE, FIELD_ORDER, add_points, multiply, rapidly


@pytest.fixture(scope="module")
def library(accounts: Any, project: Any) -> Any:
    return accounts[0].deploy(project.LibraryHarness)


def sum_of(library: Any, points: list[tuple[int, int]]) -> tuple[int, int]:
    x, y = library.sum([point[0] for point in points], [point[1] for point in points])
    return x, y


def test_sum__of_none_one_doubled_and_opposite_points__is_right(library: Any) -> None:
    opposite = (FIELD_ORDER - BASE[0], BASE[1])
    assert sum_of(library, []) == (0, 1)
    assert sum_of(library, [BASE]) == BASE
    assert sum_of(library, [BASE, BASE]) == add_points(BASE, BASE)
    assert sum_of(library, [BASE, opposite]) == (0, 1)
    assert sum_of(library, [(0, 1), BASE, (0, 1)]) == BASE


def test_sum__of_sixty_four_points__equals_the_affine_sum(library: Any) -> None:
    points = [multiply(BASE, 7 * number + 3) for number in range(64)]
    assert sum_of(library, points) == multiply(BASE, sum(7 * number + 3 for number in range(64)))


def test_sum__of_points_off_the_curve__may_not_exist_and_says_so(library: Any) -> None:
    # x₁·x₂·y₁·y₂·d = 1 makes a denominator of the sum zero; on the curve no two points do.
    with ape.reverts(library.BabyJubJubNotInvertible, value=0):
        sum_of(library, [(1, 1), (1, pow(168696, -1, FIELD_ORDER))])


def test_is_on_curve__off_it_or_not_reduced__is_false(library: Any) -> None:
    assert library.isOnCurve(*BASE)
    assert not library.isOnCurve(BASE[0], BASE[1] + 1)
    assert not library.isOnCurve(BASE[0] + FIELD_ORDER, BASE[1])


@pytest.mark.parametrize("least", [1, 2, 3, 31, 32, 33, 63, 64])
def test_in_at_least__random_sets__counts_like_python(library: Any, least: int) -> None:
    rng = random.Random(least)
    # Each index has a likelihood of its own, so that counts fall on both sides of the limit.
    sets = [sum(1 << index for index in range(64) if rng.random() < index / 60) for _ in range(64)]
    counts = [sum(one >> index & 1 for one in sets) for index in range(64)]
    expected = sum(1 << index for index, count in enumerate(counts) if count >= least)
    assert library.inAtLeast(sets, least) == expected
    assert library.count(expected) == expected.bit_count()


def test_in_at_least__all_sixty_four_in_every_set__are_found(library: Any) -> None:
    everything = (1 << 64) - 1
    assert library.inAtLeast([everything] * 64, 64) == everything
    assert library.inAtLeast([everything] * 63, 64) == 0
    assert library.inAtLeast([], 1) == 0


@pytest.mark.parametrize("size", [1, 7, 8, 9, 64])
def test_tally__of_random_sets__counts_like_python(library: Any, accounts: Any, size: int) -> None:
    rng = random.Random(size)
    sets = [sum(1 << index for index in range(64) if rng.random() < index / 60) for _ in range(size)]
    counts = [sum(one >> index & 1 for one in sets) for index in range(64)]
    rapidly(library.tally, sets, sender=accounts[0])
    for least in range(1, 65):
        named, voters = library.tallied(least)
        assert named == sum(1 << index for index, count in enumerate(counts) if count >= least), least
        assert voters == (1 << size) - 1


def test_tally__cleared__knows_of_nobody(library: Any, accounts: Any) -> None:
    everything = (1 << 64) - 1
    rapidly(library.tally, [everything] * 64, sender=accounts[0])
    assert tuple(library.tallied(64)) == (everything, everything)
    rapidly(library.tally, [0], sender=accounts[0])
    assert tuple(library.tallied(1)) == (0, 1)
