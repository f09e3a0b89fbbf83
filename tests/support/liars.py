# SPDX-License-Identifier: Apache-2.0
"""What a hospital may send in place of what it should: each function is one lie, made with the liar's own keys."""

from __future__ import annotations

from node.crypto import CeremonyContext, read_dealing
from node.crypto import pads as pad
from node.crypto.pads import dealing as pad_dealing
from node.group.babyjubjub import ORDER
from node.hashing import encode
from tests.support.threshold import PlayedCeremony


def pad_secret(played: PlayedCeremony, party: int) -> int:
    """The secret of a hospital's pad key."""
    return pad.pad_key(played.seeds[party], encode("pad key", *played.ctx.identity)).secret


def changed_box(played: PlayedCeremony, dealer: int, victim: int, number: int) -> bytes:
    """A dealing of which one pad box does not open: one bit of it is turned."""
    return with_changed_box(played.ctx, played.dealings[dealer], dealer, victim, number)


def with_changed_box(ctx: CeremonyContext, file: bytes, dealer: int, victim: int, number: int) -> bytes:
    """The same of any dealing."""
    box = read_dealing(ctx, dealer, file).pads[number].boxes[victim]
    place = file.index(box)
    return file[:place] + bytes((box[0] ^ 1,)) + file[place + 1 :]


def inconsistent_dealing(played: PlayedCeremony, dealer: int, victim: int) -> bytes:
    """A dealing well formed in everything but one share: the victim's box holds another than is committed to."""
    return inconsistent(played.ctx, dealer, played.seeds[dealer], played.keys.pads, victim, played.dealings[dealer])


def inconsistent(ctx, dealer, seed, keys, victim, file: bytes) -> bytes:  # type: ignore[no-untyped-def]
    """The same for any seed and keys: the first round's box is sealed anew around a share that is off by one."""
    binding = ctx.round_context(ctx.first_round).pads
    section = read_dealing(ctx, dealer, file).pads[ctx.first_round]
    secret = 1 + binding.scalar("ephemeral", dealer, seed) % (ORDER - 1)
    if victim in binding.seeded(dealer):
        content = bytes(32)
    else:
        coefficients = pad_dealing.polynomial(binding, dealer, seed)
        share = pad_dealing.evaluate(coefficients, binding.points[victim])
        content = pad_dealing.write_scalars(((share[0] + 1) % ORDER, *share[1:]))
    key = keys[victim]
    shared = pad_dealing.multiply(secret, key)
    box = pad_dealing.seal(binding, dealer, victim, section.ephemeral, key, shared, content)
    place = file.index(section.boxes[victim])
    return file[:place] + box + file[place + len(box) :]


def false_complaint(played: PlayedCeremony, complainer: int, dealer: int, number: int = 1) -> pad.Complaint:
    """A complaint with a true D and a true proof about a box that is sound."""
    section = read_dealing(played.ctx, dealer, played.dealings[dealer]).pads[number]
    return pad.complain(played.ctx.round_context(number).pads, section, complainer, pad_secret(played, complainer))
