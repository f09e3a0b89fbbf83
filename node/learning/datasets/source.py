# SPDX-License-Identifier: Apache-2.0
"""Whatever a hospital has, as a data set: an archive of images, a folder of them, or a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.errors import UsageError
from node.learning.datasets.folder import Progress, read_folder
from node.learning.datasets.medmnist import read_images
from node.learning.datasets.records import DataSet
from node.learning.datasets.table import TableSet, looked_at, read_whole_table
from node.learning.tables import read_table
from node.plan import ROWS_LIMIT, HeadPlan


@dataclass(frozen=True)
class Reading:
    """How a source is to be read; what is None has a default, or does not apply to the source's kind."""

    label_column: str | None = None
    positive: str | None = None
    image_column: str | None = None
    labels: Path | None = None
    plan: HeadPlan | None = None


def load(source: Path, how: Reading, progress: Progress = lambda done, total: None) -> DataSet:
    """Reads a source of any kind; raises DataError for what it holds, UsageError for options that do not fit it."""
    if not source.is_dir() and (how.labels, how.image_column) != (None, None):
        raise UsageError("--labels and --image-column are for folders of images.")
    if source.is_dir():
        _no_plan(how)
        return read_folder(
            source,
            how.labels or source / "labels.csv",
            image_column=how.image_column or "file",
            label_column=how.label_column or "label",
            positive=how.positive,
            progress=progress,
        )
    if source.suffix.lower() == ".npz":
        _no_plan(how)
        return read_images(
            source,
            column=_number("--label-column", how.label_column),
            positive=_number("--positive", how.positive),
        )
    if source.suffix.lower() == ".csv":
        return _table(source, how)
    raise UsageError(f"{source} is neither a folder of images with labels, nor an .npz file, nor a .csv table.")


def _table(source: Path, how: Reading) -> TableSet:
    if how.plan is None:
        return read_whole_table(source, label_column=how.label_column or "label", positive=how.positive)
    if (how.label_column, how.positive) != (None, None):
        raise UsageError("The plan says what the label is: leave --label-column and --positive out.")
    model = how.plan.model
    table = read_table(source, model.features, model.label, capacity=ROWS_LIMIT - 1)
    return looked_at(table, model.label, how.plan)


def _no_plan(how: Reading) -> None:
    if how.plan is not None:
        raise UsageError("--plan is for tables: images are not scaled by a plan's constants.")


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise UsageError(f"{option} takes a number here: an .npz file's labels are numbers.")
    return int(text)
