# SPDX-License-Identifier: Apache-2.0
"""Image sets from a folder of PNG and JPEG files with a CSV of labels.

The CSV has a column of file names relative to the folder, one of labels, and it may have one named "split"
(train, val or test; without it everything is train). Images come in the order of its lines. Names are the same
in whichever of Unicode's forms the file system and the CSV have them. A file that
cannot be read, one that is missing and one without a label are listed with the reason; a line that would
lead out of the folder, or that contradicts another one, is an error.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from node.errors import DataError
from node.files import is_litter
from node.learning.csv_file import header, records, same_form
from node.learning.datasets.image_checks import check_images
from node.learning.datasets.images import SIDE, Images, ImageSet, Pixels
from node.learning.datasets.medmnist import IMAGES_LIMIT
from node.learning.datasets.pixels import read_image
from node.learning.datasets.records import SPLITS, Refused, binary_label

SPLIT_COLUMN = "split"
LABEL_LENGTH = 100
_SUFFIXES = (".png", ".jpg", ".jpeg")

#: Told after each file how many of how many have been read.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Line:
    number: int
    file: str
    label: str
    split: str


def read_folder(
    folder: Path,
    labels: Path,
    *,
    image_column: str,
    label_column: str,
    positive: str | None,
    progress: Progress = lambda done, total: None,
) -> ImageSet:
    """Reads the labelled images of a folder, cut and reduced to 28×28 grey values (`pixels` says how).

    `positive`: the label that counts as 1, all others as 0; may be None where labels are "0" and "1". Raises
    DataError for a CSV that cannot be used, or where no image is left.
    """
    files = _files(folder)
    lines = list(_lines(folder, labels, image_column, label_column, files))
    found = {line.label for line in lines if line.label}
    if positive is None and not found <= {"0", "1"}:
        raise DataError(
            f"{labels.name} has {len(found)} different labels: choose the one that counts as 1 with --positive."
        )
    wanted = "1" if positive is None else positive
    if positive is not None and positive not in found:
        raise DataError(f"{labels.name}: no line has the label given with --positive. Write it as in the file.")
    pixels: dict[str, list[Pixels]] = {name: [] for name in SPLITS}
    answers: dict[str, list[str]] = {name: [] for name in SPLITS}
    origins: dict[str, list[tuple[str, int | None]]] = {name: [] for name in SPLITS}
    refused = []
    for place, line in enumerate(lines, start=1):
        try:
            if not line.label:
                raise DataError(f"its line {line.number} of {labels.name} has no label: complete it")
            image = read_image(folder / files.get(line.file, line.file))
        except DataError as error:
            refused.append(Refused(line.file, str(error)))
        else:
            pixels[line.split].append(image.pixels)
            answers[line.split].append(line.label)
            origins[line.split].append((line.file, image.bits))
        progress(place, len(lines))
    without = sorted(files.keys() - {line.file for line in lines})
    refused += [Refused(file, f"no line of {labels.name} gives its label: add one") for file in without]
    used = [name for name in SPLITS if answers[name]]
    splits = {
        name: Images(
            np.array(pixels[name], dtype=np.uint8).reshape(-1, SIDE, SIDE),
            np.array([answer == wanted for answer in answers[name]], dtype=np.uint8),
        )
        for name in used
    }
    label = binary_label(label_column, wanted, found)
    return ImageSet(
        splits=splits,
        label=label,
        classes={name: dict(sorted(Counter(answers[name]).items())) for name in used},
        refused=tuple(refused),
        findings=check_images(splits, label, origins),
    )


def _lines(
    folder: Path, labels: Path, image_column: str, label_column: str, files: Mapping[str, str]
) -> Iterator[_Line]:
    table = records(labels)
    columns = header(table)
    for column in (image_column, label_column):
        if columns.count(column) != 1:
            raise DataError(
                f"{labels.name} has the column {column!r} {columns.count(column)} times and needs it once: name the "
                "columns of files and labels with --image-column and --label-column."
            )
    split = columns.index(SPLIT_COLUMN) if SPLIT_COLUMN in columns else None
    image, label = columns.index(image_column), columns.index(label_column)
    seen: dict[str, int] = {}
    for number, cells in table:
        where = f"{labels.name}, line {number}"
        if len(cells) != len(columns):
            raise DataError(f"{where}: {len(cells)} cells, but there are {len(columns)} columns.")
        file = same_form(cells[image])
        _check_inside(folder, where, file, files)
        line = _Line(
            number,
            file=str(PurePosixPath(file)),
            label=cells[label].strip(),
            split="train" if split is None else cells[split].strip(),
        )
        if line.split not in SPLITS:
            raise DataError(f"{where}: the split is none of {', '.join(SPLITS)}. Correct it.")
        if not line.label.isprintable() or len(line.label) > LABEL_LENGTH:
            raise DataError(f"{where}: the label is not a text of at most {LABEL_LENGTH} characters. Correct it.")
        if line.file in seen:
            raise DataError(f"{where}: this file has a line already, number {seen[line.file]}. Keep one of them.")
        if len(seen) == IMAGES_LIMIT:
            raise DataError(f"{labels.name} has more than {IMAGES_LIMIT} lines. Import the folder in parts.")
        seen[line.file] = number
        yield line
    if not seen:
        raise DataError(f"{labels.name} names no files. It needs a line of column names and one line for each image.")


def _check_inside(folder: Path, where: str, file: str, files: Mapping[str, str]) -> None:
    """Refuses a name that does not lie in the folder: nothing that a CSV says may open another file."""
    name = PurePosixPath(file)
    if not file or not file.isprintable() or "\\" in file or name.is_absolute() or ".." in name.parts:
        raise DataError(f"{where}: this is not the name of a file in the folder, as in images/1.png. Correct it.")
    try:
        inside = (folder / files.get(str(name), name)).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        inside = False
    if not inside:
        raise DataError(f"{where}: a link leads out of the folder. Copy the file into it.")


def _files(folder: Path) -> dict[str, str]:
    """The images in a folder, by their names in one of Unicode's forms; raises DataError where two have one name."""
    found: dict[str, str] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not is_litter(name)]
        for name in files:
            if is_litter(name) or Path(name).suffix.lower() not in _SUFFIXES:
                continue
            file = Path(place, name).relative_to(folder).as_posix()
            if (seen := found.setdefault(same_form(file), file)) != file:
                raise DataError(
                    f"{folder.name} has two files called {same_form(file)!r}, whose names differ in Unicode's form "
                    f"or in spaces around them alone ({seen!a} and {file!a}). Rename one of them."
                )
    return found
