# SPDX-License-Identifier: Apache-2.0
"""Sums of points of Baby Jubjub against affine arithmetic in Python."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.suite import BASE, FIELD_ORDER, add_points, multiply


@pytest.fixture(scope="module")
def curve(accounts: Any, project: Any) -> Any:
    return accounts[0].deploy(project.CurveHarness)


def sum_of(curve: Any, points: list[tuple[int, int]]) -> tuple[int, int]:
    x, y = curve.sum([point[0] for point in points], [point[1] for point in points])
    return x, y


def test_sum__of_none_one_doubled_and_opposite_points__is_right(curve: Any) -> None:
    opposite = (FIELD_ORDER - BASE[0], BASE[1])
    assert sum_of(curve, []) == (0, 1)
    assert sum_of(curve, [BASE]) == BASE
    assert sum_of(curve, [BASE, BASE]) == add_points(BASE, BASE)
    assert sum_of(curve, [BASE, opposite]) == (0, 1)
    assert sum_of(curve, [(0, 1), BASE, (0, 1)]) == BASE


def test_sum__of_sixty_four_points__equals_the_affine_sum(curve: Any) -> None:
    points = [multiply(BASE, 7 * number + 3) for number in range(64)]
    assert sum_of(curve, points) == multiply(BASE, sum(7 * number + 3 for number in range(64)))


def test_is_on_curve__off_it_or_not_reduced__is_false(curve: Any) -> None:
    assert curve.isOnCurve(*BASE)
    assert not curve.isOnCurve(BASE[0], BASE[1] + 1)
    assert not curve.isOnCurve(BASE[0] + FIELD_ORDER, BASE[1])
