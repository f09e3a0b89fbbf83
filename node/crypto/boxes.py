# SPDX-License-Identifier: Apache-2.0
"""The CKKS part of a dealing: every hospital shares a ternary secret of its own for each round, in sealed boxes.

The first t - 1 of the other hospitals get a 32-byte seed from which their share expands; the sharing
polynomial runs through those shares and the secret, and the rest get their share in full. Each box also
carries the dealer's half of the two hospitals' mask seed for that round. Everything follows from the
dealer's ceremony seed, so a repeated step gives the same bytes.

A box that does not open shows nobody whose fault it is, so it blames nobody: its recipient has no share of that dealer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from node.crypto.context import CeremonyContext, CeremonyIdentity, Context, in_index_order, index_of
from node.crypto.parameters import ThresholdParameters
from node.crypto.prf import SEED_BYTES, Words, derive, ternary, uniform
from node.crypto.ring import ring
from node.crypto.sealing import TAG_BYTES, SealingKey, UnusableBox
from node.crypto.shamir import interpolate
from node.errors import ParameterError
from node.hashing import encode, expand


@dataclass(frozen=True)
class BoxContent:
    """What a dealer gave one hospital for one round. Secret.

    `share`: a 32-byte seed or residues; `mask_half`: the dealer's half of the pair's mask seed.
    """

    mask_half: bytes
    share: bytes

    def __repr__(self) -> str:
        return "BoxContent(secret)"


def sealing_key(identified: CeremonyIdentity, seed: bytes) -> SealingKey:
    """This hospital's X25519 key for the ceremony: it is posted before anybody else's is known."""
    if len(seed) != SEED_BYTES:
        raise ParameterError(f"a ceremony seed has {SEED_BYTES} bytes")
    return SealingKey(derive(seed, "sealing key", *identified.fields))


def seal_boxes(ctx: CeremonyContext, me: int, seed: bytes, round_number: int, box_keys: Mapping[int, bytes]) -> bytes:
    """One round's boxes for all others, in index order; a filler of the right size where a key is unusable."""
    key = sealing_key(ctx.identified, seed)
    shares = _shares(ctx, me, seed, round_number)
    boxes = []
    for recipient in others(ctx, me):
        plaintext = mask_half(ctx, seed, round_number, recipient) + shares[recipient]
        try:
            boxes.append(key.seal(box_keys[recipient], _associated(ctx, round_number, me, recipient), plaintext))
        except UnusableBox:
            filler = expand(seed, len(plaintext) + TAG_BYTES, "filler", ctx.digest, round_number, recipient)
            boxes.append(filler)
    return b"".join(boxes)


def boxes_size(ctx: CeremonyContext) -> int:
    """Exact size in bytes of one round's boxes in every hospital's dealing; 0 without ciphertexts."""
    if not ctx.with_ckks:
        return 0
    return sum(_box_size(ctx, ctx.parties[0], other) for other in others(ctx, ctx.parties[0]))


def open_own_box(
    ctx: CeremonyContext,
    me: int,
    seed: bytes,
    dealer: int,
    round_number: int,
    dealer_key: bytes,
    boxes: bytes,
) -> BoxContent | None:
    """What one round's boxes of another's dealing hold for this hospital; None where its box is of no use."""
    start = 0
    for recipient in others(ctx, dealer):
        if recipient == me:
            break
        start += _box_size(ctx, dealer, recipient)
    box = boxes[start : start + _box_size(ctx, dealer, me)]
    try:
        plaintext = sealing_key(ctx.identified, seed).open(dealer_key, _associated(ctx, round_number, dealer, me), box)
    except UnusableBox:
        return None
    content = BoxContent(plaintext[:SEED_BYTES], plaintext[SEED_BYTES:])
    words = share_words(ctx.parameters, content.share)
    return content if ring(ctx.parameters.degree, ctx.parameters.data_primes).is_reduced(words) else None


def own_content(ctx: CeremonyContext, me: int, seed: bytes, round_number: int) -> BoxContent:
    """The share of its own secret that a dealer keeps."""
    return BoxContent(bytes(SEED_BYTES), _shares(ctx, me, seed, round_number)[me])


def secret_seed(ctx: CeremonyContext, seed: bytes, round_number: int) -> bytes:
    """The seed of this hospital's ternary secret for a round."""
    return derive(seed, "round secret", ctx.digest, round_number)


def secret_key(parameters: ThresholdParameters, seed: bytes, primes: tuple[int, ...]) -> Words:
    """Expands a secret's seed to s modulo the given primes, NTT domain."""
    domain = ring(parameters.degree, primes)
    return domain.forward(domain.from_signed(ternary(seed, parameters.degree, "ternary secret")))


def mask_half(ctx: CeremonyContext, seed: bytes, round_number: int, other: int) -> bytes:
    """This hospital's half of the mask seed that it shares with another for a round."""
    return derive(seed, "mask contribution", ctx.digest, round_number, other)


def pair_seed(ctx: CeremonyContext, round_number: int, halves: Mapping[int, bytes]) -> bytes:
    """The mask seed that two hospitals hold in common for a round, made of the halves of both."""
    ordered = in_index_order(ctx, halves)
    key = b"".join(halves[party] for party in ordered)
    return expand(key, SEED_BYTES, "pair seed", ctx.digest, round_number, ordered)


def share_words(parameters: ThresholdParameters, share: bytes) -> Words:
    """Expands or decodes a share to residues in the NTT domain, shape (data primes, N)."""
    primes, degree = parameters.data_primes, parameters.degree
    if len(share) == SEED_BYTES:
        return uniform(share, primes, degree, "share")
    return np.frombuffer(share, dtype="<u8").astype(np.uint64).reshape(len(primes), degree)


def stored_share_size(ctx: Context, dealer: int, recipient: int) -> int:
    """Size in bytes of the share that a recipient holds of a dealer's secret: a seed or residues."""
    if recipient in _seeded(ctx, dealer):
        return SEED_BYTES
    return len(ctx.parameters.data_primes) * ctx.parameters.degree * 8


def others(ctx: Context, party: int) -> tuple[int, ...]:
    """All the dealt but one, in index order."""
    index_of(ctx, party)
    return tuple(other for other in ctx.parties if other != party)


def _shares(ctx: CeremonyContext, me: int, seed: bytes, round_number: int) -> dict[int, bytes]:
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


def _seeded(ctx: Context, dealer: int) -> tuple[int, ...]:
    return others(ctx, dealer)[: ctx.parameters.threshold - 1]


def _box_size(ctx: CeremonyContext, dealer: int, recipient: int) -> int:
    return SEED_BYTES + stored_share_size(ctx, dealer, recipient) + TAG_BYTES


def _associated(ctx: CeremonyContext, round_number: int, dealer: int, recipient: int) -> bytes:
    return encode("dealing", *ctx.identity, round_number, dealer, recipient, ctx.digest)
