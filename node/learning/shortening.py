# SPDX-License-Identifier: Apache-2.0
"""Shortening a head's update to the plan's bound, as the training circuit proves it, in exact integers.

The factor is the largest that the bound allows, so it follows from the update: no hospital can choose a smaller
one. Source: docs/encoding.md, "Arithmetic of training".
"""

from __future__ import annotations

from collections.abc import Sequence

from node.document import UINT64
from node.errors import DataError
from node.plan import SHORTENING_BITS

WHOLE = 1 << SHORTENING_BITS
"""The factor that leaves an update as it is; factors are integers of scale 2^16."""


def factor(update: Sequence[int], bound: int) -> int:
    """The largest factor in [0, 2^16] with which Σ ⌊u·factor/2^16⌋² ≤ `bound`; 2^16 where `bound` is 0, which is none.

    `update`: P integers; `bound`: integer units squared, below 2^64.
    """
    if not 0 <= bound <= UINT64:
        raise DataError(f"The bound {bound} is not in [0, 2^64).")
    if bound == 0 or _fits(update, WHOLE, bound):
        return WHOLE
    # No coordinate gets shorter as the factor grows.
    low, high = 0, WHOLE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _fits(update, middle, bound) else (low, middle)
    return low


def shorten(update: Sequence[int], by: int) -> list[int]:
    """⌊u·by/2^16⌋ for every coordinate, rounded to −∞."""
    return [u * by >> SHORTENING_BITS for u in update]


def _fits(update: Sequence[int], by: int, bound: int) -> bool:
    return sum(u * u for u in shorten(update, by)) <= bound
