# SPDX-License-Identifier: Apache-2.0
"""`consilium data`: a hospital's data before a study."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from node.cli.group import accept_option, command
from node.cli.session import Session
from node.errors import DataError, UsageError

_FILE = click.Path(path_type=Path)
# A folder may hold thousands of files without a label; programs are told of all.
_SHOWN = 20


@click.group()
def data() -> None:
    """Fetch, check, import and deal out data."""


def reading_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a source is read."""
    options = (
        click.option("--label-column", help="Column of the label; of an .npz file with several labels, its number."),
        click.option("--positive", help="The label that counts as 1, all others as 0 [1]."),
        click.option("--labels", type=_FILE, help="CSV of a folder's labels [labels.csv in it]."),
        click.option("--image-column", help="That CSV's column of file names [file]."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@command(data, "import")
@click.argument("source", type=_FILE)
@click.option("-o", "--out", required=True, type=_FILE, help="File to write: .npz for images, .csv for a table.")
@reading_options
@click.option("--plan", "plan_file", type=_FILE, help="A study's plan: commit to a table as enrolling does.")
@click.option("--strict", is_flag=True, help="Stop where a file cannot be used, instead of listing it.")
@accept_option
def import_(
    session: Session,
    source: Path,
    out: Path,
    label_column: str | None,
    positive: str | None,
    labels: Path | None,
    image_column: str | None,
    plan_file: Path | None,
    strict: bool,
    accept: tuple[str, ...],
) -> None:
    """Check data and write them in one form.

    SOURCE is an .npz file in MedMNIST's layout, a folder of PNG and JPEG files with a CSV of labels, or a .csv
    table. Prints counts, class balance, exact duplicates and unreadable files, and the commitment, whose salt
    is kept beside the file. What is probably wrong is refused, as `consilium enrol` does. Nothing leaves this machine.

    \b
    Example: consilium data import radiographs/ --positive pneumonia --out records.npz
    """
    from node.learning.datasets.source import Reading, load
    from node.plan import HeadPlan, ImageHeadPlan, TrainingPlan
    from node.steps.dataset import import_data

    plan: HeadPlan | None = None
    if plan_file is not None:
        try:
            parsed = TrainingPlan.parse(plan_file.read_bytes())
        except OSError as error:
            raise DataError(f"The plan {plan_file} cannot be read ({error.strerror}).") from None
        if not isinstance(parsed, HeadPlan) or isinstance(parsed, ImageHeadPlan):
            raise UsageError("--plan is for tables: leave it out for images.")
        plan = parsed
    with _progress(session, "Reading images") as progress:
        found = load(source, Reading(label_column, positive, image_column, labels, plan), progress)
    done = import_data(found, out, plan=plan, strict=strict, accept=accept)
    values = done.summary | {
        "commitment": done.commitment,
        "commitment_over": done.statement,
        "salt_file": str(done.salt_file),
    }
    if session.options.as_json:
        session.out.record("", values)
        return
    session.out.record(f"Imported {source}", _for_people(values))
    refused = values["unreadable"]
    if refused:
        shown = [(item["file"], item["reason"]) for item in refused[:_SHOWN]]
        more = f" (the first {_SHOWN} of {len(refused)}; --json lists all)" if len(refused) > _SHOWN else ""
        session.out.rows(f"Not used{more}", ("file", "reason"), shown, "")


@command(data, "fetch")
@click.argument("name", type=click.Choice(["pneumoniamnist"]))
@click.option("--from", "file", type=_FILE, help="A file that is here already: checked and copied.")
@click.option("-o", "--out", type=_FILE, help="File to write [NAME.npz].")
def fetch(session: Session, name: str, file: Path | None, out: Path | None) -> None:
    """Get a public data set, checked by its MD5.

    Downloads the official file over HTTPS. A file that does not have the published MD5 is never kept.

    \b
    Example: consilium data fetch pneumoniamnist --out pneumoniamnist.npz
    """
    from node.learning.datasets import official

    source, target = official.SOURCES[name], out or Path(f"{name}.npz")
    if file is not None:
        new = official.take(source, file, target)
    else:
        with _progress(session, "Downloading") as progress:
            new = official.fetch(source, target, progress)
    session.out.done(
        f"{target} {'is' if new else 'was there already:'} the official file (MD5 {source.md5}). {source.credit}.",
        {"file": str(target), "md5": source.md5, "new": new, "credit": source.credit},
    )


@command(data, "split")
@click.argument("source", type=_FILE)
@click.option("--hospitals", required=True, type=click.IntRange(1, 64))
@click.option("--scheme", type=click.Choice(["iid", "dirichlet", "size"]), default="iid", show_default=True)
@click.option("--alpha", type=float, default=0.5, show_default=True, help="The smaller, the more unequal.")
@click.option("--seed", type=click.IntRange(min=0), required=True, help="The same seed gives the same files.")
@click.option("-o", "--out", required=True, type=_FILE, help="Folder to write to.")
@reading_options
@accept_option
def split(
    session: Session,
    source: Path,
    hospitals: int,
    scheme: str,
    alpha: float,
    seed: int,
    out: Path,
    label_column: str | None,
    positive: str | None,
    labels: Path | None,
    image_column: str | None,
    accept: tuple[str, ...],
) -> None:
    """Deal data out among simulated hospitals.

    The training split goes to hospital-1, hospital-2 and so on, other splits to held-out. Schemes: iid; by
    class with Dirichlet shares; by size alone with Dirichlet shares.

    \b
    Example: consilium data split pneumoniamnist.npz --hospitals 5 --scheme dirichlet --seed 1 --out split/
    """
    from node.learning.datasets.source import Reading, load
    from node.steps.dataset import deal

    with _progress(session, "Reading images") as progress:
        found = load(source, Reading(label_column, positive, image_column, labels), progress)
    files = deal(found, out, hospitals=hospitals, scheme=scheme, alpha=alpha, seed=seed, accept=accept)
    rows = []
    for path, part in files:
        answers = [record.label for record in part.records()]
        rows.append((str(path), len(answers), sum(answers)))
    session.out.rows(f"{source} for {hospitals} hospitals", ("file", "records", "positives"), rows, "")


@contextlib.contextmanager
def _progress(session: Session, what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where somebody looks at it."""
    from rich.console import Console
    from rich.progress import Progress

    hidden = session.options.as_json or not sys.stderr.isatty()
    with Progress(console=Console(stderr=True), disable=hidden, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _for_people(values: dict[str, Any]) -> dict[str, Any]:
    """The summary, a line for each thing."""
    shown: dict[str, Any] = {"records": values["records"]}
    for name, part in values["splits"].items():
        classes = ", ".join(f"{count} {label!r}" for label, count in part["classes"].items())
        shown[name] = f"{part['records']}: {classes}; {part['positive_share']:.1%} count as 1"
    duplicates = values["duplicates"]
    for where, count in (duplicates["within"] | duplicates["across"]).items():
        if count:
            shown[f"exact duplicates in {where}"] = count
    if duplicates["contradicting"]:
        shown["with both labels"] = duplicates["contradicting"]
    if values["unreadable"]:
        shown["not used"] = len(values["unreadable"])
    if values["accepted"]:
        shown["accepted"] = values["accepted"]
    return shown | {name: values[name] for name in ("file", "sha256", "commitment", "commitment_over", "salt_file")}
