# SPDX-License-Identifier: Apache-2.0
"""Reading a hospital's table from a CSV file, strictly.

Messages name line and column and never a value: they end in logs, and the file holds patients' records.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError
from node.learning.csv_file import header, places, records, same_form
from node.plan import Label
from node.words import listed

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
MISSING = {"", "na", "n/a", "null", "none", "?", "-"}
LONGEST_NUMBER = 64
# Beyond these powers of ten a number is a mistake, and exact arithmetic on it would take long.
EXPONENT_LIMIT = 30

#: Of numbers alone, with commas between them: what Python's float then takes is what NUMBER describes.
_NUMBERS = re.compile(r"[0-9.eE+,-]*")
_LONG_EXPONENT = re.compile(r"[eE][+-]?[0-9]{4}")
#: Rows that are looked at together; the records in memory at a time.
_TOGETHER = 2048
#: How many problems a message tells of, in how many columns of each, and lines of each of those.
_PROBLEMS_SHOWN, _COLUMNS_SHOWN, _LINES_SHOWN = 6, 8, 5


@dataclass(frozen=True)
class Table:
    """n records as measured: `rows` holds n tuples of D values in the plan's order, `labels` n of 0 or 1.

    `lines`: where the records stood in their file, of a table that was read from one.
    """

    features: tuple[str, ...]
    rows: tuple[tuple[Decimal, ...], ...]
    labels: tuple[int, ...]
    lines: tuple[int, ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Chunk:
    """k records on their way: lines of the file, D columns of k numbers as written, their nearest floats, labels."""

    lines: list[int]
    texts: tuple[Sequence[str], ...] = field(repr=False)
    values: NDArray[np.float64] = field(repr=False)
    labels: list[int] = field(repr=False)

    def exactly(self, row: int, column: int) -> Decimal:
        """The number in a place, of which `values` has the nearest float."""
        return Decimal(self.texts[column][row])


def read_table(path: Path, features: Sequence[str], label: Label, *, capacity: int) -> Table:
    """Reads a CSV file whose columns are exactly the plan's features and its label, in any order.

    `capacity`: the most rows that are read. Raises DataError with the lines, the columns and what to do.
    """
    rows: list[tuple[Decimal, ...]] = []
    labels: list[int] = []
    lines: list[int] = []
    for chunk in chunks(path, features, label, capacity=capacity):
        rows += zip(*(map(_decimal, column) for column in chunk.texts), strict=True)
        labels += chunk.labels
        lines += chunk.lines
    return Table(tuple(features), tuple(rows), tuple(labels), tuple(lines))


def chunks(path: Path, features: Sequence[str], label: Label, *, capacity: int) -> Iterator[Chunk]:
    """The records of a file in parts, as `read_table` reads them.

    Raises DataError with everything that is wrong in any line, at the end, and gives no part after the first such
    line: whoever does not come to the end has read nothing.
    """
    lines = records(path)
    columns = header(lines)
    if not columns:
        raise DataError(f"{path.name} is empty. It needs a line of column names and at least one record.")
    place = places(path.name, columns, features, label.name)
    order = [place[feature] for feature in features]
    problems, count = _Problems(), 0
    while part := list(islice(lines, _TOGETHER)):
        count += len(part)
        if count > capacity:
            raise DataError(
                f"{path.name} has more than {capacity} records, the most that can be read here. "
                "Choose the records to use."
            )
        chunk = _chunk(part, [*zip(features, order, strict=True)], len(columns), (label, place[label.name]), problems)
        if chunk is not None and not problems:
            yield chunk
    if problems:
        raise DataError(problems.message(path.name))
    if not count:
        raise DataError(f"{path.name} has column names but no records.")


def table_bytes(table: Table, label: Label) -> bytes:
    """The canonical CSV file of a table: its features in order, then the label; one table has one sequence of bytes."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*table.features, label.name])
    for row, positive in zip(table.rows, table.labels, strict=True):
        writer.writerow([*map(number_text, row), label.positive if positive else label.negative])
    return stream.getvalue().encode()


def number_text(value: Decimal) -> str:
    """A value exactly, without needless zeros; with an exponent only where it would be too long to be read."""
    shortest = value.normalize(Context(prec=LONGEST_NUMBER))
    plain = format(shortest, "f")
    return plain if len(plain) <= LONGEST_NUMBER else str(shortest)


