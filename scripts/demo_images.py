# SPDX-License-Identifier: Apache-2.0
"""The demo on chest X-rays: a bounded study of a whole network, and who has which images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from node.errors import DataError
from node.learning import cnn, cnn_study
from node.learning.cnn_study import Study
from node.learning.cnn_training import LocalTraining
from node.learning.datasets.images import Images, ImageSet
from node.learning.datasets.medmnist import read_images
from node.learning.datasets.splits import split_rows
from node.learning.evaluation import evaluate
from node.plan import MOMENTUM, NETWORK, Aggregation, Network, NetworkPlan, Privacy
from node.plan_training import BoundedTraining
from node.steps.dataset import write_once
from scripts import demo_plan, pneumonia
from scripts.demo_plan import Quality


@dataclass(frozen=True)
class DealtImages:
    """X-rays dealt out unequally: who has which, and those that nobody trains on."""

    parts: tuple[ImageSet, ...]
    test: Images
    data_suffix = ".npz"

    @property
    def hospitals(self) -> int:
        """Their number."""
        return len(self.parts)

    @property
    def records(self) -> tuple[int, ...]:
        """How many each hospital has."""
        return tuple(len(part.split("train")) for part in self.parts)

    @property
    def held_out(self) -> int:
        """How many nobody trains on."""
        return len(self.test)

    def write(self, folder: Path) -> None:
        """Write each hospital's images: hospital-1.npz and so on."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, part in enumerate(self.parts, start=1):
            write_once(folder / f"hospital-{number}{part.suffix}", part.to_bytes())


@dataclass(frozen=True)
class ImageCast(DealtImages):
    """A network of whose updates it is proved how far they move the model."""

    plan: NetworkPlan
    seed: int
    # A few rounds leave both far from where they would end, and the test images come from elsewhere.
    auc_margin = 0.05
    extractor = b""

    @property
    def circuits(self) -> tuple[str, ...]:
        """Those that are built and listed for this study alone."""
        return self.plan.training.circuit, self.plan.aggregation.circuit

    def quality(self, weights: Sequence[int]) -> Quality:
        """Of a model of the study, on the test split."""
        found = evaluate(cnn.probabilities(weights, self.test.pixels), self.test.labels)
        return Quality(found.auc, found.accuracy, found.rows)

    def pooled(self) -> Quality:
        """Of the same network and training on all images, for as long as the study."""
        return self.quality(pneumonia.last(cnn_study.pooled(self._study(), self._records())))

    def alone(self) -> tuple[Quality, ...]:
        """Of each hospital's training by itself, for as long as the study."""
        return tuple(self.quality(pneumonia.last(cnn_study.pooled(self._study(), [part]))) for part in self._records())

    def _study(self) -> Study:
        training = self.plan.training
        return Study(
            self.plan.model.initial,
            LocalTraining.of(training.local),
            self.plan.participation.rounds,
            training.update_bound,
            str(self.seed),
        )

    def _records(self) -> list[tuple[np.ndarray, np.ndarray]]:
        return [(images.pixels, images.labels) for images in (part.split("train") for part in self.parts)]


def read_splits(data: Path) -> tuple[ImageSet, Images]:
    """A file in MedMNIST's layout, and its test split; raises `DataError` where no AUC can be measured on that."""
    images = read_images(data)
    test = images.split("test")
    if len(np.unique(test.labels)) < 2:
        raise DataError(f"The test split of {data.name} has one class only: no AUC can be measured on it.")
    return images, test


def image_cast(data: Path, hospitals: int, rounds: int, seed: int) -> ImageCast:
    """The demo on a file in MedMNIST's layout; raises `DataError` where that makes no study."""
    images, test = read_splits(data)
    labels = images.split("train").labels
    places = split_rows(labels, hospitals, "dirichlet", pneumonia.ALPHA, seed)
    plan = NetworkPlan(
        title="Chest X-rays: pneumonia or not?",
        question=(
            "Can a small convolutional network tell pneumonia from normal chest X-rays, trained by several hospitals "
            "whose patients differ?"
        ),
        model=Network(
            family=NETWORK,
            loss="softmax-cross-entropy",
            optimiser=MOMENTUM,
            label=images.label,
            initial=tuple(cnn.initial_weights(str(seed))),
        ),
        training=BoundedTraining(
            circuit="bounded_5162",
            update_bound=pneumonia.BOUND,
            local=pneumonia.local_training(rounds),
        ),
        quantisation=demo_plan.quantisation(value_bits=16),
        aggregation=Aggregation(circuit="aggregation_5162"),
        encryption=demo_plan.encryption(hospitals),
        participation=demo_plan.participation(hospitals, rounds),
        # Proofs of a network take a while where many hospitals share two cores.
        phases=replace(demo_plan.PHASES, submit=3600, attest=300, open=600),
        money=demo_plan.money(hospitals),
        privacy=Privacy(budget=0),
    )
    return ImageCast(tuple(images.hospital(place) for place in places), test, plan, seed)
