# SPDX-License-Identifier: Apache-2.0
"""The prime field of the proofs: integers modulo the order of the BN254 group."""

from __future__ import annotations

#: Order of BN254's groups; every public signal and every wire is an integer in [0, MODULUS).
MODULUS = 21888242871839275222246405745257275088548364400416034343698204186575808495617

#: MODULUS - 1 = 2^TWO_ADICITY * ODD_PART, which the square root needs.
_TWO_ADICITY = 28
_ODD_PART = (MODULUS - 1) >> _TWO_ADICITY
_NON_RESIDUE = 5


def inverse(value: int) -> int:
    """Return 1/value mod p; `ValueError` for zero."""
    return pow(value, -1, MODULUS)


def square_root(value: int) -> int | None:
    """Return the smaller of the two square roots of `value` mod p, or None where there is none.

    Tonelli-Shanks; the smaller root is the one in [0, (p - 1)/2].
    """
    value %= MODULUS
    if value == 0:
        return 0
    if pow(value, (MODULUS - 1) // 2, MODULUS) != 1:
        return None
    order = _TWO_ADICITY
    generator = pow(_NON_RESIDUE, _ODD_PART, MODULUS)
    root = pow(value, (_ODD_PART + 1) // 2, MODULUS)
    rest = pow(value, _ODD_PART, MODULUS)
    while rest != 1:
        exponent, power = 0, rest
        while power != 1:
            power = power * power % MODULUS
            exponent += 1
        factor = pow(generator, 1 << (order - exponent - 1), MODULUS)
        order, generator = exponent, factor * factor % MODULUS
        root = root * factor % MODULUS
        rest = rest * generator % MODULUS
    return min(root, MODULUS - root)
