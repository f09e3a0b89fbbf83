# SPDX-License-Identifier: Apache-2.0
"""The open state file: held by one process, bound to one deployment, every write durable before its call returns."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from node.database import hold, open_database, translated
from node.errors import ChainMismatch
from node.files import locked, make_private_folder


class StateFile:
    """An open state file. One process holds it at a time; threads of that process may share it.

    `beside`: a command that works with this memory whether or not a node holds it. Whatever both send, they send in
    turn (`sending`). Raises `StateError` when the file is damaged, foreign, of another version or held by another
    process.
    """

    def __init__(self, path: Path, *, beside: bool = False) -> None:
        make_private_folder(path.parent)
        self._path = path
        self._lock = threading.RLock()
        self._held = None if beside else hold(path)
        try:
            self._database = open_database(path)
        except BaseException:
            self._let_go()
            raise
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let another process have it; closing twice does nothing."""
        with self._lock:
            if self._open:
                self._open = False
                self._database.close()
                self._let_go()

    def bind(self, deployment: str) -> None:
        """Tie this memory to one deployment, for good; raises `ChainMismatch` when it belongs to another.

        `deployment` is `Connection.identity()`.
        """
        with self._write() as database:
            database.execute("INSERT OR IGNORE INTO identity VALUES ('deployment', ?)", (deployment,))
        found = self._one("SELECT value FROM identity WHERE name = 'deployment'")[0]
        if found != deployment:
            raise ChainMismatch(
                f"{self._path} belongs to another deployment ({found}, not {deployment}): "
                "name the right deployment record, or start in a new folder if the chain was started anew."
            )

    def sending(self, pause: Callable[[float], None]) -> AbstractContextManager[None]:
        """Keep other processes of this memory from sending meanwhile; one that sends now is waited for by `pause`."""
        return locked(self._path.with_name(self._path.name + ".sending"), pause)

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)

    @contextlib.contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with self._lock, translated(self._path):
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield self._database
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            self._database.execute("COMMIT")

    def _all(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock, translated(self._path):
            return self._database.execute(query, values).fetchall()

    def _one(self, query: str, values: tuple[object, ...] = ()) -> tuple[Any, ...]:
        return self._all(query, values)[0]


def read_beside(path: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    """What a query finds in a state file, also while another process holds it; nothing where there is no file."""
    if not path.exists():
        return []
    with (
        translated(path),
        contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        return database.execute(query, values).fetchall()
