# SPDX-License-Identifier: Apache-2.0
"""A recipient's share of a dealer's pad, its complaint where there is none, and everybody's judgement of that.

Recipient and judges look into a box with one function, which knows nothing but the shared point.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from node.crypto.pads.boxes import unseal
from node.crypto.pads.context import PadContext
from node.crypto.pads.dealing import PadDealing, expanded, polynomial
from node.crypto.pads.keys import Proof, base, is_scalar, prove_equal, proves_equal
from node.crypto.pads.polynomials import Vector, commit, commitment_at, evaluate
from node.errors import FalseBox, MalformedEncoding, ParameterError
from node.group.babyjubjub import Point, multiply
from node.group.encoding import checked_point, read_scalars, write_point
from node.hashing import Field

Guilty = Literal["dealer", "complainer"]


@dataclass(frozen=True)
class PadShare:
    """What `holder` has of `dealer`'s pad: K + 1 secret scalars that the dealing's commitments bear out."""

    dealer: int
    holder: int
    scalars: Vector = field(repr=False)


@dataclass(frozen=True)
class Complaint:
    """D = x·E, which opens the complainer's box of one dealing to everybody, and the proof (c, s) that it is that."""

    D: Point
    c: int
    s: int


def own_share(ctx: PadContext, dealer: int, seed: bytes) -> PadShare:
    """The dealer's share of its own pad, for which there is no box."""
    return PadShare(dealer, dealer, evaluate(polynomial(ctx, dealer, seed), ctx.points[dealer]))


def open_box(ctx: PadContext, dealing: PadDealing, me: int, secret: int) -> PadShare:
    """Return my share; `secret` is my pad key's.

    Raises FalseBox where the box does not open, holds a scalar >= ℓ, or a share that the commitments do not bear out.
    """
    return _share_in_box(ctx, dealing, me, multiply(secret, base()), multiply(secret, dealing.ephemeral))


def complain(ctx: PadContext, dealing: PadDealing, me: int, secret: int) -> Complaint:
    """Return the complaint about my box; it shows what opens this box, and nothing of any other."""
    key, shared = multiply(secret, base()), multiply(secret, dealing.ephemeral)
    proof = prove_equal(ctx, secret, dealing.ephemeral, _about(dealing, me, key, shared))
    return Complaint(shared, *proof)


def judge(ctx: PadContext, dealing: PadDealing, complainer: int, key: Point, complaint: Complaint) -> Guilty:
    """Say who lied, from bytes that all have; `key` is the complainer's public key.

    The complainer did where it is no recipient, its D or its proof is wrong or malformed, or the box holds a good
    share; else the dealer did.
    """
    if complainer not in dealing.boxes:
        return "complainer"
    try:
        shared = checked_point(*complaint.D)
    except MalformedEncoding:
        return "complainer"
    if not (is_scalar(complaint.c) and is_scalar(complaint.s)):
        return "complainer"
    about = _about(dealing, complainer, key, shared)
    if not proves_equal(ctx, key, dealing.ephemeral, shared, about, Proof(complaint.c, complaint.s)):
        return "complainer"
    try:
        _share_in_box(ctx, dealing, complainer, key, shared)
    except FalseBox:
        return "dealer"
    return "complainer"


def _share_in_box(ctx: PadContext, dealing: PadDealing, recipient: int, key: Point, shared: Point) -> PadShare:
    dealer = dealing.dealer
    if recipient not in dealing.boxes:
        raise ParameterError(f"the dealing of hospital {dealer} has no box for hospital {recipient}")
    content = unseal(ctx, dealer, recipient, dealing.ephemeral, key, shared, dealing.boxes[recipient])
    if recipient in ctx.seeded(dealer):
        scalars = expanded(ctx, dealer, recipient, content)
    else:
        try:
            scalars = read_scalars(content, ctx.width)
        except MalformedEncoding as fault:
            raise FalseBox(f"the box of hospital {dealer} for hospital {recipient}: {fault}") from None
    if commit([scalars])[0] != commitment_at(dealing.commitments, ctx.points[recipient]):
        raise FalseBox(
            f"the box of hospital {dealer} for hospital {recipient} holds another share than is committed to"
        )
    return PadShare(dealer, recipient, scalars)


def _about(dealing: PadDealing, complainer: int, key: Point, shared: Point) -> tuple[Field, ...]:
    return (dealing.dealer, complainer, write_point(dealing.ephemeral), write_point(key), write_point(shared))
