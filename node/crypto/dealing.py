# SPDX-License-Identifier: Apache-2.0
"""Dealings: what one hospital gives all others for the rounds of a batch, and what a recipient makes of one.

For each round a dealing holds a section of one-time pads, every lie in which is shown to everybody, and, where rounds
may open by CKKS first, a box of shares for each other hospital, which nobody but its recipient can judge. Everything
follows from the dealer's ceremony seed and the hash of the keys dealt to, so a repeated step gives the same bytes.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from node.crypto import pads
from node.crypto.boxes import BoxContent, boxes_size, open_own_box, own_content, seal_boxes, sealing_key
from node.crypto.context import CeremonyContext, CeremonyIdentity, index_of
from node.crypto.framing import HEADER_BYTES, Kind, frame, unframe
from node.crypto.prf import SEED_BYTES
from node.errors import FalseBox, MalformedCeremonyMessage, MalformedPadDealing, ParameterError
from node.group.babyjubjub import COFACTOR, Point, multiply
from node.hashing import encode


@dataclass(frozen=True)
class PostedKeys:
    """What one hospital posts in the ceremony's first step: a point P, whose eightfold pads are sealed to, and the
    X25519 key of its boxes for ciphertexts."""

    pad: Point
    box: bytes


@dataclass(frozen=True)
class CeremonyKeys:
    """The keys of all the dealt: `pads` are the points 8P, `boxes` the X25519 keys, 32 bytes each."""

    pads: Mapping[int, Point]
    boxes: Mapping[int, bytes]

    @classmethod
    def of(cls, ctx: CeremonyContext, posted: Mapping[int, PostedKeys]) -> CeremonyKeys:
        """The keys as they were posted; raises ParameterError unless they are of exactly the dealt."""
        if set(posted) != set(ctx.parties):
            raise ParameterError(f"keys are of hospitals {sorted(posted)}, and dealt to {sorted(ctx.parties)}")
        return cls(
            {party: multiply(COFACTOR, posted[party].pad) for party in ctx.parties},
            {party: posted[party].box for party in ctx.parties},
        )


@dataclass(frozen=True)
class DealingContent:
    """A dealing's parts by round, in which everybody finds the same: pads' sections, checked, and sealed boxes."""

    dealer: int
    pads: Mapping[int, pads.PadDealing]
    boxes: Mapping[int, bytes]


@dataclass(frozen=True)
class ReceivedDealing:
    """What one hospital holds of a dealing, by round. Secret. A box of no use is None: it blames nobody."""

    dealer: int
    pads: Mapping[int, pads.PadShare]
    boxes: Mapping[int, BoxContent | None]

    def __repr__(self) -> str:
        return f"ReceivedDealing(dealer={self.dealer}, secret)"


@dataclass(frozen=True)
class Malformed:
    """A dealing whose dealer is guilty without a complaint, as everybody sees in its bytes."""

    dealer: int
    reason: str


@dataclass(frozen=True)
class Objection:
    """A dealing whose box for this hospital is false in a round: the complaint shows the box to everybody."""

    dealer: int
    round: int
    complaint: pads.Complaint


Finding: TypeAlias = ReceivedDealing | Malformed | Objection


def new_ceremony_seed() -> bytes:
    """Draws the one secret of a ceremony, 32 bytes: store it wrapped before the first message."""
    return secrets.token_bytes(SEED_BYTES)


def keys_to_post(identified: CeremonyIdentity, seed: bytes) -> PostedKeys:
    """This hospital's keys for a ceremony, new in each."""
    return PostedKeys(_pad_key(identified, seed).posted, sealing_key(identified, seed).public)


def make_dealing(ctx: CeremonyContext, me: int, seed: bytes, keys: CeremonyKeys) -> bytes:
    """Returns the dealing file. Nobody's key can prevent it: an unusable one gets a filler in place of its box."""
    index_of(ctx, me)
    parts = []
    for number in ctx.round_numbers:
        parts.append(pads.deal(ctx.round_context(number).pads, me, seed, keys.pads))
        if ctx.with_ckks:
            parts.append(seal_boxes(ctx, me, seed, number, keys.boxes))
    return frame(Kind.DEALING, ctx, me, b"".join(parts))


def dealing_size(ctx: CeremonyContext) -> int:
    """Exact size in bytes of every hospital's dealing file."""
    return HEADER_BYTES + ctx.rounds * (_section_size(ctx) + boxes_size(ctx))


def read_dealing(ctx: CeremonyContext, dealer: int, data: bytes) -> DealingContent:
    """Reads what everybody sees in a dealing; raises MalformedCeremonyMessage where its dealer is guilty by its bytes.

    Every point is checked to be canonical and in the subgroup, every scalar's range, and the dealer's proof.
    """
    payload = unframe(Kind.DEALING, ctx, dealer, dealing_size(ctx), data, MalformedCeremonyMessage)
    section, boxes = _section_size(ctx), boxes_size(ctx)
    found, sealed = {}, {}
    for place, number in enumerate(ctx.round_numbers):
        start = place * (section + boxes)
        try:
            found[number] = pads.read_section(ctx.round_context(number).pads, dealer, payload[start : start + section])
        except MalformedPadDealing as error:
            raise MalformedCeremonyMessage(f"the dealing of hospital {dealer} for round {number}: {error}") from None
        sealed[number] = payload[start + section : start + section + boxes]
    return DealingContent(dealer, found, sealed)


def receive_dealing(
    ctx: CeremonyContext, me: int, seed: bytes, keys: CeremonyKeys, dealer: int, data: bytes
) -> Finding:
    """What this hospital makes of a dealing: its shares, that its dealer is guilty, or what it complains of.

    It complains of the first round whose box is false; which of several it is makes no difference.
    """
    try:
        content = read_dealing(ctx, dealer, data)
    except MalformedCeremonyMessage as error:
        return Malformed(dealer, str(error))
    secret = _pad_key(ctx.identified, seed).secret
    shares: dict[int, pads.PadShare] = {}
    boxes: dict[int, BoxContent | None] = {}
    for number in ctx.round_numbers:
        binding = ctx.round_context(number).pads
        if dealer == me:
            shares[number] = pads.own_share(binding, me, seed)
            if ctx.with_ckks:
                boxes[number] = own_content(ctx, me, seed, number)
            continue
        try:
            shares[number] = pads.open_box(binding, content.pads[number], me, secret)
        except FalseBox:
            return Objection(dealer, number, pads.complain(binding, content.pads[number], me, secret))
        if ctx.with_ckks:
            boxes[number] = open_own_box(ctx, me, seed, dealer, number, keys.boxes[dealer], content.boxes[number])
    return ReceivedDealing(dealer, shares, boxes)


def _section_size(ctx: CeremonyContext) -> int:
    return pads.section_size(ctx.round_context(ctx.first_round).pads)


def _pad_key(identified: CeremonyIdentity, seed: bytes) -> pads.PadKey:
    return pads.pad_key(seed, encode("pad key", *identified.fields))
