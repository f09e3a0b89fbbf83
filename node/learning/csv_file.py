# SPDX-License-Identifier: Apache-2.0
"""Lines and columns of a CSV file as somebody exported it.

The csv module and not pandas: pandas renames doubled columns, turns "NA" and empty cells into numbers that
are none, guesses types and forgets line numbers, and a value has to reach scaling exactly as it is written.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from node.errors import DataError
from node.words import listed

#: How many names a message shows, and how much of each: they are a stranger's text.
_SHOWN = 6
_LONGEST_NAME = 60
_BYTE_ORDER_MARK = "\ufeff"


class _Reader(Protocol):
    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line of a CSV file that is not blank; raises DataError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from _records(path.name, csv.reader(stream, strict=True))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error.strerror}). Check the path and its rights.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is not text in UTF-8. Export it again as CSV in UTF-8.") from None


def header(lines: Iterator[tuple[int, list[str]]]) -> list[str]:
    """The names of a file's columns, its first line; none where it is empty."""
    return [same_form(cell.lstrip(_BYTE_ORDER_MARK)) for cell in next(lines, (0, []))[1]]


def same_form(text: str) -> str:
    """A name without spaces around it and in one of Unicode's forms: how it looks, however it was typed."""
    return unicodedata.normalize("NFC", text.strip())


def places(name: str, columns: Sequence[str], features: Sequence[str], label: str) -> dict[str, int]:
    """Where each wanted column stands among those of the file called `name`, which has these and no others.

    Raises DataError with all that is missing and unknown by name, and what was probably meant.
    """
    found = list(columns)
    wanted = {same_form(column): column for column in (*features, label)}
    if len(found) == 1 and len(wanted) > 1:
        if not found[0].replace("\t", "").isprintable():
            raise DataError(f"{name} is not a text file. Export it as CSV in UTF-8, with commas.")
        raise DataError(f"{name} has one column. Separate the columns with commas.")
    doubled = [column for column in wanted if found.count(column) > 1]
    if doubled:
        raise DataError(f"{name} has the column {_some(doubled)} more than once. Keep one of them.")
    missing = [column for column in wanted if column not in found]
    unknown = [(place, column) for place, column in enumerate(found, start=1) if column not in wanted]
    meant = {column: alike for column in missing if (alike := _alike(column, [other for _, other in unknown]))}
    if len(missing) == len(wanted) and not meant:
        # What stands there may be a patient's record: it is not shown.
        raise DataError(
            f"{name} has none of the plan's columns. Its first line must hold the column names: "
            f"{_some([*features, label])}."
        )
    problems = []
    if meant:
        pairs = listed([f"{_quoted(theirs)} to {ours!r}" for ours, theirs in meant.items()], _SHOWN)
        problems.append(f"has columns that are named otherwise than in the plan. Rename {pairs}")
    if lacking := [column for column in missing if column not in meant]:
        problems.append(f"lacks the plan's columns {_some(lacking)}. Add them, named exactly so")
    if strange := [(place, column) for place, column in unknown if column not in meant.values()]:
        shown = listed(
            [f"{_quoted(column) or 'one without a name'} (number {place})" for place, column in strange], _SHOWN
        )
        problems.append(f"has columns that the plan does not know: {shown}. Remove them")
    if problems:
        raise DataError(f"{name} {'. It '.join(problems)}.")
    return {column: found.index(form) for form, column in wanted.items()}


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


def _alike(column: str, others: Iterable[str]) -> str | None:
    """The name that differs in capitals, spaces, punctuation or the width of its letters alone."""
    return next((other for other in others if _letters(other) == _letters(column)), None)


def _letters(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).casefold() if sign.isalnum())


def _quoted(text: str) -> str:
    return text and repr(text if len(text) <= _LONGEST_NAME else text[:_LONGEST_NAME] + "…")


def _some(names: Sequence[str]) -> str:
    return listed([_quoted(name) for name in names], _SHOWN)
