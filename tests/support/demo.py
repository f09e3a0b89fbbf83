# SPDX-License-Identifier: Apache-2.0
"""A finished demo for tests that look at a whole study: run once, at full size, in a folder of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
_LIMIT_SECONDS = 900


@dataclass(frozen=True)
class FinishedDemo:
    """What a demo leaves: its exit status and output, and the folder with report.json and latest.json."""

    out: Path
    status: int
    output: str

    @property
    def report(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.out / "report.json").read_text())
        return value

    @property
    def latest(self) -> dict[str, Any]:
        value: dict[str, Any] = json.loads((self.out / "latest.json").read_text())
        return value

    @property
    def folder(self) -> Path:
        return Path(self.latest["folder"])


def run_demo(out: Path, *options: str) -> FinishedDemo:
    """Run the demo as `make demo` does, with its report below `out`."""
    command = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--out", str(out), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_LIMIT_SECONDS, check=False)
    return FinishedDemo(out, done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FinishedDemo]:
    """Three hospitals, three rounds, run once for all tests of this session."""
    demo = run_demo(tmp_path_factory.mktemp("demo"))
    assert demo.status == 0, demo.output[-4000:]
    yield demo
