# SPDX-License-Identifier: Apache-2.0
"""What a hospital keeps of the ceremony for one round: everything to hide and to open, and no more.

The caller wraps the bytes under a key of their own and overwrites that key when the round's model is safe. No
seed in them is derived from another, and none from a seed that outlives the ceremony.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from node.crypto import pads
from node.crypto.boxes import mask_half, pair_seed, secret_seed, stored_share_size
from node.crypto.context import CeremonyContext, RoundContext, bitmap_of, in_index_order, index_of
from node.crypto.dealing import ReceivedDealing
from node.crypto.framing import Kind, frame, unframe
from node.crypto.prf import SEED_BYTES, derive
from node.errors import CryptoError, MalformedEncoding, ParameterError
from node.group.encoding import SCALAR_BYTES, read_scalars, write_scalars

_BITMAP_BYTES = 8


@dataclass(frozen=True)
class PadSecrets:
    """One hospital's pad for one round, K + 1 scalars, and its share of the pad of each dealer that took part."""

    me: int
    pad: tuple[int, ...]
    shares: Mapping[int, pads.PadShare]

    def __repr__(self) -> str:
        return f"PadSecrets(me={self.me}, secret)"


@dataclass(frozen=True)
class RoundSecrets:
    """One hospital's secrets for one round's ciphertexts: seeds of 32 bytes, and shares of the dealers' secrets.

    Whose box did not open is in neither mapping.
    """

    me: int
    secret_seed: bytes
    noise_seed: bytes
    pair_seeds: Mapping[int, bytes]
    shares: Mapping[int, bytes]

    def __repr__(self) -> str:
        return f"RoundSecrets(me={self.me}, secret)"


def round_secrets(
    ctx: CeremonyContext, me: int, seed: bytes, received: Mapping[int, ReceivedDealing], round_number: int
) -> bytes:
    """Returns the secrets of one round as bytes for the caller to wrap. Secret.

    `received` are the dealings of the batch's participants, this hospital's own among them. Make the secrets for every
    round once the ceremony has succeeded, then erase the ceremony seed.
    """
    if me not in received:
        raise ParameterError("a hospital's own dealing belongs to what it keeps")
    round_ctx = ctx.round_context(round_number)
    shares = {dealer: received[dealer].pads[round_number] for dealer in in_index_order(ctx, received)}
    mine = PadSecrets(me, pads.own_pad(round_ctx.pads, me, seed), shares)
    if not ctx.with_ckks:
        return write_round_secrets(round_ctx, mine, None)
    opened = {dealer: received[dealer].boxes[round_number] for dealer in shares}
    contents = {dealer: content for dealer, content in opened.items() if content is not None}
    seeds = {
        other: pair_seed(ctx, round_number, {me: mask_half(ctx, seed, round_number, other), other: content.mask_half})
        for other, content in contents.items()
        if other != me
    }
    ckks = RoundSecrets(
        me,
        secret_seed(ctx, seed, round_number),
        derive(seed, "noise seed", ctx.digest, round_number),
        seeds,
        {dealer: content.share for dealer, content in contents.items()},
    )
    return write_round_secrets(round_ctx, mine, ckks)


def write_round_secrets(ctx: RoundContext, mine: PadSecrets, ckks: RoundSecrets | None) -> bytes:
    """Returns both parts as bytes, the second where the ceremony dealt for ciphertexts. Secret."""
    dealers = in_index_order(ctx, mine.shares)
    parts = [_bitmap(ctx, dealers), write_scalars(mine.pad)]
    parts += [write_scalars(mine.shares[dealer].scalars) for dealer in dealers]
    if ckks is not None:
        held = in_index_order(ctx, ckks.shares)
        parts += [_bitmap(ctx, held), ckks.secret_seed, ckks.noise_seed]
        parts += [ckks.pair_seeds[other] for other in held if other != mine.me]
        parts += [ckks.shares[dealer] for dealer in held]
    return frame(Kind.ROUND_SECRETS, ctx, mine.me, b"".join(parts))


def _bitmap(ctx: RoundContext, parties: Iterable[int]) -> bytes:
    return bitmap_of(ctx, parties).to_bytes(_BITMAP_BYTES, "big")


def read_pad_secrets(ctx: RoundContext, me: int, data: bytes) -> PadSecrets:
    """Reads the pads' part of what `round_secrets` wrote; raises CryptoError for another round's or hospital's."""
    return _read(ctx, me, data)[0]


def read_round_secrets(ctx: RoundContext, me: int, data: bytes) -> RoundSecrets:
    """Reads the ciphertexts' part; raises CryptoError for another round's or hospital's, or where there is none."""
    secrets = _read(ctx, me, data)[1]
    if secrets is None:
        raise CryptoError("these round secrets are for pads alone")
    return secrets


def _read(ctx: RoundContext, me: int, data: bytes) -> tuple[PadSecrets, RoundSecrets | None]:
    index_of(ctx, me)
    # How much a node holds depends on whose boxes opened, so the size is known once both bitmaps are.
    payload = unframe(Kind.ROUND_SECRETS, ctx, me, None, data, CryptoError)
    reader = _Reader(payload)
    dealers = reader.parties(ctx)
    pad = reader.scalars(ctx.form.scalars + 1)
    shares = {dealer: pads.PadShare(dealer, me, reader.scalars(ctx.form.scalars + 1)) for dealer in dealers}
    mine = PadSecrets(me, pad, shares)
    if not ctx.batch.with_ckks:
        reader.end()
        return mine, None
    held = reader.parties(ctx)
    secret, noise = reader.take(SEED_BYTES), reader.take(SEED_BYTES)
    seeds = {other: reader.take(SEED_BYTES) for other in held if other != me}
    boxes = {dealer: reader.take(stored_share_size(ctx, dealer, me)) for dealer in held}
    reader.end()
    return mine, RoundSecrets(me, secret, noise, seeds, boxes)


class _Reader:
    """Takes a payload apart from its beginning; raises CryptoError where it is too short or too long."""

    def __init__(self, payload: bytes) -> None:
        self._rest = payload

    def take(self, size: int) -> bytes:
        if len(self._rest) < size:
            raise CryptoError("the round secrets are cut off")
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def parties(self, ctx: RoundContext) -> tuple[int, ...]:
        bitmap = int.from_bytes(self.take(_BITMAP_BYTES), "big")
        if bitmap & ~bitmap_of(ctx, ctx.parties):
            raise CryptoError("the round secrets name a hospital that is no party of the round")
        return tuple(party for party in ctx.parties if bitmap >> index_of(ctx, party) & 1)

    def scalars(self, count: int) -> tuple[int, ...]:
        try:
            return read_scalars(self.take(SCALAR_BYTES * count), count)
        except MalformedEncoding as error:
            raise CryptoError(f"the round secrets are damaged: {error}") from None

    def end(self) -> None:
        if self._rest:
            raise CryptoError("the round secrets are longer than they say")
