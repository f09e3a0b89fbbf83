# SPDX-License-Identifier: Apache-2.0
"""The number-theoretic transform modulo one prime, in SEAL's conventions.

The smallest primitive 2N-th root psi, input in natural order, output[j] = p(psi^(2 * bitreverse(j) + 1)).
Butterflies are Harvey's: sums stay unreduced while a word can hold them.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from node.crypto.modular import Factor, factor, multiply_lazily, reduce
from node.crypto.prf import Words


class Transform:
    """Tables and both directions for one degree and one prime."""

    def __init__(self, degree: int, prime: int) -> None:
        self._degree = degree
        self._q = np.uint64(prime)
        # Late levels work on short runs. Half-way the array is transposed, so numpy's inner loops stay long.
        self._rows = 1 << (degree.bit_length() // 2)
        root = minimal_root(degree, prime)
        self._forward = self._twiddles(root, prime)
        self._backward = self._twiddles(pow(root, -1, prime), prime)
        self._degree_inverse = factor([pow(degree, -1, prime)], prime)

    def forward(self, a: Words) -> Words:
        """Coefficients, shape (N,), to the NTT domain."""
        q, four = self._q, self._q * np.uint64(4)
        x = a.copy()
        bound = 1
        for level, twiddles in enumerate(self._forward):
            if level == self._early:
                x = self._transposed(x, self._rows)
            first, second = self._halves(x, level)
            if bound > 12:
                first[...] = reduce_to_four(first, q)
                bound = 4
            product = multiply_lazily(second, twiddles, q)
            np.subtract(first, product, out=second)
            second += four
            first += product
            bound += 4
        return reduce(self._transposed(x, self._degree // self._rows), q, 16)

    def inverse(self, a: Words) -> Words:
        """The NTT domain, shape (N,), to coefficients."""
        q, four = self._q, self._q * np.uint64(4)
        x = self._transposed(a, self._rows)
        for level in reversed(range(len(self._backward))):
            first, second = self._halves(x, level)
            # Everything is below 4q, before each level and after it.
            difference = first - second
            difference += four
            total = first + second
            np.minimum(total, total - four, out=first)
            second[...] = multiply_lazily(difference, self._backward[level], q)
            if level == self._early:
                x = self._transposed(x, self._degree // self._rows)
        return reduce(multiply_lazily(x, self._degree_inverse, q), q, 4)

    @property
    def _early(self) -> int:
        """How many levels come before the transposition."""
        return self._rows.bit_length() - 1

    def _halves(self, x: Words, level: int) -> tuple[Words, Words]:
        if level < self._early:
            view = x.reshape(1 << level, 2, -1)
            return view[:, 0], view[:, 1]
        late = x.reshape(1 << (level - self._early), 2, -1, self._rows)
        return late[:, 0], late[:, 1]

    def _transposed(self, x: Words, rows: int) -> Words:
        return np.ascontiguousarray(x.reshape(rows, -1).T).reshape(-1)

    def _twiddles(self, root: int, prime: int) -> list[Factor]:
        powers = [1]
        for _ in range(self._degree - 1):
            powers.append(powers[-1] * root % prime)
        table = factor([powers[position] for position in bit_reversed(self._degree)], prime)
        levels = []
        for level in range(self._degree.bit_length() - 1):
            size = 1 << level
            parts = (part[size : 2 * size] for part in table)
            if level < self._early:
                levels.append(Factor(*(part[:, None].copy() for part in parts)))
            else:
                shape = (self._rows, size // self._rows)
                levels.append(Factor(*(np.ascontiguousarray(part.reshape(shape).T)[:, None, :] for part in parts)))
        return levels


@lru_cache(maxsize=32)
def transform(degree: int, prime: int) -> Transform:
    """Returns the transform with its tables, built once per process."""
    return Transform(degree, prime)


def reduce_to_four(a: Words, q: np.uint64) -> Words:
    """Returns a < 16q brought below 4q."""
    eight, four = q * np.uint64(8), q * np.uint64(4)
    half: Words = np.minimum(a, a - eight)
    return np.minimum(half, half - four)


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
