# SPDX-License-Identifier: Apache-2.0
"""A hospital's records as it committed to them, and what it does with them in a round: one kind for each of plans."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from node.errors import DataError
from node.plan import HeadPlan, ImageHeadPlan, NetworkPlan, TrainingPlan
from node.proofs.commitments import SALT_BITS
from node.proofs.statements import BoundedStatement, TrainingStatement
from node.steps.blocks import Blocks, committed
from node.steps.head_records import HeadRecords, read_image_rows, read_table_rows
from node.steps.image_records import ImageRecords, read_image_records
from node.steps.trained import Trained

UpdateStatement = TrainingStatement | BoundedStatement


class Records(Protocol):
    """Kept encrypted for the whole study; nothing of them leaves but what `commitment` hides."""

    @property
    def count(self) -> int:
        """How many there are."""

    @property
    def rows(self) -> int:
        """What the chain counts them as: the weight of the hospital's updates."""

    def commitment(self) -> int:
        """The data root that the enrolment puts on chain."""

    def digest(self) -> str:
        """SHA-256 of what is trained on: the same wherever the update of a model is the same."""

    def to_bytes(self) -> bytes:
        """For the secret store."""

    def train(self, weights: tuple[int, ...], *, round: int, seed: str) -> Trained:
        """The update of a round that starts from these weights."""

    def statement(self, *, context: int, weights: tuple[int, ...], trained: Trained, blinding: int) -> UpdateStatement:
        """What is proved of an update."""


def read_records(
    path: Path, plan: TrainingPlan, salt: int, extractor: Sequence[int] = ()
) -> tuple[Records | Blocks, str | None]:
    """Read and check a hospital's data, and what it should know before it commits to them, or None.

    `extractor`: the weights of the plan's, for a head on images. Blocks are of a hospital with more rows than the
    circuit takes. Raises DataError for data that do not fit the plan, naming the place and never a value.
    """
    if not 0 <= salt < 1 << SALT_BITS:
        raise DataError(f"The salt of a data commitment has {SALT_BITS} bits.")
    match plan:
        case ImageHeadPlan():
            rows = read_image_rows(path, plan, extractor)
            return committed(rows, plan, salt), rows.warning
        case HeadPlan():
            rows = read_table_rows(path, plan)
            return committed(rows, plan, salt), rows.warning
        case NetworkPlan():
            return read_image_records(path, plan, salt), None
    raise AssertionError("a plan is one of the two kinds")


def records_name(study_id: int) -> str:
    """Under which name a study's records are kept: those of its own, whatever other studies use."""
    return f"study-{study_id}/records"


def stored_records(plan: TrainingPlan, content: bytes) -> Records | Blocks:
    """The records from the secret store."""
    match plan:
        case HeadPlan():
            value = json.loads(content)
            return Blocks.from_json(value, plan) if "blocks" in value else HeadRecords.from_json(value, plan)
        case NetworkPlan():
            return ImageRecords.from_bytes(content, plan)
    raise AssertionError("a plan is one of the two kinds")
