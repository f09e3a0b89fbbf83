# SPDX-License-Identifier: Apache-2.0
"""Shamir's secret sharing of polynomials, place by place, modulo each data prime.

Party number i of the ceremony (from 0) has the point x = i + 1: small points keep nothing small, since
noise is added after the Lagrange coefficient. Shamir, "How to share a secret", 1979.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from node.crypto.prf import Words
from node.crypto.ring import Ring


def lagrange(points: Sequence[int], at: int, primes: Sequence[int]) -> dict[int, list[int]]:
    """Returns for each point its Lagrange coefficient for the value at `at`, one for each prime."""
    coefficients: dict[int, list[int]] = {}
    for point in points:
        coefficients[point] = []
        for prime in primes:
            above, below = 1, 1
            for other in points:
                if other != point:
                    above = above * (at - other) % prime
                    below = below * (point - other) % prime
            coefficients[point].append(above * pow(below, -1, prime) % prime)
    return coefficients


def interpolate(ring: Ring, values: Mapping[int, Words], at: int) -> Words:
    """Evaluates at `at` the polynomial of lowest degree through the given points."""
    coefficients = lagrange(list(values), at, ring.primes)
    terms = [ring.scale(value, ring.constants(coefficients[point])) for point, value in values.items()]
    total = terms[0]
    for term in terms[1:]:
        total = ring.add(total, term)
    return total
