# SPDX-License-Identifier: Apache-2.0
"""Rows of integers for a head whose training is proved, made from a table or from what an extractor finds in images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError
from node.learning import extractor, fixed_point, privacy, shortening
from node.learning.column_checks import check_columns, expected, repeated
from node.learning.findings import Finding, check_label
from node.learning.scaling import Scaling
from node.learning.tables import chunks
from node.padding import padded_row, padded_vector
from node.plan import ROWS_LIMIT, HeadPlan, ImageHeadPlan
from node.proofs.commitments import data_commitment
from node.proofs.statements import TrainingStatement, training_statement
from node.steps.image_records import read_labelled_images
from node.steps.raw_records import raw_images, raw_rows
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
    """All of a hospital's rows as the plan scales them, int8 [n, k], with n labels, before they are committed to.

    `raw`: digests of the records before scaling; `findings`: what is probably wrong with them; `notes`: what the
    hospital should know besides; `left_out`: how many files of its folder are not among them.
    """

    table: NDArray[np.int8] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    raw: frozenset[bytes] = field(repr=False)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: int = 0


def read_table_rows(path: Path, plan: HeadPlan) -> Rows:
    """Read, check and scale a hospital's table. Raises DataError, naming line and column, never a value."""
    scaling, model = Scaling(plan.scaling), plan.model
    parts, lines, labels = [], [], []
    for chunk in chunks(path, model.features, model.label, capacity=ROWS_MAXIMUM):
        parts.append((chunk.values, *scaling.of_floats(chunk.values, chunk.exactly)))
        lines += chunk.lines
        labels += chunk.labels
    values, table, clipped = (np.concatenate(part) for part in zip(*parts, strict=True))
    known = expected(plan.scaling, plan.clip_warning_share_ppm)
    found = (*check_columns(model.features, values, np.array(lines), known), *check_label(model.label, labels))
    again = repeated(values)
    notes = [f"{again:,} of {len(values):,} records repeat an earlier one in every value."] if again else []
    raw = raw_rows(values, model.features)
    return Rows(table, tuple(labels), raw, found, (*notes, *_clipping(plan, clipped)))


def read_image_rows(path: Path, plan: ImageHeadPlan, extractor_weights: Sequence[int]) -> Rows:
    """Read a hospital's images and scale what the plan's extractor finds in them. Raises DataError."""
    data, model = read_labelled_images(path, plan.model.label), plan.model
    images = data.split("train")
    if len(images) > ROWS_MAXIMUM:
        raise DataError(f"{path.name} has {len(images)} images; a hospital takes part with {ROWS_MAXIMUM} at most.")
    features = extractor.features(extractor_weights, images.pixels)
    values = np.array([[float(value) for value in row] for row in features])
    table, clipped = Scaling(plan.scaling).of_floats(values, lambda row, column: features[row][column])
    known = expected(plan.scaling, plan.clip_warning_share_ppm)
    found = check_columns(model.features, values, np.arange(len(values)), known, "image")
    return Rows(
        table,
        tuple(images.labels.tolist()),
        raw_images(images.pixels),
        (*data.findings, *found),
        _clipping(plan, clipped),
        len(data.refused),
    )


def _clipping(plan: HeadPlan, clipped: NDArray[np.bool_]) -> tuple[str, ...]:
    """What to say where more of all values than the plan allows for are cut off, bool [n, k]."""
    shares = clipped.mean(axis=0)
    share, limit, worst = float(shares.mean()), plan.clip_warning_share_ppm / 1_000_000, int(shares.argmax())
    if share <= limit:
        return ()
    return (
        f"{share:.2%} of the values lie outside the plan's range and are clipped (the plan's limit is {limit:.2%}; "
        f"worst: {plan.model.features[worst]!r} with {shares[worst]:.1%}).",
    )
