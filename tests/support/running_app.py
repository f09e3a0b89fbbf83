# SPDX-License-Identifier: Apache-2.0
"""`consilium app` as a person runs it: its output read until it names the page, ended like with Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.children import ROOT

_SHOWN = re.compile(r"shown at\s+(http://127\.0\.0\.1:\d+\S*)")


@dataclass(frozen=True)
class RunningApp:
    """The page's address, the process that serves it, and what it said until then."""

    url: str
    process: subprocess.Popen[str]
    said: str

    def children(self) -> list[int]:
        """Processes that it started and that still run."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def end(self, number: int = signal.SIGINT) -> int:
        """Ends it; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def consilium(*arguments: str) -> list[str]:
    """A command line."""
    return [sys.executable, "-m", "node.cli", *arguments]


def surroundings(home: Path, **variables: str) -> dict[str, str]:
    """An environment in which nothing but these variables names a network; `home` is the user's folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CONSILIUM_")}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), **variables}


@contextmanager
def running_app(
    *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[RunningApp]:
    """Starts the page, as `consilium` with these arguments, and waits until it says where it is."""
    process = subprocess.Popen(
        consilium(*arguments),
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=_as_in_a_terminal,
    )
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if found := _SHOWN.search(line):
                yield RunningApp(found[1], process, said)
                return
        raise AssertionError(f"The page did not start:\n{said}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def _as_in_a_terminal() -> None:
    """Tests may themselves run under nohup, which the page would then heed."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def is_running(pid: int) -> bool:
    """Whether a process exists and has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_ended(pids: list[int], seconds: float = 15) -> bool:
    """Whether all of these processes end in time."""
    deadline = time.monotonic() + seconds
    while any(is_running(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
