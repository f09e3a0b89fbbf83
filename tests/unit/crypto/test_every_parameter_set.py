# SPDX-License-Identifier: Apache-2.0
"""Every request that `choose_parameters` takes: sums stay exact at both ends of the range under the largest noise.

Exactness does not depend on the degree, so packing is tried at degree 64 with the chosen digits, shift and primes.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from math import prod

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.crypto import (
    ThresholdParameters,
    add,
    choose_parameters,
    encrypt,
    open_sum,
    opening_share,
    read_ciphertext,
    read_share,
)
from node.crypto.packing import pack, unpack
from node.crypto.parameters import MAXIMUM_VALUES, SECURITY_TABLE_128
from node.crypto.ring import ring
from node.errors import ParameterError
from tests.support.threshold import ceremony_context, dealt_keys

PARTIES = range(3, 65)
WIDTHS = range(2, 49)
# With one block, with two, with some, and with as many as there can be.
COUNTS = (1, 24_577, 1_000_000, MAXIMUM_VALUES)


def requests() -> list[tuple[int, int]]:
    """Both ends of the threshold for every number of parties."""
    return [(parties, threshold) for parties in PARTIES for threshold in {2, parties - 1}]


def test_every_request_in_range__has_parameters_that_hold_all_sums_and_all_noise() -> None:
    for (parties, threshold), bits, count in itertools.product(requests(), (2, 8, 16, 26, 32, 48), COUNTS):
        for security in (40, 64, 80):
            made = choose_parameters(parties, threshold, bits, count, statistical_security=security)
            check(made)


def test_every_width__has_parameters_that_hold_all_sums_and_all_noise() -> None:
    for (parties, threshold), bits in itertools.product(requests(), WIDTHS):
        check(choose_parameters(parties, threshold, bits, 42))


def check(made: ThresholdParameters) -> None:
    """The room that exactness and security need, from the numbers alone."""
    assert prod(made.primes).bit_length() <= SECURITY_TABLE_128[made.degree]
    assert made.parties * ((1 << made.value_bits) - 1) < 1 << made.digit_bits
    assert made.noise_bound < 1 << (made.shift - 1)
    assert 1 << (made.shift + made.digits * made.digit_bits) < made.modulus
    assert made.blocks * made.values_per_block >= made.value_count > (made.blocks - 1) * made.values_per_block
    coefficients = made.blocks * made.degree
    leaked = 42 * coefficients * made.parties << (2 * made.statistical_security)
    assert leaked <= 4 << (2 * made.noise_bits)


@pytest.mark.parametrize("end", ["lowest", "highest"])
@pytest.mark.parametrize("count", [42, 1_000_000])
def test_sums_of_all_hospitals__at_one_end_of_the_range__unpack_exactly(end: str, count: int) -> None:
    widths = WIDTHS if count == 42 else (8, 16, 26)
    for (parties, threshold), bits in itertools.product(requests(), widths):
        chosen = choose_parameters(parties, threshold, bits, count)
        small = replace(chosen, degree=64, value_count=64 * chosen.digits)
        domain = ring(64, small.data_primes)
        value = -(1 << (bits - 1)) if end == "lowest" else (1 << (bits - 1)) - 1
        (message,) = pack(small, np.full(small.value_count, value), domain)
        total = domain.scale(message, domain.constants([parties] * len(domain.primes)))
        # The largest noise of either sign, in turn.
        noise = np.array([[1, 0] * 32, [0, 1] * 32], dtype=np.uint64)
        noisy = domain.add(total, domain.combine(noise, [chosen.noise_bound, -chosen.noise_bound]))
        assert set(unpack(small, [noisy], parties)) == {parties * value}


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_rounds_of_any_size__open_the_exact_sum(data: st.DataObject) -> None:
    parties = data.draw(st.integers(3, 64), label="parties")
    threshold = data.draw(st.integers(2, parties - 1), label="threshold")
    bits = data.draw(st.sampled_from((2, 12, 16, 26, 48)), label="value bits")
    count = data.draw(st.sampled_from((300, 30_000)), label="count")
    try:
        ctx = ceremony_context(parties, threshold, bits, count, 1).round_context(1)
    except ParameterError:
        pytest.fail("every request in range has parameters")
    included = sorted(data.draw(st.permutations(ctx.parties))[: data.draw(st.integers(3, min(parties, 5)))])
    quorum = tuple(sorted(data.draw(st.permutations(ctx.parties))[:threshold]))
    keys = dealt_keys(ctx, included, quorum)
    half = 1 << (bits - 1)
    ends = np.array([-half, half - 1, 0, -1])
    updates = {party: ends[np.random.default_rng(party).integers(0, 4, count)] for party in included}
    files = {party: encrypt(ctx, party, keys[party], updates[party]) for party in included}  # type: ignore[arg-type]
    total = add(ctx, [read_ciphertext(ctx, party, file) for party, file in files.items()])
    shares = []
    for member in quorum:
        share = opening_share(ctx, member, keys[member], included, quorum)
        shares.append(read_share(ctx, member, included, quorum, share))
    assert open_sum(ctx, total, shares) == sum(updates.values()).tolist()
