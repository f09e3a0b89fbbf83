# SPDX-License-Identifier: Apache-2.0
"""`consilium demo` and `consilium app`: the checkout's own scripts, into which this process turns.

As one process they get every signal themselves, and relative paths mean the caller's folder.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from node.cli.group import command, typed
from node.cli.session import Session
from node.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def add_local_commands(cli: click.Group) -> None:
    """Add the commands at the top level."""

    @command(cli, "demo", context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def demo(context: click.Context, session: Session, arguments: tuple[str, ...]) -> None:
        """Run a whole study on this machine. `consilium demo --help` lists its options."""
        if named := typed(context, session):
            raise UsageError(f"The demo makes a network, folders and keys of its own: leave out {named[0]}.")
        _become("demo.py", *arguments)

    @command(cli, "app", context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    @click.pass_context
    def app(context: click.Context, session: Session, arguments: tuple[str, ...]) -> None:
        """Open the audit page in a browser. `consilium app --help` lists its options."""
        _become("app.py", *typed(context, session), *arguments)


def _become(name: str, *arguments: str) -> NoReturn:
    script = ROOT / "scripts" / name
    if not script.exists():
        raise UsageError(f"{script} is missing: run this from a complete checkout.")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, str(script), *arguments])
