# SPDX-License-Identifier: Apache-2.0
"""How a child process ended, in words that blame nobody wrongly."""

from __future__ import annotations

import sys

import pytest

from node.errors import ProgramKilled, ProofError
from node.programs import ending_signal, how_it_ended, run_program


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "ended with status 0"),
        (3, "ended with status 3"),
        (128, "ended with status 128"),
        (-9, "was ended by signal 9 (SIGKILL: out of memory?)"),
        (137, "was ended by signal 9 (SIGKILL: out of memory?)"),
        (-6, "was ended by signal 6 (SIGABRT: out of memory?)"),
        (-5, "was ended by signal 5 (SIGTRAP: out of memory?)"),
        (-11, "was ended by signal 11 (SIGSEGV)"),
        (143, "was ended by signal 15 (SIGTERM)"),
        (-40, "was ended by signal 40 (real-time)"),
        (255, "ended with status 255"),
    ],
)
def test_how_it_ended__status_or_signal__in_words(status: int, words: str) -> None:
    assert how_it_ended(status) == words
    assert (ending_signal(status) is None) == (0 <= status <= 128 or status == 255)


def test_run_program__ended_by_a_signal__is_an_error_of_its_own() -> None:
    program = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    with pytest.raises(ProgramKilled, match=r"python.* was ended by signal 9"):
        run_program([sys.executable, "-c", program])


def test_run_program__ended_by_itself__leaves_the_status_to_its_caller() -> None:
    done = run_program([sys.executable, "-c", "import sys; print(sys.stdin.read()); sys.exit(5)"], "given")
    assert (done.returncode, done.stdout) == (5, "given\n")
    with pytest.raises(ProofError, match="cannot be started"):
        run_program(["/nowhere/at/all"])
