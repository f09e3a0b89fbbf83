# SPDX-License-Identifier: Apache-2.0
"""A CSV table as a data set: read strictly (`node.learning.tables`), one training split, written as canonical CSV."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError, UsageError
from node.learning.column_checks import check_columns, expected
from node.learning.csv_file import header, records
from node.learning.datasets.records import Record, Refused, binary_label
from node.learning.findings import Finding, check_label
from node.learning.tables import Table, number_text, read_table, table_bytes
from node.plan import ROWS_LIMIT, HeadPlan, Label


@dataclass(frozen=True)
class TableSet:
    """A table with what its label means."""

    table: Table
    label: Label
    kind = "table"
    suffix = ".csv"
    refused: tuple[Refused, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def classes(self) -> Mapping[str, Mapping[str, int]]:
        """How many records have which label."""
        counts = Counter(self.table.labels)
        return {"train": {self.label.negative: counts[0], self.label.positive: counts[1]}}

    def records(self) -> Iterator[Record]:
        """All rows; the content are the values in order, as canonical text with commas."""
        for row, label in zip(self.table.rows, self.table.labels, strict=True):
            yield Record("train", label, ",".join(map(number_text, row)).encode())

    def to_bytes(self) -> bytes:
        """The canonical file."""
        return table_bytes(self.table, self.label)

    def hospital(self, places: NDArray[np.intp]) -> TableSet:
        """The data set of a hospital that has these rows."""
        rows = tuple(self.table.rows[place] for place in places)
        labels = tuple(self.table.labels[place] for place in places)
        return TableSet(Table(self.table.features, rows, labels), self.label)

    def held_out(self) -> None:
        """A table has no other splits."""


def looked_at(table: Table, label: Label, plan: HeadPlan | None = None) -> TableSet:
    """A table that was read, with what is probably wrong with it by itself, or beside a plan's constants."""
    values = np.array([[float(value) for value in row] for row in table.rows])
    known = None if plan is None else expected(plan.scaling, plan.clip_warning_share_ppm)
    found = check_columns(table.features, values, np.array(table.lines), known)
    return TableSet(table, label, findings=(*found, *check_label(label, table.labels)))


def read_whole_table(path: Path, *, label_column: str, positive: str | None) -> TableSet:
    """Reads a CSV table of which every column but the label is a feature.

    `positive`: the label that counts as 1; may be None where the labels are "0" and "1". Raises DataError.
    """
    lines = records(path)
    columns = header(lines)
    if label_column not in columns:
        raise UsageError(f"{path.name} has no column {label_column!r}: name that of the label with --label-column.")
    place = columns.index(label_column)
    found = {cells[place].strip() for _, cells in lines if len(cells) == len(columns)}
    if len(found) != 2:
        raise DataError(f"{path.name}: the label has {len(found)} different values, and two are needed.")
    if positive is None and found != {"0", "1"}:
        raise UsageError(f"The labels of {path.name} are not 0 and 1: name the one that counts as 1 with --positive.")
    if positive is not None and positive not in found:
        raise DataError(f"{path.name}: no record has the label given with --positive. Write it as in the file.")
    label = binary_label(label_column, "1" if positive is None else positive, found)
    features = [column for column in columns if column != label_column]
    return looked_at(read_table(path, features, label, capacity=ROWS_LIMIT), label)
