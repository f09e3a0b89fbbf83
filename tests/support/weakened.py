# SPDX-License-Identifier: Apache-2.0
"""Weakened variants of the threshold layer, and the arithmetic that attacks on them need.

`weak_opening_share` is the opening share with safeguards that can be left out one at a time; with all
of them it gives our bytes. `TwoComponents` is the usual scheme under a joint public key, small and complete.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.crypto import RoundContext
from node.crypto.boxes import share_words
from node.crypto.context import in_index_order, index_of
from node.crypto.encryption import data_ring, round_polynomial
from node.crypto.masking import cancelling_masks, smudging_noise
from node.crypto.opening import OpeningShare
from node.crypto.parameters import MODULI
from node.crypto.prf import Words
from node.crypto.ring import Ring, ring
from node.crypto.round_secrets import RoundSecrets, read_round_secrets
from node.crypto.shamir import interpolate, lagrange
from tests.support.threshold import ceremony_context, compose, dealt_keys


def weak_opening_share(
    ctx: RoundContext,
    secrets: RoundSecrets,
    included: Sequence[int],
    quorum: Sequence[int],
    *,
    attempt: int | None = None,
    smudged: bool = True,
    masked: bool = True,
    noise_after_lagrange: bool = True,
    noise_of_its_block: bool = True,
) -> list[Words]:
    """An opening share of all coefficients with safeguards to leave out, NTT domain, one array for each block.

    `attempt`: that of a rule which lets a sum be opened more than once, each time with noise and masks of its own.
    """
    parameters, domain = ctx.parameters, data_ring(ctx)
    included, quorum = in_index_order(ctx, included), in_index_order(ctx, quorum)
    total = zeros(domain)
    for dealer in included:
        total = domain.add(total, share_words(parameters, secrets.shares[dealer]))
    factor = domain.constants(weights(ctx, quorum, secrets.me))
    blocks = []
    for block in range(parameters.blocks):
        again = [] if attempt is None else [attempt]
        about = ["open", *ctx.identity, included, *again, quorum, block if noise_of_its_block else 0]
        noise = smudging_noise(domain, secrets.noise_seed, domain.degree, parameters.noise_bits, about)
        share = domain.inverse(domain.multiply(round_polynomial(ctx, block), total))
        if smudged and not noise_after_lagrange:
            share = domain.add(share, noise)
        share = domain.scale(share, factor)
        if smudged and noise_after_lagrange:
            share = domain.add(share, noise)
        if masked:
            masks = cancelling_masks(domain, secrets.me, quorum, secrets.pair_seeds, domain.degree, about)
            share = domain.add(share, masks)
        blocks.append(domain.forward(share))
    return blocks


def as_share(
    ctx: RoundContext, member: int, included: Sequence[int], quorum: Sequence[int], blocks: Sequence[Words]
) -> OpeningShare:
    """What `open_sum` takes: the leading coefficients of a share that shows all."""
    domain = data_ring(ctx)
    counts = ctx.parameters.opened_coefficients
    shown = tuple(domain.inverse(block)[:, :count] for block, count in zip(blocks, counts, strict=True))
    return OpeningShare(member, tuple(included), tuple(quorum), shown)


def zeros(domain: Ring) -> Words:
    return np.zeros((len(domain.primes), domain.degree), dtype=np.uint64)


def weights(ctx: RoundContext, quorum: Sequence[int], member: int) -> list[int]:
    points = [index_of(ctx, other) + 1 for other in quorum]
    return lagrange(points, 0, data_ring(ctx).primes)[index_of(ctx, member) + 1]


def weight_modulo_q(ctx: RoundContext, quorum: Sequence[int], member: int) -> int:
    residues = np.array([[weight] for weight in weights(ctx, quorum, member)], dtype=np.uint64)
    return int(compose(residues, data_ring(ctx).primes)[0])


def total_of(domain: Ring, parts: Sequence[Words]) -> Words:
    total = zeros(domain)
    for part in parts:
        total = domain.add(total, part)
    return total


def quotient(domain: Ring, product: Words, factor: Words) -> Words:
    inverse = np.stack(
        [
            np.array([pow(int(word), -1, prime) for word in row], dtype=np.uint64)
            for row, prime in zip(factor, domain.primes, strict=True)
        ]
    )
    return domain.multiply(product, inverse)


class TwoComponents:
    """CKKS under a joint public key (b, a): three parties, any two of whom open, with every other safeguard.

    Shares carry smudging noise after the Lagrange coefficient and masks that cancel. What is missing is that
    nobody chooses the second component. Messages are small integers in units of 2^70, one to a coefficient.
    """

    DEGREE, SHIFT, NOISE_BITS = 64, 70, 55

    def __init__(self, seed: int) -> None:
        self.domain = ring(self.DEGREE, MODULI[8192][:-1])
        self._random = np.random.default_rng(seed)
        self.secret = zeros(self.domain)
        self._shares = {1: zeros(self.domain), 2: zeros(self.domain), 3: zeros(self.domain)}
        self.a, self.b = self._uniform(), zeros(self.domain)
        for _ in self._shares:
            own = self.domain.forward(self._small(2))
            self.secret = self.domain.add(self.secret, own)
            product = self.domain.multiply(self.a, own)
            self.b = self.domain.add(self.b, self.domain.subtract(self.domain.forward(self._small(4)), product))
            points = {0: own, 1: self._uniform()}
            for at in self._shares:
                self._shares[at] = self.domain.add(self._shares[at], interpolate(self.domain, points, at))

    def encrypt(self, message: Sequence[int]) -> tuple[Words, Words]:
        """Both components, NTT domain."""
        d = self.domain
        once = d.forward(self._small(2))
        payload = d.combine(np.array([message], dtype=np.uint64), [1 << self.SHIFT])
        first = d.add(d.multiply(self.b, once), d.forward(d.add(payload, self._small(4))))
        return first, d.add(d.multiply(self.a, once), d.forward(self._small(4)))

    def open(self, ciphertexts: Sequence[tuple[Words, Words]]) -> list[int]:
        """The opened coefficients of a sum, as centred integers: what everybody sees."""
        d = self.domain
        total, second = (total_of(d, [pair[part] for pair in ciphertexts]) for part in (0, 1))
        mask = self._uniform()
        for point, sign in ((1, d.add), (2, d.subtract)):
            weight = d.constants(lagrange([1, 2], 0, d.primes)[point])
            share = d.scale(d.multiply(second, self._shares[point]), weight)
            noise = self._random.integers(-(1 << self.NOISE_BITS), 1 << self.NOISE_BITS, self.DEGREE)
            share = d.add(share, d.forward(d.from_signed(noise)))
            total = d.add(total, sign(share, mask))
        return centred(d, d.inverse(total))

    def _uniform(self) -> Words:
        rows = [self._random.integers(0, prime, self.DEGREE, dtype=np.uint64) for prime in self.domain.primes]
        return np.stack(rows)

    def _small(self, spread: int) -> Words:
        return self.domain.from_signed(self._random.integers(1 - spread, spread, self.DEGREE))


def centred(domain: Ring, polynomial: Words) -> list[int]:
    """Coefficients as integers around zero."""
    modulus = 1
    for prime in domain.primes:
        modulus *= prime
    lifted = compose(polynomial, domain.primes).tolist()
    return [value if value < modulus // 2 else value - modulus for value in lifted]


def study(parties: int, threshold: int, count: int) -> RoundContext:
    return ceremony_context(parties, threshold, 26, count, 2).round_context(1)


def all_keys(ctx: RoundContext, dealers: Sequence[int], members: Sequence[int]) -> dict[int, RoundSecrets]:
    raw = dealt_keys(ctx, dealers, members)
    return {party: read_round_secrets(ctx, party, data) for party, data in raw.items()}
