# SPDX-License-Identifier: Apache-2.0
"""Programs that this one starts: run to their end, and how they ended in words."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from node.errors import ProgramKilled, ProofError

_TIME_LIMIT = 1800.0
#: A shell, and programs that pass a child's end on, report a signal as a status above this.
_SIGNALLED = 128
#: What a system that is out of memory sends, and by what programs that notice it end themselves (Node by the last).
_FOR_WANT_OF_MEMORY = (signal.SIGKILL, signal.SIGABRT, signal.SIGTRAP)


def run_program(command: Sequence[str], given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with `given` on its standard input.

    Raises ProgramKilled where a signal ended it, which says nothing about what it was given, and ProofError where it
    cannot run.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=_TIME_LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise ProofError(f"{name} took longer than {_TIME_LIMIT:.0f} s") from None
    except OSError as error:
        raise ProofError(f"{command[0]} cannot be started: {error.strerror}") from None
    if ending_signal(done.returncode) is not None:
        raise ProgramKilled(f"{name} {how_it_ended(done.returncode)}, whatever its inputs were: it can be tried again")
    return done


def ending_signal(status: int) -> int | None:
    """The signal that ended a program with this exit status; None for one that ended by itself."""
    if status < 0:
        return -status
    # 255 is a program's own "-1", and no signal's.
    number = status - _SIGNALLED
    return number if number in signal.valid_signals() else None


def how_it_ended(status: int) -> str:
    """A program's end, for a sentence: "ended with status 1", "was ended by signal 9 (SIGKILL: out of memory?)"."""
    number = ending_signal(status)
    if number is None:
        return f"ended with status {status}"
    names = {int(one): one.name for one in signal.Signals}
    name = names.get(number, "real-time")
    return f"was ended by signal {number} ({name}{': out of memory?' if number in _FOR_WANT_OF_MEMORY else ''})"
