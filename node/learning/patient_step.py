# SPDX-License-Identifier: Apache-2.0
"""Training with privacy for single records: one gradient step a round, in which each image's part is clipped.

    −Σ_k ⌊s · g_k / max(‖g_k‖, C)⌋

with g_k the gradient of image k's loss in all P parameters, rounded toward zero to 2^−16 of an integer unit. An image
moves the sum by at most s in L2, and by the same part whatever else the hospital has: its gradient is computed
from image and model alone (in a batch, floating point could make it depend on its neighbours), and the sum is of
integers, so it has no order.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from node.errors import TrainingDiverged
from node.learning import bounded, cnn
from node.learning.cnn_training import check_records
from node.plan_training import ClippedStep

# Takes more off than the norm's rounding in float64 can add (below 2^−40 for every network).
_BELOW_ONE = 1 - 2**-30


def patient_update(
    weights: Sequence[int],
    pixels: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    step: ClippedStep,
    bound: int,
    noise_bound: int,
) -> list[int]:
    """The integer update (P values) of one clipped step over n images, uint8 [n, 28, 28], with labels [n] of 0 or 1.

    It is held (`bounded.held`) so that Σ u² ≤ `bound` and noise has room, and carries no noise. How far an image
    moves it: `bounded.record_sensitivity`. Raises TrainingDiverged for a gradient that is not finite.
    """
    check_records(pixels, labels)
    with cnn.reproducible() as device:
        network = cnn.from_integers(weights, device)
        parameters = list(network.parameters())
        images, targets = cnn.prepare(pixels).to(device), torch.from_numpy(labels.astype(np.int64)).to(device)
        total = torch.zeros(len(weights), dtype=torch.int64, device=device)
        for image, target in zip(images[:, None], targets[:, None], strict=True):
            parts = torch.autograd.grad(functional.cross_entropy(network(image), target), parameters)
            gradient = torch.cat([part.flatten() for part in parts]).double()
            norm = gradient.norm()
            if not torch.isfinite(norm):
                raise TrainingDiverged("An image's gradient is not finite: the model that it starts from is unusable.")
            factor = _BELOW_ONE * (step.reach << bounded.FRACTION_BITS) / norm.clamp_min(float(step.clip))
            total -= (gradient * factor).trunc().long()
        return bounded.held(total.tolist(), bound, noise_bound, bounded.FRACTION_BITS)
