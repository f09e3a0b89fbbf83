# SPDX-License-Identifier: Apache-2.0
"""Many operations in the group at once."""

from __future__ import annotations

from collections.abc import Sequence

from node.group import babyjubjub, encoding
from node.group.babyjubjub import Point


def combinations(points: Sequence[Point], rows: Sequence[Sequence[int]]) -> list[Point]:
    """Return Σ scalar·point for every row of scalars in [0, ℓ); a row has one scalar for each point."""
    return [babyjubjub.combine(list(row), list(points)) for row in rows]


def read_points(data: bytes, *, identity: bool = False) -> list[Point]:
    """Return the points of order ℓ that consecutive 32 bytes encode; as `encoding.read_point` for each."""
    size = encoding.POINT_BYTES
    return [encoding.read_point(data[start : start + size], identity=identity) for start in range(0, len(data), size)]
