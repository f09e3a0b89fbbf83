# SPDX-License-Identifier: Apache-2.0
"""Whole ceremonies and ready round keys for tests of the threshold encryption, and its golden vectors.

`python -m tests.support.threshold` rewrites `tests/vectors/threshold.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from node.crypto import (
    CeremonyContext,
    CeremonyTranscript,
    OpeningTest,
    ReceivedShares,
    RoundContext,
    check_ceremony,
    choose_parameters,
    ciphertext_size,
    commit_to_test_key,
    dealing_size,
    draw_tests,
    make_dealing,
    make_test_key,
    make_test_shares,
    opening_share,
    read_dealings,
    round_secrets,
    sealing_public,
    share_size,
)
from node.crypto.context import index_of
from node.crypto.dealing import secret_key, stored_share_size
from node.crypto.framing import Kind, frame
from node.crypto.prf import SEED_BYTES, Words, public_polynomial, uniform
from node.crypto.ring import ring
from node.crypto.shamir import interpolate
from node.hashing import public_hash

CONTRACT = "0x" + "5c" * 20
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "threshold.json"


@dataclass(frozen=True)
class PlayedCeremony:
    """Everything of one ceremony, all hospitals' secrets included."""

    ctx: CeremonyContext
    seeds: dict[int, bytes]
    publics: dict[int, bytes]
    dealings: dict[int, bytes]
    received: dict[int, ReceivedShares]
    tests: tuple[OpeningTest, ...]
    transcript: CeremonyTranscript

    def secrets(self, party: int, round_number: int) -> bytes:
        """One hospital's secrets for a round."""
        return round_secrets(self.ctx, party, self.seeds[party], self.received[party], round_number)


def seed_of(party: int) -> bytes:
    """A fixed ceremony seed for tests."""
    return hashlib.sha256(b"test seed %d" % party).digest()


def ceremony_context(parties: int, threshold: int, value_bits: int, count: int, rounds: int) -> CeremonyContext:
    """A context with hospital ids that are not indices."""
    parameters = choose_parameters(parties, threshold, value_bits, count)
    ids = tuple(3 + 2 * index for index in range(parties))
    return CeremonyContext(31337, CONTRACT, 7, 0, 1, rounds, ids, parameters)


@lru_cache(maxsize=4)
def played_ceremony(
    parties: int = 3, threshold: int = 2, value_bits: int = 26, count: int = 42, rounds: int = 2
) -> PlayedCeremony:
    """Plays a ceremony with honest hospitals up to the transcript."""
    ctx = ceremony_context(parties, threshold, value_bits, count, rounds)
    seeds = {party: seed_of(party) for party in ctx.parties}
    publics = {party: sealing_public(ctx, party, seeds[party]) for party in ctx.parties}
    dealings = {party: make_dealing(ctx, party, seeds[party], publics) for party in ctx.parties}
    received = {party: read_dealings(ctx, party, seeds[party], publics, dealings) for party in ctx.parties}
    digests = received[ctx.parties[0]].dealing_digests
    keys = {party: make_test_key(ctx, party, seeds[party], digests) for party in ctx.parties}
    commitments = {party: commit_to_test_key(keys[party]) for party in ctx.parties}
    tests = draw_tests(ctx, digests, commitments, keys)
    shares = {party: make_test_shares(ctx, party, seeds[party], received[party], tests) for party in ctx.parties}
    transcript = CeremonyTranscript(publics, digests, commitments, keys, shares)
    return PlayedCeremony(ctx, seeds, publics, dealings, received, tests, transcript)


