# SPDX-License-Identifier: Apache-2.0
"""Known answers of the whole layer for parameters small enough to print: `tests/vectors/threshold-small.json`.

`python -m tests.support.small_vectors` rewrites the file. Not secure and not an answer of `choose_parameters`:
degree 128 and two primes, everything else as in a study. TenSEAL's random error is replaced by a written one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from node.crypto import (
    CeremonyContext,
    CeremonyIdentity,
    CeremonyKeys,
    PostedDealing,
    ReceivedDealing,
    RoundContext,
    UpdateForm,
    add,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    open_sum,
    opening_share,
    read_ciphertext,
    read_share,
    receive_dealing,
    round_secrets,
    write_sum,
)
from node.crypto.boxes import secret_key, share_words
from node.crypto.encryption import data_ring, encrypted_block, round_polynomial, round_seeds
from node.crypto.packing import pack
from node.crypto.parameters import MODULI, ThresholdParameters, opened_noise_bound, required_noise_bits
from node.crypto.prf import Words
from node.crypto.round_secrets import read_round_secrets
from node.crypto.seal_format import write_vector
from node.crypto.shamir import lagrange
from node.group.pedersen import limb_count
from node.storage.cid import address
from tests.support.threshold import compose

VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "threshold-small.json"
PARTIES = (3, 5, 7)
INDICES = (0, 1, 4)
QUORUM = (3, 7)


def small_context() -> CeremonyContext:
    """Three hospitals, two of whom open: two blocks of 128 coefficients, two 8-bit values in each.

    The second block is not full, so an opening shows 64 of its coefficients.
    """
    degree, count, digits = 128, 300, 2
    form = UpdateForm(count - limb_count(8), 8, packed=True)
    noise_bits = required_noise_bits(3, 2 * degree, 64)
    shift = (2 * opened_noise_bound(3, 2, noise_bits) + 1).bit_length()
    primes = (*MODULI[8192][:2], MODULI[8192][-1])
    parameters = ThresholdParameters(3, 2, 8, count, 64, degree, primes, digits, noise_bits, shift)
    identity = CeremonyIdentity(31337, "0x" + "5c" * 20, 7, 1)
    return CeremonyContext(identity, bytes(range(32)), PARTIES, INDICES, 2, 1, 1, form, parameters)


def small_update(party: int) -> list[int]:
    """300 values, both ends of the range among them."""
    return [(party * 37 * place + place * place) % 256 - 128 for place in range(300)]


def small_errors(party: int, block: int) -> list[int]:
    """128 errors between -21 and 21, in place of those TenSEAL draws."""
    return [(party * 11 + block * 5 + place * 7) % 43 - 21 for place in range(128)]


def small_vectors() -> dict[str, Any]:
    """Everything another implementation needs to compare itself step by step."""
    ctx = small_context()
    ceremony, secrets = _ceremony(ctx)
    return {"parameters": _parameters(ctx), "ceremony": ceremony, "round": _round(ctx.round_context(1), secrets)}


def _parameters(ctx: CeremonyContext) -> dict[str, Any]:
    parameters = ctx.parameters
    shown = {name: value for name, value in vars(parameters).items() if isinstance(value, int) and name != "modulus"}
    return {
        **shown,
        "primes": list(map(str, parameters.primes)),
        "modulus": str(parameters.modulus),
        "digit_bits": parameters.digit_bits,
        "blocks": parameters.blocks,
        "opened_coefficients": list(parameters.opened_coefficients),
        "noise_bound": str(parameters.noise_bound),
    }


def _ceremony(ctx: CeremonyContext) -> tuple[dict[str, Any], dict[int, bytes]]:
    seeds = {party: bytes((party,)) * 32 for party in PARTIES}
    posted = {party: keys_to_post(ctx.identified, seeds[party]) for party in PARTIES}
    keys = CeremonyKeys.of(ctx, posted)
    dealings = {party: make_dealing(ctx, party, seeds[party], keys) for party in PARTIES}
    secrets = {}
    for me in PARTIES:
        received = {}
        for dealer in PARTIES:
            found = receive_dealing(ctx, me, seeds[me], keys, dealer, dealings[dealer])
            assert isinstance(found, ReceivedDealing)
            received[dealer] = found
        secrets[me] = round_secrets(ctx, me, seeds[me], received, 1)
    on_chain = {p: PostedDealing(address(file)[0].digest, len(file), True, file) for p, file in dealings.items()}
    return {
        "chain_id": ctx.identified.chain_id, "contract": ctx.identified.contract,
        "study_id": ctx.identified.study_id, "ceremony": ctx.identified.ceremony, "keys_hash": ctx.keys_hash.hex(),
        "first_round": ctx.first_round, "rounds": ctx.rounds, "parties": list(PARTIES), "indices": list(INDICES),
        "threshold": ctx.threshold, "coordinates": ctx.form.coordinates, "scalars": ctx.form.scalars,
        "context_digest": ctx.digest.hex(), "ceremony_seeds": _hex(seeds),
        "pad_points": {str(p): list(map(str, posted[p].pad)) for p in PARTIES},
        "box_keys": {str(p): posted[p].box.hex() for p in PARTIES},
        "dealings": _hex(dealings),
        "transcript_digest": judge_ceremony(ctx, keys, on_chain, ()).digest.hex(),
        "round_secrets": _hex(secrets),
    }, secrets  # fmt: skip


def _round(ctx: RoundContext, secrets: dict[int, bytes]) -> dict[str, Any]:
    domain, parameters = data_ring(ctx), ctx.parameters
    own = {party: read_round_secrets(ctx, party, secrets[party]) for party in PARTIES}
    keys = {party: secret_key(parameters, own[party].secret_seed, domain.primes) for party in PARTIES}
    messages = {party: pack(parameters, small_update(party), domain) for party in PARTIES}
    files = {}
    for party in PARTIES:
        blocks = [
            encrypted_block(ctx, block, keys[party], message, np.array(small_errors(party, block)))
            for block, message in enumerate(messages[party])
        ]
        files[party] = write_vector(parameters, round_seeds(ctx), blocks)
    total = add(ctx, [read_ciphertext(ctx, party, files[party]) for party in PARTIES])
    shares = {k: opening_share(ctx, k, secrets[k], PARTIES, QUORUM) for k in QUORUM}
    read = [read_share(ctx, k, PARTIES, QUORUM, shares[k]) for k in QUORUM]
    points = [INDICES[PARTIES.index(k)] + 1 for k in QUORUM]
    opened = []
    for block, count in enumerate(parameters.opened_coefficients):
        words = domain.inverse(total.blocks[block])[:, :count]
        for share in read:
            words = domain.add(words, share.blocks[block])
        opened.append(words)
    return {
        "context_digest": ctx.digest.hex(),
        "public_seeds": [seed.hex() for seed in round_seeds(ctx)],
        "public_polynomials": [_residues(round_polynomial(ctx, block)) for block in range(parameters.blocks)],
        "secrets": {str(p): _signed(domain.inverse(keys[p])[0], domain.primes[0]) for p in PARTIES},
        "secret_seeds": {str(p): own[p].secret_seed.hex() for p in PARTIES},
        "noise_seeds": {str(p): own[p].noise_seed.hex() for p in PARTIES},
        "pair_seeds": {str(p): {str(o): seed.hex() for o, seed in own[p].pair_seeds.items()} for p in PARTIES},
        "shares": {
            str(p): {str(d): _residues(share_words(parameters, held)) for d, held in own[p].shares.items()}
            for p in PARTIES
        },
        "values": {str(p): small_update(p) for p in PARTIES},
        "errors": {str(p): [small_errors(p, block) for block in range(parameters.blocks)] for p in PARTIES},
        "packed": {str(p): [_integers(ctx, message) for message in messages[p]] for p in PARTIES},
        "ciphertexts": _hex(files),
        "sum": write_sum(ctx, total).hex(),
        "included": list(PARTIES), "quorum": list(QUORUM),
        "lagrange": {
            str(k): [str(weight) for weight in weights]
            for k, weights in zip(QUORUM, lagrange(points, 0, domain.primes).values(), strict=True)
        },
        "opening_shares": _hex(shares),
        "opened_coefficients": [_integers(ctx, block) for block in opened],
        "sums": open_sum(ctx, total, read),
    }  # fmt: skip


def _hex(files: Any) -> dict[str, str]:
    return {str(party): content.hex() for party, content in files.items()}


def _residues(words: Words) -> list[str]:
    """One string of 64-bit little-endian words for each prime."""
    return [row.astype("<u8").tobytes().hex() for row in words]


def _integers(ctx: RoundContext, words: Words) -> list[str]:
    return [str(value) for value in compose(words, ctx.parameters.data_primes)]


def _signed(row: Words, prime: int) -> list[int]:
    return [int(value) if value < prime // 2 else int(value) - prime for value in row]


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(small_vectors(), indent=1, sort_keys=True) + "\n")
