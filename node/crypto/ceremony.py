# SPDX-License-Identifier: Apache-2.0
"""The ceremony's checks: test keys, test openings by hash, and the transcript all hospitals acknowledge.

Each hospital publishes, committed first, the leading coefficients of b = -a_test * s + e for each of its
round secrets. Random subsets of (round, dealer) are then opened by quorums that use every hospital's
shares in at least 40 tests, and must equal minus the sum of the b's up to small noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from node.crypto.context import (
    CeremonyContext,
    in_index_order,
    index_of,
    require_all,
)
from node.crypto.dealing import ReceivedShares, pair_seed, secret_key, secret_seed, share_words
from node.crypto.framing import HEADER_BYTES, Kind, frame, unframe
from node.crypto.masking import cancelling_masks, smudging_noise
from node.crypto.parameters import TEST_COEFFICIENTS, TEST_NOISE_BITS
from node.crypto.prf import (
    Field,
    Words,
    centred_binomial,
    derive,
    expand,
    public_hash,
    public_polynomial,
    public_seed,
)
from node.crypto.ring import Ring, ring
from node.crypto.shamir import lagrange
from node.crypto.words import compose
from node.errors import CeremonyFailed, MalformedCeremonyMessage


@dataclass(frozen=True)
class OpeningTest:
    """One test opening: `included` are (round, dealer) pairs, `quorum` hospital ids in index order."""

    number: int
    included: tuple[tuple[int, int], ...]
    quorum: tuple[int, ...]


@dataclass(frozen=True)
class CeremonyTranscript:
    """All messages of a ceremony, by hospital: public keys, digests, commitments and files."""

    sealing_publics: Mapping[int, bytes]
    dealing_digests: Mapping[int, bytes]
    commitments: Mapping[int, bytes]
    test_keys: Mapping[int, bytes]
    test_shares: Mapping[int, bytes]


def make_test_key(ctx: CeremonyContext, me: int, seed: bytes, dealing_digests: Mapping[int, bytes]) -> bytes:
    """Returns the test-key file: for each round the leading coefficients of -a_test * s + e."""
    index_of(ctx, me)
    domain = _ring(ctx)
    public = _test_polynomial(ctx, dealing_digests)
    keys = []
    for round_number in ctx.round_numbers:
        secret = secret_key(ctx.parameters, secret_seed(ctx, seed, round_number), domain.primes)
        product = domain.inverse(domain.multiply(public, secret))[:, :TEST_COEFFICIENTS]
        error_seed = derive(seed, "test error", ctx.digest, round_number)
        error = centred_binomial(error_seed, TEST_COEFFICIENTS, _test_seed(ctx, dealing_digests))
        keys.append(domain.subtract(domain.from_signed(error), product))
    return frame(Kind.TEST_KEY, ctx, me, np.stack(keys).astype("<u8").tobytes())


def size_of_test_key(ctx: CeremonyContext) -> int:
    """Exact size in bytes of every test-key file."""
    return HEADER_BYTES + ctx.rounds * _coefficient_bytes(ctx)


def commit_to_test_key(data: bytes) -> bytes:
    """SHA-256 of a test-key file, posted before the file is shown (the file is pseudo-random)."""
    return hashlib.sha256(data).digest()


def draw_tests(
    ctx: CeremonyContext,
    dealing_digests: Mapping[int, bytes],
    commitments: Mapping[int, bytes],
    test_keys: Mapping[int, bytes],
) -> tuple[OpeningTest, ...]:
    """Returns the test openings that the hash of dealings and test keys fixes.

    Raises MalformedCeremonyMessage naming the hospital whose test key is malformed or not what it
    committed to.
    """
    require_all(ctx, test_keys, "test keys", MalformedCeremonyMessage)
    require_all(ctx, commitments, "test-key commitments", MalformedCeremonyMessage)
    for party in ctx.parties:
        _read_test_key(ctx, party, test_keys[party])
        if commit_to_test_key(test_keys[party]) != commitments[party]:
            raise MalformedCeremonyMessage(f"the test key of hospital {party} is not what it committed to")
    # The keys themselves, which nobody knows while committing: their commitments could be ground by whoever posts last.
    keys_digest = public_hash("test keys", *(test_keys[party] for party in ctx.parties))
    root = public_hash("tests", _test_seed(ctx, dealing_digests), keys_digest)
    pairs = [(number, dealer) for number in ctx.round_numbers for dealer in ctx.parties]
    quorums = _quorums(ctx, root)
    tests = []
    for number in range(ctx.parameters.tests):
        bits = int.from_bytes(expand(root, len(pairs) // 8 + 1, "subset", number), "little")
        included = tuple(pair for place, pair in enumerate(pairs) if bits >> place & 1)
        tests.append(OpeningTest(number, included or tuple(pairs), quorums[number]))
    return tuple(tests)


def make_test_shares(
    ctx: CeremonyContext, me: int, seed: bytes, received: ReceivedShares, tests: tuple[OpeningTest, ...]
) -> bytes:
    """Returns this hospital's shares of all tests whose quorum it is in, in the tests' order."""
    domain = _ring(ctx)
    public = _test_polynomial(ctx, received.dealing_digests)
    mine = [test for test in tests if me in test.quorum]
    sums = np.zeros((len(mine), len(domain.primes), domain.degree), dtype=np.uint64)
    for pair in sorted({pair for test in mine for pair in test.included}):
        share = share_words(ctx.parameters, received.shares[pair])
        for place, test in enumerate(mine):
            if pair in test.included:
                sums[place] = domain.add(sums[place], share)
    noise_seed = derive(seed, "test noise", ctx.digest)
    others = [party for party in ctx.parties if party != me]
    seeds = {other: pair_seed(ctx, seed, received, ctx.first_round, other) for other in others}
    shares = np.empty((len(mine), len(domain.primes), TEST_COEFFICIENTS), dtype=np.uint64)
    for place, (test, total) in enumerate(zip(mine, sums, strict=True)):
        points = [index_of(ctx, member) + 1 for member in test.quorum]
        factor = domain.constants(lagrange(points, 0, domain.primes)[index_of(ctx, me) + 1])
        product = domain.inverse(domain.scale(domain.multiply(public, total), factor))
        about = _about(ctx, received.dealing_digests, test)
        noise = smudging_noise(domain, noise_seed, TEST_COEFFICIENTS, TEST_NOISE_BITS, about)
        masks = cancelling_masks(domain, me, test.quorum, seeds, TEST_COEFFICIENTS, about)
        shares[place] = domain.add(domain.add(product[:, :TEST_COEFFICIENTS], noise), masks)
    return frame(Kind.TEST_SHARES, ctx, me, shares.astype("<u8").tobytes())


def size_of_test_shares(ctx: CeremonyContext, party: int, tests: tuple[OpeningTest, ...]) -> int:
    """Exact size in bytes of one hospital's file of test shares."""
    return HEADER_BYTES + sum(party in test.quorum for test in tests) * _coefficient_bytes(ctx)


