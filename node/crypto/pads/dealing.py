# SPDX-License-Identifier: Apache-2.0
"""A dealer's pad of one round, shared among all that are dealt to, with commitments that everybody can check.

A section of a dealing: commitments to the t coefficients | ephemeral key | proof (c, s) | boxes in index order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node.crypto.pads.boxes import TAG_BYTES, seal
from node.crypto.pads.context import PadContext
from node.crypto.pads.keys import SEED_BYTES, Proof, base, prove_key, proves_key, require_seed
from node.crypto.pads.polynomials import Vector, commit, evaluate, through
from node.errors import MalformedEncoding, MalformedPadDealing, ParameterError
from node.group.babyjubjub import ORDER, Point, multiply
from node.group.encoding import (
    POINT_BYTES,
    SCALAR_BYTES,
    read_point,
    read_scalars,
    write_point,
    write_points,
    write_scalars,
)
from node.group.native import read_points
from node.hashing import Field


@dataclass(frozen=True)
class PadDealing:
    """A dealing's section as everybody sees it: well formed, its dealer knowing the ephemeral key's secret."""

    dealer: int
    commitments: tuple[Point, ...]
    ephemeral: Point
    boxes: Mapping[int, bytes]


def section_size(ctx: PadContext) -> int:
    """The bytes of one round's section of every dealing."""
    boxes = len(ctx.dealt) - 1
    seeded = ctx.threshold - 1
    content = seeded * SEED_BYTES + (boxes - seeded) * SCALAR_BYTES * ctx.width
    return (ctx.threshold + 1) * POINT_BYTES + 2 * SCALAR_BYTES + content + boxes * TAG_BYTES


def own_pad(ctx: PadContext, dealer: int, seed: bytes) -> Vector:
    """The dealer's pad z, K + 1 scalars, the last for the blinding."""
    require_seed(seed)
    ctx.require([dealer])
    return ctx.stream("pad", ctx.width, dealer, seed)


def expanded(ctx: PadContext, dealer: int, recipient: int, seed: bytes) -> Vector:
    """The share that a box with a seed stands for."""
    return ctx.stream("share", ctx.width, dealer, recipient, seed)


def polynomial(ctx: PadContext, dealer: int, seed: bytes) -> list[Vector]:
    """The coefficients of the dealer's polynomial: its pad at 0, and through the shares of the seeded recipients."""
    values = {0: own_pad(ctx, dealer, seed)}
    for recipient in ctx.seeded(dealer):
        values[ctx.points[recipient]] = expanded(ctx, dealer, recipient, _share_seed(ctx, dealer, recipient, seed))
    return through(values)


def deal(ctx: PadContext, dealer: int, seed: bytes, keys: Mapping[int, Point]) -> bytes:
    """Return the dealer's section: a function of its ceremony seed, the context and the keys, hence the same again.

    `keys` are the public keys of all that are dealt to. Raises ParameterError where they are of other hospitals.
    """
    if set(keys) != set(ctx.dealt):
        raise ParameterError(f"keys of hospitals {sorted(keys)} are given; hospitals {list(ctx.dealt)} are dealt to")
    coefficients = polynomial(ctx, dealer, seed)
    seeded = ctx.seeded(dealer)
    contents = {
        recipient: _share_seed(ctx, dealer, recipient, seed)
        if recipient in seeded
        else write_scalars(evaluate(coefficients, ctx.points[recipient]))
        for recipient in ctx.recipients(dealer)
    }
    secret = 1 + ctx.scalar("ephemeral", dealer, seed) % (ORDER - 1)
    return write_section(ctx, dealer, secret, commit(coefficients), contents, keys)


def write_section(
    ctx: PadContext,
    dealer: int,
    secret: int,
    commitments: Sequence[Point],
    contents: Mapping[int, bytes],
    keys: Mapping[int, Point],
) -> bytes:
    """Return a section from its parts; `secret` is the ephemeral key's, `contents` what each recipient's box holds."""
    ephemeral = multiply(secret, base())
    proof = prove_key(ctx, secret, _about(dealer, ephemeral, commitments))
    boxes = [
        seal(ctx, dealer, recipient, ephemeral, keys[recipient], multiply(secret, keys[recipient]), content)
        for recipient, content in contents.items()
    ]
    return write_points([*commitments, ephemeral]) + write_scalars(proof) + b"".join(boxes)


def read_section(ctx: PadContext, dealer: int, data: bytes) -> PadDealing:
    """Return a dealer's section, whose boxes stay shut.

    Raises MalformedPadDealing for another size, a malformed point or scalar, or a proof that does not hold: the
    dealer is guilty without a complaint, and nobody may show a shared point for such a dealing.
    """
    what = f"the pads of hospital {dealer} for round {ctx.round}"
    recipients = ctx.recipients(dealer)
    if len(data) != section_size(ctx):
        raise MalformedPadDealing(f"{what} have {len(data)} bytes; the plan implies {section_size(ctx)}")
    points = POINT_BYTES * ctx.threshold
    scalars = points + POINT_BYTES
    start = scalars + 2 * SCALAR_BYTES
    try:
        commitments = tuple(read_points(data[:points], identity=True))
        ephemeral = read_point(data[points:scalars])
        proof = Proof(*read_scalars(data[scalars:start], 2))
    except MalformedEncoding as fault:
        raise MalformedPadDealing(f"{what}: {fault}") from None
    if not proves_key(ctx, ephemeral, _about(dealer, ephemeral, commitments), proof):
        raise MalformedPadDealing(f"{what}: the dealer does not prove that it knows the ephemeral key's secret")
    boxes = {}
    for recipient in recipients:
        size = TAG_BYTES + (SEED_BYTES if recipient in ctx.seeded(dealer) else SCALAR_BYTES * ctx.width)
        boxes[recipient] = data[start : start + size]
        start += size
    return PadDealing(dealer, commitments, ephemeral, boxes)


def _share_seed(ctx: PadContext, dealer: int, recipient: int, seed: bytes) -> bytes:
    return ctx.digest("share seed", SEED_BYTES, dealer, recipient, seed)


def _about(dealer: int, ephemeral: Point, commitments: Sequence[Point]) -> tuple[Field, ...]:
    return (dealer, write_point(ephemeral), write_points(commitments))