class _Problems:
    """What is wrong with the cells of a file: the lines of each kind of problem in each column."""

    def __init__(self) -> None:
        self._lines: dict[str, dict[str | None, list[int]]] = {}
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._lines)

    def add(self, line: int, column: str | None, problem: str) -> None:
        """One cell, or with no column a whole line."""
        self._count += 1
        self._lines.setdefault(problem, {}).setdefault(column, []).append(line)

    def message(self, name: str) -> str:
        """All of them; a long list is cut, and its length said."""
        told = [
            f"{listed([_where(lines, column) for column, lines in columns.items()], _COLUMNS_SHOWN, '; ')}: {problem}"
            for problem, columns in self._lines.items()
        ]
        if self._count == 1:
            return f"{name}, {told[0]}."
        return f"{name} cannot be used in {self._count:,} places: {listed(told, _PROBLEMS_SHOWN, '. Also ')}."


def _where(lines: list[int], column: str | None) -> str:
    shown = f"line{'s' if len(lines) > 1 else ''} {listed(list(map(str, lines)), _LINES_SHOWN)}"
    return shown if column is None else f"{shown}, column {column!r}"


def _chunk(
    part: list[tuple[int, list[str]]],
    features: Sequence[tuple[str, int]],
    width: int,
    label: tuple[Label, int],
    problems: _Problems,
) -> Chunk | None:
    """Some lines as numbers; None where one of them has a cell too many or too few."""
    whole = [(line, cells) for line, cells in part if len(cells) == width]
    if len(whole) < len(part):
        for line, cells in part:
            if len(cells) != width:
                problems.add(line, None, f"{len(cells)} cells, but there are {width} columns")
    if not whole:
        return None
    lines = [line for line, _ in whole]
    columns = list(zip(*(cells for _, cells in whole), strict=True))
    texts = tuple([cell.strip() for cell in columns[place]] for _, place in features)
    values = np.empty((len(lines), len(texts)))
    for number, ((feature, _), column) in enumerate(zip(features, texts, strict=True)):
        floats = _floats(column)
        if floats is None:
            for line, cell in zip(lines, column, strict=True):
                if problem := number_problem(cell):
                    problems.add(line, feature, problem)
            floats = [] if problems else [float(cell) for cell in column]
        if floats:
            values[:, number] = floats
    return Chunk(lines, texts, values, _labels(lines, columns[label[1]], label[0], problems))


def _floats(column: Sequence[str]) -> list[float] | None:
    """The nearest floats of a column that surely holds numbers alone and none out of bounds, else None."""
    together = ",".join(column)
    if not _NUMBERS.fullmatch(together) or _LONG_EXPONENT.search(together) or max(map(len, column)) > LONGEST_NUMBER:
        return None
    try:
        floats = list(map(float, column))
    except ValueError:
        return None
    sizes = np.abs(floats)
    outside = (sizes < 1.001 * 10.0**-EXPONENT_LIMIT) | (sizes > 9.99 * 10.0**EXPONENT_LIMIT)
    # A nought is one, unless an exponent made it too small for a float.
    return None if any(float(sizes[row]) or "e" in column[row].lower() for row in np.flatnonzero(outside)) else floats


def number_problem(text: str) -> str | None:
    """What is wrong with the text of a number, and what to do; None where nothing is."""
    if text.lower() in MISSING:
        return "the value is missing. Complete the record or leave it out"
    if NOT_FINITE.fullmatch(text):
        return "the value is not a finite number. Correct it or leave the record out"
    if len(text) > LONGEST_NUMBER or not NUMBER.fullmatch(text):
        return 'this is not a number. Write it with a decimal point and no unit, such as "14.25"'
    value = Decimal(text)
    if value and not -EXPONENT_LIMIT <= value.adjusted() <= EXPONENT_LIMIT:
        return f"the value is not between 1e-{EXPONENT_LIMIT} and 1e{EXPONENT_LIMIT}. Correct it"
    return None


def _decimal(text: str) -> Decimal:
    # Of the noughts that can be written, one.
    return Decimal(text) or Decimal(0)


def _labels(lines: list[int], column: Sequence[str], label: Label, problems: _Problems) -> list[int]:
    meant = {same_form(label.negative): 0, same_form(label.positive): 1}
    known = {text: meant.get(same_form(text)) for text in set(column)}
    wrong = f"the label is neither {label.positive!r} nor {label.negative!r}. Correct it"
    for line, text in zip(lines, column, strict=True):
        if known[text] is None:
            problems.add(line, label.name, wrong)
    return [known[text] or 0 for text in column]
