# SPDX-License-Identifier: Apache-2.0
"""Attacks that succeed on weakened openings and fail on ours, so that no safeguard is taken out unseen.

Here: what an opening is protected by. `test_attacks_on_messages.py` and `test_attacks_on_ceremonies.py` have the
rest of the list in `docs/threshold-ckks.md`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from math import gcd, lcm, prod

import numpy as np
import pytest

from node.crypto import RoundContext, add, encrypt, opening_share, read_ciphertext, read_share
from node.crypto.boxes import share_words
from node.crypto.context import in_index_order, index_of
from node.crypto.encryption import data_ring, round_polynomial
from node.crypto.framing import HEADER_BYTES
from node.crypto.masking import smudging_noise
from node.crypto.opening import PREFIX_BYTES
from node.crypto.packing import pack, unpack
from node.crypto.parameters import smudging_bound
from node.crypto.round_secrets import read_round_secrets
from tests.support.threshold import compose, dealt_keys, extreme_values, secret_of
from tests.support.weakened import (
    all_keys,
    quotient,
    study,
    total_of,
    weak_opening_share,
    weight_modulo_q,
    weights,
)


def test_the_weakened_share__with_all_safeguards__is_ours() -> None:
    # As many values as two blocks hold: an opening then shows all coefficients, as the weakened share does.
    ctx = study(3, 2, 2 * 3 * 8192)
    domain = data_ring(ctx)
    raw = dealt_keys(ctx, ctx.parties, ctx.parties)
    quorum = ctx.parties[:2]
    for member in quorum:
        ours = opening_share(ctx, member, raw[member], ctx.parties, quorum)
        read = read_share(ctx, member, ctx.parties, quorum, ours)
        secrets = read_round_secrets(ctx, member, raw[member])
        weak = [domain.inverse(block) for block in weak_opening_share(ctx, secrets, ctx.parties, quorum)]
        assert np.array_equal(np.stack(read.blocks), np.stack(weak))
        assert ours[HEADER_BYTES + PREFIX_BYTES :] == np.stack(weak).astype("<u8").tobytes()


def summed_key_coefficients(smudged: bool) -> int:
    """Divides the summed shares by a and counts the coefficients of the key that come out right."""
    ctx = study(3, 2, 42)
    domain = data_ring(ctx)
    keys = all_keys(ctx, ctx.parties, ctx.parties)
    quorum = ctx.parties[1:]
    shares = [weak_opening_share(ctx, keys[k], ctx.parties, quorum, smudged=smudged)[0] for k in quorum]
    guess = quotient(domain, total_of(domain, shares), round_polynomial(ctx, 0))
    key = total_of(domain, [secret_of(ctx, party) for party in ctx.parties])
    return int((domain.inverse(guess) == domain.inverse(key)).all(axis=0).sum())


def test_without_smudging__one_opening_gives_the_whole_summed_key() -> None:
    assert summed_key_coefficients(smudged=False) == 8192
    assert summed_key_coefficients(smudged=True) == 0


def known_errors_modulo_three(noise_after_lagrange: bool) -> float:
    """Share of coefficients whose encryption error is learned modulo 3, which smudging should hide.

    The quorum has the points 1 and 3, so the honest member's weight is 3/2. The other member takes its
    own noise off the opened sum and multiplies by 2/3: noise that went in before the weight is then
    small, and in which third of the modulus the result lies tells message plus error modulo 3.
    """
    ctx = study(3, 2, 42)
    domain, modulus = data_ring(ctx), ctx.parameters.modulus
    raw = dealt_keys(ctx, ctx.parties, ctx.parties)
    keys = {party: read_round_secrets(ctx, party, data) for party, data in raw.items()}
    honest, _, curious = ctx.parties
    quorum = (honest, curious)
    updates = {party: extreme_values(ctx, party) for party in ctx.parties}
    files = {party: encrypt(ctx, party, raw[party], updates[party]) for party in ctx.parties}
    total = add(ctx, [read_ciphertext(ctx, party, files[party]) for party in ctx.parties]).blocks[0]
    made = [
        weak_opening_share(ctx, keys[k], ctx.parties, quorum, noise_after_lagrange=noise_after_lagrange)[0]
        for k in quorum
    ]
    about = ["open", *ctx.identity, ctx.parties, quorum, 0]
    noise = smudging_noise(domain, keys[curious].noise_seed, domain.degree, ctx.parameters.noise_bits, about)
    if not noise_after_lagrange:
        noise = domain.scale(noise, domain.constants(weights(ctx, quorum, curious)))
    opened = domain.subtract(domain.inverse(total_of(domain, [total, *made])), noise)
    message = total_of(domain, [pack(ctx.parameters, update, domain)[0] for update in updates.values()])

    scaled = compose(opened, domain.primes) * pow(weight_modulo_q(ctx, quorum, honest), -1, modulus) % modulus
    third = (6 * scaled + modulus) // (2 * modulus) % 3
    guesses = (third * modulus - compose(message, domain.primes)) % 3

    key = total_of(domain, [secret_of(ctx, party) for party in ctx.parties])
    exact = domain.inverse(domain.add(total, domain.multiply(round_polynomial(ctx, 0), key)))
    lifted = compose(domain.subtract(exact, message), domain.primes)
    errors = np.array([value if value < modulus // 2 else value - modulus for value in lifted])
    assert abs(errors).max() <= 3 * 21
    return float(np.mean((guesses - errors) % 3 == 0))


def test_noise_before_the_lagrange_coefficient__lets_errors_through() -> None:
    assert known_errors_modulo_three(noise_after_lagrange=False) == 1.0
    assert known_errors_modulo_three(noise_after_lagrange=True) == pytest.approx(1 / 3, abs=0.05)


def recovered_products(masked: bool) -> int:
    """Counts the coefficients of one member's secret product X = a * share that come out exactly.

    The member serves in the five attempts the noise is made for; its shares are w_j * X + n_j modulo q.
    A ratio of weights is a fraction p / r, so r * y_j - p * y_0 = r * n_j - p * n_0 holds over the
    integers, which tells n_0 modulo r. Five quorums' r together exceed the noise, and n_0 is known.
    """
    ctx = study(64, 32, 42)
    domain, modulus = data_ring(ctx), ctx.parameters.modulus
    included, victim = ctx.parties[:3], ctx.parties[31]
    others = [party for party in ctx.parties if party != victim]
    keys = all_keys(ctx, included, [victim])
    generator = random.Random(3)
    quorums = [in_index_order(ctx, [victim, *generator.sample(others, 31)]) for _ in range(5)]
    seen = []
    for attempt, quorum in enumerate(quorums):
        share = weak_opening_share(ctx, keys[victim], included, quorum, attempt=attempt, masked=masked)[0]
        seen.append(compose(domain.inverse(share), domain.primes))
    noise, known = seen[0] * 0, 1
    for quorum, later in zip(quorums[1:], seen[1:], strict=True):
        ratio = rational_weight(ctx, quorum, victim) / rational_weight(ctx, quorums[0], victim)
        p, r = ratio.numerator, ratio.denominator
        combined = (r * later - p * seen[0] + modulus // 2) % modulus - modulus // 2
        residue = -combined * pow(p, -1, r) % r
        common = gcd(known, r)
        step = (residue - noise) // common * pow(known // common, -1, r // common) % (r // common)
        noise, known = noise + known * step, lcm(known, r)
    assert known > 2 * smudging_bound(ctx.parameters.noise_bits)
    noise = (noise + known // 2) % known - known // 2
    products = (seen[0] - noise) * pow(weight_modulo_q(ctx, quorums[0], victim), -1, modulus) % modulus

    shares = [share_words(ctx.parameters, keys[victim].shares[dealer]) for dealer in included]
    truth = domain.multiply(round_polynomial(ctx, 0), total_of(domain, shares))
    return int(np.sum(products == compose(domain.inverse(truth), domain.primes)))


def rational_weight(ctx: RoundContext, quorum: Sequence[int], member: int) -> Fraction:
    """The member's Lagrange coefficient as a fraction of integers."""
    own = index_of(ctx, member) + 1
    points = [index_of(ctx, other) + 1 for other in quorum if other != member]
    return prod((Fraction(point, point - own) for point in points), start=Fraction(1))


