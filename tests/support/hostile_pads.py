# SPDX-License-Identifier: Apache-2.0
"""Hostile bytes for every reader of pads, spoiled by the same recipes as the files of the threshold layer."""

from __future__ import annotations

from functools import cache

from node.crypto import pads
from node.errors import MalformedShare
from node.group.encoding import read_point, write_point
from tests.support.hostile import Target
from tests.support.pads import dealt_round


@cache
def pad_targets() -> dict[str, Target]:
    """Every reader of a stranger's bytes about pads, by name."""
    dealt = dealt_round()
    ctx, included = dealt.ctx, dealt.ctx.dealt
    dealer, me = 7, 9

    def open_box(data: bytes) -> object:
        """A box that is sealed rightly, with whatever in it; recipient and judges must find the same."""
        section = dealt.written(dealer, {**dealt.contents(dealer), me: data})
        dealing = pads.read_section(ctx, dealer, section)
        complaint = pads.complain(ctx, dealing, me, dealt.keys[me].secret)
        guilty = pads.judge(ctx, dealing, me, dealt.publics[me], complaint)
        try:
            share = pads.open_box(ctx, dealing, me, dealt.keys[me].secret)
        except Exception:
            assert guilty == "dealer"
            raise
        assert guilty == "complainer"
        return share

    def check_masked(data: bytes) -> object:
        masked = pads.read_masked(ctx, dealer, data)
        fits = pads.masked_fits(ctx, masked, dealt.commitments[dealer], dealt.dealings[dealer])
        assert fits == (masked == dealt.masked[dealer])
        return fits

    def check_share(data: bytes) -> object:
        if not pads.share_fits(ctx, dealt.dealings, included, me, data):
            raise MalformedShare("it does not fit")
        assert data == sigma
        return data

    def read_one(data: bytes) -> object:
        point = read_point(data, identity=True)
        assert write_point(point) == data
        return point

    sigma = dealt.sigma(me, included)
    return {
        "pad section": Target(dealt.sections[dealer], lambda data: pads.read_section(ctx, dealer, data)),
        "pad box": Target(dealt.contents(dealer)[me], open_box),
        "masked update": Target(pads.write_masked(dealt.masked[dealer]), check_masked),
        "sigma": Target(sigma, check_share),
        "point": Target(write_point(dealt.dealings[dealer].ephemeral), read_one),
    }