def check_ceremony(ctx: CeremonyContext, transcript: CeremonyTranscript) -> bytes:
    """Recomputes all tests and returns the transcript's digest, 32 bytes, equal for every hospital.

    Raises MalformedCeremonyMessage naming a sender, or CeremonyFailed naming the first test that did
    not open: then no key of this ceremony may be used.
    """
    require_all(ctx, transcript.sealing_publics, "sealing keys", MalformedCeremonyMessage)
    require_all(ctx, transcript.test_shares, "test shares", MalformedCeremonyMessage)
    tests = draw_tests(ctx, transcript.dealing_digests, transcript.commitments, transcript.test_keys)
    keys = {party: _read_test_key(ctx, party, transcript.test_keys[party]) for party in ctx.parties}
    shares = {party: iter(_read_test_shares(ctx, party, tests, transcript.test_shares[party])) for party in ctx.parties}
    domain = _ring(ctx)
    for test in tests:
        total = np.zeros((len(domain.primes), TEST_COEFFICIENTS), dtype=np.uint64)
        for member in test.quorum:
            total = domain.add(total, next(shares[member]))
        for round_number, dealer in test.included:
            total = domain.add(total, keys[dealer][round_number - ctx.first_round])
        modulus = ctx.parameters.modulus
        lifted = compose(total, domain.primes)
        if not all(min(value, modulus - value) <= ctx.parameters.test_bound for value in lifted):
            dealers = sorted({dealer for _, dealer in test.included})
            raise CeremonyFailed(
                f"test {test.number} did not open: the dealings of hospitals {dealers} and the shares of "
                f"hospitals {list(test.quorum)} do not fit together. Run the ceremony again"
            )
    return _transcript_digest(ctx, transcript)


