# SPDX-License-Identifier: Apache-2.0
"""Ring arithmetic against plain integers, samplers against their definition."""

from __future__ import annotations

from collections import Counter
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.crypto.parameters import MODULI, NOISE_SUMMANDS, smudging_bound
from node.crypto.prf import smudging_limbs, ternary, uniform
from node.crypto.ring import ring
from node.crypto.shamir import interpolate, lagrange
from node.crypto.transform import bit_reversed, minimal_root
from node.hashing import encode, expand
from tests.support.threshold import compose

PRIMES = MODULI[8192]
RING = ring(8192, PRIMES)


def random_polynomial(seed: int) -> np.ndarray:
    return uniform(b"test", PRIMES, 8192, seed)


def edges() -> np.ndarray:
    rows = []
    for prime in PRIMES:
        row = np.zeros(8192, dtype=np.uint64)
        row[:6] = [0, 1, prime - 1, prime // 2, (1 << 32) % prime, prime - (1 << 20)]
        rows.append(row)
    return np.stack(rows)


def test_roots__are_seals() -> None:
    assert [minimal_root(8192, prime) for prime in PRIMES] == [
        45474351589225, 100406242475323, 25959043411404, 52921,
    ]  # fmt: skip


def test_forward__evaluates_at_odd_powers_in_bit_reversed_order() -> None:
    polynomial = random_polynomial(1)
    transformed = RING.forward(polynomial)
    order = bit_reversed(8192)
    for row, prime in enumerate(PRIMES):
        root = minimal_root(8192, prime)
        for place in (0, 1, 4097, 8191):
            point = pow(root, 2 * order[place] + 1, prime)
            value = 0
            for coefficient in reversed(polynomial[row].tolist()):
                value = (value * point + coefficient) % prime
            assert value == int(transformed[row, place])


@pytest.mark.parametrize("degree", sorted(MODULI))
def test_inverse__undoes_forward(degree: int) -> None:
    domain = ring(degree, MODULI[degree])
    polynomial = uniform(b"test", MODULI[degree], degree)
    assert np.array_equal(domain.inverse(domain.forward(polynomial)), polynomial)


@pytest.mark.parametrize("left", [random_polynomial(1), edges()])
@pytest.mark.parametrize("right", [random_polynomial(2), edges(), np.roll(edges(), 2, axis=1)])
def test_products_sums_and_differences__are_exact(left: np.ndarray, right: np.ndarray) -> None:
    results = RING.multiply(left, right), RING.add(left, right), RING.subtract(left, right)
    for row, prime in enumerate(PRIMES):
        pairs = list(zip(left[row].tolist(), right[row].tolist(), strict=True))
        assert results[0][row].tolist() == [a * b % prime for a, b in pairs]
        assert results[1][row].tolist() == [(a + b) % prime for a, b in pairs]
        assert results[2][row].tolist() == [(a - b) % prime for a, b in pairs]


@given(constant=st.integers(0, 1 << 200), word=st.integers(0, (1 << 64) - 1))
def test_scaling__takes_any_word_and_any_constant(constant: int, word: int) -> None:
    factor = RING.constants([constant] * len(PRIMES))
    scaled = RING.scale(np.full((len(PRIMES), 1), word, dtype=np.uint64), factor)
    assert scaled[:, 0].tolist() == [word * constant % prime for prime in PRIMES]


@settings(max_examples=20)
@given(st.lists(st.integers(0, prod(PRIMES[:-1]) - 1), min_size=4, max_size=4))
def test_compose__lifts_residues_exactly(values: list[int]) -> None:
    primes = PRIMES[:-1]
    residues = np.array([[value % prime for value in values] for prime in primes], dtype=np.uint64)
    assert list(compose(residues, primes)) == values


@pytest.mark.parametrize("bits", [1, 31, 33, 75, 120, 128])
def test_smudging__is_the_centred_sum_of_uniform_integers(bits: int) -> None:
    limbs = smudging_limbs(b"seed", 8192, bits, NOISE_SUMMANDS, "use", 1)
    exact = [sum(int(limbs[k, place]) << (32 * k) for k in range(4)) for place in range(8192)]
    centred = [value - smudging_bound(bits) for value in exact]
    assert max(map(abs, centred)) <= smudging_bound(bits)
    deviation = (sum((value / 2**bits) ** 2 for value in centred) / 8192) ** 0.5
    assert deviation == pytest.approx((NOISE_SUMMANDS / 12) ** 0.5 * (1 - 4.0**-bits) ** 0.5, rel=0.05)
    residues = RING.combine(limbs, [1 << (32 * k) for k in range(4)], -smudging_bound(bits))
    for row, prime in enumerate(PRIMES[:-1]):
        assert residues[row].tolist() == [value % prime for value in centred]


def test_ternary_samples__are_uniform() -> None:
    counts = Counter(ternary(b"seed", 8192, "use").tolist())
    assert set(counts) == {-1, 0, 1}
    assert all(abs(count - 8192 / 3) < 300 for count in counts.values())


def test_a_longer_expansion__starts_with_the_shorter() -> None:
    assert expand(b"k", 100, "use", 1)[:10] == expand(b"k", 10, "use", 1)


@given(st.lists(st.one_of(st.integers(0, 300), st.text(max_size=3), st.binary(max_size=3)), max_size=4))
def test_encoding__separates_neighbours(fields: list[int | str | bytes]) -> None:
    assert encode(*fields) != encode(*fields, 0)
    assert encode("a", *fields) != encode(b"a", *fields)
    assert encode((1, 2), *fields) != encode(1, 2, *fields)


def test_shares__interpolate_to_the_secret_from_any_threshold_of_them() -> None:
    points = {0: random_polynomial(1), 1: random_polynomial(2), 2: random_polynomial(3)}
    shares = {at: interpolate(RING, points, at) for at in (1, 2, 3, 4, 64)}
    assert np.array_equal(shares[2], points[2])
    for chosen in ((1, 2, 3), (2, 4, 64), (64, 1, 3)):
        assert np.array_equal(interpolate(RING, {at: shares[at] for at in chosen}, 0), points[0])
    assert lagrange([1, 2], 0, (17,)) == {1: [2], 2: [16]}
