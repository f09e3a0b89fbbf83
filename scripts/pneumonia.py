# SPDX-License-Identifier: Apache-2.0
"""The two studies of chest X-rays: who has which images, and the settings, chosen on the validation split.

docs/pneumonia.md lists every setting that was tried and says how these were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node import plan_training
from node.learning import baseline, cnn, cnn_study, extractor
from node.learning.cnn_study import Records, Study
from node.learning.cnn_training import LocalTraining
from node.learning.datasets.images import Images
from node.learning.datasets.medmnist import read_images
from node.learning.datasets.splits import split_rows
from node.learning.reference import score
from node.learning.scaling import Scaling
from node.plan import PROBABILITY_FRACTION_BITS, FeatureScaling, Training

HOSPITALS, ALPHA = 5, 0.5
ROUNDS = 25
PEAK_RATE = 0.05
# An L2 norm of 4 in weights: no honest update of the runs that the settings were chosen in was longer (3.9).
BOUND = (4 << 16) ** 2

# The proved head: images of the sponsor, who trains the extractor and takes no part in the study.
SPONSOR_IMAGES = 1000
EXTRACTOR_ROUNDS = 40
HEAD_ROUNDS = 5
HEAD_VALUE_BITS = 26
HEAD_TRAINING = Training(circuit="training_192x30", batch_size=32, epochs=4, learning_rate=16, rows_maximum=192)


def local_training(rounds: int) -> plan_training.LocalTraining:
    """The setting that was chosen, as a plan names it; the learning rate follows half a cosine, from the peak down
    to a twentieth of it."""
    falling = (0.05 + 0.475 * (1 + math.cos(math.pi * done / rounds)) for done in range(rounds))
    return plan_training.LocalTraining(
        epochs=2,
        batch_size=32,
        learning_rates=tuple(f"{PEAK_RATE * part:.6f}" for part in falling),
        momentum="0.9",
        weight_decay="0",
        gradient_norm="1",
        smoothing="0",
        augmentation=plan_training.Augmentation(
            shift="3", rotation="12", zoom="0.15", mirror=1, contrast="0.3", brightness="0.3", noise="0.2", blur="0.6"
        ),
    )


TRAINING = LocalTraining.of(local_training(ROUNDS))


@dataclass(frozen=True)
class XRays:
    """The file's splits; the training split is what hospitals and sponsor have."""

    train: Images
    val: Images
    test: Images

    @classmethod
    def read(cls, path: Path) -> XRays:
        """Reads a file in MedMNIST's layout with all three splits; raises DataError."""
        images = read_images(path)
        return cls(images.split("train"), images.split("val"), images.split("test"))


@dataclass(frozen=True)
class HeadStudy:
    """What the proved head's study begins with: the extractor and its scaling, both of the sponsor's images
    alone, and for each hospital the rows (24 integers) and labels that its proofs use."""

    extractor: tuple[int, ...]
    scaling: tuple[FeatureScaling, ...]
    hospitals: tuple[tuple[list[list[int]], list[int]], ...]

    def rows(self, images: Images) -> list[list[int]]:
        """The 24 scaled features, integers of 8 bits, of other images."""
        return Scaling(self.scaling).apply(extractor.features(self.extractor, images.pixels))

    def models(self) -> list[list[int]]:
        """The head (25 integers) after each round, from zero, by the exact arithmetic that is proved."""
        return baseline.federated(
            [0] * (len(self.scaling) + 1), self.hospitals, HEAD_TRAINING, HEAD_ROUNDS, HEAD_VALUE_BITS
        )

    def pooled_auc(self, images: Images) -> float:
        """AUC on other images of logistic regression in floating point on the rows of all hospitals."""
        rows = [row for table, _ in self.hospitals for row in table]
        labels = [label for _, found in self.hospitals for label in found]
        return baseline.pooled(rows, labels, self.rows(images), [int(y) for y in images.labels]).auc

    def probabilities(self, head: Sequence[int], images: Images) -> np.ndarray:
        """A head's hard-sigmoid probabilities, float64 [n]."""
        return np.array([score(head, row) for row in self.rows(images)]) / (1 << PROBABILITY_FRACTION_BITS)


def settings() -> dict[str, Any]:
    """All that the figures of each kind follow from besides data and seeds."""
    cnn = {
        "hospitals": HOSPITALS,
        "dirichlet_alpha": ALPHA,
        "rounds": ROUNDS,
        "training": asdict(TRAINING),
        "bound": BOUND,
    }
    head = {
        "sponsor_images": SPONSOR_IMAGES,
        "extractor_rounds": EXTRACTOR_ROUNDS,
        "rounds": HEAD_ROUNDS,
        "value_bits": HEAD_VALUE_BITS,
        "training": asdict(HEAD_TRAINING),
    }
    return {"bounded_cnn": cnn, "proved_head": {"extractor": cnn, **head}}


def deal(images: Images, seed: int, hospitals: int = HOSPITALS) -> list[Records]:
    """Non-IID hospitals: of each class, the shares are Dirichlet(0.5)."""
    parts = [images.take(places) for places in split_rows(images.labels, hospitals, "dirichlet", ALPHA, seed)]
    return [(part.pixels, part.labels) for part in parts]


def cnn_study_of(seed: int, *, bound: int = BOUND, rounds: int = ROUNDS) -> Study:
    """The bounded CNN's study of a seed."""
    return Study(tuple(cnn.initial_weights(str(seed))), TRAINING, rounds, bound, seed=str(seed))


def head_study(images: Images, seed: int) -> HeadStudy:
    """Trains an extractor on the sponsor's images, deals out the others, and draws what each hospital proves."""
    random = np.random.default_rng(seed)
    own, others = sponsors(len(images), random)
    sponsor, rest = images.take(own), images.take(others)
    weights = train_extractor(sponsor, seed)
    scaling = extractor.fit_scaling(extractor.features(weights, sponsor.pixels))
    hospitals = []
    for pixels, labels in deal(rest, seed):
        # On chain, a block's hash draws them once everybody has committed.
        drawn = random.permutation(len(labels))[: HEAD_TRAINING.rows_maximum]
        hospitals.append((scaling.apply(extractor.features(weights, pixels[drawn])), [int(y) for y in labels[drawn]]))
    return HeadStudy(tuple(weights), scaling.features, tuple(hospitals))


def sponsors(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places of the sponsor's own images, drawn at random, and of the others, which are for the hospitals."""
    order, own = random.permutation(count), min(SPONSOR_IMAGES, count // 4)
    return order[:own], order[own:]


def train_extractor(sponsor: Images, seed: int, rounds: int = EXTRACTOR_ROUNDS) -> list[int]:
    """The frozen network, trained on the sponsor's images alone."""
    name = f"extractor/{seed}"
    study = Study(tuple(cnn.initial_weights(name)), TRAINING, rounds, BOUND, name)
    return last(cnn_study.pooled(study, [(sponsor.pixels, sponsor.labels)]))


def last(models: Iterator[list[int]]) -> list[int]:
    """The model of the last round."""
    *_, model = models
    return model
