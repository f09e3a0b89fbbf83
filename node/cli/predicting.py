# SPDX-License-Identifier: Apache-2.0
"""The scores of a table's records or of images, as `consilium predict` prints or writes them."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from node.errors import DataError, UsageError
from node.files import write_private
from node.learning import scoring
from node.learning.datasets.images import SIDE
from node.learning.datasets.pixels import read_image
from node.learning.model_file import ModelFile
from node.learning.prediction import NAMES_SHOWN, predict_table
from node.words import listed


@dataclass(frozen=True)
class Scores:
    """What is told, line by line, whether something could not be scored, and what to know besides."""

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]] = field(repr=False)
    problems: bool = False
    note: str = ""


def of_table(model: ModelFile, source: Path, identifier: str | None) -> Scores:
    """The scores of a CSV file's records, by line and, if named, by a column of identifiers."""
    if identifier in ("line", "probability", "label"):
        raise UsageError(f"The scores have a column {identifier!r} of their own: rename yours, or leave --id out.")
    found = predict_table(model, source, identifier)
    kept = [()] * len(found.lines) if identifier is None else [(text,) for text in found.identifiers]
    return Scores(
        ("line", *(() if identifier is None else (identifier,)), "probability", "label"),
        [
            (line, *name, probability, model.class_of(probability))
            for line, name, probability in zip(found.lines, kept, found.probabilities, strict=True)
        ],
        note=f"Not used: the columns {listed([repr(name) for name in found.unused], NAMES_SHOWN)}."
        if found.unused
        else "",
    )


def of_images(model: ModelFile, sources: tuple[Path, ...]) -> Scores:
    """The scores of image files, with the reason where one cannot be read."""
    pixels, problems = {}, {}
    for image in dict.fromkeys(sources):
        try:
            pixels[image] = read_image(image).pixels
        except DataError as error:
            problems[image] = str(error)
    scores = scoring.of_images(model, np.array([*pixels.values()], dtype=np.uint8).reshape(-1, SIDE, SIDE))
    found = dict(zip(pixels, scores.tolist(), strict=True))
    rows: list[tuple[object, ...]] = [
        (str(image), None, None, problems[image])
        if image in problems
        else (str(image), round(found[image], 6), model.class_of(found[image]), None)
        for image in dict.fromkeys(sources)
    ]
    return Scores(("file", "probability", "label", "problem"), rows, bool(problems))


def write(path: Path, scores: Scores) -> None:
    """Write a CSV file in one piece, readable by its owner alone, since it is about patients.

    Raises `UsageError` where something else stands there already.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(scores.columns)
    writer.writerows(scores.rows)
    content = stream.getvalue().encode()
    try:
        if path.exists() and path.read_bytes() != content:
            raise UsageError(f"{path} exists already and holds something else: name another place with -o.")
        write_private(path, content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror}).") from None
