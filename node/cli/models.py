# SPDX-License-Identifier: Apache-2.0
"""`consilium model`: take a trained model home, measure it, tell where it comes from; `consilium predict`: use it."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path

import click

from node.chain.client import ChainReader
from node.cli.data import reading_options
from node.cli.group import command
from node.cli.session import Session
from node.config import StorageConfig
from node.errors import DataError, StudyError, UsageError
from node.files import make_private_folder
from node.types import Phase

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

    reader = session.reader
    round_number = round_number or _last_finalised(reader, study_id)
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
        opened = open_store(settings, folder, peers, serve=False, local_chain=reader.deployment.is_local)
        store = stack.enter_context(contextlib.closing(opened))
        export_model(reader, store, study_id, round_number, target)
    session.out.done(
        f"Model of study {study_id} after round {round_number}: {target}",
        {"study": study_id, "round": round_number, "file": str(target)},
    )


def _last_finalised(reader: ChainReader, study_id: int) -> int:
    for number in range(reader.current_round(study_id), 0, -1):
        if reader.round_state(study_id, number).closed_as is Phase.FINALISED:
            return number
    raise UsageError(f"Study {study_id} has no finalised round yet.")


@command(model, "evaluate")
@click.argument("model_file", type=_FILE, metavar="MODEL.npz")
@click.option("--data", "source", required=True, type=_FILE, help="Labelled images, or a .csv table.")
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="Which images [test].")
@reading_options
def evaluate(
    session: Session,
    model_file: Path,
    source: Path,
    split: str | None,
    label_column: str | None,
    positive: str | None,
    labels: Path | None,
    image_column: str | None,
) -> None:
    """Measure a model on data of one's own.

    A model of images takes what `consilium data import` takes, a model of a table a .csv file with exactly its
    columns. Prints the area under the ROC curve, the sensitivity at 95 % specificity, the accuracy at one half,
    and how far probabilities are from frequencies (--json: bin by bin). Nothing leaves this machine.

    \b
    Example: consilium model evaluate model.npz --data pneumoniamnist.npz --split test
    """
    from node.learning.datasets.source import Reading
    from node.learning.model_file import read_model
    from node.learning.scoring import evaluate_file

    loaded = read_model(model_file)
    values = dataclasses.asdict(
        evaluate_file(loaded, source, Reading(label_column, positive, image_column, labels), split)
    )
    del values["curve"]
    if not session.options.as_json:
        del values["bins"]
    shown = {name: f"{value:.4f}" for name, value in values.items() if isinstance(value, float)}
    where = f"{source.name}, {split or 'test'}" if loaded.takes_images else source.name
    session.out.record(f"Study {loaded.study}, round {loaded.round}, on {where}", values, shown)


@command(model, "card")
@click.option("--study", "study_id", type=click.IntRange(min=1), required=True, help="Number of the study.")
@click.option("--round", "round_number", type=click.IntRange(min=1), help="Round [the last finalised].")
@click.option("--data", "source", type=_FILE, help="Labelled data to measure it on: images, or a .csv table.")
@click.option("--split", type=click.Choice(["train", "val", "test"]), help="Which images [test].")
@click.option("--store", "stores", type=_FILE, multiple=True, help="A folder of blocks to read from; repeatable.")
@click.option("-o", "--out", type=_FILE, required=True, help="Files to write, OUT.json and OUT.md.")
@reading_options
def card(
    session: Session,
    study_id: int,
    round_number: int | None,
    source: Path | None,
    split: str | None,
    stores: tuple[Path, ...],
    out: Path,
    label_column: str | None,
    positive: str | None,
    labels: Path | None,
    image_column: str | None,
) -> None:
    """Write the card of a round's model, as JSON and Markdown.

    It says what the model is, which data were committed to, what is proved and by which proofs, what it has
    spent in privacy, and, with --data, how good it is on them.

    \b
    Example: consilium model card --study 1 --data held-out.csv -o card
    """
    from node.audit.card import Quality, markdown, model_card
    from node.audit.contents import open_contents
    from node.audit.studies import read_study
    from node.learning.datasets.source import Reading
    from node.learning.model_file import ModelFile
    from node.learning.privacy import epsilon
    from node.learning.scoring import evaluate_file
    from node.steps.extractors import extractor_file, extractor_weights

    reader = session.reader
    number = round_number or _last_finalised(reader, study_id)
    own = (session.config.store_folder,) if session.has_config else ()
    gateways = [hospital.endpoint for hospital in reader.hospitals() if hospital.endpoint]
    private = reader.deployment.is_local or (session.has_config and session.config.storage.private_gateways)
    contents = open_contents([*stores, *own], gateways, public_only=not private)
    view = read_study(reader, contents, study_id)
    quality = None
    if source is not None:
        found = next((one for one in view.models if one.round_number == number), None)
        if found is None or found.weights is None or view.plan.document is None:
            raise StudyError(
                f"The model of study {study_id}, round {number}, cannot be read: name a --store that has it."
            )
        plan = view.plan.document
        loaded = ModelFile.of(
            plan,
            study=study_id,
            round=number,
            root=found.root,
            weights=found.weights,
            extractor=extractor_weights(plan, extractor_file(plan, get=contents.get)),
        )
        how = Reading(label_column, positive, image_column, labels)
        figures = dataclasses.asdict(evaluate_file(loaded, source, how, split))
        for many in ("curve", "bins"):
            del figures[many]
        digest = hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
        quality = Quality(source.name, digest, (split or "test") if loaded.takes_images else None, figures)
    made = model_card(reader, view, number, quality, epsilon)
    files = out.with_name(out.name + ".json"), out.with_name(out.name + ".md")
    files[0].write_text(json.dumps(made, indent=1) + "\n")
    files[1].write_text(markdown(made), encoding="utf-8")
    session.out.done(
        f"The card of study {study_id}, round {number}: {files[0]} and {files[1]}",
        {"study": study_id, "round": number, "json": str(files[0]), "markdown": str(files[1])},
    )


def add_predict_command(cli: click.Group) -> None:
    """Add the command at the top level."""

    @command(cli, "predict")
    @click.argument("sources", type=_FILE, nargs=-1, required=True, metavar="FILE...")
    @click.option("--model", "model_file", required=True, type=_FILE, help="A model, as exported.")
    @click.option("--id", "identifier", help="A column of the table to write beside each probability, as it is.")
    @click.option("-o", "--out", type=_FILE, help="CSV file to write, instead of printing.")
    def predict(
        session: Session, sources: tuple[Path, ...], model_file: Path, identifier: str | None, out: Path | None
    ) -> int:
        """Score records or images with a model.

        Records are those of a table, images PNG or JPEG files.

        Gives the probability of the positive class for each. A table is one .csv file with the model's columns, in
        any order and among others, which are not used; it needs no label. If a cell cannot be used, all such
        cells are listed and nothing is scored. An image that cannot be read is listed with the reason, and the
        command then ends with 3. For research: no diagnosis.

        \b
        Example: consilium predict patients.csv --model model.npz --id patient -o scores.csv
        Example: consilium predict radiograph.png --model model.npz
        """
        from node.cli.predicting import of_images, of_table, write
        from node.learning.model_file import read_model

        loaded = read_model(model_file)
        if not loaded.takes_images and len(sources) == 1 and sources[0].suffix.lower() == ".csv":
            scores = of_table(loaded, sources[0], identifier)
        elif identifier is not None:
            raise UsageError("Images have no columns: leave --id out.")
        else:
            scores = of_images(loaded, sources)
        title = f"Probability of {loaded.label.positive!r}"
        if out is None:
            session.out.rows(title, scores.columns, scores.rows, "")
        else:
            write(out, scores)
            values = {"file": str(out), "records": len(scores.rows), "study": loaded.study, "round": loaded.round}
            session.out.done(f"{title} of {len(scores.rows)} records: {out}", values)
        if scores.note:
            session.out.note(scores.note)
        return DataError.exit_code if scores.problems else 0
