# SPDX-License-Identifier: Apache-2.0
"""The factor that shortens a head's update: the largest that the bound allows, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import DataError
from node.learning.shortening import WHOLE, factor, shorten

LOW, HIGH = -(1 << 25), (1 << 25) - 1
coordinate = st.sampled_from([LOW, LOW + 1, -1, 0, 1, HIGH]) | st.integers(LOW, HIGH) | st.integers(-9, 9)
updates = st.lists(coordinate, min_size=1, max_size=31)


def squared(values: list[int]) -> int:
    return sum(value * value for value in values)


@settings(max_examples=300, deadline=None)
@given(updates, st.data())
def test_factor__any_update_and_bound__is_the_largest_that_fits(update: list[int], data: st.DataObject) -> None:
    length = squared(update)
    bound = data.draw(st.integers(1, max(1, 2 * length)) | st.sampled_from([1, max(1, length - 1), length + 1]))
    by = factor(update, bound)
    assert 0 <= by <= WHOLE and squared(shorten(update, by)) <= bound
    for larger in {by + 1, by + 2, (by + WHOLE) // 2 + 1, WHOLE}:
        assert by == WHOLE or larger <= by or squared(shorten(update, larger)) > bound


@settings(max_examples=300, deadline=None)
@given(updates, st.integers(0, WHOLE), st.integers(0, WHOLE))
def test_shorten__larger_factor__no_coordinate_gets_shorter(update: list[int], one: int, two: int) -> None:
    small, large = shorten(update, min(one, two)), shorten(update, max(one, two))
    assert all(abs(a) <= abs(b) <= abs(u) and a * u >= 0 for a, b, u in zip(small, large, update, strict=True))


@given(updates)
def test_factor__no_bound_or_one_that_fits__leaves_the_update(update: list[int]) -> None:
    for bound in (0, max(1, squared(update)), (1 << 64) - 1):
        assert factor(update, bound) == WHOLE
    assert shorten(update, WHOLE) == update


@pytest.mark.parametrize("bound", [-1, 1 << 64])
def test_factor__bound_of_more_than_64_bits__is_refused(bound: int) -> None:
    with pytest.raises(DataError, match="is not in"):
        factor([1], bound)
