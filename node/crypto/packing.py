# SPDX-License-Identifier: Apache-2.0
"""Packs signed integers into polynomial coefficients above the noise, and unpacks opened sums.

A coefficient is sum(digit[d] * 2^(shift + width * d)); a digit is value + 2^(V-1), so that sums of
digits never carry into their neighbour. Unused places hold zero, not a biased zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from node.crypto.parameters import ThresholdParameters
from node.crypto.prf import Words
from node.crypto.ring import Ring
from node.errors import OpeningFailed, ParameterError


def pack(parameters: ThresholdParameters, values: Sequence[int], ring: Ring) -> list[Words]:
    """Returns one polynomial of residues, shape (primes, N), for each block of values.

    Raises ParameterError when the count is not the plan's or a value is outside [-2^(V-1), 2^(V-1)).
    """
    array = np.asarray(values)
    if array.shape != (parameters.value_count,) or array.dtype.kind not in "iu":
        raise ParameterError(f"an update holds exactly {parameters.value_count} integers of at most 64 bits")
    half = 1 << (parameters.value_bits - 1)
    outside = np.flatnonzero((array < -half) | (array >= half))
    if outside.size:
        raise ParameterError(
            f"{outside.size} values, the first at position {outside[0]}, do not fit in {parameters.value_bits} bits"
        )
    places = np.zeros(parameters.blocks * parameters.values_per_block, dtype=np.uint64)
    places[: array.size] = (array.astype(np.int64) + half).astype(np.uint64)
    units = [
        ring.constants([1 << (parameters.shift + parameters.digit_bits * digit)] * len(ring.primes))
        for digit in range(parameters.digits)
    ]
    polynomials = []
    for block in places.reshape(parameters.blocks, parameters.degree, parameters.digits):
        total = np.zeros((len(ring.primes), parameters.degree), dtype=np.uint64)
        for digit, unit in enumerate(units):
            total = ring.add(total, ring.scale(block[None, :, digit], unit))
        polynomials.append(total)
    return polynomials


def unpack(parameters: ThresholdParameters, blocks: Sequence[Words], included: int) -> list[int]:
    """Returns the exact sums of the values of `included` updates from opened coefficients.

    Raises OpeningFailed when the noise exceeds its bound, a bit above the digits is set, a digit is out
    of [0, included * (2^V - 1)], or an unused place is not zero: the shares then do not open the sum.
    """
    width = parameters.digit_bits
    offset = 1 << (parameters.shift - 1)
    low_mask, digit_mask = (1 << parameters.shift) - 1, (1 << width) - 1
    places = np.empty((parameters.blocks, parameters.degree, parameters.digits), dtype=np.int64)
    for index, block in enumerate(blocks):
        # Adding half a unit makes the noise non-negative, so payload and noise part at one bit.
        lifted = (compose(block, parameters.data_primes) + offset) % parameters.modulus
        noise = (lifted & low_mask) - offset
        payload = lifted >> parameters.shift
        if max(abs(noise)) > parameters.noise_bound or max(payload) >> (width * parameters.digits):
            raise OpeningFailed(
                "the shares do not open the sum: what they give is not a sum of updates. "
                "One share or one ciphertext is wrong; the next attempt uses another quorum"
            )
        for digit in range(parameters.digits):
            places[index, :, digit] = ((payload >> (width * digit)) & digit_mask).astype(np.int64)
    digits = places.reshape(-1)
    if digits[parameters.value_count :].any():
        raise OpeningFailed("an unused place of the opened sum is not zero: an update was packed wrongly")
    digits = digits[: parameters.value_count]
    if int(digits.max()) > included * ((1 << parameters.value_bits) - 1):
        raise OpeningFailed("a digit of the opened sum is out of range: an update was packed wrongly")
    sums: list[int] = (digits - included * (1 << (parameters.value_bits - 1))).tolist()
    return sums


def compose(residues: Words, primes: Sequence[int]) -> npt.NDArray[np.object_]:
    """Lifts residues, shape (primes, N), to Python integers in [0, product of the primes)."""
    # Garner's mixed radix keeps the products small: x = d0 + d1 * q0 + d2 * q0 * q1 + ...
    total: npt.NDArray[np.object_] = residues[0].astype(object)
    for index in range(1, len(primes)):
        prime, radix = primes[index], prod(primes[:index])
        total = total + (residues[index].astype(object) - total) * pow(radix, -1, prime) % prime * radix
    return total
