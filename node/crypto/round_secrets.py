# SPDX-License-Identifier: Apache-2.0
"""What a hospital keeps of the ceremony for one round: everything to encrypt and to open, and no more.

The caller wraps the bytes under a key of their own and overwrites that key when the round closes. No
seed in them is derived from another, and none from a seed that outlives the ceremony.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.crypto.context import CeremonyContext, RoundContext, index_of
from node.crypto.dealing import ReceivedShares, pair_seed, secret_seed, stored_share_size
from node.crypto.framing import HEADER_BYTES, Kind, frame, unframe
from node.crypto.prf import SEED_BYTES, derive
from node.errors import CryptoError


@dataclass(frozen=True)
class RoundSecrets:
    """One hospital's secrets for one round: seeds of 32 bytes, and a share of every dealer's secret."""

    me: int
    secret_seed: bytes
    noise_seed: bytes
    pair_seeds: Mapping[int, bytes]
    shares: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"RoundSecrets(me={self.me}, secret)"


def round_secrets(ctx: CeremonyContext, me: int, seed: bytes, received: ReceivedShares, round_number: int) -> bytes:
    """Returns the secrets of one round as bytes for the caller to wrap. Secret.

    Make them for every round once the ceremony has succeeded, then erase the ceremony seed.
    """
    round_ctx = ctx.round_context(round_number)
    parts = [
        secret_seed(ctx, seed, round_number),
        derive(seed, "noise seed", ctx.digest, round_number),
    ]
    others = [party for party in ctx.parties if party != me]
    parts += [pair_seed(ctx, seed, received, round_number, other) for other in others]
    parts += [received.shares[round_number, dealer] for dealer in ctx.parties]
    return frame(Kind.ROUND_SECRETS, round_ctx, me, b"".join(parts))


def read_round_secrets(ctx: RoundContext, me: int, data: bytes) -> RoundSecrets:
    """Reads what `round_secrets` wrote; raises CryptoError when it belongs to another round or hospital."""
    index_of(ctx, me)
    others = [party for party in ctx.parties if party != me]
    share_sizes = {dealer: stored_share_size(ctx, dealer, me) for dealer in ctx.parties}
    seeds_end = SEED_BYTES * (2 + len(others))
    size = HEADER_BYTES + seeds_end + sum(share_sizes.values())
    payload = unframe(Kind.ROUND_SECRETS, ctx, me, size, data, CryptoError)
    seeds = [payload[start : start + SEED_BYTES] for start in range(0, seeds_end, SEED_BYTES)]
    position = seeds_end
    shares = {}
    for dealer, share_size in share_sizes.items():
        shares[dealer] = payload[position : position + share_size]
        position += share_size
    return RoundSecrets(me, seeds[0], seeds[1], dict(zip(others, seeds[2:], strict=True)), shares)
