# SPDX-License-Identifier: Apache-2.0
"""A hospital's records as it committed to them, and what it does with them in a round: one kind for each of plans."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from node.errors import DataError
from node.learning.findings import Finding, refuse
from node.plan import HeadPlan, ImageHeadPlan, NetworkPlan, TrainingPlan
from node.proofs.commitments import SALT_BITS
from node.proofs.statements import BoundedStatement, TrainingStatement
from node.steps.blocks import Blocks, committed
from node.steps.head_records import HeadRecords, read_image_rows, read_table_rows
from node.steps.image_records import ImageRecords, image_records, read_labelled_images
from node.steps.raw_records import raw_images
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

    def to_bytes(self) -> bytes:
        """For the secret store."""

    def train(self, weights: tuple[int, ...], *, round: int, seed: str) -> Trained:
        """The update of a round that starts from these weights."""

    def statement(self, *, context: int, weights: tuple[int, ...], trained: Trained, blinding: int) -> UpdateStatement:
        """What is proved of an update."""


@dataclass(frozen=True)
class Remarks:
    """What a hospital should know before it commits to its data, what it said was right with them, and digests of the
    records as they were before scaling."""

    notes: tuple[str, ...] = ()
    accepted: tuple[Finding, ...] = ()
    raw: frozenset[bytes] = field(default=frozenset(), repr=False)


def read_records(
    path: Path, plan: TrainingPlan, salt: int, extractor: Sequence[int] = (), accept: Collection[str] = ()
) -> tuple[Records | Blocks, Remarks]:
    """Read and check a hospital's data.

    `extractor`: the weights of the plan's, for a head on images. `accept`: names of columns, images or the label that
    are right although they look wrong. Blocks are of a hospital with more rows than the circuit takes. Raises
    DataError for data that do not fit the plan, naming the place and never a value, DataDoubtful for what looks wrong
    and was not accepted.
    """
    if not 0 <= salt < 1 << SALT_BITS:
        raise DataError(f"The salt of a data commitment has {SALT_BITS} bits.")
    match plan:
        case NetworkPlan():
            data = read_labelled_images(path, plan.model.label)
            accepted = refuse(path.name, data.findings, accept)
            raw = raw_images(data.split("train").pixels)
            return image_records(data, plan, salt), Remarks(_left_out(len(data.refused)), accepted, raw)
        case ImageHeadPlan():
            rows = read_image_rows(path, plan, extractor)
        case HeadPlan():
            rows = read_table_rows(path, plan)
        case _:
            raise AssertionError("a plan is one of the two kinds")
    accepted = refuse(path.name, rows.findings, accept)
    return committed(rows, plan, salt), Remarks((*_left_out(rows.left_out), *rows.notes), accepted, rows.raw)


def usage(records: Records | Blocks) -> Usage:
    """How much of a hospital's data its node trains on."""
    parts = records.parts if isinstance(records, Blocks) else (records,)
    sizes = [part.count for part in parts]
    return Usage(sum(sizes), len(parts), min(sizes), max(sizes))


@dataclass(frozen=True)
class Usage:
    """Of so many records, in so many blocks, a round uses at least and at most so many."""

    records: int
    blocks: int
    least: int
    most: int

    def __str__(self) -> str:
        used = f"{self.least:,}" if self.least == self.most else f"{self.least:,} or {self.most:,}"
        which = f"one block of {self.blocks:,}, which the chain draws" if self.blocks > 1 else "all of them"
        return f"{used} of {self.records:,} records will be used in every round: {which}."


def _left_out(files: int) -> tuple[str, ...]:
    if not files:
        return ()
    return (f"{files:,} files of the folder cannot be used and are left out: `consilium data import` lists them.",)


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
