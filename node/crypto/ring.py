# SPDX-License-Identifier: Apache-2.0
"""Arithmetic modulo X^N + 1 and a chain of primes, in numpy and on integers only.

Polynomials are uint64 arrays of shape (primes, N). Products use 64-bit integer operations alone
(Shoup's and Montgomery's reductions with the high half built from 32-bit parts), so results are the
same on every processor. The transform has SEAL's conventions: the smallest primitive 2N-th root psi,
input in natural order, output[j] = p(psi^(2 * bitreverse(j) + 1)).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from node.crypto.prf import Words

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


class _Factor(NamedTuple):
    """Constants w < q with floor(w * 2^64 / q) in two halves, for Shoup's multiplication."""

    value: Words
    high: Words
    low: Words


class Ring:
    """Operations on polynomials of one degree modulo each of some primes, all odd and below 2^61."""

    def __init__(self, degree: int, primes: tuple[int, ...]) -> None:
        self.degree = degree
        self.primes = primes
        self._q = np.array(primes, dtype=np.uint64)[:, None]
        self._q_inverse = np.array([pow(q, -1, 1 << 64) for q in primes], dtype=np.uint64)[:, None]
        self._to_montgomery = self.constants([(1 << 64) % q for q in primes])
        self._rows = 1 << ((degree.bit_length() - 1 + 1) // 2)
        roots = [minimal_root(degree, q) for q in primes]
        self._forward = self._twiddles(roots)
        self._backward = self._twiddles([pow(root, -1, q) for root, q in zip(roots, primes, strict=True)])
        self._degree_inverse = self.constants([pow(degree, -1, q) for q in primes])

    def constants(self, values: Sequence[int]) -> _Factor:
        """Prepares one constant per prime for `scale`; values are reduced."""
        table = [[value % q] for value, q in zip(values, self.primes, strict=True)]
        return _factor(table, self.primes)

    def scale(self, a: Words, factor: _Factor) -> Words:
        """Multiplies each residue polynomial by its prime's constant; a < 2^64."""
        return _shoup(a, factor, self._q)

    def add(self, a: Words, b: Words) -> Words:
        """Adds two reduced polynomials."""
        return _add(a, b, self._q)

    def subtract(self, a: Words, b: Words) -> Words:
        """Subtracts two reduced polynomials."""
        return _subtract(a, b, self._q)

    def multiply(self, a: Words, b: Words) -> Words:
        """Multiplies point by point: in the NTT domain, the product of the polynomials."""
        raised = _shoup(a, self._to_montgomery, self._q)
        product_high = _multiply_high(raised, b)
        quotient = raised * b
        quotient *= self._q_inverse
        product_high -= _multiply_high(quotient, self._q)
        return np.minimum(product_high, product_high + self._q)

    def from_signed(self, coefficients: npt.NDArray[np.int64]) -> Words:
        """Reduces small signed coefficients, shape (N,), modulo every prime."""
        q = self._q.astype(np.int64)
        return np.where(coefficients < 0, coefficients + q, coefficients + 0 * q).astype(np.uint64)

    def from_limbs(self, limbs: Words, offset: int) -> Words:
        """Reduces sum(limbs[k] * 2^(32 k)) - offset modulo every prime; limbs of shape (k, N)."""
        total = np.repeat(np.array([-offset % q for q in self.primes], dtype=np.uint64), limbs.shape[1])
        total = total.reshape(len(self.primes), -1)
        for index, limb in enumerate(limbs):
            power = self.constants([1 << (32 * index)] * len(self.primes))
            total = self.add(total, self.scale(limb[None, :], power))
        return total

    def forward(self, a: Words) -> Words:
        """Coefficients to the NTT domain."""
        count = len(self.primes)
        x = a.copy()
        for factor in self._forward[0]:
            _butterflies(x.reshape(count, factor.value.shape[1], 2, -1), factor, self._q[:, :, None])
        x = self._transposed(x, self._rows)
        for factor in self._forward[1]:
            view = x.reshape(count, factor.value.shape[1], 2, -1, self._rows)
            _butterflies(view, factor, self._q[:, :, None, None])
        return self._transposed(x, self.degree // self._rows)

    def inverse(self, a: Words) -> Words:
        """The NTT domain to coefficients."""
        count = len(self.primes)
        x = self._transposed(a, self._rows)
        for factor in reversed(self._backward[1]):
            view = x.reshape(count, factor.value.shape[1], 2, -1, self._rows)
            _inverse_butterflies(view, factor, self._q[:, :, None, None])
        x = self._transposed(x, self.degree // self._rows)
        for factor in reversed(self._backward[0]):
            view = x.reshape(count, factor.value.shape[1], 2, -1)
            _inverse_butterflies(view, factor, self._q[:, :, None])
        return self.scale(x, self._degree_inverse)

    def is_reduced(self, a: Words) -> bool:
        """Whether every residue is below its prime."""
        return bool((a < self._q).all())

    def _transposed(self, x: Words, rows: int) -> Words:
        # Late levels work on short runs: with the other index innermost, numpy's inner loops stay long.
        count = len(self.primes)
        return np.ascontiguousarray(x.reshape(count, rows, -1).transpose(0, 2, 1)).reshape(count, -1)

    def _twiddles(self, roots: list[int]) -> tuple[list[_Factor], list[_Factor]]:
        order = bit_reversed(self.degree)
        table = []
        for root, q in zip(roots, self.primes, strict=True):
            powers = [1]
            for _ in range(self.degree - 1):
                powers.append(powers[-1] * root % q)
            table.append([powers[position] for position in order])
        factor = _factor(table, self.primes)
        early, late = [], []
        level = 1
        while level < self._rows:
            early.append(_Factor(*(part[:, level : 2 * level, None].copy() for part in factor)))
            level *= 2
        while level < self.degree:
            blocks = level // self._rows
            late.append(_Factor(*(
                np.ascontiguousarray(
                    part[:, level : 2 * level].reshape(-1, self._rows, blocks).transpose(0, 2, 1)
                )[:, :, None, :]
                for part in factor
            )))  # fmt: skip
            level *= 2
        return early, late


@lru_cache(maxsize=8)
def ring(degree: int, primes: tuple[int, ...]) -> Ring:
    """Returns the ring with its tables, built once per process."""
    return Ring(degree, primes)


def bit_reversed(size: int) -> list[int]:
    """The numbers below `size`, a power of two, with their bits reversed."""
    order = [0]
    while len(order) < size:
        order = [2 * value for value in order] + [2 * value + 1 for value in order]
    return order


def minimal_root(degree: int, prime: int) -> int:
    """The smallest primitive 2N-th root of unity modulo a prime that is 1 modulo 2N."""
    exponent = (prime - 1) // (2 * degree)
    base = 2
    while pow(root := pow(base, exponent, prime), degree, prime) != prime - 1:
        base += 1
    square = root * root % prime
    smallest = root
    for _ in range(degree - 1):
        root = root * square % prime
        smallest = min(smallest, root)
    return smallest


def _factor(table: list[list[int]], primes: Sequence[int]) -> _Factor:
    quotients = [[(value << 64) // q for value in row] for row, q in zip(table, primes, strict=True)]
    shoup = np.array(quotients, dtype=np.uint64)
    return _Factor(np.array(table, dtype=np.uint64), shoup >> _HALF, shoup & _LOW)


def _shoup(a: Words, factor: _Factor, q: Words) -> Words:
    # The quotient is at most 3 too small (one for each dropped low part), so the rest is below 4 q.
    high, low = a >> _HALF, a & _LOW
    quotient = high * factor.low
    quotient >>= _HALF
    low = low * factor.high
    low >>= _HALF
    quotient += low
    high = high * factor.high
    quotient += high
    quotient *= q
    rest: Words = a * factor.value
    rest -= quotient
    # A difference that went below zero is huge, so the smaller of the two is the reduced one.
    rest = np.minimum(rest, rest - (q + q))
    return np.minimum(rest, rest - q)


def _multiply_high(a: Words, b: Words) -> Words:
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_low * b_low
    middle >>= _HALF
    first = a_high * b_low
    middle += first & _LOW
    second = a_low * b_high
    middle += second & _LOW
    first >>= _HALF
    second >>= _HALF
    middle >>= _HALF
    high: Words = a_high * b_high
    high += first
    high += second
    high += middle
    return high


def _add(a: Words, b: Words, q: Words) -> Words:
    total = a + b
    return np.minimum(total, total - q)


def _subtract(a: Words, b: Words, q: Words) -> Words:
    difference = a - b
    return np.minimum(difference, difference + q)


def _butterflies(view: Words, factor: _Factor, q: Words) -> None:
    first, second = view[:, :, 0], _shoup(view[:, :, 1], factor, q)
    total = _add(first, second, q)
    view[:, :, 1] = _subtract(first, second, q)
    view[:, :, 0] = total


def _inverse_butterflies(view: Words, factor: _Factor, q: Words) -> None:
    first, second = view[:, :, 0], view[:, :, 1]
    total = _add(first, second, q)
    view[:, :, 1] = _shoup(_subtract(first, second, q), factor, q)
    view[:, :, 0] = total
