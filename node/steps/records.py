# SPDX-License-Identifier: Apache-2.0
"""A hospital's records as it committed to them: scaled integers, kept encrypted for the whole study."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from node.errors import DataError
from node.learning.scaling import Scaling
from node.learning.tables import read_table
from node.plan import TrainingPlan
from node.proofs.commitments import SALT_BITS, data_commitment


@dataclass(frozen=True)
class Records:
    """n rows of D integers with n labels, and the salt of their commitment."""

    rows: tuple[tuple[int, ...], ...] = field(repr=False)
    labels: tuple[int, ...] = field(repr=False)
    salt: int = field(repr=False)

    def commitment(self, plan: TrainingPlan) -> int:
        """The data root that the enrolment puts on chain."""
        return data_commitment(
            self.rows,
            self.labels,
            capacity=plan.training.rows_maximum,
            batch_size=plan.training.batch_size,
            salt=self.salt,
        )

    def to_bytes(self) -> bytes:
        """For the secret store."""
        return json.dumps({"rows": self.rows, "labels": self.labels, "salt": str(self.salt)}).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Records:
        """From the secret store."""
        value = json.loads(content)
        return cls(tuple(map(tuple, value["rows"])), tuple(value["labels"]), int(value["salt"]))


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


def read_records(path: Path, plan: TrainingPlan, salt: int) -> tuple[Records, Clipping]:
    """Read, check and scale a hospital's table. Raises DataError, naming line and column, never a value."""
    if not 0 <= salt < 1 << SALT_BITS:
        raise DataError(f"The salt of a data commitment has {SALT_BITS} bits.")
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
    return Records(rows, table.labels, salt), clipping
