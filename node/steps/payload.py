# SPDX-License-Identifier: Apache-2.0
"""What a ciphertext holds: an update's coordinates, then its blinding value in limbs."""

from __future__ import annotations

from collections.abc import Sequence

from node.group.pedersen import blinding_from_limbs, blinding_limbs


def to_values(update: Sequence[int], blinding: int, value_bits: int) -> list[int]:
    """The integers to encrypt: P coordinates, then the limbs, each in [−2^(V−1), 2^(V−1))."""
    return [*update, *blinding_limbs(blinding, value_bits)]


def from_sum(values: Sequence[int], coordinates: int, value_bits: int) -> tuple[tuple[int, ...], int]:
    """The summed update and the summed blinding value mod ℓ, from an opened sum."""
    return tuple(values[:coordinates]), blinding_from_limbs(values[coordinates:], value_bits)
