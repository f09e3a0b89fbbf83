# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of a bounded study: from what was learned to the update that is committed, and the server's step.

Exact integers throughout; weights have scale 2^16. Every hospital counts as one row, so the next model is
`reference.aggregate` of the sum and the number of hospitals: the same statement as in a proved study.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from node.document import UINT64
from node.errors import DataError
from node.learning import fixed_point
from node.plan import NETWORK_VALUE_BITS as VALUE_BITS

# The factor that shortens an update has this many fractional bits.
_SHIFT = 32
# A clipped step is held with these fractional bits, so that it is rounded to whole units once.
FRACTION_BITS = 16


def update(weights: Sequence[int], local: Sequence[int], bound: int, noise_bound: int = 0) -> list[int]:
    """The update u: local − global, as `held` holds it; `weights`, `local`: P integers."""
    return held(fixed_point.update(weights, local, 1, VALUE_BITS), bound, noise_bound)


def held(change: Sequence[int], bound: int, noise_bound: int, fraction_bits: int = 0) -> list[int]:
    """The update that a hospital commits to before noise: `change` cut, shortened to Σ u² ≤ `bound`, in whole units.

    `change` is in units of 2^−fraction_bits, `bound` in integer units squared (an L2 norm of b in weights is the
    bound (b · 2^16)²). What noise may take is left free in each coordinate, so that no sum with it leaves 16 bits: an
    update cut after its noise would no longer have the noise that privacy is counted with. Rounding is toward
    zero, so no coordinate grows.
    """
    most = (1 << VALUE_BITS - 1) - 1 - noise_bound
    if noise_bound < 0 or most < 1:
        raise DataError(f"Noise up to {noise_bound} leaves no room for an update in {VALUE_BITS} bits.")
    most <<= fraction_bits
    cut = [max(-most, min(most, u)) for u in change]
    return [_scaled(u, 1, fraction_bits) for u in shorten(cut, bound, fraction_bits)]


def shorten(change: Sequence[int], bound: int, fraction_bits: int = 0) -> list[int]:
    """`change` (in units of 2^−fraction_bits) times the largest factor ≤ 1 (of 32 bits) with which Σ u² ≤ `bound`.

    `bound`: integer units squared, 1 to 2^64 − 1. Rounds toward zero.
    """
    if not 1 <= bound <= UINT64:
        raise DataError(f"The bound {bound} is not in [1, 2^64).")
    length, allowed = squared_norm(change), bound << 2 * fraction_bits
    if length <= allowed:
        return list(change)
    factor = math.isqrt((allowed << 2 * _SHIFT) // length)
    return [_scaled(u, factor, _SHIFT) for u in change]


def hospital_sensitivity(bound: int) -> int:
    """How far one hospital's update, there or all zeros, moves the sum in L2: √bound, rounded up."""
    return math.isqrt(bound - 1) + 1


def record_sensitivity(reach: int, parameters: int) -> int:
    """How far one record, there or not, moves the P coordinates of `held` in L2: reach + ⌈√P⌉ + 1 integer units.

    The record is to move `change`, of FRACTION_BITS, by at most `reach` (in integer units). Then:

    1. Cutting the coordinates and shortening to a length are projections onto convex sets, a box and a ball, and
       such a projection moves no two points apart: ‖π − π'‖ ≤ reach for π, the exactly cut and shortened change.
    2. `held` cuts exactly. To shorten, it takes a factor that is less than 2^−32 too small, of coordinates below
       2^31, and rounds toward zero to units of 2^−16, and in the end to whole ones. So no coordinate changes its
       sign, and |u_j| = |π_j| − e_j with 0 ≤ e_j < E = 1 + 2^−16 + 2^−17.
    3. Two values u_j, u'_j of the same sign differ by less than |π_j − π'_j| + E, two of different signs by no more
       than |π_j − π'_j|. By the triangle inequality ‖u − u'‖ < ‖π − π'‖ + E·√P, and (2^−16 + 2^−17)·√P < 1 for every
       P below 2^30.

    Source of 1: Bauschke, Combettes, Convex Analysis and Monotone Operator Theory in Hilbert Spaces (2017), chapter 4.
    """
    return reach + math.isqrt(parameters - 1) + 1 + 1


def squared_norm(change: Sequence[int]) -> int:
    """Σ u², in integer units squared."""
    return sum(u * u for u in change)


def next_model(weights: Sequence[int], updates: Sequence[Sequence[int]]) -> list[int]:
    """The next global weights: W + ⌊Σ u / |I|⌋, saturated to 24 bits; `updates`: one for each hospital included."""
    if not updates:
        raise DataError("A new model needs at least one update.")
    total = [sum(column) for column in zip(*updates, strict=True)]
    return fixed_point.aggregate(weights, total, len(updates))


def _scaled(value: int, factor: int, shift: int) -> int:
    """value · factor / 2^shift, rounded toward zero."""
    return (abs(value) * factor >> shift) * (1 if value > 0 else -1)
