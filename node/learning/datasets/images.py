# SPDX-License-Identifier: Apache-2.0
"""Images with binary labels as the project uses them, in one canonical file.

The file is a NumPy archive in the key layout of MedMNIST, so that whatever reads one reads the other:

    meta                        text []           JSON: format, label (name, positive, negative)
    {train,val,test}_images     uint8 [n, 28, 28]
    {train,val,test}_labels     uint8 [n, 1]      0 or 1

Splits that do not exist are left out. One data set has one sequence of bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from node.document import check_section
from node.errors import DataError
from node.learning.datasets.archive import write_arrays
from node.plan import Label

SIDE = 28
"""Height and width in pixels."""
SPLITS = ("train", "val", "test")
FORMAT = "consilium/images/1"

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Images:
    """n greyscale images, uint8 [n, 28, 28], with n labels, uint8 [n], of 0 or 1."""

    pixels: Pixels = field(repr=False)
    labels: NDArray[np.uint8] = field(repr=False)

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.shape != (len(self.labels), SIDE, SIDE):
            raise DataError(f"Images are uint8 [n, {SIDE}, {SIDE}], one for each label.")
        if self.labels.dtype != np.uint8 or self.labels.ndim != 1 or (self.labels > 1).any():
            raise DataError("Labels are uint8 [n], each 0 or 1.")

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.intp]) -> Images:
        """The images at these places, in this order."""
        return Images(self.pixels[indices], self.labels[indices])


@dataclass(frozen=True)
class Refused:
    """A file that is not part of the data, and why."""

    file: str
    reason: str


@dataclass(frozen=True)
class ImageSet:
    """A data set by split ("train", "val", "test"); `classes` counts the labels as they were written."""

    splits: Mapping[str, Images]
    label: Label
    classes: Mapping[str, Mapping[str, int]]
    refused: tuple[Refused, ...] = ()

    def __post_init__(self) -> None:
        if not any(len(images) for images in self.splits.values()):
            raise DataError("There is not one usable image with a label.")
        try:
            check_section(self.label, "label")
        except DataError:
            raise DataError(
                "The label's column and its two values need different names, printable and short."
            ) from None

    def split(self, name: str) -> Images:
        """One split; raises DataError where the data set has none of that name."""
        if name not in self.splits:
            raise DataError(f"There is no split {name!r} in this file; it has {', '.join(self.splits)}.")
        return self.splits[name]

    def to_bytes(self) -> bytes:
        """The canonical file."""
        meta = json.dumps(
            {"format": FORMAT, "label": asdict(self.label)},
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
        )
        arrays: dict[str, NDArray[np.generic]] = {"meta": np.array(meta)}
        for name, images in self._present():
            arrays[f"{name}_images"] = np.ascontiguousarray(images.pixels)
            arrays[f"{name}_labels"] = images.labels.reshape(-1, 1)
        return write_arrays(arrays)

    def tree_root(self) -> bytes:
        """Merkle root over all images with their labels: SHA-256 as in RFC 6962, 32 bytes.

        A leaf is SHA-256(0x00, split (0 train, 1 val, 2 test), label, height, width, pixels), one byte for each
        of the numbers; splits in that order.
        """
        leaves = [
            hashlib.sha256(bytes((0, SPLITS.index(name), label, SIDE, SIDE)) + image.tobytes()).digest()
            for name, images in self._present()
            for image, label in zip(images.pixels, images.labels.tolist(), strict=True)
        ]
        return merkle_root(leaves)

    def __len__(self) -> int:
        return sum(len(images) for images in self.splits.values())

    def _present(self) -> Iterator[tuple[str, Images]]:
        return ((name, self.splits[name]) for name in SPLITS if len(self.splits.get(name, ())))


def binary_label(name: str, positive: str, found: Collection[str]) -> Label:
    """The label of a column in which one of the values that were found counts as 1."""
    others = sorted(set(found) - {positive})
    if not others and positive == "1":
        others = ["0"]
    return Label(name, positive, others[0] if len(others) == 1 else f"not {positive}")


def merkle_root(leaves: list[bytes]) -> bytes:
    """The root over one or more leaf hashes: SHA-256(0x01, left, right), an odd one out moves up (RFC 6962)."""
    while len(leaves) > 1:
        paired = [
            hashlib.sha256(b"\1" + left + right).digest()
            for left, right in zip(leaves[::2], leaves[1::2], strict=False)
        ]
        leaves = paired + leaves[len(leaves) - len(leaves) % 2 :]
    return leaves[0]
