# SPDX-License-Identifier: Apache-2.0
"""The printed answers against the library, and against a second implementation in plain integers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import plain_threshold as plain
from tests.support.small_vectors import VECTORS, small_vectors

ANSWERS: dict[str, Any] = json.loads(VECTORS.read_text())
PARAMETERS, CEREMONY, ROUND = ANSWERS["parameters"], ANSWERS["ceremony"], ANSWERS["round"]
PRIMES = [int(prime) for prime in PARAMETERS["primes"]][:-1]
DEGREE = PARAMETERS["degree"]
PARTIES = [str(party) for party in CEREMONY["parties"]]
POINTS = [index + 1 for index in CEREMONY["indices"]]
IDENTITY = [CEREMONY["chain_id"], bytes.fromhex(CEREMONY["contract"][2:]), CEREMONY["study_id"], CEREMONY["ceremony"]]
# Between a ciphertext file's length and its first residue, and from the last of a block to the next block's first.
SEAL_HEAD, SEAL_TAIL = 16 + 32 + 1 + 8 + 8 + 8 + 8 + 8 + 16 + 8, 16 + 1 + 64


def polynomial(rows: list[str]) -> list[plain.Polynomial]:
    return [plain.words_of(bytes.fromhex(row)) for row in rows]


def blocks_of(data: bytes) -> list[list[plain.Polynomial]]:
    """Blocks, primes, residues of consecutive words."""
    words = plain.words_of(data)
    rows = [words[start : start + DEGREE] for start in range(0, len(words), DEGREE)]
    return [rows[start : start + len(PRIMES)] for start in range(0, len(rows), len(PRIMES))]


def share_blocks(data: bytes) -> list[list[plain.Polynomial]]:
    """Blocks, primes, residues of an opening share: only the leading coefficients of a block."""
    words = plain.words_of(data[95:])
    blocks = []
    for count in PARAMETERS["opened_coefficients"]:
        blocks.append([words[start : start + count] for start in range(0, count * len(PRIMES), count)])
        words = words[count * len(PRIMES) :]
    assert not words
    return blocks


def ciphertext_blocks(data: bytes) -> list[list[plain.Polynomial]]:
    size = 8 * DEGREE * len(PRIMES)
    content = b""
    position = 2 + PARAMETERS["blocks"]
    for _ in range(PARAMETERS["blocks"]):
        # Field 2, its length in two bytes of varint, and the SEAL object.
        start = position + 3 + SEAL_HEAD
        content += data[start : start + size]
        position = start + size + SEAL_TAIL
    assert position + 9 == len(data)
    return blocks_of(content)


def test_the_library__gives_the_printed_answers() -> None:
    assert small_vectors() == ANSWERS


def test_public_polynomials__follow_from_their_labels() -> None:
    for block, (seed, rows) in enumerate(zip(ROUND["public_seeds"], ROUND["public_polynomials"], strict=True)):
        assert plain.expand(b"", 64, "round polynomial", *IDENTITY, 1, block).hex() == seed
        assert plain.public_polynomial(bytes.fromhex(seed), PRIMES, DEGREE) == polynomial(rows)


@pytest.mark.parametrize("party", PARTIES)
def test_secrets__follow_from_the_ceremony_seed(party: str) -> None:
    seed, digest = bytes.fromhex(CEREMONY["ceremony_seeds"][party]), bytes.fromhex(CEREMONY["context_digest"])
    own = plain.expand(seed, 32, "round secret", digest, 1)
    assert own.hex() == ROUND["secret_seeds"][party]
    assert plain.ternary(own, DEGREE) == ROUND["secrets"][party]
    assert plain.expand(seed, 32, "noise seed", digest, 1).hex() == ROUND["noise_seeds"][party]


@pytest.mark.parametrize("dealer", PARTIES)
def test_shares__of_every_two_hospitals__interpolate_to_the_dealers_secret(dealer: str) -> None:
    for prime, row in zip(PRIMES, range(len(PRIMES)), strict=True):
        secret = plain.forward([value % prime for value in ROUND["secrets"][dealer]], prime)
        for pair in ((1, 2), (1, 5), (2, 5)):
            held = [polynomial(ROUND["shares"][PARTIES[POINTS.index(point)]][dealer])[row] for point in pair]
            weights = [plain.lagrange_at_zero(pair, point, prime) for point in pair]
            assert [(a * weights[0] + b * weights[1]) % prime for a, b in zip(*held, strict=True)] == secret


@pytest.mark.parametrize("party", PARTIES)
def test_a_ciphertext__is_minus_a_s_plus_e_plus_m(party: str) -> None:
    assert [list(map(str, block)) for block in plain.packed(ROUND["values"][party], PARAMETERS)] == ROUND["packed"][
        party
    ]
    blocks = ciphertext_blocks(bytes.fromhex(ROUND["ciphertexts"][party]))
    for block, residues in enumerate(blocks):
        common = polynomial(ROUND["public_polynomials"][block])
        for row, prime in enumerate(PRIMES):
            secret = plain.forward([value % prime for value in ROUND["secrets"][party]], prime)
            noisy = [
                (int(message) + error) % prime
                for message, error in zip(ROUND["packed"][party][block], ROUND["errors"][party][block], strict=True)
            ]
            expected = zip(plain.forward(noisy, prime), common[row], secret, strict=True)
            assert residues[row] == [(m - a * s) % prime for m, a, s in expected]


@pytest.mark.parametrize("member", [str(party) for party in ROUND["quorum"]])
def test_an_opening_share__is_weighted_noisy_and_masked(member: str) -> None:
    data = bytes.fromhex(ROUND["opening_shares"][member])
    assert data[79:95].hex() == "0000000000000013" + "0000000000000011"
    points = [POINTS[PARTIES.index(str(party))] for party in ROUND["quorum"]]
    other = next(str(party) for party in ROUND["quorum"] if str(party) != member)
    for block, residues in enumerate(share_blocks(data)):
        count = PARAMETERS["opened_coefficients"][block]
        about = ["open", *IDENTITY, 1, tuple(ROUND["included"]), tuple(ROUND["quorum"]), block]
        noise_seed = bytes.fromhex(ROUND["noise_seeds"][member])
        noise = plain.smudging(noise_seed, count, PARAMETERS["noise_bits"], about)
        assert max(map(abs, noise)) <= 2 * ((1 << PARAMETERS["noise_bits"]) - 1)
        for row, prime in enumerate(PRIMES):
            weight = plain.lagrange_at_zero(points, POINTS[PARTIES.index(member)], prime)
            assert str(weight) == ROUND["lagrange"][member][row]
            held = [polynomial(ROUND["shares"][member][dealer])[row] for dealer in PARTIES]
            common = polynomial(ROUND["public_polynomials"][block])[row]
            product = [weight * a * sum(column) for a, *column in zip(common, *held, strict=True)]
            pair = bytes.fromhex(ROUND["pair_seeds"][member][other])
            mask = plain.uniform(pair, prime, count, "cancelling mask", *about, row)
            sign = 1 if int(member) < int(other) else -1
            leading = plain.inverse(product, prime)[:count]
            assert residues[row] == [(p + n + sign * m) % prime for p, n, m in zip(leading, noise, mask, strict=True)]


def test_the_sum_and_the_shares__open_to_the_sum_of_the_values() -> None:
    files = [ciphertext_blocks(bytes.fromhex(file)) for file in ROUND["ciphertexts"].values()]
    shares = [share_blocks(bytes.fromhex(share)) for share in ROUND["opening_shares"].values()]
    opened = []
    for block, count in enumerate(PARAMETERS["opened_coefficients"]):
        residues = []
        for row, prime in enumerate(PRIMES):
            columns = zip(*(file[block][row] for file in files), strict=True)
            total = plain.inverse([sum(column) % prime for column in columns], prime)[:count]
            shown = [share[block][row] for share in shares]
            residues.append([sum(column) % prime for column in zip(total, *shown, strict=True)])
        opened.append(plain.chinese(residues, PRIMES))
    assert [list(map(str, block)) for block in opened] == ROUND["opened_coefficients"]
    sums = [sum(column) for column in zip(*ROUND["values"].values(), strict=True)]
    assert plain.unpacked(opened, PARAMETERS, len(PARTIES)) == ROUND["sums"] == sums


def test_pair_seeds__are_equal_on_both_sides() -> None:
    seeds = ROUND["pair_seeds"]
    assert all(seeds[left][right] == seeds[right][left] for left in PARTIES for right in PARTIES if left != right)
