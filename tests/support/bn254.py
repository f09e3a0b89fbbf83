# SPDX-License-Identifier: Apache-2.0
"""Just enough of BN254's first group to forge a proof where a verifying key allows it."""

from __future__ import annotations

BASE_ORDER = 21888242871839275222246405745257275088696311157297823662689037894645226208583
Point = tuple[int, int]


def add(p: Point | None, q: Point | None) -> Point | None:
    """Sum of two points of y² = x³ + 3; None is the point at infinity."""
    if p is None or q is None:
        return q if p is None else p
    if p[0] == q[0] and (p[1] + q[1]) % BASE_ORDER == 0:
        return None
    if p == q:
        slope = 3 * p[0] * p[0] * pow(2 * p[1], -1, BASE_ORDER)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, BASE_ORDER)
    x = (slope * slope - p[0] - q[0]) % BASE_ORDER
    return x, (slope * (p[0] - x) - p[1]) % BASE_ORDER


def multiply(point: Point, factor: int) -> Point | None:
    """`factor` times a point."""
    result: Point | None = None
    addend: Point | None = point
    while factor:
        if factor & 1:
            result = add(result, addend)
        addend = add(addend, addend)
        factor >>= 1
    return result


def negate(point: Point) -> Point:
    """The opposite point."""
    return point[0], -point[1] % BASE_ORDER
