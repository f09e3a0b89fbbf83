# SPDX-License-Identifier: Apache-2.0
"""Packs signed integers into polynomial coefficients above the noise, and unpacks opened sums.

A coefficient is sum(digit[d] * 2^(shift + width * d)); a digit is value + 2^(V-1), so that sums of
digits never carry into their neighbour. Unused places hold zero, not a biased zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from node.crypto import words
from node.crypto.parameters import ThresholdParameters
from node.crypto.prf import Words
from node.crypto.ring import Ring, ring
from node.errors import OpeningFailed, ParameterError


def pack(parameters: ThresholdParameters, values: Sequence[int], domain: Ring) -> list[Words]:
    """Returns one polynomial of residues, shape (primes, N), for each block of values.

    Raises ParameterError when the count is not the plan's or a value is outside [-2^(V-1), 2^(V-1)).
    """
    array = np.asarray(values)
    if array.shape != (parameters.value_count,) or array.dtype.kind not in "iu":
        raise ParameterError(f"an update holds exactly {parameters.value_count} integers of at most 64 bits")
    half = 1 << (parameters.value_bits - 1)
    if int(array.min()) < -half or int(array.max()) >= half:
        outside = np.flatnonzero((array < -half) | (array >= half))
        raise ParameterError(
            f"{outside.size} values, the first at position {outside[0]}, do not fit in {parameters.value_bits} bits"
        )
    places = np.zeros(parameters.blocks * parameters.values_per_block, dtype=np.uint64)
    places[: array.size] = array.astype(np.int64) + half
    polynomials = []
    for block in places.reshape(parameters.blocks, parameters.degree, parameters.digits):
        payload = words.place(np.ascontiguousarray(block.T), parameters.digit_bits)
        weights = [1 << (parameters.shift + 64 * index) for index in range(len(payload))]
        polynomials.append(domain.combine(payload, weights))
    return polynomials


def unpack(parameters: ThresholdParameters, blocks: Sequence[Words], included: int) -> list[int]:
    """Returns the exact sums of the values of `included` updates from opened leading coefficients.

    Raises OpeningFailed when the noise exceeds its bound, a bit above the digits is set, a digit is out
    of [0, included * (2^V - 1)], or an unused place is not zero: the shares then do not open the sum.
    """
    width, shift = parameters.digit_bits, parameters.shift
    half_unit = 1 << (shift - 1)
    domain = ring(parameters.degree, parameters.data_primes)
    parts = []
    offset = np.array([[half_unit % prime] for prime in domain.primes], dtype=np.uint64)
    for block in blocks:
        # Adding half a unit makes the noise non-negative, so payload and noise part at one bit.
        lifted = words.lift(domain.add(block, offset), domain.primes)
        if not _is_payload(parameters, lifted, half_unit):
            raise OpeningFailed(
                "the shares do not open the sum: what they give is not a sum of updates. "
                "One share or one ciphertext is wrong, nobody can tell whose; pads open the sum"
            )
        places = np.empty((lifted.shape[1], parameters.digits), dtype=np.int64)
        for digit in range(parameters.digits):
            places[:, digit] = words.bits(lifted, shift + width * digit, width)
        parts.append(places.reshape(-1))
    digits = np.concatenate(parts)
    if digits[parameters.value_count :].any():
        raise OpeningFailed("an unused place of the opened sum is not zero: an update was packed wrongly")
    digits = digits[: parameters.value_count]
    if int(digits.max()) > included * ((1 << parameters.value_bits) - 1):
        raise OpeningFailed("a digit of the opened sum is out of range: an update was packed wrongly")
    sums: list[int] = (digits - included * (1 << (parameters.value_bits - 1))).tolist()
    return sums


def _is_payload(parameters: ThresholdParameters, lifted: Words, half_unit: int) -> bool:
    """Whether every lifted coefficient is digits above noise within its bound."""
    end = parameters.shift + parameters.digit_bits * parameters.digits
    low = np.stack(
        [words.bits(lifted, start, min(64, parameters.shift - start)) for start in range(0, parameters.shift, 64)]
    )
    noise_bound = parameters.noise_bound
    return bool(
        words.at_most(lifted, (1 << end) - 1).all()
        and words.at_most(low, half_unit + noise_bound).all()
        and not words.at_most(low, half_unit - noise_bound - 1).any()
    )
