# SPDX-License-Identifier: Apache-2.0
"""What stands in for the features that a circuit has and a plan does not name.

A circuit takes D features; a plan names k of them, 1 ≤ k ≤ D. The others come after the plan's own: they are zero on
every row, and a model starts with weight zero there. Training leaves such a weight as it is, since its gradient is
zero, and such a weight changes no score. Source: docs/encoding.md, "Fewer features than the circuit's".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def padded_row(row: Sequence[int], width: int) -> tuple[int, ...]:
    """A row of k features as the circuit takes it: `width` = D integers. Raises ValueError for more than D."""
    if len(row) > width:
        raise ValueError(f"a row of {len(row)} features does not fit a circuit of {width}")
    return (*row, *(0,) * (width - len(row)))


def padded_vector(values: Sequence[int], length: int) -> tuple[int, ...]:
    """One value for each of k features and for the bias, as a vector of `length` = D + 1: zeros before the bias."""
    *features, bias = values
    return (*padded_row(features, length - 1), bias)


def named(vector: Sequence[T], features: int) -> tuple[T, ...]:
    """Of a vector of D + 1 values, those of the first `features` = k, and the bias."""
    return (*vector[:features], vector[-1])
