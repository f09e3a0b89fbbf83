# SPDX-License-Identifier: Apache-2.0
"""Reading a hospital's table from a CSV file, strictly.

The csv module and not pandas: pandas renames doubled columns, turns "NA" and empty cells into numbers that
are none, guesses types and forgets line numbers, and a value has to reach scaling exactly as it is written.
Messages name line and column and never a value: they end in logs, and the file holds patients' records.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from pathlib import Path
from typing import NoReturn, Protocol

from node.errors import DataError
from node.plan import Label

NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
MISSING = {"", "na", "n/a", "null", "none", "?", "-"}
LONGEST_NUMBER = 64
# Beyond these powers of ten a number is a mistake, and exact arithmetic on it would take long.
EXPONENT_LIMIT = 30


class _Reader(Protocol):
    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


@dataclass(frozen=True)
class Table:
    """n records as measured: `rows` holds n tuples of D values in the plan's order, `labels` n of 0 or 1."""

    features: tuple[str, ...]
    rows: tuple[tuple[Decimal, ...], ...]
    labels: tuple[int, ...]


def read_table(path: Path, features: Sequence[str], label: Label, *, capacity: int) -> Table:
    """Reads a CSV file whose columns are exactly the plan's features and its label, in any order.

    `capacity`: the most rows that are read. Raises DataError with the line, the column and what to do.
    """
    return _read(path.name, records(path), tuple(features), label, capacity)


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line of a CSV file that is not blank; raises DataError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from _records(path.name, csv.reader(stream, strict=True))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}). Check the path and its rights.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not text in UTF-8. Export it again as CSV in UTF-8.") from None


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


def _read(
    name: str, lines: Iterator[tuple[int, list[str]]], features: tuple[str, ...], label: Label, capacity: int
) -> Table:
    header = next(lines, None)
    if header is None:
        raise DataError(f"{name} is empty. It needs a line of column names and at least one record.")
    places = _places(name, [column.strip() for column in header[1]], features, label.name)
    rows: list[tuple[Decimal, ...]] = []
    labels: list[int] = []
    for line, cells in lines:
        if len(cells) != len(places):
            raise DataError(f"{name}, line {line}: {len(cells)} cells, but there are {len(places)} columns.")
        if len(rows) == capacity:
            raise DataError(
                f"{name} has more than {capacity} records, the most that can be read here. Choose the records to use."
            )
        rows.append(tuple(_number(name, line, feature, cells[places[feature]]) for feature in features))
        labels.append(_label(name, line, label, cells[places[label.name]]))
    if not rows:
        raise DataError(f"{name} has column names but no records.")
    return Table(features, tuple(rows), tuple(labels))


def _records(name: str, reader: _Reader) -> Iterator[tuple[int, list[str]]]:
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(f"{name}, line {reader.line_num}: this is not well-formed CSV ({error}).") from None
        if cells:
            yield reader.line_num, cells


def _places(name: str, columns: list[str], features: tuple[str, ...], label: str) -> dict[str, int]:
    """Where each wanted column stands; unknown names are counted and not shown, since they may be data."""
    wanted = {*features, label}
    if len(columns) == 1 and len(wanted) > 1:
        raise DataError(f"{name} has one column. Separate the columns with commas.")
    for column in columns:
        if column in wanted and columns.count(column) > 1:
            raise DataError(f"{name} has the column {column!r} more than once. Keep one of them.")
    missing = [column for column in (*features, label) if column not in columns]
    unknown = [str(place) for place, column in enumerate(columns, start=1) if column not in wanted]
    if len(missing) == len(wanted):
        raise DataError(
            f"{name} has none of the plan's columns. Its first line must hold the column names: "
            f"{_some([*features, label])}."
        )
    if missing:
        raise DataError(f"{name} lacks the plan's columns {_some(missing)}. Add them, named exactly so.")
    if unknown:
        raise DataError(f"{name} has columns that the plan does not know: number {_some(unknown)}. Remove them.")
    return {column: columns.index(column) for column in wanted}


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


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


def _number(name: str, line: int, column: str, cell: str) -> Decimal:
    text = cell.strip()
    problem = number_problem(text)
    if problem is not None:
        _refuse(f"{name}, line {line}, column {column!r}", problem)
    return Decimal(text) or Decimal(0)


def _label(name: str, line: int, label: Label, cell: str) -> int:
    text = cell.strip()
    if text not in (label.positive, label.negative):
        _refuse(
            f"{name}, line {line}, column {label.name!r}",
            f"the label is neither {label.positive!r} nor {label.negative!r}. Correct it",
        )
    return int(text == label.positive)


def _refuse(where: str, problem: str) -> NoReturn:
    raise DataError(f"{where}: {problem}.")
