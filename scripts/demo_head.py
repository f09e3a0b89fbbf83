# SPDX-License-Identifier: Apache-2.0
"""The demo on chest X-rays with a proved head: the sponsor's extractor, and who has which images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from node.learning import baseline, extractor
from node.learning.datasets.images import Images
from node.learning.datasets.splits import split_rows
from node.learning.evaluation import evaluate
from node.learning.reference import score
from node.learning.scaling import Scaling
from node.plan import (
    IMAGE_HEAD,
    PROBABILITY_FRACTION_BITS,
    Aggregation,
    Extractor,
    ImageHeadPlan,
    ImageModel,
    Privacy,
)
from node.proofs.artefacts import circuits
from scripts import demo_plan, pneumonia
from scripts.demo_images import DealtImages, read_splits
from scripts.demo_plan import Quality, quality_of

#: The schedule of learning rates ends here; the benchmark's extractor is trained for longer.
EXTRACTOR_ROUNDS = pneumonia.ROUNDS

Rows = tuple[list[list[int]], list[int]]


@dataclass(frozen=True)
class HeadCast(DealtImages):
    """A head whose training is proved on features that a frozen network finds."""

    plan: ImageHeadPlan
    extractor: bytes
    weights: tuple[int, ...] = field(repr=False)
    seed: int
    # The study uses one block of each hospital's images, pooled training all of them.
    auc_margin = 0.02
    circuits: tuple[str, ...] = ()

    def quality(self, weights: Sequence[int]) -> Quality:
        """Of a head of the study, on the test split."""
        rows, labels = self._tested
        probabilities = np.array([score(weights, row) for row in rows]) / (1 << PROBABILITY_FRACTION_BITS)
        found = evaluate(probabilities, np.array(labels))
        return Quality(found.auc, found.accuracy, found.rows)

    def pooled(self) -> Quality:
        """Of logistic regression in floating point on the features of all images."""
        rows = [row for part, _ in self._hospitals for row in part]
        labels = [label for _, part in self._hospitals for label in part]
        return quality_of(baseline.pooled(rows, labels, *self._tested))

    def alone(self) -> tuple[Quality, ...]:
        """Of each hospital's training by itself, for as long as the study, on as many rows as the circuit takes."""
        plan, random = self.plan, np.random.default_rng(self.seed)
        found = []
        for rows, labels in self._hospitals:
            drawn = random.permutation(len(rows))[: plan.training.rows_maximum]
            found.append(
                baseline.alone(
                    plan.model.initial,
                    [rows[place] for place in drawn],
                    [labels[place] for place in drawn],
                    plan.training,
                    plan.participation.rounds,
                    plan.quantisation.value_bits,
                )
            )
        return tuple(self.quality(head) for head in found)

    @cached_property
    def _hospitals(self) -> tuple[Rows, ...]:
        return tuple(self._rows(part.split("train")) for part in self.parts)

    @cached_property
    def _tested(self) -> Rows:
        return self._rows(self.test)

    def _rows(self, images: Images) -> Rows:
        found = extractor.features(self.weights, images.pixels)
        return Scaling(self.plan.scaling).apply(found), [int(y) for y in images.labels]


def head_cast(data: Path, hospitals: int, rounds: int, seed: int) -> HeadCast:
    """The demo on a file in MedMNIST's layout; raises `DataError` where that makes no study."""
    images, test = read_splits(data)
    own, others = pneumonia.sponsors(len(images.split("train")), np.random.default_rng(seed))
    sponsor = images.split("train").take(own)
    weights = pneumonia.train_extractor(sponsor, seed, EXTRACTOR_ROUNDS)
    file = extractor.to_bytes(weights)
    places = split_rows(images.split("train").labels[others], hospitals, "dirichlet", pneumonia.ALPHA, seed)
    plan = ImageHeadPlan(
        title="Chest X-rays: pneumonia or not, by a proved head?",
        question=(
            "Can a logistic head on the features of a frozen network tell pneumonia from normal chest X-rays, trained "
            "by several hospitals whose patients differ, every step of it proved?"
        ),
        model=ImageModel(
            family=IMAGE_HEAD,
            loss="hard-sigmoid-logistic",
            optimiser="mini-batch gradient descent",
            features=extractor.FEATURES,
            label=images.label,
            initial=(0,) * circuits()[pneumonia.HEAD_TRAINING.circuit].coordinates,
            extractor=Extractor(hashlib.sha256(file).hexdigest(), len(file)),
        ),
        # Of the sponsor's own images, which no hospital has.
        scaling=extractor.fit_scaling(extractor.features(weights, sponsor.pixels)).features,
        clip_warning_share_ppm=50_000,
        training=pneumonia.HEAD_TRAINING,
        quantisation=demo_plan.quantisation(value_bits=pneumonia.HEAD_VALUE_BITS),
        aggregation=Aggregation(circuit="aggregation_31"),
        encryption=demo_plan.encryption(hospitals),
        participation=demo_plan.participation(hospitals, rounds),
        phases=demo_plan.PHASES,
        money=demo_plan.money(hospitals),
        privacy=Privacy(budget=0),
    )
    parts = tuple(images.hospital(others[place]) for place in places)
    return HeadCast(parts, test, plan, file, tuple(weights), seed)