def dealt_keys(ctx: RoundContext, dealers: Sequence[int], members: Sequence[int]) -> dict[int, bytes]:
    """Round secrets of some hospitals as a ceremony would leave them, without one.

    Only `dealers` get a secret that encrypts, only `members` shares that open: what a test needs of a
    study with many hospitals, at a cost that does not grow with their number squared.
    """
    domain = ring(ctx.parameters.degree, ctx.parameters.data_primes)
    shares: dict[int, dict[int, bytes]] = {member: {} for member in members}
    for dealer in dealers:
        points = {0: secret_of(ctx, dealer)}
        others = [party for party in ctx.parties if party != dealer]
        for recipient in others[: ctx.parameters.threshold - 1]:
            seed = _named(ctx, "share", dealer, recipient)
            points[index_of(ctx, recipient) + 1] = uniform(seed, domain.primes, domain.degree, "share")
        for member in members:
            if stored_share_size(ctx, dealer, member) == SEED_BYTES:
                shares[member][dealer] = _named(ctx, "share", dealer, member)
            else:
                words = interpolate(domain, points, index_of(ctx, member) + 1)
                shares[member][dealer] = words.astype("<u8").tobytes()
    keys = {}
    for party in {*dealers, *members}:
        pairs = [_named(ctx, "pair", *sorted((party, other))) for other in ctx.parties if other != party]
        held = [
            shares.get(party, {}).get(dealer, bytes(stored_share_size(ctx, dealer, party))) for dealer in ctx.parties
        ]
        seeds = [_named(ctx, "secret", party), _named(ctx, "noise", party)]
        keys[party] = frame(Kind.ROUND_SECRETS, ctx, party, b"".join([*seeds, *pairs, *held]))
    return keys


def secret_of(ctx: RoundContext, party: int) -> Words:
    """The secret of a hospital whose keys came from `dealt_keys`, NTT domain, data primes."""
    return secret_key(ctx.parameters, _named(ctx, "secret", party), ctx.parameters.data_primes)


def extreme_values(ctx: RoundContext, party: int) -> list[int]:
    """Values that a test can predict: both ends of the range, zero, and pseudo-random ones."""
    half = 1 << (ctx.parameters.value_bits - 1)
    generator = np.random.default_rng(party)
    drawn = generator.integers(-half, half, ctx.parameters.value_count)
    for place, value in enumerate((-half, half - 1, 0, -1)):
        drawn[place::7] = value
    return [int(value) for value in drawn]


def _named(ctx: RoundContext, *names: str | int) -> bytes:
    return public_hash("test", ctx.digest, *names)


def vectors() -> dict[str, Any]:
    """What other implementations must reproduce, computed afresh."""
    requests = [(3, 2, 26, 42), (4, 2, 26, 42), (8, 4, 26, 42), (5, 3, 16, 1_000_000), (64, 32, 26, 42)]
    parameters = []
    for request in requests:
        made = choose_parameters(*request)
        parameters.append({
            "parties": made.parties, "threshold": made.threshold, "value_bits": made.value_bits,
            "value_count": made.value_count, "degree": made.degree, "primes": list(map(str, made.primes)),
            "digits": made.digits, "noise_bits": made.noise_bits, "shift": made.shift,
            "blocks": made.blocks, "tests": made.tests,
        })  # fmt: skip
    played = played_ceremony()
    ctx = played.ctx
    round_ctx = ctx.round_context(2)
    included, quorum = ctx.parties, ctx.parties[1:]
    share = opening_share(round_ctx, quorum[0], played.secrets(quorum[0], 2), included, 1, quorum)
    expanded = public_polynomial(bytes(range(64)), ctx.parameters.data_primes, ctx.parameters.degree)
    return {
        "parameters": parameters,
        "public_polynomial": {
            "seed": bytes(range(64)).hex(),
            "sha256": hashlib.sha256(expanded.astype("<u8").tobytes()).hexdigest(),
        },
        "ceremony": {
            "context_digest": ctx.digest.hex(),
            "sealing_publics": [played.publics[party].hex() for party in ctx.parties],
            "dealing_digests": [played.transcript.dealing_digests[party].hex() for party in ctx.parties],
            "test_key_commitments": [played.transcript.commitments[party].hex() for party in ctx.parties],
            "transcript_digest": check_ceremony(ctx, played.transcript).hex(),
        },
        "round": {
            "context_digest": round_ctx.digest.hex(),
            "opening_share_sha256": hashlib.sha256(share).hexdigest(),
        },
        "sizes": {
            "dealing": dealing_size(ctx),
            "ciphertext": ciphertext_size(round_ctx),
            "opening_share": share_size(round_ctx),
        },
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1, sort_keys=True) + "\n")
