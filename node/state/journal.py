# SPDX-License-Identifier: Apache-2.0
"""The journal of steps, so that a repeated step sends the same bytes, and the scanner's cursor."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from node.state.file import StateFile, read_beside
from node.types import Checkpoint, StepRecord


class Journal(StateFile):
    """Steps by key, and the blocks that a scanner has passed."""

    def begin(self, step_key: str, detail: dict[str, Any] | None = None) -> None:
        """Record that a step is about to act; beginning it again counts one more attempt."""
        with self._write() as database:
            database.execute(
                "INSERT INTO steps VALUES (?, ?, NULL, ?, NULL, 1) "
                "ON CONFLICT DO UPDATE SET attempts = attempts + 1, detail = excluded.detail",
                (step_key, json.dumps(detail or {}), time.time()),
            )

    def done(self, step_key: str, result: dict[str, Any] | None = None) -> None:
        """Record what a step came to; the first result stands, so that a repeated step keeps its bytes."""
        now = time.time()
        with self._write() as database:
            database.execute("INSERT OR IGNORE INTO steps VALUES (?, '{}', NULL, ?, NULL, 1)", (step_key, now))
            database.execute(
                "UPDATE steps SET result = ?, done_at = ? WHERE step_key = ? AND result IS NULL",
                (json.dumps(result or {}), now, step_key),
            )

    def result(self, step_key: str) -> dict[str, Any] | None:
        """The result of a finished step, or None."""
        record = self.step(step_key)
        return record.result if record else None

    def step(self, step_key: str) -> StepRecord | None:
        """What is known of a step, or None when it was never begun."""
        rows = self._all("SELECT * FROM steps WHERE step_key = ?", (step_key,))
        return _step(rows[0]) if rows else None

    def steps(self, prefix: str = "", limit: int = 100) -> tuple[StepRecord, ...]:
        """The latest steps whose key starts with `prefix`, newest first."""
        rows = self._all(
            "SELECT * FROM steps WHERE substr(step_key, 1, ?) = ? ORDER BY begun_at DESC, step_key LIMIT ?",
            (len(prefix), prefix, limit),
        )
        return tuple(_step(row) for row in rows)

    def checkpoints(self, scanner: str) -> tuple[Checkpoint, ...]:
        """The blocks a scanner has passed, newest first."""
        rows = self._all("SELECT number, hash FROM checkpoints WHERE scanner = ? ORDER BY number DESC", (scanner,))
        return tuple(Checkpoint(number, block_hash) for number, block_hash in rows)

    def save_checkpoints(self, scanner: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Replace a scanner's checkpoints."""
        with self._write() as database:
            database.execute("DELETE FROM checkpoints WHERE scanner = ?", (scanner,))
            database.executemany(
                "INSERT INTO checkpoints VALUES (?, ?, ?)", [(scanner, c.number, c.hash) for c in checkpoints]
            )


def step_of(path: Path, step_key: str) -> StepRecord | None:
    """`Journal.step` of a state file, also while another process holds it."""
    rows = read_beside(path, "SELECT * FROM steps WHERE step_key = ?", (step_key,))
    return _step(rows[0]) if rows else None


def recent_steps(path: Path, limit: int = 20) -> tuple[StepRecord, ...]:
    """The latest steps in a state file, newest first, also while another process holds it."""
    rows = read_beside(path, "SELECT * FROM steps ORDER BY begun_at DESC, step_key LIMIT ?", (limit,))
    return tuple(_step(row) for row in rows)


def _step(row: tuple[Any, ...]) -> StepRecord:
    key, detail, result, begun_at, done_at, attempts = row
    return StepRecord(key, json.loads(detail), json.loads(result) if result else None, begun_at, done_at, attempts)
