# SPDX-License-Identifier: Apache-2.0
"""By what a record is known again in another study: a digest of its raw values, whatever a study makes of them.

Before scaling, without a salt and one for each record, so that neither other terms nor another order nor a few records
more or fewer make old records look new. Labels are left out, which a study may name otherwise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def raw_rows(values: NDArray[np.float64], columns: Sequence[str]) -> frozenset[bytes]:
    """Digests of a table's records, float64 [n, k] as measured, columns in the order of their names (32 bytes each)."""
    order = sorted(range(len(columns)), key=lambda place: columns[place])
    # Of the two noughts that a float can be, one.
    ordered = np.ascontiguousarray(values[:, order], dtype="<f8") + 0.0
    return frozenset(hashlib.sha256(b"row" + row.tobytes()).digest() for row in ordered)


def raw_images(pixels: NDArray[np.uint8]) -> frozenset[bytes]:
    """Digests of images, uint8 [n, height, width] (32 bytes each)."""
    return frozenset(hashlib.sha256(b"image" + np.ascontiguousarray(image).tobytes()).digest() for image in pixels)
