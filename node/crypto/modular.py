# SPDX-License-Identifier: Apache-2.0
"""Arithmetic modulo one prime below 2^60, on numpy's 64-bit words and with integers only.

Shoup's and Montgomery's reductions, with the high half of a product built from 32-bit parts, so results
are the same on every processor. Products come out "lazy", in [0, 4q); four such fit in a word.
Shoup's trick as in Harvey, "Faster arithmetic for number-theoretic transforms", 2014.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from node.crypto.prf import Words

#: Primes stay below this, so that a word holds sixteen times one.
PRIME_LIMIT = 1 << 60
#: Arrays are worked on in pieces of this many words, which the fast caches hold with all temporaries.
PIECE = 8192

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class Factor(NamedTuple):
    """Constants w < q with floor(w * 2^64 / q) in two halves, for Shoup's multiplication."""

    value: Words
    high: Words
    low: Words


def factor(values: Sequence[int], prime: int) -> Factor:
    """Prepares reduced constants for `multiply_lazily`."""
    quotients = np.array([(value << 64) // prime for value in values], dtype=np.uint64)
    return Factor(np.array(values, dtype=np.uint64), quotients >> _HALF, quotients & _LOW)


def multiply_lazily(a: Words, by: Factor, q: np.uint64) -> Words:
    """Returns a * w modulo q, in [0, 4q), for any words a."""
    # The quotient is at most 3 too small, one for each dropped low part.
    high, low = a >> _HALF, a & _LOW
    quotient = high * by.low
    quotient >>= _HALF
    low *= by.high
    low >>= _HALF
    quotient += low
    high *= by.high
    quotient += high
    quotient *= q
    rest: Words = a * by.value
    rest -= quotient
    return rest


def reduce(a: Words, q: np.uint64, bound: int) -> Words:
    """Brings a < bound * q below q, in place; the bound is a power of two, at most 16."""
    while bound > 1:
        bound //= 2
        # A difference that went below zero is huge, so the smaller of the two is the reduced one.
        np.minimum(a, a - q * np.uint64(bound), out=a)
    return a


def multiply(a: Words, b: Words, q: np.uint64, q_inverse: np.uint64, to_montgomery: Factor) -> Words:
    """Returns a * b modulo q, reduced, for a any words and b < q; `q_inverse` is 1/q modulo 2^64."""
    raised = reduce(multiply_lazily(a, to_montgomery, q), q, 4)
    product = _multiply_high(raised, b)
    raised *= b
    raised *= q_inverse
    product -= _multiply_high(raised, q)
    np.minimum(product, product + q, out=product)
    return product


def _multiply_high(a: Words, b: Words | np.uint64) -> Words:
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_low * b_low
    middle >>= _HALF
    first = a_high * b_low
    middle += first & _LOW
    a_low *= b_high
    middle += a_low & _LOW
    first >>= _HALF
    a_low >>= _HALF
    middle >>= _HALF
    a_high *= b_high
    a_high += first
    a_high += a_low
    a_high += middle
    return a_high
