# SPDX-License-Identifier: Apache-2.0
"""Training with privacy for single images: one gradient step a round, in which each image's part is clipped.

    u = −⌊s · Σ_k g_k / max(‖g_k‖, C)⌉

with g_k the gradient of image k's loss in all P parameters. An image moves the sum before rounding by at most s
in L2, in integer units, and rounding moves each coordinate by at most one more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.nn import functional

from node.errors import DataError, TrainingDiverged
from node.learning import cnn
from node.learning.cnn_training import check_records

_BATCH = 128


@dataclass(frozen=True)
class PatientStep:
    """`clip`: the norm C to which an image's gradient is shortened; `reach`: s, how far it moves the update."""

    clip: float
    reach: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.clip) and self.clip > 0) or self.reach < 1:
            raise DataError("Clipping needs a finite norm above 0, and a reach of at least one integer unit.")

    @property
    def sensitivity(self) -> int:
        """How far one image more or less moves the integer update in L2: reach, rounding, and one unit for
        floating point."""
        return self.reach + math.isqrt(cnn.PARAMETERS - 1) + 1 + 1


def patient_update(
    weights: Sequence[int], pixels: NDArray[np.uint8], labels: NDArray[np.uint8], step: PatientStep
) -> list[int]:
    """The integer update (P values) of one clipped step over all n images, uint8 [n, 28, 28], with labels [n].

    It is not yet within 16 bits nor within a plan's bound, and carries no noise. Raises TrainingDiverged for a
    gradient that is not finite.
    """
    check_records(pixels, labels)
    with cnn.reproducible() as device:
        network = cnn.from_integers(weights, device)
        parameters = {name: value.detach() for name, value in network.named_parameters()}

        def loss(parameters: dict[str, Tensor], image: Tensor, target: Tensor) -> Tensor:
            logits = functional_call(network, parameters, (image[None],))
            return functional.cross_entropy(logits, target[None])

        gradients = vmap(grad(loss), in_dims=(None, 0, 0))
        images, targets = cnn.prepare(pixels), torch.from_numpy(labels.astype(np.int64))
        total = torch.zeros(cnn.PARAMETERS, dtype=torch.float64)
        for some, truth in zip(torch.split(images, _BATCH), torch.split(targets, _BATCH), strict=True):
            parts = gradients(parameters, some.to(device), truth.to(device))
            rows = torch.cat([parts[name].flatten(1) for name in parameters], dim=1).double().cpu()
            norms = rows.norm(dim=1, keepdim=True)
            if not torch.isfinite(norms).all():
                raise TrainingDiverged("An image's gradient is not finite: the model that it starts from is unusable.")
            total += (rows / norms.clamp_min(step.clip)).sum(dim=0)
        return [-int(value) for value in (step.reach * total).round()]
