# SPDX-License-Identifier: Apache-2.0
"""Fewer liars than open, each with lies drawn at random: all that lied are named, nobody else is, and the sum opens."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from node.crypto import pads
from node.crypto.pads.keys import base
from node.errors import FalseBox, MalformedPadDealing
from node.group.babyjubjub import ORDER, add
from node.group.encoding import write_point
from tests.support.pads import DealtRound, dealt_round

SIZES = ((3, 2), (4, 3), (5, 3), (6, 2), (7, 4))
Sections = dict[int, bytes]


def spoilt_box(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    """A box that opens to something else for its recipient."""
    contents = dealt.contents(liar)
    spoilt = bytearray(contents[victim])
    spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
    return dealt.written(liar, {**contents, victim: bytes(spoilt)})


def shut_box(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    box = dealt.dealings[liar].boxes[victim]
    return dealt.sections[liar].replace(box, rng.randbytes(len(box)))


def false_commitment(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    commitments = list(dealt.dealings[liar].commitments)
    commitments[rng.randrange(len(commitments))] = base()
    return dealt.written(liar, dealt.contents(liar), commitments)


def related_key(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    start = 32 * dealt.ctx.threshold
    key = write_point(add(dealt.dealings[victim].ephemeral, base()))
    return dealt.sections[liar][:start] + key + dealt.sections[liar][start + 32 :]


def cut_off(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    return dealt.sections[liar][: rng.randrange(len(dealt.sections[liar]))]


def of_another(dealt: DealtRound, liar: int, victim: int, rng: random.Random) -> bytes:
    return dealt.sections[victim]


DEALINGS: tuple[Callable[[DealtRound, int, int, random.Random], bytes], ...] = (
    spoilt_box, shut_box, false_commitment, related_key, cut_off, of_another,
)  # fmt: skip


def guilty_of(dealt: DealtRound, sections: Sections, false_complaints: dict[int, int]) -> set[int]:
    """What every honest node finds: malformed dealings, and what the honest and the lying complain of."""
    ctx, guilty = dealt.ctx, set()
    for dealer, data in sections.items():
        try:
            dealing = pads.read_section(ctx, dealer, data)
        except MalformedPadDealing:
            guilty.add(dealer)
            continue
        for me in ctx.recipients(dealer):
            secret = dealt.keys[me].secret
            complaint = pads.complain(ctx, dealing, me, secret)
            if false_complaints.get(me) == dealer:
                complaint = replace(complaint, s=(complaint.s + 1) % ORDER)
            else:
                try:
                    pads.open_box(ctx, dealing, me, secret)
                    continue
                except FalseBox:
                    pass
            verdict = pads.judge(ctx, dealing, me, dealt.publics[me], complaint)
            guilty.add(dealer if verdict == "dealer" else me)
    return guilty


@pytest.mark.parametrize("draw", range(10))
def test_liars_below_the_threshold__are_all_named_and_nobody_else(draw: int) -> None:
    rng = random.Random(f"coalition {draw}")
    dealt = dealt_round(*SIZES[draw % len(SIZES)], 2)
    ctx = dealt.ctx
    liars = rng.sample(ctx.dealt, ctx.threshold - 1)
    honest = [number for number in ctx.dealt if number not in liars]
    dealers = [liar for liar in liars if rng.randrange(2)]
    complainers = {liar: rng.choice(honest) for liar in liars if liar not in dealers}
    lies = {liar: rng.choice(DEALINGS) for liar in dealers}
    told = {liar: lie(dealt, liar, rng.choice(honest), rng) for liar, lie in lies.items()}
    assert guilty_of(dealt, {**dealt.sections, **told}, complainers) == set(liars)

    # Later liars: their dealings were sound, their payloads and shares are not.
    masked = dict(dealt.masked)
    for liar in liars:
        place = rng.randrange(ctx.width)
        masked[liar] = tuple((value + (at == place)) % ORDER for at, value in enumerate(masked[liar]))
    fits = {n: pads.masked_fits(ctx, masked[n], dealt.commitments[n], dealt.dealings[n]) for n in ctx.dealt}
    assert fits == {number: number in honest for number in ctx.dealt}
    sigmas = {number: dealt.sigma(number, honest) for number in ctx.dealt}
    for liar in liars:
        sigmas[liar] = rng.choice([b"", rng.randbytes(len(sigmas[liar])), sigmas[honest[0]]])
    good = {n: sigma for n, sigma in sigmas.items() if pads.share_fits(ctx, dealt.dealings, honest, n, sigma)}
    assert sorted(good) == honest
    if len(honest) >= ctx.threshold:
        assert pads.open_pads(ctx, masked, good, honest) == dealt.expected(honest)
