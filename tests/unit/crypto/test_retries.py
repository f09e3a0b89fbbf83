# SPDX-License-Identifier: Apache-2.0
"""Why a sum is opened by CKKS once: every further opening under noise for one brings the summed key nearer.

On a small parameter set, under a rule that lets quorum after quorum open one sum. An opening shows message, errors and
fresh noise; its mean over k openings shows the errors, and with all of them the key follows from one ciphertext sum.
The noise for one opening at statistical security λ falls to the errors' size after about 4^λ of them.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations, cycle, islice
from math import log2

import numpy as np
import pytest

from node.crypto import CeremonyContext, CeremonyIdentity, RoundContext, UpdateForm, opening_share
from node.crypto.encryption import data_ring, encrypted_block, round_polynomial
from node.crypto.packing import pack, unpack
from node.crypto.parameters import (
    MODULI,
    NOISE_SUMMANDS,
    ThresholdParameters,
    opened_noise_bound,
    required_noise_bits,
    smudging_bound,
)
from node.crypto.prf import Words, smudging_limbs
from tests.support.adversary import Play
from tests.support.threshold import CONTRACT, dealt_keys, secret_of
from tests.support.weakened import all_keys, centred, quotient, study, total_of, weak_opening_share

DEGREE, PARTIES = 8, (3, 5, 7)
MOST = 1 << 15


def small_round(security: int) -> RoundContext:
    """Three hospitals, two of whom open, and noise that hides one opening to 2^-security."""
    form = UpdateForm(4, 8)
    noise_bits = required_noise_bits(3, DEGREE, security)
    shift = (2 * opened_noise_bound(3, 2, noise_bits) + 1).bit_length()
    primes = (*MODULI[8192][:2], MODULI[8192][-1])
    parameters = ThresholdParameters(3, 2, 8, 40, security, DEGREE, primes, 5, noise_bits, shift)
    identity = CeremonyIdentity(31337, CONTRACT, 7, 1)
    batch = CeremonyContext(identity, bytes(32), PARTIES, (0, 1, 2), 2, 1, 1, form, parameters)
    return batch.round_context(1)


class RetriedSum:
    """One sum of three ciphertexts, opened again and again, each time with noise of its own."""

    def __init__(self, security: int) -> None:
        self.ctx = small_round(security)
        self.domain = data_ring(self.ctx)
        self.keys = all_keys(self.ctx, PARTIES, PARTIES)
        draw = np.random.default_rng(security)
        self.errors = np.zeros(DEGREE, dtype=np.int64)
        blocks = []
        for party in PARTIES:
            error = draw.binomial(42, 0.5, DEGREE) - 21
            self.errors += error
            (message,) = pack(self.ctx.parameters, draw.integers(-128, 128, 40).tolist(), self.domain)
            blocks.append(encrypted_block(self.ctx, 0, secret_of(self.ctx, party), message, error))
        self.sum = total_of(self.domain, blocks)
        self.key = total_of(self.domain, [secret_of(self.ctx, party) for party in PARTIES])

    def opened(self, attempt: int, quorum: tuple[int, int]) -> Words:
        """What one opening shows, from real shares: message, errors and noise."""
        shares = [
            self.domain.inverse(weak_opening_share(self.ctx, self.keys[k], PARTIES, quorum, attempt=attempt)[0])
            for k in quorum
        ]
        return total_of(self.domain, [self.domain.inverse(self.sum), *shares])

    def noise(self, attempt: int, quorum: tuple[int, int]) -> np.ndarray:
        """The noise of one opening's two shares: below 2^32, so its lowest limb is all of it."""
        about = ["open", *self.ctx.identity, PARTIES, attempt, quorum, 0]
        bits = self.ctx.parameters.noise_bits
        limbs = [
            smudging_limbs(self.keys[k].noise_seed, DEGREE, bits, NOISE_SUMMANDS, "smudging noise", *about)[0]
            for k in quorum
        ]
        return np.sum(limbs, axis=0).astype(np.int64) - len(quorum) * smudging_bound(bits)

    @cache  # noqa: B019
    def solved(self) -> list[tuple[int, int]]:
        """For k = 1, 2, 4, ... openings: how many of the errors, and of the key's coefficients, come out right."""
        message, total, found = self.message(), np.zeros(DEGREE, dtype=np.int64), []
        for number, quorum in enumerate(islice(cycle(combinations(PARTIES, 2)), MOST)):
            # What an opening shows besides the message, which it gives exactly.
            total += self.errors + self.noise(number, quorum)
            if (number + 1) & number == 0:
                guess = np.rint(total / (number + 1)).astype(np.int64)
                found.append((int((guess == self.errors).sum()), self._right_coefficients(message, guess)))
        return found

    def message(self) -> Words:
        """The packed message, from one opening: that is what it is for."""
        parameters = self.ctx.parameters
        values = unpack(parameters, [self.opened(0, (3, 5))], len(PARTIES))
        places = [value + len(PARTIES) * 128 for value in values]
        weights = [1 << (parameters.shift + parameters.digit_bits * digit) for digit in range(5)]
        rows = [places[at : at + 5] for at in range(0, 40, 5)]
        coefficients = [sum(place * weight for place, weight in zip(row, weights, strict=True)) for row in rows]
        return np.array([[c % prime for c in coefficients] for prime in self.domain.primes], dtype=np.uint64)

    def _right_coefficients(self, message: Words, errors: np.ndarray) -> int:
        noisy = self.domain.forward(self.domain.add(message, self.domain.from_signed(errors)))
        guess = quotient(self.domain, self.domain.subtract(noisy, self.sum), round_polynomial(self.ctx, 0))
        return int((self.domain.inverse(guess) == self.domain.inverse(self.key)).all(axis=0).sum())


