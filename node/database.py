# SPDX-License-Identifier: Apache-2.0
"""The SQLite file under a node's memory: its schema, its checks on opening, and the lock of one process."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from node.errors import StateError
from node.files import locked

_APPLICATION_ID = 0x434E534D  # "CNSM"
_VERSION = 4
_SCHEMA = """
CREATE TABLE identity (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE steps (
    step_key TEXT PRIMARY KEY, detail TEXT NOT NULL, result TEXT,
    begun_at REAL NOT NULL, done_at REAL, attempts INTEGER NOT NULL
) STRICT;
CREATE TABLE checkpoints (
    scanner TEXT NOT NULL, number INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (scanner, number)
) STRICT;
CREATE TABLE transactions (
    sender TEXT NOT NULL, intent_key TEXT NOT NULL, nonce INTEGER NOT NULL, contract TEXT NOT NULL,
    function TEXT NOT NULL, destination TEXT NOT NULL, data BLOB NOT NULL, gas_limit INTEGER NOT NULL,
    status TEXT NOT NULL, tx_hash TEXT, PRIMARY KEY (sender, intent_key)
) STRICT;
CREATE TABLE attempts (
    tx_hash TEXT PRIMARY KEY, sender TEXT NOT NULL, intent_key TEXT NOT NULL, position INTEGER NOT NULL,
    raw BLOB NOT NULL, max_fee TEXT NOT NULL, priority_fee TEXT NOT NULL, accepted INTEGER NOT NULL,
    FOREIGN KEY (sender, intent_key) REFERENCES transactions ON DELETE CASCADE
) STRICT;
CREATE TABLE fees (tx_hash TEXT PRIMARY KEY, sender TEXT NOT NULL, wei TEXT NOT NULL) STRICT;
CREATE TABLE nonces (sender TEXT PRIMARY KEY, next INTEGER NOT NULL) STRICT;
CREATE TABLE finished (sender TEXT NOT NULL, intent_key TEXT NOT NULL, PRIMARY KEY (sender, intent_key)) STRICT;
CREATE TABLE opened_sets (
    study INTEGER NOT NULL, root TEXT NOT NULL, round INTEGER NOT NULL, members TEXT NOT NULL,
    recorded_at REAL NOT NULL, PRIMARY KEY (study, root)
) STRICT;
CREATE TABLE taught (record BLOB NOT NULL, study INTEGER NOT NULL, PRIMARY KEY (record, study)) STRICT, WITHOUT ROWID;
CREATE TABLE spent (
    study INTEGER NOT NULL, round INTEGER NOT NULL, cost TEXT NOT NULL, PRIMARY KEY (study, round)
) STRICT;
CREATE TABLE shares (
    study INTEGER NOT NULL, round INTEGER NOT NULL, hospital INTEGER NOT NULL, included TEXT NOT NULL,
    digest BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY (study, round, hospital, included, digest)
) STRICT;
"""


def hold(path: Path) -> int:
    """Lock the state file for this process, until the descriptor returned is closed or the process ends."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StateError(f"{path} is in use by another process of this node: stop that one first.") from None
    return descriptor


def is_held(path: Path) -> bool:
    """Whether a process holds the state file now."""
    try:
        os.close(hold(path))
    except StateError:
        return True
    return False


def open_database(path: Path) -> sqlite3.Connection:
    """Open or create the file; raises `StateError` when it is damaged, foreign or of another version."""
    with locked(path.with_name(path.name + ".opening")), translated(path):
        if not path.exists():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    path.chmod(0o600)
    return database


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application == 0 and not database.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
        database.executescript(
            f"PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; BEGIN; {_SCHEMA} "
            f"PRAGMA application_id = {_APPLICATION_ID}; PRAGMA user_version = {_VERSION}; COMMIT;"
        )
    elif application != _APPLICATION_ID:
        raise StateError(f"{path} is not a node's state file: point the node at its own folder.")
    elif version != _VERSION:
        raise StateError(
            f"{path} has version {version}, this program reads version {_VERSION}: let the node that wrote it see its "
            "studies to their end, and start this one in a new folder."
        )
    elif database.execute("PRAGMA quick_check").fetchone()[0] != "ok":
        raise sqlite3.DatabaseError("quick_check failed")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA busy_timeout = 5000")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `StateError`s that say what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StateError(f"{path} cannot be read or written: {error}. Check the disk and the permissions.") from None
    except sqlite3.DatabaseError as error:
        raise StateError(
            f"{path} is damaged ({error}): restore it from a backup; a restored node sits out its running batch."
        ) from None
