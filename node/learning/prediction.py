# SPDX-License-Identifier: Apache-2.0
"""What a model of a table says of records whose answer nobody knows yet.

Messages name line and column and never a value, as those of `node.learning.tables` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from node.errors import DataError
from node.learning import scoring
from node.learning.csv_file import header, records, same_form
from node.learning.model_file import ModelFile
from node.learning.tables import number_problem
from node.words import listed

#: How many bad cells, and how many names, a message tells.
_CELLS_SHOWN, NAMES_SHOWN = 20, 6


@dataclass(frozen=True)
class Predictions:
    """Of n records in a file's order: their lines, what identifies them if a column was named, and probabilities.

    `unused`: columns of the file that the model does not know.
    """

    lines: tuple[int, ...]
    identifiers: tuple[str, ...] = field(repr=False)
    probabilities: tuple[float, ...] = field(repr=False)
    unused: tuple[str, ...]


def predict_table(model: ModelFile, source: Path, identifier: str | None = None) -> Predictions:
    """Scores every record of a CSV file that has the model's columns, in any order and among others.

    `identifier`: a column to keep beside the scores, as it is written. Raises DataError with every cell that cannot
    be used; then nothing is scored.
    """
    lines = records(source)
    columns = header(lines)
    wanted = [*model.features, *([] if identifier is None else [identifier])]
    places = _places(source.name, columns, wanted)
    numbers = {name: places[name] for name in model.features}
    rows: list[tuple[Decimal, ...]] = []
    found: list[tuple[int, str]] = []
    problems: list[str] = []
    for line, cells in lines:
        if len(cells) != len(columns):
            problems.append(f"line {line}: {len(cells)} cells, but there are {len(columns)} columns")
            continue
        texts = {name: cells[place].strip() for name, place in numbers.items()}
        wrong = {name: problem for name, text in texts.items() if (problem := number_problem(text))}
        problems += [f"line {line}, column {name!r}: {problem}" for name, problem in wrong.items()]
        if not problems:
            rows.append(tuple(map(Decimal, texts.values())))
            found.append((line, "" if identifier is None else cells[places[identifier]]))
    if problems:
        more = f"; and {len(problems) - _CELLS_SHOWN} more" if len(problems) > _CELLS_SHOWN else ""
        count = f"{len(problems)} places of {source.name} cannot be used" if len(problems) > 1 else source.name
        raise DataError(f"{count}: {'; '.join(problems[:_CELLS_SHOWN])}{more}. Nothing was scored.")
    if not rows:
        raise DataError(f"{source.name} has no records under its line of column names.")
    return Predictions(
        lines=tuple(line for line, _ in found),
        identifiers=tuple(text for _, text in found),
        probabilities=tuple(scoring.of_rows(model, rows).tolist()),
        unused=tuple(name for place, name in enumerate(columns) if place not in places.values()),
    )


def _places(file: str, columns: Sequence[str], wanted: Sequence[str]) -> dict[str, int]:
    forms = {name: same_form(name) for name in wanted}
    missing = [repr(name) for name, form in forms.items() if form not in columns]
    if missing:
        raise DataError(
            f"{file} lacks {len(missing)} of the {len(wanted)} columns that are needed: "
            f"{listed(missing, NAMES_SHOWN)}. Add them, named exactly so, in the first line."
        )
    twice = [repr(name) for name, form in forms.items() if columns.count(form) > 1]
    if twice:
        raise DataError(f"{file} has columns more than once: {listed(twice, NAMES_SHOWN)}. Keep one of each.")
    return {name: columns.index(form) for name, form in forms.items()}
