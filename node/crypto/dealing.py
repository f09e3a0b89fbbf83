# SPDX-License-Identifier: Apache-2.0
"""Dealing of round secrets: every hospital shares a ternary secret of its own for each round.

The first t - 1 of the other hospitals get a 32-byte seed from which their share expands; the sharing
polynomial runs through those shares and the secret, and the rest get their share in full. Each box also
carries the dealer's half of the two hospitals' mask seed for that round. Everything follows from the
dealer's ceremony seed, so a repeated step gives the same bytes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from node.crypto.context import (
    CeremonyContext,
    Context,
    in_index_order,
    index_of,
    require_all,
)
from node.crypto.framing import HEADER_BYTES, Kind, frame, unframe
from node.crypto.parameters import ThresholdParameters
from node.crypto.prf import SEED_BYTES, Words, derive, encode, expand, ternary, uniform
from node.crypto.ring import ring
from node.crypto.sealing import TAG_BYTES, SealingKey
from node.crypto.shamir import interpolate
from node.errors import MalformedCeremonyMessage, ParameterError


@dataclass(frozen=True)
class ReceivedShares:
    """What one hospital holds after reading all dealings. Secret.

    `shares` maps (round, dealer) to a share, as a 32-byte seed or as residues (the own dealing included);
    `contributions` maps (round, dealer) to the dealer's half of the pair's mask seed; `dealing_digests`
    maps each dealer to the SHA-256 of its file.
    """

    me: int
    shares: Mapping[tuple[int, int], bytes]
    contributions: Mapping[tuple[int, int], bytes]
    dealing_digests: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"ReceivedShares(me={self.me}, secret)"


def new_ceremony_seed() -> bytes:
    """Draws the one secret of a ceremony, 32 bytes: store it wrapped before the first message."""
    return secrets.token_bytes(SEED_BYTES)


def sealing_public(ctx: CeremonyContext, me: int, seed: bytes) -> bytes:
    """Returns this hospital's X25519 public key for the ceremony, 32 bytes."""
    index_of(ctx, me)
    return _sealing_key(ctx, seed).public


def make_dealing(ctx: CeremonyContext, me: int, seed: bytes, sealing_publics: Mapping[int, bytes]) -> bytes:
    """Returns the dealing file: for each round and each other hospital one sealed box.

    Raises MalformedCeremonyMessage naming the hospital whose sealing key is missing or unusable.
    """
    _check_publics(ctx, sealing_publics)
    key = _sealing_key(ctx, seed)
    boxes = []
    for round_number in ctx.round_numbers:
        shares = _own_shares(ctx, me, seed, round_number)
        for recipient in _others(ctx, me):
            plaintext = mask_contribution(ctx, seed, round_number, recipient) + shares[recipient]
            associated = _associated(ctx, round_number, me, recipient)
            try:
                boxes.append(key.seal(sealing_publics[recipient], associated, plaintext))
            except MalformedCeremonyMessage as error:
                raise MalformedCeremonyMessage(f"hospital {recipient}: {error}") from None
    return frame(Kind.DEALING, ctx, me, b"".join(boxes))


def dealing_size(ctx: CeremonyContext) -> int:
    """Exact size in bytes of every hospital's dealing file."""
    dealer = ctx.parties[0]
    return HEADER_BYTES + ctx.rounds * sum(_box_size(ctx, dealer, other) for other in _others(ctx, dealer))


def dealing_digest(data: bytes) -> bytes:
    """SHA-256 of a dealing file: how later steps refer to it."""
    return hashlib.sha256(data).digest()


def read_dealings(
    ctx: CeremonyContext,
    me: int,
    seed: bytes,
    sealing_publics: Mapping[int, bytes],
    dealings: Mapping[int, bytes],
) -> ReceivedShares:
    """Opens this hospital's boxes in all dealings.

    Raises MalformedCeremonyMessage naming the dealer whose file or box is not well formed.
    """
    _check_publics(ctx, sealing_publics)
    require_all(ctx, dealings, "dealings", MalformedCeremonyMessage)
    key = _sealing_key(ctx, seed)
    shares: dict[tuple[int, int], bytes] = {}
    contributions: dict[tuple[int, int], bytes] = {}
    for dealer in ctx.parties:
        payload = unframe(Kind.DEALING, ctx, dealer, dealing_size(ctx), dealings[dealer], MalformedCeremonyMessage)
        for round_number, box in _boxes_for(ctx, me, dealer, payload):
            associated = _associated(ctx, round_number, dealer, me)
            try:
                plaintext = key.open(sealing_publics[dealer], associated, box)
                share_words(ctx.parameters, plaintext[SEED_BYTES:])
            except MalformedCeremonyMessage as error:
                raise MalformedCeremonyMessage(
                    f"the dealing of hospital {dealer} for round {round_number}: {error}"
                ) from None
            contributions[round_number, dealer] = plaintext[:SEED_BYTES]
            shares[round_number, dealer] = plaintext[SEED_BYTES:]
    for round_number in ctx.round_numbers:
        shares[round_number, me] = _own_shares(ctx, me, seed, round_number)[me]
    digests = {dealer: dealing_digest(dealings[dealer]) for dealer in ctx.parties}
    return ReceivedShares(me, shares, contributions, digests)


