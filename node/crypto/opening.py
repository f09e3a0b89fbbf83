# SPDX-License-Identifier: Apache-2.0
"""Opening of one sum by its quorum: share_k = lambda_k * a * sum([s_i]_k) + noise_k + cancelling masks.

A share depends on the included set and the quorum, not on the ciphertexts, and shows only the coefficients that carry
values. Its noise is for one opening. These functions hold no state: it is the caller who makes one share a round, ever,
and records set and quorum before it leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from node.crypto.boxes import share_words
from node.crypto.context import (
    RoundContext,
    bitmap_of,
    in_index_order,
    index_of,
)
from node.crypto.encryption import CiphertextSum, data_ring, round_polynomial
from node.crypto.framing import HEADER_BYTES, Kind, frame, unframe
from node.crypto.masking import cancelling_masks, smudging_noise
from node.crypto.packing import unpack
from node.crypto.parameters import MINIMUM_INCLUDED
from node.crypto.prf import Words
from node.crypto.round_secrets import read_round_secrets
from node.crypto.shamir import lagrange
from node.errors import MalformedShare, OpeningFailed, OpeningRefused, ParameterError
from node.hashing import Field

#: Set and quorum, between the header and the residues.
PREFIX_BYTES = 16


@dataclass(frozen=True)
class OpeningShare:
    """One quorum member's share: the leading coefficients of each block, residues by prime."""

    member: int
    included: tuple[int, ...]
    quorum: tuple[int, ...]
    blocks: tuple[Words, ...]


def opening_share(ctx: RoundContext, me: int, secrets: bytes, included: Sequence[int], quorum: Sequence[int]) -> bytes:
    """Returns this hospital's opening share of the sum over `included`, the same bytes each time.

    Raises OpeningRefused for fewer than three included hospitals, a quorum that is not of t parties with this
    hospital among them, or a set or quorum with a hospital whose box for this one did not open.
    """
    included, quorum = _ordered(ctx, included, quorum)
    if me not in quorum:
        raise OpeningRefused(f"hospital {me} is not in the quorum")
    own = read_round_secrets(ctx, me, secrets)
    lacking = [party for party in included if party not in own.shares]
    lacking += [member for member in quorum if member != me and member not in own.pair_seeds]
    if lacking:
        raise OpeningRefused(
            f"hospital {me} has no share from hospitals {sorted(set(lacking))}, whose boxes did not open: "
            "pads open the sum"
        )
    parameters = ctx.parameters
    domain = data_ring(ctx)
    total = share_words(parameters, own.shares[included[0]])
    for dealer in included[1:]:
        total = domain.add(total, share_words(parameters, own.shares[dealer]))
    points = [index_of(ctx, member) + 1 for member in quorum]
    factor = domain.constants(lagrange(points, 0, domain.primes)[index_of(ctx, me) + 1])
    key = domain.scale(total, factor)
    payload = [_prefix(ctx, included, quorum)]
    for number, count in enumerate(parameters.opened_coefficients):
        about: list[Field] = ["open", *ctx.identity, included, quorum, number]
        noise = smudging_noise(domain, own.noise_seed, count, parameters.noise_bits, about)
        masks = cancelling_masks(domain, me, quorum, own.pair_seeds, count, about)
        product = domain.inverse(domain.multiply(round_polynomial(ctx, number), key))[:, :count]
        payload.append(domain.add(domain.add(product, noise), masks).astype("<u8").tobytes())
    return frame(Kind.OPENING_SHARE, ctx, me, b"".join(payload))


def share_size(ctx: RoundContext) -> int:
    """Exact size in bytes of every opening share of the round."""
    coefficients = sum(ctx.parameters.opened_coefficients)
    return HEADER_BYTES + PREFIX_BYTES + 8 * len(ctx.parameters.data_primes) * coefficients


def read_share(
    ctx: RoundContext,
    member: int,
    included: Sequence[int],
    quorum: Sequence[int],
    data: bytes,
) -> OpeningShare:
    """Reads a member's share of this set and quorum; raises MalformedShare for any other."""
    included, quorum = _ordered(ctx, included, quorum)
    if member not in quorum:
        raise MalformedShare(f"hospital {member} is not in the quorum")
    payload = unframe(Kind.OPENING_SHARE, ctx, member, share_size(ctx), data, MalformedShare)
    if payload[:PREFIX_BYTES] != _prefix(ctx, included, quorum):
        raise MalformedShare(f"the opening share of hospital {member} is for another set or quorum")
    domain = data_ring(ctx)
    words = np.frombuffer(payload, dtype="<u8", offset=PREFIX_BYTES).astype(np.uint64)
    sizes = [len(domain.primes) * count for count in ctx.parameters.opened_coefficients]
    parts = np.split(words, np.cumsum(sizes)[:-1])
    blocks = tuple(part.reshape(len(domain.primes), -1) for part in parts)
    if not all(map(domain.is_reduced, blocks)):
        raise MalformedShare(f"the opening share of hospital {member} holds a residue that is not reduced")
    return OpeningShare(member, included, quorum, blocks)


def open_sum(ctx: RoundContext, total: CiphertextSum, shares: Sequence[OpeningShare]) -> list[int]:
    """Returns the exact sums of the included updates' values.

    Needs one share of each member of one quorum; raises OpeningFailed when shares are missing, differ
    in set or quorum, or do not open the sum.
    """
    if not shares:
        raise OpeningFailed("there is no share to open with")
    first = shares[0]
    if any((share.included, share.quorum) != (first.included, first.quorum) for share in shares):
        raise OpeningFailed("the shares belong to different sets or quorums")
    if first.included != total.included:
        raise OpeningFailed("the shares are for another set than the sum")
    if sorted(share.member for share in shares) != sorted(first.quorum):
        raise OpeningFailed("the shares at hand are not one of each member of the quorum")
    domain = data_ring(ctx)
    opened = []
    for number, count in enumerate(ctx.parameters.opened_coefficients):
        block = domain.inverse(total.blocks[number])[:, :count]
        for share in shares:
            block = domain.add(block, share.blocks[number])
        opened.append(block)
    return unpack(ctx.parameters, opened, len(total.included))


def _ordered(
    ctx: RoundContext, included: Sequence[int], quorum: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    parameters = ctx.parameters
    try:
        included, quorum = in_index_order(ctx, included), in_index_order(ctx, quorum)
    except ParameterError as error:
        raise OpeningRefused(str(error)) from None
    if len(included) < MINIMUM_INCLUDED:
        raise OpeningRefused(f"a sum over {len(included)} updates is never opened; {MINIMUM_INCLUDED} or more are")
    if len(quorum) != parameters.threshold:
        raise OpeningRefused(f"a quorum has {parameters.threshold} hospitals, not {len(quorum)}")
    return included, quorum


def _prefix(ctx: RoundContext, included: tuple[int, ...], quorum: tuple[int, ...]) -> bytes:
    return bitmap_of(ctx, included).to_bytes(8, "big") + bitmap_of(ctx, quorum).to_bytes(8, "big")
