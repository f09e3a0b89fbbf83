# SPDX-License-Identifier: Apache-2.0
"""Rows of integers for a head whose training is proved, made from a table or from what an extractor finds in images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.errors import DataError
from node.learning import extractor, fixed_point, privacy, shortening
from node.learning.scaling import Scaling, Values
from node.learning.tables import read_table
from node.padding import padded_row, padded_vector
from node.plan import ROWS_LIMIT, HeadPlan, ImageHeadPlan
from node.proofs.commitments import data_commitment
from node.proofs.statements import TrainingStatement, training_statement
from node.steps.image_records import read_labelled_images
from node.steps.trained import Trained

#: How many rows a hospital can have; of more than a circuit takes, one block is drawn.
ROWS_MAXIMUM = ROWS_LIMIT - 1


@dataclass(frozen=True)
class HeadRecords:
    """n rows of the plan's k features as integers with n labels, and the salt of their commitment."""

    plan: HeadPlan
    table: tuple[tuple[int, ...], ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    salt: int = field(repr=False)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.table)

    @property
    def rows(self) -> int:
        """Each row counts."""
        return len(self.table)

    def commitment(self) -> int:
        """The data root that the enrolment puts on chain."""
        training = self.plan.training
        return data_commitment(
            [padded_row(row, self.plan.width) for row in self.table],
            self.labels,
            capacity=training.rows_maximum,
            batch_size=training.batch_size,
            salt=self.salt,
        )

    def digest(self) -> str:
        """SHA-256 of rows and labels in their order, as the circuit takes them, without the salt."""
        rows = [padded_row(row, self.plan.width) for row in self.table]
        return hashlib.sha256(json.dumps([rows, self.labels]).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """For the secret store."""
        return {"rows": self.table, "labels": self.labels, "salt": str(self.salt)}

    @classmethod
    def from_json(cls, value: dict[str, Any], plan: HeadPlan) -> HeadRecords:
        """From the secret store."""
        return cls(plan, tuple(map(tuple, value["rows"])), tuple(value["labels"]), int(value["salt"]))

    def to_bytes(self) -> bytes:
        """For the secret store."""
        return json.dumps(self.to_json()).encode()

    def train(self, weights: tuple[int, ...], *, round: int, seed: str) -> Trained:
        """The sample-weighted update, shortened to the plan's bound, and this hospital's share of the noise.

        Only the noise is drawn, and none for what the plan does not name: nothing is to be hidden where the update is
        zero whatever the rows are. The plan's bounds leave room for both in a value's bits.
        """
        training = self.plan.training
        local = fixed_point.train(
            weights,
            self.table,
            self.labels,
            capacity=training.rows_maximum,
            batch_size=training.batch_size,
            epochs=training.epochs,
            learning_rate=training.learning_rate,
        )
        update = fixed_point.update(weights, local, self.rows, self.plan.quantisation.value_bits)
        factor = shortening.factor(update, training.update_bound)
        noise = privacy.share_of_noise(self.plan.privacy, self.plan.trained_weights)
        return Trained(tuple(shortening.shorten(update, factor)), padded_vector(noise, len(update)), factor)

    def statement(
        self, *, context: int, weights: tuple[int, ...], trained: Trained, blinding: int
    ) -> TrainingStatement:
        """That training these rows as the plan says gives the committed update, but for bounded noise."""
        training = self.plan.training
        return training_statement(
            context=context,
            weights=weights,
            rows=self.table,
            labels=self.labels,
            salt=self.salt,
            update=trained.update,
            shortening=trained.shortening,
            noise=trained.noise,
            blinding=blinding,
            capacity=training.rows_maximum,
            batch_size=training.batch_size,
            epochs=training.epochs,
            learning_rate=training.learning_rate,
            value_bits=self.plan.quantisation.value_bits,
            update_bound=training.update_bound,
            noise_bound=self.plan.privacy.noise_bound,
        )


@dataclass(frozen=True)
class Rows:
    """All of a hospital's rows as the plan scales them, n of k integers, with n labels, before they are committed to.

    `warning`: what the hospital should know first, or None.
    """

    table: tuple[tuple[int, ...], ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    warning: str | None


def read_table_rows(path: Path, plan: HeadPlan) -> Rows:
    """Read, check and scale a hospital's table. Raises DataError, naming line and column, never a value."""
    table = read_table(path, plan.model.features, plan.model.label, capacity=ROWS_MAXIMUM)
    return _scaled(plan, table.rows, table.labels, "Check the units of your columns")


def read_image_rows(path: Path, plan: ImageHeadPlan, extractor_weights: Sequence[int]) -> Rows:
    """Read a hospital's images and scale what the plan's extractor finds in them. Raises DataError."""
    images = read_labelled_images(path, plan.model.label).split("train")
    if len(images) > ROWS_MAXIMUM:
        raise DataError(f"{path.name} has {len(images)} images; a hospital takes part with {ROWS_MAXIMUM} at most.")
    found = extractor.features(extractor_weights, images.pixels)
    return _scaled(plan, found, [int(y) for y in images.labels], "See whether your images are of the plan's kind")


def _scaled(plan: HeadPlan, values: Values, labels: Sequence[int], advice: str) -> Rows:
    scaling = Scaling(plan.scaling)
    told = [(share, name) for share, name in zip(scaling.clipped(values), plan.model.features, strict=True)]
    share, limit = sum(part for part, _ in told) / len(told), plan.clip_warning_share_ppm / 1_000_000
    worst, feature = max(told)
    warning = (
        f"{share:.2%} of your values lie outside the plan's range and would be clipped "
        f"(the plan's limit is {limit:.2%}; worst: {feature!r} with {worst:.1%}). "
        f"{advice}, or ask the sponsor for a plan whose scaling fits."
    )
    rows = tuple(tuple(row) for row in scaling.apply(values))
    return Rows(rows, tuple(labels), warning if share > limit else None)
