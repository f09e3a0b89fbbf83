# SPDX-License-Identifier: Apache-2.0
"""A frozen feature extractor: 24 numbers of an image, for a head whose training is proved.

The extractor is a trained network of `cnn` and nothing else, so its address is that of its integer weights. Its
features are the last feature maps, each pooled over all places with the weights that the network's own head has
there:

    f_c = Σ_place (head[1, c, place] − head[0, c, place]) · map[c, place]

The sum of the features and a constant is the network's logit: pooling loses nothing of what it had learned, and
the head to be trained weighs the 24 channels anew on the hospitals' records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import torch
from numpy.typing import NDArray

from node.errors import DataError
from node.learning import cnn
from node.learning.scaling import Scaling
from node.plan import EXTRACTED, FeatureScaling

FEATURES = tuple(f"channel {number:02}" for number in range(1, EXTRACTED + 1))
FORMAT = b"consilium/extractor/1\n"
# Eight significant digits: as many as a float32 carries.
_DIGITS = ".8g"


def features(weights: Sequence[int], pixels: NDArray[np.uint8]) -> list[tuple[Decimal, ...]]:
    """The features of images uint8 [n, 28, 28] as a table has them: n rows of 24 decimal numbers."""
    with cnn.reproducible() as device, torch.no_grad():
        network = _network(weights, device)
        pooling = (network.head.weight[1] - network.head.weight[0]).reshape(24, 3, 3)
        batches = torch.split(cnn.prepare(pixels), 512)
        pooled = [(network.maps(batch.to(device)) * pooling).sum(dim=(2, 3)).cpu() for batch in batches]
    return [tuple(Decimal(format(value, _DIGITS)) for value in row) for row in torch.cat(pooled).tolist()]


def fit_scaling(rows: Sequence[Sequence[Decimal]]) -> Scaling:
    """The scaling of the features (n ≥ 2 rows) of the sponsor's own images; one that never varies gives zeros."""
    every = range(len(rows[0]))
    silent = {c for c in every if len({row[c] for row in rows}) == 1}
    speaking = [c for c in every if c not in silent]
    fitted = iter(
        Scaling.fit([[row[c] for c in speaking] for row in rows], [f"feature {c}" for c in speaking]).features
    )
    return Scaling(
        tuple(
            FeatureScaling(mean=format(rows[0][c].normalize(), "f"), std="1") if c in silent else next(fitted)
            for c in every
        )
    )


def to_bytes(weights: Sequence[int]) -> bytes:
    """The extractor's file: a line that names the format, then P little-endian int32."""
    _network(weights)
    return FORMAT + np.array(weights, dtype="<i4").tobytes()


def from_bytes(content: bytes, digest: bytes) -> list[int]:
    """The weights of an extractor's file, checked against the SHA-256 that a plan names; raises DataError."""
    if hashlib.sha256(content).digest() != digest:
        raise DataError("This is not the extractor that the plan names: fetch it again from another store.")
    if not content.startswith(FORMAT) or len(content) != len(FORMAT) + 4 * cnn.PARAMETERS:
        raise DataError("The plan's extractor is not in a format that this version reads.")
    weights = [int(w) for w in np.frombuffer(content, dtype="<i4", offset=len(FORMAT))]
    _network(weights)
    return weights


def _network(weights: Sequence[int], device: torch.device | None = None) -> cnn.Cnn:
    network = cnn.from_integers(weights, device)
    if not isinstance(network, cnn.Cnn):
        raise DataError(f"An extractor has {cnn.PARAMETERS} weights, not {len(weights)}.")
    return network
