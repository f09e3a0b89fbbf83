# SPDX-License-Identifier: Apache-2.0
"""`consilium model`: take a trained model home."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
from pathlib import Path

import click

from node.cli.group import command
from node.cli.session import Session
from node.config import StorageConfig
from node.errors import DataError, UsageError
from node.files import make_private_folder

_FILE = click.Path(path_type=Path)


@click.group()
def model() -> None:
    """Export and try out a study's models."""


@command(model, "export")
@click.option("--study", "study_id", type=click.IntRange(min=1), required=True, help="Number of the study.")
@click.option("--round", "round_number", type=click.IntRange(min=1), help="Round [the last finalised].")
@click.option("-o", "--out", "path", type=_FILE, help="File to write [study-N-round-M.npz].")
def export(session: Session, study_id: int, round_number: int | None, path: Path | None) -> None:
    """Write a round's model as a NumPy archive.

    The weights are checked against the root on chain.

    \b
    Example: consilium model export --study 1 --round 3 -o model.npz
    """
    from node.steps.models import export as export_model
    from node.storage.store import open_store
    from node.types import Phase

    reader = session.reader
    if round_number is None:
        rounds = range(reader.current_round(study_id), 0, -1)
        finalised = (r for r in rounds if reader.round_state(study_id, r).closed_as is Phase.FINALISED)
        round_number = next(finalised, None)
        if round_number is None:
            raise UsageError(f"Study {study_id} has no finalised round yet.")
    target = path or Path(f"study-{study_id}-round-{round_number}.npz")

    def peers() -> list[str]:
        return [hospital.endpoint for hospital in reader.hospitals() if hospital.endpoint]

    with contextlib.ExitStack() as stack:
        # A node's own blocks come first; anybody else fetches from the hospitals.
        if session.has_config:
            settings, folder = session.config.storage, session.config.store_folder
            make_private_folder(folder)
        else:
            settings, folder = StorageConfig(), Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(contextlib.closing(open_store(settings, folder, peers, serve=False)))
        export_model(reader, store, study_id, round_number, target)
    session.out.done(
        f"Model of study {study_id} after round {round_number}: {target}",
        {"study": study_id, "round": round_number, "file": str(target)},
    )


@command(model, "evaluate")
@click.argument("model_file", type=_FILE, metavar="MODEL.npz")
@click.option("--data", "table", required=True, type=_FILE, help="A CSV table with the plan's columns.")
def evaluate(session: Session, model_file: Path, table: Path) -> None:
    """Measure a model on a table of one's own.

    Prints the AUC and the accuracy at one half. Nothing leaves this machine.

    \b
    Example: consilium model evaluate model.npz --data held-out.csv
    """
    from node.learning.metrics import evaluate as measure
    from node.learning.model_file import FILE_LIMIT, from_bytes
    from node.learning.scaling import Scaling
    from node.learning.tables import read_table

    try:
        with model_file.open("rb") as stream:
            content = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise DataError(f"The model {model_file} cannot be read ({error.strerror}).") from None
    loaded = from_bytes(content)
    records = read_table(table, loaded.features, loaded.label, capacity=sys.maxsize)
    metrics = measure(loaded.weights, Scaling(loaded.scaling).apply(records.rows), records.labels)
    session.out.record(
        f"Study {loaded.study}, round {loaded.round}, on {table.name}",
        dataclasses.asdict(metrics),
        {"auc": f"{metrics.auc:.4f}", "accuracy": f"{metrics.accuracy:.4f}"},
    )
