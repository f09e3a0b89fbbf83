# SPDX-License-Identifier: Apache-2.0
"""Honest rounds: what t hospitals open is exactly the sum, whoever they are."""

from __future__ import annotations

from itertools import combinations

import pytest

from node.crypto import pads
from tests.support.pads import dealt_round


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


@pytest.mark.parametrize("scalars", [1, 31])
def test_a_section__has_the_size_that_the_plan_implies(scalars: int) -> None:
    dealt = dealt_round(5, 3, scalars)
    assert {len(section) for section in dealt.sections.values()} == {pads.section_size(dealt.ctx)}