@cache
def retried_sum(security: int) -> RetriedSum:
    return RetriedSum(security)


@pytest.fixture(params=[0, 1])
def retried(request: pytest.FixtureRequest) -> RetriedSum:
    return retried_sum(request.param)


def test_what_is_averaged__is_what_real_shares_open_to(retried: RetriedSum) -> None:
    message = retried.message()
    for attempt, quorum in enumerate(combinations(PARTIES, 2)):
        shown = retried.domain.subtract(retried.opened(attempt, quorum), message)
        assert centred(retried.domain, shown) == (retried.errors + retried.noise(attempt, quorum)).tolist()


def test_quorum_after_quorum_under_noise_for_one__gives_the_whole_summed_key(retried: RetriedSum) -> None:
    found = retried.solved()
    errors, coefficients = zip(*found, strict=True)
    # One opening gives what guessing does; the mean of many gives every error, and with all of them the key.
    assert errors[0] <= 2 and coefficients[0] == 0
    assert errors[-1] == DEGREE and coefficients[-1] == DEGREE
    halves = len(found) // 2
    assert sum(errors[:halves]) < sum(errors[halves:])


def test_every_bit_of_security__takes_four_times_as_many_openings() -> None:
    """The mean's noise falls with the root of their number: λ bits more hide the errors 2^λ times deeper."""
    first = []
    for security in (0, 1):
        found = retried_sum(security).solved()
        first.append(next(place for place, (_, coefficients) in enumerate(found) if coefficients == DEGREE))
    assert 1 <= first[1] - first[0] <= 3, f"solved after 2^{first[0]} and 2^{first[1]} openings"
    deviation = [2 ** required_noise_bits(3, DEGREE, security) * (8 / 12) ** 0.5 for security in (0, 1)]
    for place, noise in zip(first, deviation, strict=True):
        # A mean within a half of the truth in all eight places: within 2.7 deviations.
        assert abs(place - log2((noise * 2 * 2.7) ** 2)) <= 2.5


def test_repeating_the_one_opening__gives_nothing_new() -> None:
    ctx = study(3, 2, 42)
    raw = dealt_keys(ctx, ctx.parties, ctx.parties)
    for member in ctx.parties[:2]:
        made = {opening_share(ctx, member, raw[member], ctx.parties, ctx.parties[:2]) for _ in range(5)}
        assert len(made) == 1


def test_hospitals_that_write_down_what_they_opened__never_make_a_second_share() -> None:
    """Asked for another quorum's share of the set, and for another set's, as a chain that lies or goes back would."""
    play = Play(11, 5, 2, 0, with_ckks=True)
    happened = play.run()
    assert happened["sums opened by CKKS"] and happened["temptations refused"]
    for actor in play.actors.values():
        shares = {(number, quorum): share for kind, number, _, quorum, share in actor.made if kind == "ckks"}
        assert len(shares) == len({number for number, _ in shares})
