# SPDX-License-Identifier: Apache-2.0
"""An update in the two forms in which it travels: a ciphertext's values, and the scalars that it is committed to by.

A ciphertext holds the coordinates and then the blinding value in limbs; a pad hides the commitment's scalars, which
for a network are packed, and the blinding value as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from node.crypto.parameters import MAXIMUM_VALUES, ThresholdParameters, choose_parameters
from node.errors import OpeningFailed, ParameterError
from node.group.babyjubjub import Point
from node.group.pedersen import blinding_from_limbs, blinding_limbs, commit, limb_count, pack, packed_count, unpack


@dataclass(frozen=True)
class OpenedSum:
    """The sum over a round's set: the updates' coordinates, and their blinding values mod ℓ."""

    values: tuple[int, ...]
    blinding: int


@dataclass(frozen=True)
class UpdateForm:
    """How many coordinates of how many bits an update has, and whether its commitment packs them."""

    coordinates: int
    value_bits: int
    packed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.coordinates <= MAXIMUM_VALUES or not 2 <= self.value_bits <= 48:
            raise ParameterError(
                f"an update of {self.coordinates} coordinates of {self.value_bits} bits is out of range: "
                f"1 to {MAXIMUM_VALUES} of 2 to 48 bits are possible"
            )

    @property
    def scalars(self) -> int:
        """The number K of scalars that a commitment to an update commits to."""
        return packed_count(self.coordinates, self.value_bits) if self.packed else self.coordinates

    def parameters(self, parties: int, threshold: int, statistical_security: int = 64) -> ThresholdParameters:
        """The parameters of ciphertexts of such updates; raises ParameterError where there are none."""
        count = self.coordinates + limb_count(self.value_bits)
        return choose_parameters(parties, threshold, self.value_bits, count, statistical_security=statistical_security)

    def to_values(self, update: Sequence[int], blinding: int) -> list[int]:
        """The integers to encrypt: the coordinates, then the limbs, each in [−2^(V−1), 2^(V−1))."""
        return [*self._checked(update), *blinding_limbs(blinding, self.value_bits)]

    def from_values(self, sums: Sequence[int]) -> OpenedSum:
        """Reads the sum of such integers."""
        limbs = sums[self.coordinates :]
        return OpenedSum(tuple(sums[: self.coordinates]), blinding_from_limbs(limbs, self.value_bits))

    def to_scalars(self, update: Sequence[int]) -> list[int]:
        """The K integers that a commitment to the update commits to."""
        return pack(self._checked(update), self.value_bits) if self.packed else list(self._checked(update))

    def from_scalars(self, scalars: Sequence[int], blinding: int) -> OpenedSum:
        """Reads the sum of such integers, centred around zero; raises OpeningFailed where they are no sum of updates.

        What a pad hides is bound to a commitment and not to a range, so an integer may be any residue mod ℓ where
        whoever proved the commitment's range is not believed.
        """
        if not self.packed:
            return OpenedSum(tuple(scalars), blinding)
        try:
            return OpenedSum(tuple(unpack(scalars, self.coordinates, self.value_bits)), blinding)
        except ValueError as error:
            raise OpeningFailed(f"the opened scalars are no packed sum of updates: {error}") from None

    def commitment(self, opened: OpenedSum) -> Point:
        """The sum of commitments that an opened sum opens."""
        return commit(self.to_scalars(opened.values), opened.blinding)

    def _checked(self, update: Sequence[int]) -> Sequence[int]:
        if len(update) != self.coordinates:
            raise ParameterError(f"an update has {self.coordinates} coordinates, not {len(update)}")
        return update
