# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a bounded study: from two models to the update that is committed, and the server's step.

Exact integers throughout; weights have scale 2^16. Every hospital counts as one row, so the next model is
`reference.aggregate` of the sum and the number of hospitals: the same statement as in a proved study.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from node.errors import DataError
from node.learning import fixed_point
from node.plan import NETWORK_VALUE_BITS as VALUE_BITS

BOUND_LIMIT = 1 << 64
# The factor that shortens an update has this many fractional bits.
_SHIFT = 32


def update(weights: Sequence[int], local: Sequence[int], bound: int) -> list[int]:
    """The update u: local − global clipped to 16 bits, then shortened so that Σ u² ≤ `bound`.

    `weights`, `local`: P integers; `bound`: integer units squared, 1 to 2^64 − 1 (an L2 norm of b in weights is
    the bound (b · 2^16)²). Shortening multiplies with one factor and rounds toward zero, so no coordinate grows.
    """
    return shorten(fixed_point.update(weights, local, 1, VALUE_BITS), bound)


def shorten(change: Sequence[int], bound: int) -> list[int]:
    """The integers of `change` times the largest factor ≤ 1 (of 32 bits) with which Σ u² ≤ `bound`."""
    if not 1 <= bound < BOUND_LIMIT:
        raise DataError(f"The bound {bound} is not in [1, 2^64).")
    length = squared_norm(change)
    if length <= bound:
        return list(change)
    factor = math.isqrt((bound << 2 * _SHIFT) // length)
    return [(abs(u) * factor >> _SHIFT) * (1 if u > 0 else -1) for u in change]


def within(change: Sequence[int], noise: Sequence[int]) -> list[int]:
    """The noise, cut where the sum with `change` would leave 16 bits: that moves no two updates apart."""
    half = 1 << VALUE_BITS - 1
    return [max(-half, min(half - 1, u + e)) - u for u, e in zip(change, noise, strict=True)]


def squared_norm(change: Sequence[int]) -> int:
    """Σ u², in integer units squared."""
    return sum(u * u for u in change)


def next_model(weights: Sequence[int], updates: Sequence[Sequence[int]]) -> list[int]:
    """The next global weights: W + ⌊Σ u / |I|⌋, saturated to 24 bits; `updates`: one for each hospital included."""
    if not updates:
        raise DataError("A new model needs at least one update.")
    total = [sum(column) for column in zip(*updates, strict=True)]
    return fixed_point.aggregate(weights, total, len(updates))
