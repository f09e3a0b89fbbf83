# SPDX-License-Identifier: Apache-2.0
"""One hospital's training of the network in one round, determined by plan, model, records and a seed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from node import plan_training
from node.errors import DataError, TrainingDiverged
from node.learning import cnn
from node.learning.cnn import SIDE


@dataclass(frozen=True)
class Augmentation:
    """How far a training image is distorted at most, each time it is used, drawn uniformly.

    `shift` in pixels, `rotation` in degrees, `zoom` and `contrast` as logarithms of a factor, `brightness` in
    standard deviations of grey; `noise` the standard deviation of Gaussian noise, in the same; `blur` the
    share of a 3×3 mean; every second image is mirrored where `mirror`.
    """

    shift: float
    rotation: float
    zoom: float
    mirror: bool
    contrast: float
    brightness: float
    noise: float
    blur: float


@dataclass(frozen=True)
class LocalTraining:
    """What a plan says of local training: momentum SGD on softmax cross-entropy.

    `learning_rates`: one for each round, the last for all that follow; `gradient_norm`: L2 norm to which the
    gradient of a batch is shortened; `smoothing`: the share of a label that is spread over both classes.
    """

    epochs: int
    batch_size: int
    learning_rates: tuple[float, ...]
    momentum: float
    weight_decay: float
    gradient_norm: float
    smoothing: float
    augmentation: Augmentation

    def __post_init__(self) -> None:
        numbers = (*self.learning_rates, self.momentum, self.weight_decay, self.gradient_norm, self.smoothing)
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rates:
            raise DataError("Local training needs at least one epoch, one image a batch and one learning rate.")
        if not all(math.isfinite(number) and number >= 0 for number in numbers):
            raise DataError("A setting of local training is not a finite number of at least 0.")

    @classmethod
    def of(cls, named: plan_training.LocalTraining) -> LocalTraining:
        """From the texts of a plan."""
        amount = named.augmentation
        return cls(
            epochs=named.epochs,
            batch_size=named.batch_size,
            learning_rates=tuple(float(rate) for rate in named.learning_rates),
            momentum=float(named.momentum),
            weight_decay=float(named.weight_decay),
            gradient_norm=float(named.gradient_norm),
            smoothing=float(named.smoothing),
            augmentation=Augmentation(
                shift=float(amount.shift),
                rotation=float(amount.rotation),
                zoom=float(amount.zoom),
                mirror=bool(amount.mirror),
                contrast=float(amount.contrast),
                brightness=float(amount.brightness),
                noise=float(amount.noise),
                blur=float(amount.blur),
            ),
        )

    def learning_rate(self, round: int) -> float:
        """The learning rate of a round, counted from 1."""
        return self.learning_rates[min(round, len(self.learning_rates)) - 1]


def train(
    weights: Sequence[int],
    pixels: NDArray[np.uint8],
    labels: NDArray[np.uint8],
    training: LocalTraining,
    *,
    round: int,
    seed: str,
) -> list[int]:
    """The local weights (P integers of scale 2^16) after the epochs of one round, counted from 1.

    `pixels`: uint8 [n, 28, 28]; `labels`: uint8 [n] of 0 or 1. `seed` names study and hospital; order and
    distortions of the images follow from it and the round, so that a repeated step gives the same weights on the
    same machine. Raises DataError for unusable inputs and TrainingDiverged for NaN or infinity.
    """
    check_records(pixels, labels)
    draws = generator(f"{seed}/{round}")
    with cnn.reproducible() as device:
        network = cnn.from_integers(weights, device)
        images, targets = cnn.prepare(pixels), torch.from_numpy(labels.astype(np.int64))
        optimiser = torch.optim.SGD(
            network.parameters(),
            lr=training.learning_rate(round),
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        for batch in _batches(len(labels), training, draws):
            distorted = distort(images[batch], training.augmentation, draws).to(device)
            loss = functional.cross_entropy(
                network(distorted), targets[batch].to(device), label_smoothing=training.smoothing
            )
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            norm = nn.utils.clip_grad_norm_(network.parameters(), training.gradient_norm)
            if not torch.isfinite(norm):
                raise TrainingDiverged("A gradient is not finite: lower the plan's learning rate.")
            optimiser.step()
        return cnn.to_integers(network)


def check_records(pixels: NDArray[np.uint8], labels: NDArray[np.uint8]) -> None:
    """Raises DataError unless there is one label of 0 or 1 for each of one or more images."""
    if len(labels) != len(pixels) or not len(labels) or not np.isin(labels, (0, 1)).all():
        raise DataError("Training needs one label of 0 or 1 for each of one or more images.")


def generator(seed: str) -> torch.Generator:
    """PyTorch's generator on the CPU, started from the SHA-256 of a text."""
    digest = hashlib.sha256(f"consilium/training/{seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))


def distort(images: Tensor, amount: Augmentation, draws: torch.Generator) -> Tensor:
    """Prepared images [n, 1, 28, 28], each moved, re-exposed, made noisy and blurred by its own draws."""
    count = len(images)

    def uniform(most: float) -> Tensor:
        return (torch.rand(count, generator=draws) * 2 - 1) * most

    angle, zoom = uniform(math.radians(amount.rotation)), uniform(amount.zoom).exp()
    mirror = torch.where((uniform(1) < 0) & amount.mirror, -1.0, 1.0)
    # The grid's coordinates run from −1 to 1 over the side.
    across, down = uniform(2 * amount.shift / SIDE), uniform(2 * amount.shift / SIDE)
    matrix = torch.stack(
        [
            torch.stack([angle.cos() * zoom * mirror, -angle.sin() * zoom, across], dim=1),
            torch.stack([angle.sin() * zoom * mirror, angle.cos() * zoom, down], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    moved = functional.grid_sample(images, grid, padding_mode="border", align_corners=False)

    def each(draw: Tensor) -> Tensor:
        return draw[:, None, None, None]

    exposed = moved * each(uniform(amount.contrast).exp()) + each(uniform(amount.brightness))
    noisy = exposed + each(uniform(amount.noise).abs()) * torch.randn(exposed.shape, generator=draws)
    mean = functional.avg_pool2d(functional.pad(noisy, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return noisy + each(uniform(amount.blur).abs()) * (mean - noisy)


def _batches(count: int, training: LocalTraining, draws: torch.Generator) -> Iterator[Tensor]:
    for _ in range(training.epochs):
        order = torch.randperm(count, generator=draws)
        yield from torch.split(order, training.batch_size)
