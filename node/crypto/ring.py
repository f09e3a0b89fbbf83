# SPDX-License-Identifier: Apache-2.0
"""Arithmetic modulo X^N + 1 and a chain of primes: polynomials are uint64 arrays of shape (primes, N).

The transform has SEAL's conventions (`transform.py`); all arithmetic is on integers (`modular.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from node.crypto.modular import PIECE, PRIME_LIMIT, Factor, factor, multiply, multiply_lazily, reduce
from node.crypto.prf import Words
from node.crypto.transform import transform
from node.errors import ParameterError


class Ring:
    """Operations on polynomials of one degree modulo each of some odd primes below 2^60."""

    def __init__(self, degree: int, primes: tuple[int, ...]) -> None:
        if max(primes) >= PRIME_LIMIT:
            raise ParameterError("the arithmetic is for primes below 2^60")
        self.degree = degree
        self.primes = primes
        self._q = np.array(primes, dtype=np.uint64)[:, None]
        self._q_inverse = [np.uint64(pow(q, -1, 1 << 64)) for q in primes]
        self._to_montgomery = self.constants([1 << 64] * len(primes))

    def constants(self, values: Sequence[int]) -> list[Factor]:
        """Prepares one constant per prime for `scale`; values are reduced."""
        return [factor([value % q], q) for value, q in zip(values, self.primes, strict=True)]

    def scale(self, a: Words, factors: Sequence[Factor]) -> Words:
        """Multiplies each row of words, any at all, by its prime's constant."""
        return self._by_pieces(
            lambda row, part: reduce(multiply_lazily(part, factors[row], self._q[row, 0]), self._q[row, 0], 4), a
        )

    def add(self, a: Words, b: Words) -> Words:
        """Adds two reduced polynomials."""
        total = a + b
        np.minimum(total, total - self._q, out=total)
        return total

    def subtract(self, a: Words, b: Words) -> Words:
        """Subtracts two reduced polynomials."""
        difference = a - b
        np.minimum(difference, difference + self._q, out=difference)
        return difference

    def multiply(self, a: Words, b: Words) -> Words:
        """Multiplies point by point: in the NTT domain, the product of the polynomials."""
        return self._by_pieces(
            lambda row, left, right: multiply(
                left, right, self._q[row, 0], self._q_inverse[row], self._to_montgomery[row]
            ),
            a,
            b,
        )

    def from_signed(self, coefficients: npt.NDArray[np.int64]) -> Words:
        """Reduces small signed coefficients, shape (N,), modulo every prime."""
        words = coefficients.astype(np.uint64)
        return np.minimum(words, words + self._q)

    def combine(self, words: Words, weights: Sequence[int], offset: int = 0) -> Words:
        """Returns offset + sum(words[k] * weights[k]) modulo every prime; words of shape (k, N), any at all."""
        out = np.empty((len(self.primes), words.shape[1]), dtype=np.uint64)
        for row, prime in enumerate(self.primes):
            q = np.uint64(prime)
            factors = [factor([weight % prime], prime) for weight in weights]
            for start in range(0, words.shape[1], PIECE):
                part = words[:, start : start + PIECE]
                total = np.full(part.shape[1], offset % prime, dtype=np.uint64)
                for word, by in zip(part, factors, strict=True):
                    # Below 4q + q before each reduction, which is less than the 8q it takes.
                    total += multiply_lazily(word, by, q)
                    reduce(total, q, 8)
                out[row, start : start + PIECE] = total
        return out

    def forward(self, a: Words) -> Words:
        """Coefficients to the NTT domain."""
        return np.stack([transform(self.degree, q).forward(row) for q, row in zip(self.primes, a, strict=True)])

    def inverse(self, a: Words) -> Words:
        """The NTT domain to coefficients."""
        return np.stack([transform(self.degree, q).inverse(row) for q, row in zip(self.primes, a, strict=True)])

    def is_reduced(self, a: Words) -> bool:
        """Whether every residue is below its prime."""
        return bool((a < self._q).all())

    def _by_pieces(self, work: Callable[..., Words], *arrays: Words) -> Words:
        out = np.empty_like(arrays[0])
        for row in range(len(self.primes)):
            for start in range(0, out.shape[1], PIECE):
                piece = slice(start, start + PIECE)
                out[row, piece] = work(row, *(array[row, piece] for array in arrays))
        return out


@lru_cache(maxsize=8)
def ring(degree: int, primes: tuple[int, ...]) -> Ring:
    """Returns the ring of a degree and primes."""
    return Ring(degree, primes)
