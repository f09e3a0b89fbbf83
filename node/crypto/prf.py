# SPDX-License-Identifier: Apache-2.0
"""Keyed expansion with SHAKE-256 and the integer-only samplers that stand on it.

Everything here is a function of a key and a domain-separated input, so that repeating a step gives
the same bytes and no two steps share noise. A sponge with its key first is a PRF (Bertoni, Daemen,
Peeters, Van Assche: "On the security of the keyed sponge construction", 2011).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from node.hashing import Field, expand

Words: TypeAlias = npt.NDArray[np.uint64]

SEED_BYTES = 32
PUBLIC_SEED_BYTES = 64

_SEAL_BUFFER_BYTES = 4096
_SEAL_WORD = 1 << 64


def derive(key: bytes, *fields: Field) -> bytes:
    """Returns a 32-byte seed for one named use."""
    return expand(key, SEED_BYTES, *fields)


def public_seed(*fields: Field) -> bytes:
    """Returns the 64-byte seed of a public polynomial, in the size SEAL's generator takes."""
    return expand(b"", PUBLIC_SEED_BYTES, *fields)


def public_polynomial(seed: bytes, primes: Sequence[int], degree: int) -> Words:
    """Expands a public seed to a uniform polynomial in the NTT domain, shape (len(primes), degree).

    This is SEAL's own expansion (Shake256PRNG and sample_poly_uniform), so that SEAL rebuilds the same
    polynomial from a ciphertext that carries the seed: buffers of SHAKE-256(seed, counter), one word
    per coefficient, and words taken from the rest of the stream in place of rejected ones.
    """
    stream = _SealStream(seed)
    count = len(primes) * degree
    words = np.frombuffer(stream.read(8 * count), dtype="<u8").astype(np.uint64).reshape(-1, degree)
    for row, prime in zip(words, primes, strict=True):
        limit = (_SEAL_WORD - 1) - (_SEAL_WORD - 1) % prime - 1
        for position in np.flatnonzero(row >= np.uint64(limit)):
            word = limit
            while word >= limit:
                word = int.from_bytes(stream.read(8), "little")
            row[position] = word
        row %= np.uint64(prime)
    return words


class _SealStream:
    """The byte stream of SEAL's Shake256PRNG."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed
        self._counter = 0
        self._rest = b""

    def read(self, length: int) -> bytes:
        buffers = [self._rest]
        have = len(self._rest)
        while have < length:
            block = hashlib.shake_256(self._seed + self._counter.to_bytes(8, "little"))
            buffers.append(block.digest(_SEAL_BUFFER_BYTES))
            self._counter += 1
            have += _SEAL_BUFFER_BYTES
        joined = b"".join(buffers)
        self._rest = joined[length:]
        return joined[:length]


def uniform(key: bytes, primes: Sequence[int], degree: int, *fields: Field) -> Words:
    """Returns uniform residues by rejection, shape (len(primes), degree); each prime has its own input."""
    rows = [_uniform_row(key, prime, degree, (*fields, index)) for index, prime in enumerate(primes)]
    return np.stack(rows)


def _uniform_row(key: bytes, prime: int, degree: int, fields: tuple[Field, ...]) -> Words:
    mask = np.uint64((1 << prime.bit_length()) - 1)
    words = degree + 64
    while True:
        # A longer output of SHAKE-256 begins with the shorter one: asking again changes nothing kept.
        drawn = np.frombuffer(expand(key, 8 * words, *fields), dtype="<u8") & mask
        kept = drawn[drawn < np.uint64(prime)]
        if len(kept) >= degree:
            return kept[:degree].astype(np.uint64)
        words *= 2


def ternary(key: bytes, degree: int, *fields: Field) -> npt.NDArray[np.int64]:
    """Returns `degree` independent uniform values of -1, 0, 1 (a byte mod 3, the byte 255 rejected)."""
    length = degree + 64 + degree // 64
    while True:
        drawn = np.frombuffer(expand(key, length, *fields), dtype=np.uint8)
        kept = drawn[drawn < 255]
        if len(kept) >= degree:
            return (kept[:degree] % 3).astype(np.int64) - 1
        length *= 2


def smudging_limbs(key: bytes, count: int, bits: int, summands: int, *fields: Field) -> Words:
    """Returns sums of `summands` uniform `bits`-bit integers as 32-bit limbs, shape (4, count).

    The value is sum(limb[k] * 2^(32 k)), limbs not carried; subtract summands * (2^bits - 1) / 2 to
    centre it. Needs bits <= 128.
    """
    drawn = np.frombuffer(expand(key, 16 * summands * count, *fields), dtype="<u4")
    limbs = drawn.reshape(summands, count, 4).astype(np.uint64)
    for limb in range(4):
        width = min(max(bits - 32 * limb, 0), 32)
        limbs[:, :, limb] &= np.uint64((1 << width) - 1)
    return np.ascontiguousarray(limbs.sum(axis=0, dtype=np.uint64).T)