def _transcript_digest(ctx: CeremonyContext, transcript: CeremonyTranscript) -> bytes:
    fields: list[Field] = ["transcript", ctx.digest]
    for party in ctx.parties:
        fields += [
            party,
            transcript.sealing_publics[party],
            transcript.dealing_digests[party],
            transcript.commitments[party],
            hashlib.sha256(transcript.test_shares[party]).digest(),
        ]
    return public_hash(*fields)


def _quorums(ctx: CeremonyContext, root: bytes) -> list[tuple[int, ...]]:
    """Cuts hash-drawn permutations of the hospitals into quorums, so that all serve equally often."""
    threshold = ctx.parameters.threshold
    line: list[int] = []
    turn = 0
    while len(line) < ctx.parameters.tests * threshold:
        keys = {party: expand(root, 32, "permutation", turn, party) for party in ctx.parties}
        permutation = sorted(ctx.parties, key=lambda party: keys[party])
        # A quorum may straddle two permutations: keep its members distinct.
        open_quorum = line[len(line) - len(line) % threshold :]
        line += [party for party in permutation if party not in open_quorum]
        line += [party for party in permutation if party in open_quorum]
        turn += 1
    return [
        in_index_order(ctx, line[start : start + threshold])
        for start in range(0, ctx.parameters.tests * threshold, threshold)
    ]


def _read_test_key(ctx: CeremonyContext, party: int, data: bytes) -> Words:
    payload = unframe(Kind.TEST_KEY, ctx, party, size_of_test_key(ctx), data, MalformedCeremonyMessage)
    return _read_coefficients(ctx, party, payload)


def _read_test_shares(ctx: CeremonyContext, party: int, tests: tuple[OpeningTest, ...], data: bytes) -> Words:
    size = size_of_test_shares(ctx, party, tests)
    payload = unframe(Kind.TEST_SHARES, ctx, party, size, data, MalformedCeremonyMessage)
    return _read_coefficients(ctx, party, payload)


def _read_coefficients(ctx: CeremonyContext, party: int, payload: bytes) -> Words:
    domain = _ring(ctx)
    words = np.frombuffer(payload, dtype="<u8").astype(np.uint64)
    words = words.reshape(-1, len(domain.primes), TEST_COEFFICIENTS)
    if not domain.is_reduced(words):
        raise MalformedCeremonyMessage(f"a message of hospital {party} holds a residue that is not reduced")
    return words


def _coefficient_bytes(ctx: CeremonyContext) -> int:
    return len(ctx.parameters.data_primes) * TEST_COEFFICIENTS * 8


def _test_seed(ctx: CeremonyContext, dealing_digests: Mapping[int, bytes]) -> bytes:
    require_all(ctx, dealing_digests, "dealings", MalformedCeremonyMessage)
    return public_seed("test polynomial", ctx.digest, *(dealing_digests[party] for party in ctx.parties))


def _test_polynomial(ctx: CeremonyContext, dealing_digests: Mapping[int, bytes]) -> Words:
    seed = _test_seed(ctx, dealing_digests)
    return public_polynomial(seed, ctx.parameters.data_primes, ctx.parameters.degree)


def _about(ctx: CeremonyContext, dealing_digests: Mapping[int, bytes], test: OpeningTest) -> list[Field]:
    included = tuple(number for pair in test.included for number in pair)
    seed = _test_seed(ctx, dealing_digests)
    return ["test", *ctx.identity, ctx.first_round, included, test.number, test.quorum, 0, seed]


def _ring(ctx: CeremonyContext) -> Ring:
    return ring(ctx.parameters.degree, ctx.parameters.data_primes)
