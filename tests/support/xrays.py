# SPDX-License-Identifier: Apache-2.0
"""Images for tests: the shared PneumoniaMNIST where it is, and small synthetic ones of the same layout.

The synthetic ones look a little like chest X-rays (bright middle, two dark lungs, noise; a positive one has
a hazy patch in a lung). They exercise code and nothing else: no accuracy on them means anything.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "pneumoniamnist.npz"

_SIDE = 28


def shared_images() -> Path | None:
    """The shared file, or None where this checkout stands without it."""
    return SHARED if SHARED.exists() else None


def synthetic(count: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images, uint8 [count, 28, 28], and labels, uint8 [count], about half of them 1."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    labels = random.permutation(np.arange(count) % 2).astype(np.uint8)
    images = np.empty((count, _SIDE, _SIDE))
    for place in range(count):
        shift = random.normal(0, 0.7, 2)
        body = 200 * np.exp(-(((x - 13.5 - shift[0]) / 12) ** 4))
        for side in (-1, 1):
            body -= 130 * _blob(x, y, 13.5 + shift[0] + 6 * side, 14 + shift[1], 3.4, 7.5)
        if labels[place]:
            side = random.choice((-1, 1))
            body += 75 * _blob(x, y, 13.5 + 6 * side + random.normal(0, 1), random.uniform(10, 19), 3, 3.5)
        images[place] = body + random.normal(0, 9, body.shape)
    return images.clip(0, 255).astype(np.uint8), labels


def arrays(train: int = 64, val: int = 16, test: int = 24, seed: int = 0) -> dict[str, NDArray[Any]]:
    """The arrays of a MedMNIST file with so many synthetic images in each split."""
    found: dict[str, NDArray[Any]] = {}
    for place, (name, count) in enumerate((("train", train), ("val", val), ("test", test))):
        images, labels = synthetic(count, 10 * seed + place)
        found |= {f"{name}_images": images, f"{name}_labels": labels.reshape(-1, 1)}
    return found


def write_npz(path: Path, **counts: int) -> Path:
    """Writes a MedMNIST file of synthetic images, as `arrays` says; returns its path."""
    np.savez_compressed(path, **arrays(**counts))
    return path


def _blob(x: NDArray[Any], y: NDArray[Any], cx: float, cy: float, width: float, height: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-(((x - cx) / width) ** 2) - ((y - cy) / height) ** 2))
