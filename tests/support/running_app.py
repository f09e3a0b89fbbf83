# SPDX-License-Identifier: Apache-2.0
"""`scripts/app.py` as a person runs it: its output read until it names the page, ended like with Ctrl-C."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.children import ROOT

_SHOWN = re.compile(r"shown at\s+(http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True)
class RunningApp:
    """The page's address and the process that serves it."""

    url: str
    process: subprocess.Popen[str]

    def children(self) -> list[int]:
        """Processes that it started and that still run."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def end(self, number: int = signal.SIGINT) -> int:
        """Ends it; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


def app_command(*options: str) -> list[str]:
    """The command line."""
    return [sys.executable, str(ROOT / "scripts" / "app.py"), *options]


@contextmanager
def running_app(*options: str) -> Iterator[RunningApp]:
    """Starts the page and waits until it says where it is."""
    process = subprocess.Popen(
        app_command(*options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if found := _SHOWN.search(line):
                yield RunningApp(found[1], process)
                return
        raise AssertionError(f"The page did not start:\n{said}")
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


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
