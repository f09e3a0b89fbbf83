# SPDX-License-Identifier: Apache-2.0
"""The contract's rule of who opens, in Python (`contracts/libraries/Quorums.sol`), and rounds played by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

#: Says who of the named posts a share; called once an attempt, with the attempt's number.
Members = Callable[[int, tuple[int, ...]], set[int]]


def quorum(
    round_number: int, enrolled: int, attested: set[int], threshold: int, posted: Sequence[set[int]]
) -> tuple[int, ...]:
    """The indices named after earlier attempts in which `posted` posted; empty where too few are left."""
    order = [index % enrolled for index in range(round_number, round_number + enrolled)]
    rest = [index for index in order if index in attested]
    named: tuple[int, ...] = ()
    for attempt in range(len(posted) + 1):
        if len(rest) < threshold:
            return ()
        named = tuple(rest[(place + attempt) % len(rest)] for place in range(threshold))
        if attempt < len(posted):
            rest = [index for index in rest if index not in named or index in posted[attempt]]
    return named


def attempts_until_open(round_number: int, enrolled: int, threshold: int, who_posts: Members) -> int | None:
    """How many attempts it takes until everybody named posts, all having attested; None where it never opens."""
    for attempt, named, posting in played(round_number, enrolled, threshold, who_posts):
        if set(named) == posting:
            return attempt + 1
    return None


def played(
    round_number: int, enrolled: int, threshold: int, who_posts: Members
) -> Iterator[tuple[int, tuple[int, ...], set[int]]]:
    """Every attempt in turn: its number, who is named, who of them posts."""
    posted: list[set[int]] = []
    while named := quorum(round_number, enrolled, set(range(enrolled)), threshold, posted):
        posting = who_posts(len(posted), named) & set(named)
        yield len(posted), named, posting
        posted.append(posting)