def secret_seed(ctx: CeremonyContext, seed: bytes, round_number: int) -> bytes:
    """The seed from which a round's ternary secret expands."""
    return derive(seed, "round secret", ctx.digest, round_number)


def secret_key(parameters: ThresholdParameters, seed: bytes, primes: tuple[int, ...]) -> Words:
    """Expands a secret's seed to the ternary secret in the NTT domain, shape (primes, N)."""
    domain = ring(parameters.degree, primes)
    return domain.forward(domain.from_signed(ternary(seed, parameters.degree, "ternary secret")))


def mask_contribution(ctx: CeremonyContext, seed: bytes, round_number: int, other: int) -> bytes:
    """This hospital's half of the mask seed that it shares with another for a round."""
    return derive(seed, "mask contribution", ctx.digest, round_number, other)


def share_words(parameters: ThresholdParameters, share: bytes) -> Words:
    """Expands or decodes a share to residues in the NTT domain, shape (data primes, N)."""
    primes, degree = parameters.data_primes, parameters.degree
    if len(share) == SEED_BYTES:
        return uniform(share, primes, degree, "share")
    words = np.frombuffer(share, dtype="<u8").astype(np.uint64).reshape(len(primes), degree)
    if not ring(degree, primes).is_reduced(words):
        raise MalformedCeremonyMessage("a share holds a residue that is not reduced")
    return words


def stored_share_size(ctx: Context, dealer: int, recipient: int) -> int:
    """Size in bytes of the share that a recipient holds of a dealer's secret: a seed or residues."""
    if recipient in _seeded(ctx, dealer):
        return SEED_BYTES
    return len(ctx.parameters.data_primes) * ctx.parameters.degree * 8


def _own_shares(ctx: CeremonyContext, me: int, seed: bytes, round_number: int) -> dict[int, bytes]:
    parameters = ctx.parameters
    domain = ring(parameters.degree, parameters.data_primes)
    seeds = {
        recipient: derive(seed, "share seed", ctx.digest, round_number, recipient) for recipient in _seeded(ctx, me)
    }
    points = {index_of(ctx, recipient) + 1: share_words(parameters, seeds[recipient]) for recipient in seeds}
    points[0] = secret_key(parameters, secret_seed(ctx, seed, round_number), parameters.data_primes)
    shares = dict(seeds)
    for recipient in ctx.parties:
        if recipient not in seeds:
            words = interpolate(domain, points, index_of(ctx, recipient) + 1)
            shares[recipient] = words.astype("<u8").tobytes()
    return shares


def _boxes_for(ctx: CeremonyContext, me: int, dealer: int, payload: bytes) -> list[tuple[int, bytes]]:
    boxes = []
    position = 0
    for round_number in ctx.round_numbers:
        for recipient in _others(ctx, dealer):
            size = _box_size(ctx, dealer, recipient)
            if recipient == me:
                boxes.append((round_number, payload[position : position + size]))
            position += size
    return boxes


def _box_size(ctx: CeremonyContext, dealer: int, recipient: int) -> int:
    return SEED_BYTES + stored_share_size(ctx, dealer, recipient) + TAG_BYTES


def _others(ctx: Context, party: int) -> tuple[int, ...]:
    index_of(ctx, party)
    return tuple(other for other in ctx.parties if other != party)


def _seeded(ctx: Context, dealer: int) -> tuple[int, ...]:
    return _others(ctx, dealer)[: ctx.parameters.threshold - 1]


def _associated(ctx: CeremonyContext, round_number: int, dealer: int, recipient: int) -> bytes:
    return encode("dealing", *ctx.identity, round_number, dealer, recipient, ctx.digest)


def _sealing_key(ctx: CeremonyContext, seed: bytes) -> SealingKey:
    if len(seed) != SEED_BYTES:
        raise ParameterError(f"a ceremony seed has {SEED_BYTES} bytes")
    return SealingKey(seed, ctx.digest)


def _check_publics(ctx: CeremonyContext, publics: Mapping[int, bytes]) -> None:
    require_all(ctx, publics, "sealing keys", MalformedCeremonyMessage)
    if len(set(publics.values())) != len(publics):
        raise MalformedCeremonyMessage("two hospitals posted the same sealing key: one of them is a copy")


def pair_seed(ctx: CeremonyContext, seed: bytes, received: ReceivedShares, round_number: int, other: int) -> bytes:
    """The mask seed that this hospital and another hold in common for a round, made by both."""
    halves = {
        received.me: mask_contribution(ctx, seed, round_number, other),
        other: received.contributions[round_number, other],
    }
    ordered = in_index_order(ctx, halves)
    key = b"".join(halves[party] for party in ordered)
    return expand(key, SEED_BYTES, "pair seed", ctx.digest, round_number, ordered)
