# SPDX-License-Identifier: Apache-2.0
"""Whole ceremonies and ready round keys for tests of the threshold encryption, and its golden vectors.

`python -m tests.support.threshold` rewrites `tests/vectors/threshold.json`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from node.crypto import (
    CeremonyContext,
    CeremonyIdentity,
    CeremonyKeys,
    PostedDealing,
    PostedKeys,
    ReceivedDealing,
    RoundContext,
    UpdateForm,
    choose_parameters,
    ciphertext_size,
    dealing_size,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    opening_share,
    receive_dealing,
    round_opening,
    round_secrets,
    share_size,
)
from node.crypto.boxes import secret_key, stored_share_size
from node.crypto.context import index_of
from node.crypto.prf import SEED_BYTES, Words, public_polynomial, uniform
from node.crypto.ring import ring
from node.crypto.round_secrets import PadSecrets, RoundSecrets, write_round_secrets
from node.crypto.shamir import interpolate
from node.crypto.words import lift
from node.group.pedersen import limb_count
from node.hashing import public_hash
from node.storage.cid import address

CONTRACT = "0x" + "5c" * 20
VECTORS = Path(__file__).resolve().parents[1] / "vectors" / "threshold.json"


@dataclass(frozen=True)
class PlayedCeremony:
    """Everything of one ceremony, all hospitals' secrets included."""

    ctx: CeremonyContext
    seeds: dict[int, bytes]
    posted: dict[int, PostedKeys]
    keys: CeremonyKeys
    dealings: dict[int, bytes]
    received: dict[int, dict[int, ReceivedDealing]]

    def secrets(self, party: int, round_number: int) -> bytes:
        """One hospital's secrets for a round."""
        return round_secrets(self.ctx, party, self.seeds[party], self.received[party], round_number)

    def on_chain(self, changed: dict[int, bytes] | None = None) -> dict[int, PostedDealing]:
        """All dealings as posted, held by all and counted; `changed` in place of what their dealers dealt."""
        files = {**self.dealings, **(changed or {})}
        return {p: PostedDealing(address(file)[0].digest, len(file), True, file) for p, file in files.items()}


def seed_of(party: int) -> bytes:
    """A fixed ceremony seed for tests."""
    return hashlib.sha256(b"test seed %d" % party).digest()


def ceremony_context(
    parties: int, threshold: int, value_bits: int, count: int, rounds: int, *, with_ckks: bool = True
) -> CeremonyContext:
    """A context with hospital ids that are not indices; `count`: the values of a ciphertext, limbs included."""
    ids, indices = tuple(3 + 2 * index for index in range(parties)), tuple(range(parties))
    form = UpdateForm(max(1, count - limb_count(value_bits)), value_bits, packed=count > 1000)
    ckks = form.parameters(parties, threshold) if with_ckks else None
    identity = CeremonyIdentity(31337, CONTRACT, 7, 1)
    return CeremonyContext(identity, bytes(range(32)), ids, indices, threshold, 1, rounds, form, ckks)


@lru_cache(maxsize=8)
def played_ceremony(
    parties: int = 3, threshold: int = 2, value_bits: int = 26, count: int = 42, rounds: int = 2, with_ckks: bool = True
) -> PlayedCeremony:
    """Plays a ceremony with honest hospitals, up to what each holds."""
    ctx = ceremony_context(parties, threshold, value_bits, count, rounds, with_ckks=with_ckks)
    seeds = {party: seed_of(party) for party in ctx.parties}
    posted = {party: keys_to_post(ctx.identified, seeds[party]) for party in ctx.parties}
    keys = CeremonyKeys.of(ctx, posted)
    dealings = {party: make_dealing(ctx, party, seeds[party], keys) for party in ctx.parties}
    received: dict[int, dict[int, ReceivedDealing]] = {party: {} for party in ctx.parties}
    for me in ctx.parties:
        for dealer in ctx.parties:
            found = receive_dealing(ctx, me, seeds[me], keys, dealer, dealings[dealer])
            assert isinstance(found, ReceivedDealing)
            received[me][dealer] = found
    return PlayedCeremony(ctx, seeds, posted, keys, dealings, received)


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
        pairs = {other: _named(ctx, "pair", *sorted((party, other))) for other in ctx.parties if other != party}
        nothing = {dealer: bytes(stored_share_size(ctx, dealer, party)) for dealer in ctx.parties}
        held = {**nothing, **shares.get(party, {})}
        ckks = RoundSecrets(party, _named(ctx, "secret", party), _named(ctx, "noise", party), pairs, held)
        keys[party] = write_round_secrets(ctx, PadSecrets(party, (0,) * (ctx.form.scalars + 1), {}), ckks)
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


def compose(residues: Words, primes: Sequence[int]) -> npt.NDArray[np.object_]:
    """Residues as Python's integers in [0, product of the primes): for small numbers of them, since it is slow."""
    total: npt.NDArray[np.object_] = np.zeros(residues.shape[1], dtype=object)
    for word in lift(residues, primes)[::-1]:
        total = (total << 64) + word.astype(object)
    return total


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
            "digits": made.digits, "noise_bits": made.noise_bits, "shift": made.shift, "blocks": made.blocks,
        })  # fmt: skip
    played = played_ceremony()
    ctx = played.ctx
    round_ctx = ctx.round_context(2)
    included, quorum = ctx.parties, ctx.parties[1:]
    share = opening_share(round_ctx, quorum[0], played.secrets(quorum[0], 2), included, quorum)
    expanded = public_polynomial(bytes(range(64)), ctx.parameters.data_primes, ctx.parameters.degree)
    judged = judge_ceremony(ctx, played.keys, played.on_chain(), ())
    rules = round_opening(round_ctx, {}, ckks_first=True)
    return {
        "parameters": parameters,
        "public_polynomial": {
            "seed": bytes(range(64)).hex(),
            "sha256": hashlib.sha256(expanded.astype("<u8").tobytes()).hexdigest(),
        },
        "ceremony": {
            "context_digest": ctx.digest.hex(),
            "pad_points": [list(map(str, played.posted[party].pad)) for party in ctx.parties],
            "box_keys": [played.posted[party].box.hex() for party in ctx.parties],
            "dealing_digests": [address(played.dealings[party])[0].digest.hex() for party in ctx.parties],
            "transcript_digest": judged.digest.hex(),
        },
        "round": {
            "context_digest": round_ctx.digest.hex(),
            "opening_share_sha256": hashlib.sha256(share).hexdigest(),
        },
        "sizes": {
            "dealing": dealing_size(ctx),
            "dealing_of_pads_alone": dealing_size(replace(ctx, ckks=None)),
            "ciphertext": ciphertext_size(round_ctx),
            "payload": rules.payload_size,
            "opening_share": share_size(round_ctx),
            "pad_share": rules.later().share_size,
        },
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1, sort_keys=True) + "\n")
