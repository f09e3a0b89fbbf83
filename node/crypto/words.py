# SPDX-License-Identifier: Apache-2.0
"""Large non-negative integers, many at a time: arrays of 64-bit words of shape (words, count), lowest first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from math import prod

import numpy as np
import numpy.typing as npt

from node.crypto.modular import PIECE, Factor, factor, multiply_lazily, reduce
from node.crypto.prf import Words

_BITS = 64
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


def lift(residues: Words, primes: Sequence[int]) -> Words:
    """Lifts residues, shape (primes, N), to integers in [0, product of the primes).

    Garner's mixed radix, x = d0 + d1 * q0 + d2 * q0 * q1 + ..., and then the sum in 32-bit limbs.
    """
    out = np.empty((-(-prod(primes).bit_length() // _BITS), residues.shape[1]), dtype=np.uint64)
    for start in range(0, residues.shape[1], PIECE):
        part = slice(start, start + PIECE)
        out[:, part] = _summed(_mixed_radix(residues[:, part], tuple(primes)), primes, len(out))
    return out


def at_most(words: Words, bound: int) -> npt.NDArray[np.bool_]:
    """Which of the integers are not above `bound`."""
    if bound < 0:
        return np.zeros(words.shape[1], dtype=np.bool_)
    if bound >> (_BITS * len(words)):
        return np.ones(words.shape[1], dtype=np.bool_)
    so_far = np.ones(words.shape[1], dtype=np.bool_)
    for index, word in enumerate(words):
        part = np.uint64(bound >> (_BITS * index) & (1 << _BITS) - 1)
        so_far = (word < part) | ((word == part) & so_far)
    return so_far


def bits(words: Words, start: int, width: int) -> Words:
    """Returns bits start to start + width of every integer, width at most 64; shape (count,)."""
    index, shift = divmod(start, _BITS)
    found: Words = words[index] >> np.uint64(shift)
    if shift + width > _BITS and index + 1 < len(words):
        found |= words[index + 1] << np.uint64(_BITS - shift)
    if width < _BITS:
        found &= np.uint64((1 << width) - 1)
    return found


def place(digits: Words, width: int) -> Words:
    """Returns sum(digits[d] * 2^(width * d)) for digits below 2^width, shape (digits, count), width at most 64."""
    out = np.zeros((-(-len(digits) * width // _BITS), digits.shape[1]), dtype=np.uint64)
    for number, digit in enumerate(digits):
        index, shift = divmod(number * width, _BITS)
        out[index] |= digit << np.uint64(shift)
        if shift + width > _BITS:
            out[index + 1] |= digit >> np.uint64(_BITS - shift)
    return out


@lru_cache(maxsize=8)
def _garner(primes: tuple[int, ...]) -> list[list[Factor]]:
    """For each prime the inverses of the primes before it."""
    return [[factor([pow(before, -1, q)], q) for before in primes[:index]] for index, q in enumerate(primes)]


def _mixed_radix(residues: Words, primes: tuple[int, ...]) -> list[Words]:
    digits: list[Words] = []
    for row, prime, inverses in zip(residues, primes, _garner(primes), strict=True):
        q = np.uint64(prime)
        digit = row.copy()
        for before, earlier, inverse in zip(primes, digits, inverses, strict=False):
            # A multiple of q that no earlier digit exceeds keeps the difference positive.
            digit += np.uint64(-(-before // prime) * prime)
            digit -= earlier
            digit = reduce(multiply_lazily(digit, inverse, q), q, 4)
        digits.append(digit)
    return digits


def _summed(digits: Sequence[Words], primes: Sequence[int], words: int) -> Words:
    limbs = np.zeros((2 * words + 1, len(digits[0])), dtype=np.uint64)
    for index, digit in enumerate(digits):
        radix = prod(primes[:index])
        for half, part in enumerate((digit & _LOW, digit >> _HALF)):
            for limb in range(-(-radix.bit_length() // 32)):
                product = part * np.uint64(radix >> (32 * limb) & 0xFFFFFFFF)
                # Few terms of 32 bits each: no limb overflows its word.
                limbs[half + limb] += product & _LOW
                product >>= _HALF
                limbs[half + limb + 1] += product
    for low, high in pairwise(limbs):
        high += low >> _HALF
        low &= _LOW
    joined: Words = limbs[0:-1:2] | (limbs[1:-1:2] << _HALF)
    return joined
