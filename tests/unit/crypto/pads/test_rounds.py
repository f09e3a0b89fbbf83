# SPDX-License-Identifier: Apache-2.0
"""Honest rounds: what t hospitals open is exactly the sum, whoever they are."""

from __future__ import annotations

from itertools import combinations

import pytest

from node.crypto import pads
from node.errors import OpeningFailed, ParameterError
from node.group import native
from node.group.babyjubjub import ORDER
from tests.support.native import build_group
from tests.support.pads import DealtRound, dealt_round


@pytest.mark.parametrize(("parties", "threshold"), [(2, 2), (3, 2), (4, 4), (5, 3), (7, 2)])
def test_any_threshold_of_shares__opens_the_exact_sum(parties: int, threshold: int) -> None:
    dealt = dealt_round(parties, threshold)
    ctx = dealt.ctx
    included = ctx.dealt[1:]
    shares = {number: dealt.sigma(number, included) for number in ctx.dealt}
    for quorum in combinations(ctx.dealt, threshold):
        chosen = {number: shares[number] for number in quorum}
        assert pads.open_pads(ctx, dealt.masked, chosen, included) == dealt.expected(included)


def test_every_message_of_honest_hospitals__fits() -> None:
    dealt = dealt_round()
    for number in dealt.ctx.dealt:
        masked, commitment, dealing = dealt.masked[number], dealt.commitments[number], dealt.dealings[number]
        assert pads.masked_fits(dealt.ctx, masked, commitment, dealing)
        for included in (dealt.ctx.dealt, dealt.ctx.dealt[2:]):
            assert pads.share_fits(dealt.ctx, dealt.dealings, included, number, dealt.sigma(number, included))


@pytest.mark.parametrize(("parties", "threshold"), [(3, 2), (5, 3), (16, 8)])
def test_a_head_of_31_scalars__opens_to_its_exact_sum(parties: int, threshold: int) -> None:
    round_opens(dealt_round(parties, threshold, 31))


@pytest.mark.parametrize(("parties", "threshold"), [(3, 2), (5, 3)])
def test_a_network_of_470_scalars__opens_to_its_exact_sum(
    parties: int, threshold: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(native, "BINARY", build_group())
    round_opens(dealt_round(parties, threshold, 470))


def round_opens(dealt: DealtRound) -> None:
    """All messages of the round fit, and the last hospitals that suffice open the sum of all but the first."""
    ctx = dealt.ctx
    included, quorum = ctx.dealt[1:], ctx.dealt[-ctx.threshold :]
    for number in included:
        commitment, dealing = dealt.commitments[number], dealt.dealings[number]
        assert pads.masked_fits(ctx, dealt.masked[number], commitment, dealing)
    shares = {number: dealt.sigma(number, included) for number in quorum}
    assert all(pads.share_fits(ctx, dealt.dealings, included, number, sigma) for number, sigma in shares.items())
    assert pads.open_pads(ctx, dealt.masked, shares, included) == dealt.expected(included)


def test_a_sum__is_exact_up_to_half_the_order() -> None:
    dealt = dealt_round()
    ctx, edge = dealt.ctx, ORDER // 2
    updates = {3: ([edge, -edge, 0, -1], 0), 5: ([0, 0, 0, 0], ORDER - 1), 7: ([0, 0, 0, 1], 2)}
    masked = {n: pads.mask(ctx, *update, pads.own_pad(ctx, n, dealt.seed(n))) for n, update in updates.items()}
    shares = {n: dealt.sigma(n, updates) for n in ctx.dealt[:3]}
    assert pads.open_pads(ctx, masked, shares, updates) == ([edge, -edge, 0, 0], 1)


def test_a_masked_update__is_read_from_what_it_is_written_to() -> None:
    dealt = dealt_round()
    data = pads.write_masked(dealt.masked[3])
    assert len(data) == pads.masked_size(dealt.ctx) and pads.read_masked(dealt.ctx, 3, data) == dealt.masked[3]


def test_fewer_shares_than_the_threshold__open_nothing() -> None:
    dealt = dealt_round()
    shares = {number: dealt.sigma(number, dealt.ctx.dealt) for number in dealt.ctx.dealt[:2]}
    with pytest.raises(OpeningFailed, match="2 shares of the pads of round 1 are there; 3 open it"):
        pads.open_pads(dealt.ctx, dealt.masked, shares, dealt.ctx.dealt)


def test_shares_of_strangers_or_of_two_holders__are_the_callers_mistake() -> None:
    dealt = dealt_round()
    ctx, shares = dealt.ctx, dealt.shares(3)
    with pytest.raises(ParameterError, match="different hospitals"):
        pads.pad_share(ctx, {**shares, 5: pads.own_share(ctx, 5, dealt.seed(5))}, ctx.dealt)
    for included, said in (((3, 4), "not dealt to"), ((), "which are none"), ((3, 11), r"\[11\]")):
        with pytest.raises(ParameterError, match=said):
            pads.pad_share(ctx, {3: shares[3]}, included)
    with pytest.raises(ParameterError, match="not dealt to"):
        pads.share_fits(ctx, dealt.dealings, ctx.dealt, 4, b"")
    with pytest.raises(ParameterError, match="not dealt to"):
        pads.open_pads(ctx, dealt.masked, {4: b""}, ctx.dealt)
    with pytest.raises(ParameterError, match="its pad one more"):
        pads.mask(ctx, [1], 0, pads.own_pad(ctx, 3, dealt.seed(3)))


def test_what_is_secret__is_not_in_what_an_error_or_a_log_would_show() -> None:
    dealt = dealt_round()
    key, share = dealt.keys[3], dealt.shares(3)[5]
    assert str(key.secret) not in repr(key)
    assert not any(str(scalar) in repr(share) for scalar in share.scalars)


@pytest.mark.parametrize("scalars", [1, 31])
def test_a_section__has_the_size_that_the_plan_implies(scalars: int) -> None:
    dealt = dealt_round(5, 3, scalars)
    assert {len(section) for section in dealt.sections.values()} == {pads.section_size(dealt.ctx)}
