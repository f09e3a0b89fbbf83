# SPDX-License-Identifier: Apache-2.0
"""Importing a hospital's data: checked, summarised, written in canonical form, committed to with a salt of its own."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.errors import DataError, UsageError
from node.files import make_private_folder, refuse_if_shared, write_private
from node.learning.datasets.records import DataSet, summary
from node.learning.datasets.splits import split_rows
from node.learning.findings import refuse
from node.plan import HeadPlan
from node.proofs.commitments import SALT_BITS
from node.steps.blocks import Blocks, committed
from node.steps.head_records import read_table_rows
from node.steps.image_records import records_commitment

SALT_SUFFIX = ".salt"
_SALT_DIGITS = SALT_BITS // 4
_SHOWN = 3


@dataclass(frozen=True)
class Imported:
    """What was written: the canonical file, the file of its salt, its commitment, and its summary for people.

    `statement` says what the commitment is over: "records" (SHA-256 tree) or "rows of the plan" (Poseidon tree).
    """

    file: Path
    salt_file: Path
    commitment: int
    statement: str
    summary: dict[str, Any]


def import_data(
    data: DataSet, out: Path, *, plan: HeadPlan | None = None, strict: bool = False, accept: Collection[str] = ()
) -> Imported:
    """Writes a data set's canonical file, readable by its owner alone, and commits to it.

    With a `plan`, the data are a table of the plan's columns, and the commitment is the data root that enrolling
    with the written file puts on chain. Importing the same again changes nothing. Raises DataError for files that
    cannot be used where `strict`, DataDoubtful for what looks wrong and is not among the names to `accept`,
    UsageError where `out` is another file or has another suffix.
    """
    if out.suffix != data.suffix:
        raise UsageError(f"The canonical file of {data.kind} ends in {data.suffix}: name it so with --out.")
    if strict and data.refused:
        shown = "; ".join(f"{item.file}: {item.reason}" for item in data.refused[:_SHOWN])
        more = len(data.refused) - _SHOWN
        raise DataError(f"{len(data.refused)} files cannot be used: {shown}{f'; and {more} more' if more > 0 else ''}.")
    accepted = refuse("The source", data.findings, accept)
    content = data.to_bytes()
    write_once(out, content)
    salt = salt_beside(out)
    if salt is None:
        salt = secrets.randbits(SALT_BITS)
        write_private(_salt_file(out), f"{salt:0{_SALT_DIGITS}x}\n".encode())
    counted = summary(data) | {"file": str(out), "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    counted["accepted"] = [found.name for found in accepted]
    if plan is None:
        commitment, statement = records_commitment(data, salt), "records"
    else:
        commitment, statement = _data_root(out, plan, salt), "rows of the plan"
    return Imported(out, _salt_file(out), commitment, statement, counted)


def _data_root(table: Path, plan: HeadPlan, salt: int) -> int:
    rows = committed(read_table_rows(table, plan), plan, salt)
    if isinstance(rows, Blocks):
        raise UsageError(
            f"The table has {rows.count} rows, and the plan's circuit takes {plan.training.rows_maximum}: enrolling "
            "draws an order for them and commits to blocks, so nothing can be said of it now. Leave --plan out."
        )
    return rows.commitment()


def write_once(file: Path, content: bytes) -> None:
    """Writes a file that its owner alone can read; what is there already is never replaced by something else."""
    if not file.exists():
        write_private(file, content)
    elif file.read_bytes() != content:
        raise UsageError(f"{file} exists already and is another file: name another place with --out.")


def salt_beside(data: Path) -> int | None:
    """The salt of an imported file, or None where it was not imported; raises ConfigError, DataError."""
    file = _salt_file(data)
    if not file.exists():
        return None
    refuse_if_shared(file)
    text = file.read_bytes().strip()
    try:
        salt = int(text, 16) if len(text) == _SALT_DIGITS else -1
    except ValueError:
        salt = -1
    if salt < 0:
        raise DataError(f"{file.name} is not the salt of an imported file. Restore it, or import under another name.")
    return salt


def deal(
    data: DataSet,
    folder: Path,
    *,
    hospitals: int,
    scheme: str,
    alpha: float,
    seed: int,
    accept: Collection[str] = (),
) -> list[tuple[Path, DataSet]]:
    """Writes hospital-1, hospital-2 … and, where there are other splits, held-out to a folder, and what was done to
    split.json; returns the files with their data. The same arguments write the same bytes. Raises UsageError, and
    DataDoubtful as `import_data` does.
    """
    refuse("The source", data.findings, accept)
    records = list(data.records())
    labels = [record.label for record in records if record.split == "train"]
    if not labels:
        raise UsageError("There is no training split to deal out.")
    places = split_rows(labels, hospitals, scheme, alpha, seed)
    parts = [(f"hospital-{number}", data.hospital(place)) for number, place in enumerate(places, start=1)]
    held_out = data.held_out()
    if held_out is not None:
        parts.append(("held-out", held_out))
    make_private_folder(folder)
    files = []
    for name, part in parts:
        path = folder / (name + part.suffix)
        write_once(path, part.to_bytes())
        files.append((path, part))
    about = {
        "scheme": scheme,
        "alpha": None if scheme == "iid" else alpha,
        "seed": seed,
        "source": hashlib.sha256(data.to_bytes()).hexdigest(),
        "files": [
            {"file": path.name, "records": sum(1 for _ in part.records()), "classes": dict(part.classes)}
            for path, part in files
        ],
    }
    write_once(folder / "split.json", (json.dumps(about, indent=1, sort_keys=True) + "\n").encode())
    return files


def _salt_file(data: Path) -> Path:
    return data.with_name(data.name + SALT_SUFFIX)
