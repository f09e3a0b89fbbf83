# SPDX-License-Identifier: Apache-2.0
"""`consilium keys`: what the encryption's files are."""

from __future__ import annotations

from pathlib import Path

import click

from node.cli.group import command
from node.cli.session import Session
from node.errors import DataError
from node.words import plain

_FILE_LIMIT = 1 << 31


@click.group()
def keys() -> None:
    """Look into the files of the threshold encryption."""


@command(keys, "inspect")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def inspect_file(session: Session, file: Path) -> None:
    """Explain a file of a ceremony or a round.

    Payloads, CKKS shares, pad shares and dealings are explained with sizes, and with parties, round and parameters
    where the file says them. Of round secrets only the header is shown. The file is all that is read: that it belongs
    to a study is what it says of itself, and is checked by the nodes of that study.

    \b
    Example: consilium keys inspect dealing.bin
    """
    from node.crypto.inspection import inspect

    try:
        with file.open("rb") as stream:
            content = stream.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise DataError(f"The file {file} cannot be read ({error.strerror}).") from None
    if len(content) > _FILE_LIMIT:
        raise DataError(f"The file {file} is larger than any file of the encryption.")
    found = inspect(content)
    if not session.out.as_json:
        click.echo(plain(found.purpose))
    session.out.record(found.title, {**found.facts, **({"purpose": found.purpose} if session.out.as_json else {})})
