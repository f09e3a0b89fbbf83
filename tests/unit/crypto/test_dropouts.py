# SPDX-License-Identifier: Apache-2.0
"""Rounds of sixteen hospitals with up to seven away: how many attempts they take, and one with real keys.

With n >= 2t - 1, sixteen hospitals have t <= 8; t = 9 is looked at too, since the rule itself allows it.
"""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from node.crypto import (
    RoundContext,
    add,
    choose_parameters,
    encrypt,
    open_sum,
    opening_share,
    read_ciphertext,
    read_share,
)
from node.crypto.context import CeremonyContext
from node.errors import OpeningFailed, OpeningRefused
from tests.support.quorums import attempts_until_open, played, quorum
from tests.support.threshold import CONTRACT, dealt_keys, extreme_values

ENROLLED, AWAY = 16, 7


def needed(threshold: int, away: tuple[int, ...], round_number: int = 0) -> int:
    found = attempts_until_open(round_number, ENROLLED, threshold, lambda _, named: set(named) - set(away))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("threshold", "worst", "more_than_five"),
    [(8, 6, 960), (9, 6, 108)],
)
def test_any_seven_away_from_the_start__open_within_six_attempts(
    threshold: int, worst: int, more_than_five: int
) -> None:
    """All 26,333 sets of up to seven; a round's number only turns the indices, so round 0 stands for all."""
    counts: Counter[int] = Counter()
    for size in range(AWAY + 1):
        for away in itertools.combinations(range(ENROLLED), size):
            attempts = needed(threshold, away)
            # Every attempt that fails drops somebody who is away.
            assert attempts <= size + 1
            counts[attempts] += 1
    assert max(counts) == worst
    assert sum(count for attempts, count in counts.items() if attempts > 5) == more_than_five


def test_the_rounds_number__turns_the_order_and_nothing_else() -> None:
    for round_number in range(1, 2 * ENROLLED):
        for away in ((0, 8, 10, 12, 14), (1, 2, 3), (15,)):
            turned = tuple((index + round_number) % ENROLLED for index in away)
            assert needed(8, turned, round_number) == needed(8, away)


@pytest.mark.parametrize("threshold", [8, 9])
def test_hospitals_that_fall_away_one_attempt_after_the_other__need_one_attempt_more_than_they_are(
    threshold: int,
) -> None:
    """The worst there is: in each attempt one of the named goes silent, until seven have."""

    def one_more(attempt: int, named: tuple[int, ...]) -> set[int]:
        if len(gone) < AWAY and not gone & set(named):
            gone.add(named[attempt % threshold])
        return set(named) - gone

    for round_number in range(ENROLLED):
        gone: set[int] = set()
        assert attempts_until_open(round_number, ENROLLED, threshold, one_more) == AWAY + 1


def test_a_hospital_that_posted_no_share__is_not_named_again() -> None:
    silent: set[int] = set()
    for _, named, posting in played(3, ENROLLED, 8, lambda attempt, named: set(named[attempt % 3 :])):
        assert not silent & set(named)
        silent |= set(named) - posting


def test_with_fewer_than_the_threshold_left__nobody_is_named() -> None:
    assert attempts_until_open(0, ENROLLED, 8, lambda _, named: {i for i in named if i < 7}) is None
    assert quorum(0, 5, {0, 1}, 3, []) == ()


@pytest.mark.parametrize(("parties", "threshold"), [(3, 2), (5, 3), (16, 8), (64, 32)])
def test_noise_for_one_attempt_more_than_can_be_away__costs_a_bit_or_two(parties: int, threshold: int) -> None:
    five = choose_parameters(parties, threshold, 16, 1_000_000)
    more = choose_parameters(parties, threshold, 16, 1_000_000, attempts=parties - threshold + 1)
    assert more.noise_bits - five.noise_bits <= 2
    assert more.digits >= five.digits - 1


# One round with real keys


def sixteen() -> RoundContext:
    parameters = choose_parameters(ENROLLED, 8, 26, 42, attempts=AWAY + 1)
    ids = tuple(range(100, 100 + ENROLLED))
    return CeremonyContext(31337, CONTRACT, 7, 0, 1, 3, ids, parameters).round_context(2)


def test_a_round_of_sixteen_with_seven_falling_away__opens_the_exact_sum() -> None:
    """All submit and attest; then one is silent in each attempt, others come and go, and the eighth opens."""
    ctx = sixteen()
    keys = dealt_keys(ctx, ctx.parties, ctx.parties)
    files = {party: encrypt(ctx, party, keys[party], extreme_values(ctx, party)) for party in ctx.parties}
    total = add(ctx, [read_ciphertext(ctx, party, file) for party, file in files.items()])
    expected = np.sum([extreme_values(ctx, party) for party in ctx.parties], axis=0).tolist()
    gone: set[int] = set()

    def who_posts(attempt: int, named: tuple[int, ...]) -> set[int]:
        if len(gone) < AWAY:
            gone.add(named[0])
        return set(named) - gone

    opened = None
    for attempt, named, posting in played(ctx.round, ENROLLED, 8, who_posts):
        members = tuple(ctx.parties[index] for index in named)
        shares = []
        for member in (ctx.parties[index] for index in posting):
            data = opening_share(ctx, member, keys[member], ctx.parties, attempt, members)
            # Whoever crashed after making it makes the same bytes again.
            assert data == opening_share(ctx, member, keys[member], ctx.parties, attempt, members)
            shares.append(read_share(ctx, member, ctx.parties, attempt, members, data))
        if len(posting) < len(named):
            with pytest.raises(OpeningFailed, match="not one of each member"):
                open_sum(ctx, total, shares)
            continue
        opened = open_sum(ctx, total, shares)
        break
    assert opened == expected and attempt == AWAY and len(gone) == AWAY
    with pytest.raises(OpeningRefused, match="beyond the 8"):
        opening_share(ctx, members[0], keys[members[0]], ctx.parties, AWAY + 1, members)
