# SPDX-License-Identifier: Apache-2.0
"""The threshold layer once more in plain integers, from `docs/threshold-ckks.md` and with nothing of `node.crypto`.

Slow, and for the small degree of the known answers only: polynomials are lists of integers, and the transform
evaluates at each root in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

Polynomial = list[int]


def encode(*fields: Any) -> bytes:
    """The fields of a keyed expansion's input."""
    parts = []
    for field in fields:
        if isinstance(field, int):
            parts.append(b"i" + field.to_bytes(32, "big"))
        elif isinstance(field, str):
            parts.append(b"s" + len(field).to_bytes(4, "big") + field.encode())
        elif isinstance(field, bytes):
            parts.append(b"b" + len(field).to_bytes(4, "big") + field)
        else:
            parts.append(b"t" + len(field).to_bytes(4, "big") + encode(*field))
    return b"".join(parts)


def expand(key: bytes, length: int, *fields: Any) -> bytes:
    """SHAKE-256 with a label."""
    return hashlib.shake_256(b"consilium/threshold-ckks/v1/" + encode(key, *fields)).digest(length)


def words_of(data: bytes) -> Polynomial:
    """Little-endian 64-bit words."""
    return [int.from_bytes(data[start : start + 8], "little") for start in range(0, len(data), 8)]


def smallest_root(degree: int, prime: int) -> int:
    """The smallest number whose N-th power is -1."""
    some = next(
        root for base in range(2, 1000)
        if pow(root := pow(base, (prime - 1) // (2 * degree), prime), degree, prime) == prime - 1
    )  # fmt: skip
    return min(pow(some, odd, prime) for odd in range(1, 2 * degree, 2))


def points(degree: int, prime: int) -> Polynomial:
    """Where the transform evaluates: odd powers of the root, in bit-reversed order."""
    root, bits = smallest_root(degree, prime), degree.bit_length() - 1
    return [pow(root, 2 * int(f"{place:0{bits}b}"[::-1], 2) + 1, prime) for place in range(degree)]


def forward(polynomial: Polynomial, prime: int) -> Polynomial:
    """Evaluations of a polynomial."""
    return [
        sum(coefficient * pow(point, power, prime) for power, coefficient in enumerate(polynomial)) % prime
        for point in points(len(polynomial), prime)
    ]


def inverse(values: Polynomial, prime: int) -> Polynomial:
    """The polynomial with these evaluations."""
    degree = len(values)
    scale = pow(degree, -1, prime)
    backwards = [pow(point, -1, prime) for point in points(degree, prime)]
    return [
        scale * sum(value * pow(point, power, prime) for point, value in zip(backwards, values, strict=True)) % prime
        for power in range(degree)
    ]


def public_polynomial(seed: bytes, primes: Sequence[int], degree: int) -> list[Polynomial]:
    """SEAL's expansion; at 60-bit primes and this size no word of the known answers is rejected."""
    length = 8 * degree * len(primes)
    stream = b"".join(
        hashlib.shake_256(seed + counter.to_bytes(8, "little")).digest(4096) for counter in range(length // 4096 + 1)
    )
    words = words_of(stream[:length])
    rows = [words[start : start + degree] for start in range(0, len(words), degree)]
    for row, prime in zip(rows, primes, strict=True):
        assert all(word < (2**64 - 1) - (2**64 - 1) % prime - 1 for word in row)
    return [[word % prime for word in row] for row, prime in zip(rows, primes, strict=True)]


def uniform(key: bytes, prime: int, degree: int, *fields: Any) -> Polynomial:
    """Words of as many bits as the prime has, those not below it left out."""
    words = words_of(expand(key, 8 * 4 * degree, *fields))
    masked = [word & ((1 << prime.bit_length()) - 1) for word in words]
    return [word for word in masked if word < prime][:degree]


def ternary(seed: bytes, degree: int) -> Polynomial:
    """A secret: bytes modulo three, the byte 255 left out, less one."""
    return [byte % 3 - 1 for byte in expand(seed, 4 * degree, "ternary secret") if byte < 255][:degree]


def smudging(seed: bytes, degree: int, bits: int, about: Sequence[Any]) -> Polynomial:
    """The centred sum of four uniform integers for each coefficient."""
    data = expand(seed, 4 * 16 * degree, "smudging noise", *about)
    numbers = [int.from_bytes(data[at : at + 16], "little") & ((1 << bits) - 1) for at in range(0, len(data), 16)]
    return [sum(numbers[place::degree]) - 2 * ((1 << bits) - 1) for place in range(degree)]


def lagrange_at_zero(points_: Sequence[int], point: int, prime: int) -> int:
    """The weight of a point's share of the secret."""
    weight = Fraction(1)
    for other in points_:
        if other != point:
            weight *= Fraction(other, other - point)
    return weight.numerator * pow(weight.denominator, -1, prime) % prime


def packed(values: Sequence[int], parameters: Mapping[str, Any]) -> list[Polynomial]:
    """Coefficients of all blocks."""
    digits, degree, width = parameters["digits"], parameters["degree"], parameters["digit_bits"]
    places = [value + (1 << (parameters["value_bits"] - 1)) for value in values]
    places += [0] * (parameters["blocks"] * degree * digits - len(places))
    coefficients = [
        sum(place << (parameters["shift"] + width * d) for d, place in enumerate(places[at : at + digits]))
        for at in range(0, len(places), digits)
    ]
    return [coefficients[start : start + degree] for start in range(0, len(coefficients), degree)]


def unpacked(blocks: Sequence[Polynomial], parameters: Mapping[str, Any], included: int) -> list[int]:
    """The values in opened coefficients."""
    half, width = 1 << (parameters["shift"] - 1), parameters["digit_bits"]
    bias = included << (parameters["value_bits"] - 1)
    found = []
    for coefficient in (coefficient for block in blocks for coefficient in block):
        payload = (coefficient + half) % int(parameters["modulus"]) >> parameters["shift"]
        found += [(payload >> (width * d)) % (1 << width) - bias for d in range(parameters["digits"])]
    return found[: parameters["value_count"]]


def chinese(residues: Sequence[Polynomial], primes: Sequence[int]) -> Polynomial:
    """Coefficients modulo the product of the primes."""
    modulus = 1
    for prime in primes:
        modulus *= prime
    parts = [modulus // prime * pow(modulus // prime, -1, prime) for prime in primes]
    return [sum(r * part for r, part in zip(column, parts, strict=True)) % modulus
            for column in zip(*residues, strict=True)]  # fmt: skip
