# SPDX-License-Identifier: Apache-2.0
"""Image sets in MedMNIST's layout: `{train,val,test}_images` and `_labels` in one NumPy archive."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from node.document import read
from node.errors import DataError
from node.learning.datasets.archive import read_arrays
from node.learning.datasets.image_checks import check_images
from node.learning.datasets.images import FORMAT, SIDE, Images, ImageSet, Pixels
from node.learning.datasets.records import SPLITS, binary_label
from node.plan import Label

IMAGES_LIMIT = 1_000_000


def read_images(path: Path, *, column: int | None = None, positive: int | None = None) -> ImageSet:
    """Reads an archive in MedMNIST's layout at 28 pixels, or a canonical file of ours.

    `column`: which of several labels an image has (ChestMNIST has 14), counted from 0; `positive`: the class
    that counts as 1, all others as 0. Neither is needed where labels are 0 and 1. Colour images become grey.
    An image is called by its split and its place there, from 0: train/17. Raises DataError saying what to do.
    """
    arrays = read_arrays(path)
    meta = arrays.pop("meta", None)
    names = [name for name in SPLITS if f"{name}_images" in arrays or f"{name}_labels" in arrays]
    known = {f"{name}_{part}" for name in names for part in ("images", "labels")}
    if not names or arrays.keys() != known:
        _refuse(path, "it does not hold the arrays of MedMNIST: train_images, train_labels, and so for val and test")
    pixels = {name: _pixels(path, f"{name}_images", arrays[f"{name}_images"]) for name in names}
    classes = {name: _classes(path, f"{name}_labels", arrays[f"{name}_labels"], column) for name in names}
    for name in names:
        if len(pixels[name]) != len(classes[name]):
            _refuse(path, f"{name} has {len(pixels[name])} images and {len(classes[name])} labels")
    found = {int(value) for labels in classes.values() for value in np.unique(labels)}
    label = _label(path, meta, found, positive)
    wanted = 1 if positive is None else positive
    splits = {name: Images(pixels[name], (classes[name] == wanted).astype(np.uint8)) for name in names}
    return ImageSet(
        splits=splits,
        label=label,
        classes={name: _counts(classes[name], label if meta is not None else None) for name in names},
        findings=check_images(
            splits, label, {name: [(f"{name}/{place}", None) for place in range(len(splits[name]))] for name in names}
        ),
    )


def _pixels(path: Path, name: str, array: NDArray[Any]) -> Pixels:
    if array.dtype != np.uint8:
        # Floating-point images come scaled in many ways, and with NaN; nothing here can know which was meant.
        _refuse(path, f"{name} holds {array.dtype} and not uint8: save grey values from 0 to 255 as whole numbers")
    if array.shape[1:] not in ((SIDE, SIDE), (SIDE, SIDE, 3)):
        shape = "×".join(map(str, array.shape[1:])) or "nothing"
        _refuse(path, f"{name} holds images of {shape} and not {SIDE}×{SIDE}: take the file at {SIDE} pixels")
    if len(array) > IMAGES_LIMIT:
        _refuse(path, f"{name} holds more than {IMAGES_LIMIT} images")
    return array if array.ndim == 3 else _grey(array)


def _grey(colours: Pixels) -> Pixels:
    """ITU-R 601 luma in integers, as Pillow computes it: (19595 R + 38470 G + 7471 B + 2^15) >> 16."""
    factors = np.array([19595, 38470, 7471], dtype=np.uint32)
    return ((colours @ factors + (1 << 15)) >> 16).astype(np.uint8)


def _classes(path: Path, name: str, array: NDArray[Any], column: int | None) -> NDArray[np.int64]:
    if array.dtype.kind not in "biu":
        _refuse(path, f"{name} holds {array.dtype} and not whole numbers: a label is a class, 0 or 1")
    if array.ndim not in (1, 2) or array.shape[1:] == (0,):
        _refuse(path, f"{name} has the shape {array.shape}, not one label for each image")
    columns = array.reshape(-1, 1) if array.ndim == 1 else array
    if column is None and columns.shape[1] > 1:
        _refuse(
            path, f"{name} has {columns.shape[1]} labels for each image: choose one with --label-column 0 and so on"
        )
    if not 0 <= (column or 0) < columns.shape[1]:
        _refuse(path, f"{name} has {columns.shape[1]} label(s) for each image, counted from 0; there is no {column}")
    chosen = columns[:, column or 0]
    if len(chosen) and (int(chosen.min()) < 0 or int(chosen.max()) > 1000):
        _refuse(path, f"{name} holds numbers outside of 0 to 1000: a label is the number of a class")
    return chosen.astype(np.int64)


def _label(path: Path, meta: NDArray[Any] | None, found: set[int], positive: int | None) -> Label:
    if meta is None:
        if positive is None and not found <= {0, 1}:
            _refuse(path, f"it has the classes {_some(found)}: choose the one that counts as 1 with --positive")
        if positive is not None and positive not in found:
            _refuse(path, f"no image has the label {positive}; its classes are {_some(found)}")
        return binary_label("label", "1" if positive is None else str(positive), {str(value) for value in found})
    if positive is not None:
        _refuse(path, "it was imported before, and its labels are 0 and 1 already: leave --positive out")
    try:
        value = json.loads(str(meta)) if meta.ndim == 0 and meta.dtype.kind == "U" else None
        if not isinstance(value, dict) or value.get("format") != FORMAT or not found <= {0, 1}:
            raise ValueError
        label = read(Label, value.get("label"), "label")
    except (ValueError, RecursionError, DataError):
        _refuse(path, f"its meta does not describe images of the format {FORMAT}. Import the source again")
    return label


def _counts(classes: NDArray[np.int64], label: Label | None) -> dict[str, int]:
    """How many images each class has; a canonical file's classes by their names."""
    counts = Counter(classes.tolist())
    return {
        str(value) if label is None else (label.positive if value else label.negative): counts[value]
        for value in sorted(counts)
    }


def _some(classes: set[int]) -> str:
    shown = ", ".join(map(str, sorted(classes)[:12]))
    return shown if len(classes) <= 12 else f"{shown}, …"


def _refuse(path: Path, problem: str) -> NoReturn:
    raise DataError(f"{path.name} cannot be used: {problem}.")
