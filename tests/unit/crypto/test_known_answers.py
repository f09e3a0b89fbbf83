# SPDX-License-Identifier: Apache-2.0
"""The printed answers against the library, and against a second implementation in plain integers."""

from __future__ import annotations

import hashlib
import json
import struct
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

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


THRESHOLD, SCALARS = CEREMONY["threshold"], CEREMONY["scalars"]
#: t commitments and an ephemeral key, a proof of two scalars, and boxes: a seed for the first t - 1, else all scalars.
SECTION = 32 * (THRESHOLD + 3) + (THRESHOLD - 1) * 48 + (len(PARTIES) - THRESHOLD) * (32 * (SCALARS + 1) + 16)
WORDS = 8 * DEGREE * len(PRIMES)


def test_the_context__is_the_hash_of_what_it_binds() -> None:
    numbers = [PARAMETERS[name] for name in ("parties", "threshold", "value_bits", "value_count")]
    parameters = plain.encode(
        "parameters", *numbers, PARAMETERS["statistical_security"], DEGREE,
        tuple(map(int, PARAMETERS["primes"])), PARAMETERS["digits"], PARAMETERS["noise_bits"], PARAMETERS["shift"],
    )  # fmt: skip
    digest = plain.expand(
        b"", 32, "ceremony", *IDENTITY, bytes.fromhex(CEREMONY["keys_hash"]), tuple(map(int, PARTIES)),
        tuple(CEREMONY["indices"]), THRESHOLD, CEREMONY["first_round"], CEREMONY["rounds"], CEREMONY["coordinates"],
        PARAMETERS["value_bits"], 1, parameters,
    )  # fmt: skip
    assert digest.hex() == CEREMONY["context_digest"]
    assert plain.expand(b"", 32, "round", digest, 1).hex() == ROUND["context_digest"]


@pytest.mark.parametrize("dealer", PARTIES)
def test_a_dealing__is_header_section_and_boxes_of_shares(dealer: str) -> None:
    data = bytes.fromhex(CEREMONY["dealings"][dealer])
    head = struct.unpack(">4sBB32sIQQIIIBBBBBI", data[:79])
    expected = (CEREMONY["chain_id"], CEREMONY["study_id"], CEREMONY["ceremony"], CEREMONY["first_round"], 1)
    assert head[:3] == (b"CNSL", 1, 3) and head[3].hex() == CEREMONY["context_digest"]
    assert head[4:10] == (int(dealer), *expected)
    assert head[10:] == (len(PARTIES), THRESHOLD, PARAMETERS["value_bits"], 64, 1, CEREMONY["coordinates"])
    boxes = data[79 + SECTION :]
    for place, recipient in enumerate(party for party in PARTIES if party != dealer):
        size = 32 + 16 + (32 if place < THRESHOLD - 1 else WORDS)
        half, share = opened_box(dealer, recipient, boxes[:size])
        boxes = boxes[size:]
        held = [plain.uniform(share, prime, DEGREE, "share", row) for row, prime in enumerate(PRIMES)]
        if len(share) > 32:
            words = plain.words_of(share)
            held = [words[start : start + DEGREE] for start in range(0, len(words), DEGREE)]
        assert held == polynomial(ROUND["shares"][recipient][dealer])
        assert half == mask_half(dealer, recipient)
        halves = b"".join(mask_half(*pair) for pair in sorted([(dealer, recipient), (recipient, dealer)]))
        digest = bytes.fromhex(CEREMONY["context_digest"])
        pair = plain.expand(halves, 32, "pair seed", digest, 1, tuple(sorted((int(dealer), int(recipient)))))
        assert pair.hex() == ROUND["pair_seeds"][recipient][dealer]
    assert boxes == b""


def mask_half(party: str, other: str) -> bytes:
    seed, digest = bytes.fromhex(CEREMONY["ceremony_seeds"][party]), bytes.fromhex(CEREMONY["context_digest"])
    return plain.expand(seed, 32, "mask contribution", digest, 1, int(other))


def opened_box(dealer: str, recipient: str, box: bytes) -> tuple[bytes, bytes]:
    """A box opened by its recipient, with nothing of the library."""
    seed, digest = bytes.fromhex(CEREMONY["ceremony_seeds"][recipient]), bytes.fromhex(CEREMONY["context_digest"])
    private = X25519PrivateKey.from_private_bytes(plain.expand(seed, 32, "sealing key", *IDENTITY))
    public, theirs = private.public_key().public_bytes_raw(), bytes.fromhex(CEREMONY["box_keys"][dealer])
    assert public.hex() == CEREMONY["box_keys"][recipient]
    associated = plain.encode("dealing", *IDENTITY, 1, int(dealer), int(recipient), digest)
    info = plain.encode("sealed box", theirs, public, associated)
    shared = private.exchange(X25519PublicKey.from_public_bytes(theirs))
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(shared)
    content = ChaCha20Poly1305(key).decrypt(bytes(12), box, associated)
    return content[:32], content[32:]


def test_the_transcript__is_the_hash_of_keys_dealings_complaints_and_guilty() -> None:
    fields: list[Any] = ["ceremony transcript", *IDENTITY, bytes.fromhex(CEREMONY["keys_hash"]), len(PARTIES)]
    for party in PARTIES:
        data = bytes.fromhex(CEREMONY["dealings"][party])
        fields += [int(party), hashlib.sha256(data).digest(), len(data)]
    assert plain.expand(b"", 32, *fields, 0, 0).hex() == CEREMONY["transcript_digest"]


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
