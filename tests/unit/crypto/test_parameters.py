# SPDX-License-Identifier: Apache-2.0
"""Parameters: derived, within the security table, refused when nothing fits."""

from __future__ import annotations

import json
from math import isqrt, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenseal.sealapi import SEC_LEVEL_TYPE, CoeffModulus

from node.crypto import choose_parameters
from node.crypto.parameters import (
    MODULI,
    NOISE_SUMMANDS,
    SECURITY_TABLE_128,
    opened_noise_bound,
    required_noise_bits,
)
from node.errors import ParameterError
from tests.support.threshold import VECTORS, vectors


def test_moduli__are_what_seal_creates() -> None:
    for degree, bits in ((8192, [60, 60, 60, 30]), (16384, [60] * 6 + [58, 20])):
        assert tuple(prime.value() for prime in CoeffModulus.Create(degree, bits)) == MODULI[degree]


def test_moduli__stay_within_the_128_bit_table() -> None:
    for degree, primes in MODULI.items():
        assert prod(primes).bit_length() <= SECURITY_TABLE_128[degree]
        assert SECURITY_TABLE_128[degree] == CoeffModulus.MaxBitCount(degree, SEC_LEVEL_TYPE.TC128)


@given(
    parties=st.integers(3, 64),
    value_bits=st.integers(2, 32),
    value_count=st.integers(1, 200_000),
    data=st.data(),
)
def test_chosen_parameters__leave_room_for_every_sum_and_all_noise(
    parties: int, value_bits: int, value_count: int, data: st.DataObject
) -> None:
    threshold = data.draw(st.integers(2, parties - 1))
    made = choose_parameters(parties, threshold, value_bits, value_count)
    largest = (parties * ((1 << value_bits) - 1)) * sum(1 << (made.digit_bits * digit) for digit in range(made.digits))
    assert parties * ((1 << value_bits) - 1) < 1 << made.digit_bits
    assert made.noise_bound < 1 << (made.shift - 1)
    assert (largest << made.shift) + made.noise_bound + (1 << made.shift) <= made.modulus
    assert made.blocks * made.values_per_block >= value_count


def test_noise__is_as_wide_as_the_statistical_distance_asks() -> None:
    coefficients, parties, security = 8192, 16, 64
    bits = required_noise_bits(parties, coefficients, security)
    # sqrt(M * n * 10.5 * 4) / (2 * 2^bits) <= 2^-security, and not so with one bit less.
    norm = isqrt(coefficients * parties * 42)
    assert norm << security <= 2 << bits
    assert (norm + 1) << security > 1 << bits
    assert NOISE_SUMMANDS == 4


def test_one_million_short_values__pack_better_with_the_larger_degree() -> None:
    made = choose_parameters(5, 3, 16, 1_000_000)
    assert made.degree == 16384
    assert choose_parameters(3, 2, 26, 42).degree == 8192


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        ((2, 2, 16, 10), "parties"),
        ((65, 2, 16, 10), "parties"),
        ((3, 1, 16, 10), "threshold"),
        ((4, 4, 16, 10), "threshold"),
        ((3, 2, 1, 10), "width"),
        ((3, 2, 49, 10), "width"),
        ((3, 2, 16, 0), "values"),
    ],
)
def test_a_request_out_of_range__is_refused_by_name(request_: tuple[int, int, int, int], named: str) -> None:
    with pytest.raises(ParameterError, match=named):
        choose_parameters(*request_)


def test_a_request_that_fits_nothing__is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.crypto.parameters.MODULI", {8192: MODULI[8192][1:]})
    with pytest.raises(ParameterError, match="no parameter set"):
        choose_parameters(64, 32, 48, 1000, statistical_security=80)


def test_primes_beyond_the_table__are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.crypto.parameters.MODULI", {8192: MODULI[16384]})
    with pytest.raises(ParameterError, match="security table"):
        choose_parameters(3, 2, 26, 42)


def test_opened_noise_bound__counts_every_member_and_every_error() -> None:
    assert opened_noise_bound(5, 3, 4) == 3 * (4 * 15 // 2) + 5 * 21


def test_golden_vectors__are_reproduced() -> None:
    assert vectors() == json.loads(VECTORS.read_text())


def test_fisher_information_of_the_noise__is_below_the_bound_of_the_formula() -> None:
    """The exact discrete form, 4 w^2 * sum((sqrt p(x+1) - sqrt p(x))^2), falls towards 3.12."""
    last = 4.0
    for bits in (4, 6, 8, 10):
        width = 1 << bits
        density = np.full(width, 1 / width)
        for _ in range(2):
            density = np.convolve(density, density)
        roots = np.sqrt(np.concatenate(([0.0], density, [0.0])))
        information = 4 * width**2 * float(np.square(np.diff(roots)).sum())
        assert information < last
        last = information
    assert 3.1 < last < 3.2
