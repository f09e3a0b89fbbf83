# SPDX-License-Identifier: Apache-2.0
"""Images with binary labels as the project uses them, in one canonical file.

The file is a NumPy archive in the key layout of MedMNIST, so that whatever reads one reads the other:

    meta                        text []           JSON: format, label (name, positive, negative)
    {train,val,test}_images     uint8 [n, 28, 28]
    {train,val,test}_labels     uint8 [n, 1]      0 or 1

Splits that do not exist are left out. One data set has one sequence of bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.document import check_section
from node.errors import DataError
from node.learning.datasets.archive import write_arrays
from node.learning.datasets.records import SPLITS, Record, Refused
from node.learning.findings import Finding
from node.plan import Label

SIDE = 28
"""Height and width in pixels."""
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

    def take(self, places: NDArray[np.intp]) -> Images:
        """The images at these places, in this order."""
        return Images(self.pixels[places], self.labels[places])


@dataclass(frozen=True)
class ImageSet:
    """A data set by split ("train", "val", "test"); `classes` counts the labels as they were written."""

    splits: Mapping[str, Images]
    label: Label
    classes: Mapping[str, Mapping[str, int]]
    refused: tuple[Refused, ...] = ()
    findings: tuple[Finding, ...] = ()
    kind = "images"
    suffix = ".npz"

    def __post_init__(self) -> None:
        if not any(len(images) for images in self.splits.values()):
            reasons = "".join(f" {item.file}: {item.reason}." for item in self.refused[:3])
            raise DataError(f"There is not one usable image with a label.{reasons}")
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

    def records(self) -> Iterator[Record]:
        """All images, split by split; the content is height, width (a byte each) and pixels."""
        size = bytes((SIDE, SIDE))
        for name, images in self._present():
            for pixels, label in zip(images.pixels, images.labels.tolist(), strict=True):
                yield Record(name, label, size + pixels.tobytes())

    def to_bytes(self) -> bytes:
        """The canonical file."""
        value = {"format": FORMAT, "label": asdict(self.label)}
        meta = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        arrays: dict[str, NDArray[Any]] = {"meta": np.array(meta)}
        for name, images in self._present():
            arrays[f"{name}_images"] = np.ascontiguousarray(images.pixels)
            arrays[f"{name}_labels"] = images.labels.reshape(-1, 1)
        return write_arrays(arrays)

    def hospital(self, places: NDArray[np.intp]) -> ImageSet:
        """The data set of a hospital that has these images of the training split."""
        return self._of({"train": self.split("train").take(places)})

    def held_out(self) -> ImageSet | None:
        """The splits for validation and test, or None where there are none."""
        kept = {name: images for name, images in self._present() if name != "train"}
        return self._of(kept) if kept else None

    def _of(self, splits: Mapping[str, Images]) -> ImageSet:
        names = (self.label.negative, self.label.positive)
        counts = {
            name: dict(zip(names, np.bincount(images.labels, minlength=2).tolist(), strict=True))
            for name, images in splits.items()
        }
        return ImageSet(splits, self.label, counts)

    def _present(self) -> Iterator[tuple[str, Images]]:
        return ((name, self.splits[name]) for name in SPLITS if len(self.splits.get(name, ())))
