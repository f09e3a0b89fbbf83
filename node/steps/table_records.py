# SPDX-License-Identifier: Apache-2.0
"""The rows of a table, scaled to integers, for a head whose training is proved."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from node.learning import fixed_point, privacy, shortening
from node.learning.scaling import Scaling
from node.learning.tables import read_table
from node.plan import HeadPlan
from node.proofs.commitments import data_commitment
from node.proofs.statements import TrainingStatement, training_statement
from node.steps.trained import Trained


@dataclass(frozen=True)
class TableRecords:
    """n rows of D integers with n labels, and the salt of their commitment."""

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
            self.table,
            self.labels,
            capacity=training.rows_maximum,
            batch_size=training.batch_size,
            salt=self.salt,
        )

    def to_bytes(self) -> bytes:
        """For the secret store."""
        return json.dumps({"rows": self.table, "labels": self.labels, "salt": str(self.salt)}).encode()

    @classmethod
    def from_bytes(cls, content: bytes, plan: HeadPlan) -> TableRecords:
        """From the secret store."""
        value = json.loads(content)
        return cls(plan, tuple(map(tuple, value["rows"])), tuple(value["labels"]), int(value["salt"]))

    def train(self, weights: tuple[int, ...], *, round: int, seed: str) -> Trained:
        """The sample-weighted update, shortened to the plan's bound, and this hospital's share of the noise.

        Only the noise is drawn. The plan's bounds leave room for both in a value's bits.
        """
        training, hidden = self.plan.training, self.plan.privacy
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
        noise = [0] * len(update)
        if hidden.level != "none":
            noise = privacy.noise(hidden.noise_variance, len(update), hidden.noise_bound)
        return Trained(tuple(shortening.shorten(update, factor)), tuple(noise), factor)

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
class Clipping:
    """How much of a table the plan's 8-bit range cuts off: shares from 0 to 1."""

    share: float
    worst_feature: str
    worst_share: float
    limit: float

    @property
    def warning(self) -> str | None:
        """What a hospital should know before it commits, or None."""
        if self.share <= self.limit:
            return None
        return (
            f"{self.share:.2%} of your values lie outside the plan's range and would be clipped "
            f"(the plan's limit is {self.limit:.2%}; worst: {self.worst_feature!r} with {self.worst_share:.1%}). "
            "Check the units of your columns, or ask the sponsor for a plan whose scaling fits."
        )


def read_table_records(path: Path, plan: HeadPlan, salt: int) -> tuple[TableRecords, Clipping]:
    """Read, check and scale a hospital's table. Raises DataError, naming line and column, never a value."""
    table = read_table(path, plan.model.features, plan.model.label, capacity=plan.training.rows_maximum)
    scaling = Scaling(plan.scaling)
    shares = scaling.clipped(table.rows)
    worst = max(range(len(shares)), key=shares.__getitem__)
    clipping = Clipping(
        share=sum(shares) / len(shares),
        worst_feature=plan.model.features[worst],
        worst_share=shares[worst],
        limit=plan.clip_warning_share_ppm / 1_000_000,
    )
    rows = tuple(tuple(row) for row in scaling.apply(table.rows))
    return TableRecords(plan, rows, table.labels, salt), clipping
