# SPDX-License-Identifier: Apache-2.0
"""A round under pads: masked updates, shares of the summed pads, and the sum that t of them open.

Every message is checked by one equation between commitments. The sum is exact: there is no noise, and shares of one
set have no order and no attempts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from node.crypto.pads.context import PadContext
from node.crypto.pads.dealing import PadDealing
from node.crypto.pads.polynomials import Vector, at_zero, commit, commitment_at, total, total_points
from node.crypto.pads.shares import PadShare
from node.errors import MalformedEncoding, MalformedPayload, MalformedShare, OpeningFailed, ParameterError
from node.group.babyjubjub import ORDER, Point, add, is_on_curve
from node.group.encoding import SCALAR_BYTES, read_scalars, write_scalars


def mask(ctx: PadContext, scalars: Sequence[int], blinding: int, pad: Vector) -> Vector:
    """Return d = (scalars ‖ blinding) + pad mod ℓ. A pad masks one update, ever: a second shows their difference."""
    if len(scalars) != ctx.scalars or len(pad) != ctx.width:
        raise ParameterError(f"an update has {ctx.scalars} scalars and its pad one more")
    return total([[*scalars, blinding], pad])


def masked_size(ctx: PadContext) -> int:
    """The bytes of a masked update, and of a share of summed pads."""
    return SCALAR_BYTES * ctx.width


def write_masked(masked: Vector) -> bytes:
    """Return a masked update's bytes."""
    return write_scalars(masked)


def read_masked(ctx: PadContext, sender: int, data: bytes) -> Vector:
    """Return a masked update; raises MalformedPayload for another length or a scalar >= ℓ."""
    try:
        return read_scalars(data, ctx.width)
    except MalformedEncoding as fault:
        raise MalformedPayload(f"the masked update of hospital {sender} for round {ctx.round}: {fault}") from None


def masked_fits(ctx: PadContext, masked: Vector, commitment: Point, dealing: PadDealing) -> bool:
    """Say whether Com(d) = C + A_0: the payload masks the update that C commits to, under the pad dealt."""
    if len(masked) != ctx.width or not is_on_curve(commitment):
        return False
    return commit([masked])[0] == add(commitment, dealing.commitments[0])


def pad_share(ctx: PadContext, shares: Mapping[int, PadShare], included: Iterable[int]) -> bytes:
    """Return σ: the sum of my shares of the included hospitals' pads; `shares` has one for each dealer."""
    chosen = [shares[dealer] for dealer in _in_order(ctx, included, shares)]
    if len({share.holder for share in chosen}) != 1:
        raise ParameterError("the shares are of different hospitals")
    return write_scalars(total(share.scalars for share in chosen))


def share_fits(
    ctx: PadContext, dealings: Mapping[int, PadDealing], included: Iterable[int], sender: int, sigma: bytes
) -> bool:
    """Say whether Com(σ) = Σ_j x^j·Σ_i A_ij at the sender's x; whatever the bytes, there is an answer."""
    ctx.require([sender])
    chosen = [dealings[dealer].commitments for dealer in _in_order(ctx, included, dealings)]
    try:
        scalars = read_scalars(sigma, ctx.width)
    except MalformedEncoding:
        return False
    summed = [total_points(column) for column in zip(*chosen, strict=True)]
    return commit([scalars])[0] == commitment_at(summed, ctx.points[sender])


def open_pads(
    ctx: PadContext, masked: Mapping[int, Vector], shares: Mapping[int, bytes], included: Iterable[int]
) -> tuple[list[int], int]:
    """Return the sum of the included updates, scalars in (−ℓ/2, ℓ/2), and of their blindings, in [0, ℓ).

    `shares` are by sender and must all have passed `share_fits`; t of them suffice, and any t give the same. Raises
    OpeningFailed for fewer, MalformedShare for one that cannot have passed.
    """
    senders = [number for number in ctx.dealt if number in shares]
    ctx.require(shares)
    if len(senders) < ctx.threshold:
        raise OpeningFailed(
            f"{len(senders)} shares of the pads of round {ctx.round} are there; {ctx.threshold} open it"
        )
    values = {}
    for sender in senders[: ctx.threshold]:
        try:
            values[ctx.points[sender]] = read_scalars(shares[sender], ctx.width)
        except MalformedEncoding as fault:
            raise MalformedShare(f"the pad share of hospital {sender} for round {ctx.round}: {fault}") from None
    whole = total([masked[dealer] for dealer in _in_order(ctx, included, masked)])
    opened = [(value - pad) % ORDER for value, pad in zip(whole, at_zero(values), strict=True)]
    return [value - ORDER if value > ORDER // 2 else value for value in opened[:-1]], opened[-1]


def _in_order(ctx: PadContext, included: Iterable[int], given: Mapping[int, object]) -> list[int]:
    """The included hospitals, in index order; ParameterError where one is strange, or nothing is given for it."""
    chosen = set(included)
    ctx.require(chosen)
    missing = sorted(chosen - set(given))
    if missing or not chosen:
        raise ParameterError(f"of the included hospitals, {missing or 'which are none'}, nothing is given")
    return [number for number in ctx.dealt if number in chosen]