def test_without_masks__a_few_quorums_give_a_members_secret_product() -> None:
    assert recovered_products(masked=False) == 8192
    assert recovered_products(masked=True) == 0


def key_by_division(noise_of_its_block: bool) -> bool:
    """Subtracts the opened parts of two blocks and divides by the difference of their polynomials."""
    ctx = study(3, 2, 30_000)
    domain = data_ring(ctx)
    keys = all_keys(ctx, ctx.parties, ctx.parties)
    quorum = ctx.parties[:2]
    made = [
        weak_opening_share(ctx, keys[k], ctx.parties, quorum, noise_of_its_block=noise_of_its_block) for k in quorum
    ]
    first, second = (total_of(domain, [share[block] for share in made]) for block in (0, 1))
    between = domain.subtract(round_polynomial(ctx, 0), round_polynomial(ctx, 1))
    guess = quotient(domain, domain.subtract(first, second), between)
    return np.array_equal(guess, total_of(domain, [secret_of(ctx, party) for party in ctx.parties]))


def test_noise_reused_over_blocks__gives_the_summed_key_by_division() -> None:
    assert key_by_division(noise_of_its_block=False)
    assert not key_by_division(noise_of_its_block=True)


def test_two_messages_under_one_secret__give_their_difference() -> None:
    """Why the caller stores a ciphertext before it sends it, and never makes it again."""
    ctx = study(3, 2, 42)
    domain, party = data_ring(ctx), ctx.parties[0]
    keys = dealt_keys(ctx, [party], [])[party]
    low, high = [-1000] * 42, list(range(42))
    blocks = [read_ciphertext(ctx, party, encrypt(ctx, party, keys, update)).blocks[0] for update in (high, low)]
    difference = domain.inverse(domain.subtract(*blocks))
    bias = pack(ctx.parameters, [0] * 42, domain)[0]
    revealed = unpack(ctx.parameters, [domain.add(difference, bias)], 1)
    assert revealed == [value + 1000 for value in high]
