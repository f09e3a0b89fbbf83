# SPDX-License-Identifier: Apache-2.0
"""Lies about dealings: each function makes one, with the liar's own keys and everything else as it should be."""

from __future__ import annotations

from node.crypto import CeremonyContext, CeremonyKeys, read_dealing
from node.crypto import pads as pad
from node.crypto.pads.boxes import seal
from node.crypto.pads.dealing import polynomial
from node.crypto.pads.polynomials import evaluate
from node.errors import MalformedCeremonyMessage
from node.group.babyjubjub import ORDER, Point, multiply
from node.group.encoding import write_scalars
from node.hashing import encode
from tests.support.threshold import PlayedCeremony


def pad_secret(ctx: CeremonyContext, seed: bytes) -> int:
    """The secret of a hospital's pad key."""
    return pad.pad_key(seed, encode("pad key", *ctx.identity)).secret


def changed_box(played: PlayedCeremony, dealer: int, victim: int, number: int) -> bytes:
    """A dealing of which one pad box does not open: one bit of it is turned."""
    return with_changed_box(played.ctx, played.dealings[dealer], dealer, victim, number)


def with_changed_box(ctx: CeremonyContext, file: bytes, dealer: int, victim: int, number: int) -> bytes:
    """The same of any sound dealing."""
    box = read_dealing(ctx, dealer, file).pads[number].boxes[victim]
    return file.replace(box, bytes((box[0] ^ 1,)) + box[1:])


def inconsistent_dealing(played: PlayedCeremony, dealer: int, victim: int) -> bytes:
    """A dealing well formed in everything but one share: the victim's box holds another than is committed to."""
    return with_false_share(played.ctx, played.dealings[dealer], dealer, played.seeds[dealer], victim, played.keys)


def with_false_share(
    ctx: CeremonyContext, file: bytes, dealer: int, seed: bytes, victim: int, keys: CeremonyKeys
) -> bytes:
    """The same of any sound dealing: the first round's box is sealed anew around a share that is off by one."""
    binding = ctx.round_context(ctx.first_round).pads
    section = read_dealing(ctx, dealer, file).pads[ctx.first_round]
    secret = 1 + binding.scalar("ephemeral", dealer, seed) % (ORDER - 1)
    if victim in binding.seeded(dealer):
        content = bytes(32)
    else:
        share = evaluate(polynomial(binding, dealer, seed), binding.points[victim])
        content = write_scalars(((share[0] + 1) % ORDER, *share[1:]))
    key = keys.pads[victim]
    box = seal(binding, dealer, victim, section.ephemeral, key, multiply(secret, key), content)
    return file.replace(section.boxes[victim], box)


def false_complaint(played: PlayedCeremony, complainer: int, dealer: int, number: int = 1) -> pad.Complaint:
    """A complaint with a true D and a true proof about a box that is sound."""
    file, seed = played.dealings[dealer], played.seeds[complainer]
    made = complaint_about(played.ctx, file, dealer, complainer, seed, number)
    assert made is not None
    return made


def complaint_about(
    ctx: CeremonyContext, file: bytes, dealer: int, complainer: int, seed: bytes, number: int
) -> pad.Complaint | None:
    """The same of any dealing, sound or not; None where there is nothing in it to show."""
    try:
        section = read_dealing(ctx, dealer, file).pads[number]
    except MalformedCeremonyMessage:
        return None
    return pad.complain(ctx.round_context(number).pads, section, complainer, pad_secret(ctx, seed))


def complaint_of(x: int, y: int, challenge: int, response: int) -> pad.Complaint:
    """Any four numbers of 256 bits."""
    return pad.Complaint(Point(x, y), challenge, response)
