# SPDX-License-Identifier: Apache-2.0
"""What commands print: tables and lines for people, one JSON document for programs."""

from __future__ import annotations

import enum
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from node.errors import ConsiliumError, ContractReverted, DataDoubtful
from node.words import plain


class Output:
    """Prints results on standard output, either readable or as JSON."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def record(self, title: str, values: Mapping[str, Any], shown: Mapping[str, str] | None = None) -> None:
        """One thing's values; `shown` replaces how some read in the table for people."""
        if self.as_json:
            click.echo(json.dumps(_json(values)))
            return
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, value in values.items():
            told = (shown or {}).get(name)
            # What is shown in words has its unit in them.
            label = name if told is None else name.removesuffix("_wei").removesuffix("_bps")
            table.add_row(Text(plain(label.replace("_", " "))), Text(_text(value) if told is None else _lines(told)))
        console = _console()
        # Not the table's own title: that would wrap at the table's width.
        console.print(Text(plain(title), style="italic"))
        console.print(table)

    def rows(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
        """A list of things, one to a row; `empty` is said where there are none."""
        found = [list(row) for row in rows]
        if self.as_json:
            click.echo(json.dumps([_json(dict(zip(columns, row, strict=True))) for row in found]))
            return
        if not found:
            click.echo(plain(empty))
            return
        table = Table(title=Text(plain(title)), title_justify="left", header_style="bold")
        for column in columns:
            table.add_column(Text(plain(column.replace("_", " "))), overflow="fold")
        for row in found:
            table.add_row(*[Text(_text(value)) for value in row])
        _console().print(table)

    def done(self, sentence: str, values: Mapping[str, Any]) -> None:
        """What a command did: a sentence for people, its values for programs."""
        click.echo(json.dumps(_json(values)) if self.as_json else plain(sentence))

    def note(self, sentence: str) -> None:
        """Something to know on the way, on standard error; programs are not told."""
        if not self.as_json:
            click.echo(plain(sentence), err=True)


class LogLine(logging.Formatter):
    """One entry of a log: no stranger's text in it can end the line, pass for another entry or steer a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The entry without its traceback."""
        record.message = plain(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        """The traceback, further in than an entry begins."""
        return "\n".join("    " + plain(line) for line in super().formatException(ei).splitlines())


def show_error(error: ConsiliumError, as_json: bool) -> None:
    """An expected failure: one line on standard error, or its JSON."""
    if as_json:
        values: dict[str, Any] = {
            "error": type(error).__name__,
            "message": str(error),
            "exit_code": error.exit_code,
        }
        if isinstance(error, ContractReverted):
            values |= {"revert": error.name, "values": error.values, "call": error.call}
        if isinstance(error, DataDoubtful):
            values["findings"] = error.findings
        click.echo(json.dumps(_json(values)), err=True)
    else:
        click.echo("consilium: " + plain(" ".join(str(error).split())), err=True)


def _console() -> Console:
    # Wide enough where nothing says how wide: a pipe or a log should not cut addresses.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(width=160, highlight=False)


def _text(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, (list, tuple)):
        return plain(", ".join(map(_text, value))) or "none"
    return plain(str(value))


def _lines(text: str) -> str:
    """Text whose line breaks are the command's own."""
    return "\n".join(map(plain, text.split("\n")))


def _json(value: Any) -> Any:
    """JSON without surprises: enums by name, bytes as hex, integers past 2^53 as text."""
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, enum.Enum):
        return value.name.lower()
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53:
        return str(value)
    return value
