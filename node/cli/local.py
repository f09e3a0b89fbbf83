# SPDX-License-Identifier: Apache-2.0
"""`consilium demo` and `consilium app`: the checkout's own scripts, as child processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import click

from node.errors import ConsiliumError, UsageError
from node.programs import ending_signal, how_it_ended

ROOT = Path(__file__).resolve().parents[2]
_PASS_ON = {"ignore_unknown_options": True, "help_option_names": []}


def add_local_commands(cli: click.Group) -> None:
    """Add the commands at the top level."""

    @cli.command("demo", context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def demo(arguments: tuple[str, ...]) -> int:
        """Run a whole study on this machine. `consilium demo --help` lists its options."""
        return _script("demo.py", arguments)

    @cli.command("app", context_settings=_PASS_ON)
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def app(arguments: tuple[str, ...]) -> int:
        """Open the audit page in a browser. `consilium app --help` lists its options."""
        return _script("app.py", arguments)


def _script(name: str, arguments: tuple[str, ...]) -> int:
    script = ROOT / "scripts" / name
    if not script.exists():
        raise UsageError(f"{script} is missing: run this from a complete checkout.")
    try:
        code = subprocess.call([sys.executable, str(script), *arguments], cwd=ROOT)
    except KeyboardInterrupt:
        # The child was interrupted too and has said so.
        return 130
    if ending_signal(code) not in (None, signal.SIGINT):
        raise ConsiliumError(f"{name} {how_it_ended(code)}.")
    return code
