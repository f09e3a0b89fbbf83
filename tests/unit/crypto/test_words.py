# SPDX-License-Identifier: Apache-2.0
"""Arrays of large integers against Python's own."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.crypto import words
from node.crypto.parameters import MODULI
from tests.support.threshold import compose


def as_words(values: list[int], count: int) -> np.ndarray:
    return np.array([[value >> (64 * k) & (1 << 64) - 1 for value in values] for k in range(count)], dtype=np.uint64)


@pytest.mark.parametrize("primes", [*(chain[:-1] for chain in MODULI.values()), (97, 257, 3), (257,)])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_lift__is_exact_at_both_ends_and_between(primes: tuple[int, ...], data: st.DataObject) -> None:
    modulus = prod(primes)
    drawn = data.draw(st.lists(st.integers(0, modulus - 1), min_size=1, max_size=4))
    values = [0, 1, modulus - 1, modulus // 2, *drawn]
    residues = np.array([[value % prime for value in values] for prime in primes], dtype=np.uint64)
    assert compose(residues, primes).tolist() == values
    assert np.array_equal(words.lift(residues, primes), as_words(values, len(words.lift(residues, primes))))


@given(st.lists(st.integers(0, (1 << 192) - 1), min_size=1, max_size=5), st.integers(-1, 1 << 200))
def test_at_most__compares_as_integers_do(values: list[int], bound: int) -> None:
    for limit in (bound, values[0], values[0] - 1):
        assert words.at_most(as_words(values, 3), limit).tolist() == [value <= limit for value in values]


@given(st.integers(0, (1 << 192) - 1), st.integers(0, 191), st.integers(1, 64))
def test_bits__are_those_of_the_integer(value: int, start: int, width: int) -> None:
    found = words.bits(as_words([value], 3), start, width)
    assert found.tolist() == [value >> start & (1 << width) - 1]


@given(st.integers(1, 64), st.data())
def test_placed_digits__stand_side_by_side(width: int, data: st.DataObject) -> None:
    digits = data.draw(st.lists(st.integers(0, (1 << width) - 1), min_size=1, max_size=9))
    placed = words.place(np.array(digits, dtype=np.uint64)[:, None], width)
    total = sum(int(word) << (64 * k) for k, word in enumerate(placed[:, 0]))
    assert total == sum(digit << (width * d) for d, digit in enumerate(digits))
