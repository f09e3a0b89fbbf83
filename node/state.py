# SPDX-License-Identifier: Apache-2.0
"""A node's durable memory: one SQLite file that survives a crash at any instruction.

It holds the journal of steps, the scanner's cursor, this key's transactions, the sets it has opened, and the
signed shares it has seen.
Every write is committed and synced to disk before the call returns (WAL, synchronous=FULL).
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from node.database import hold, open_database, translated
from node.errors import ChainMismatch, OpeningRefused
from node.files import locked, make_private_folder
from node.types import (
    Checkpoint,
    OpenedSet,
    SignedShare,
    StepRecord,
    TransactionAttempt,
    TransactionRecord,
    TransactionStatus,
)

_SHARES = "SELECT * FROM shares WHERE study = ? AND round = ? ORDER BY hospital, included, attempt, rowid"


class NodeState:
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

    def _let_go(self) -> None:
        if self._held is not None:
            os.close(self._held)

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

    # Steps

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

    # Opened sets

    def record_opening_set(self, study: int, round_number: int, members: Iterable[int]) -> None:
        """Record the one set this node opens in a round, before its first share leaves.

        Raises `OpeningRefused` when another set is recorded already: that stays, whatever the chain says.
        """
        chosen = json.dumps(sorted(set(members)))
        if chosen == "[]":
            raise OpeningRefused(f"Study {study}, round {round_number}: there is no set to open.")
        with self._write() as database:
            database.execute(
                "INSERT OR IGNORE INTO opened_sets VALUES (?, ?, ?, ?)",
                (study, round_number, chosen, time.time()),
            )
        recorded = self.opening_set(study, round_number)
        if recorded != tuple(json.loads(chosen)):
            raise OpeningRefused(
                f"Study {study}, round {round_number}: this node helps to open the set {recorded} "
                f"and no other; {chosen} is refused."
            )

    def opening_set(self, study: int, round_number: int) -> tuple[int, ...] | None:
        """The set recorded for a round, as sorted hospital numbers, or None."""
        rows = self._all("SELECT members FROM opened_sets WHERE study = ? AND round = ?", (study, round_number))
        return tuple(json.loads(rows[0][0])) if rows else None

    def remember_set(self, opened: OpenedSet) -> None:
        """Keep the one set for a model, beyond its study; where one is kept that `sets_like` finds, that stays."""
        members = json.dumps([[number, str(root)] for number, root in opened.members])
        with self._write() as database:
            if not self.sets_like(opened):
                database.execute(
                    "INSERT INTO opened_models VALUES (?, ?, ?, ?, ?)",
                    (opened.model, opened.data, opened.study, members, time.time()),
                )

    def sets_like(self, asked: OpenedSet) -> tuple[OpenedSet, ...]:
        """Sets kept for the same model: of the same study, or of the same own records in any."""
        rows = self._all(
            "SELECT model, data, study, members FROM opened_models "
            "WHERE model = ? AND (study = ? OR (data = ? AND data != '')) ORDER BY rowid",
            (asked.model, asked.study, asked.data),
        )
        return tuple(
            OpenedSet(model, data, study, tuple((number, int(root)) for number, root in json.loads(members)))
            for model, data, study, members in rows
        )

    # Signed shares

    def keep_share(self, share: SignedShare) -> None:
        """Keep an opening share as it was seen signed: of two different ones for one attempt, both stay."""
        with self._write() as database:
            database.execute(
                "INSERT OR IGNORE INTO shares VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    share.study_id, share.round, share.hospital_id, f"{share.included_bitmap:x}", share.attempt,
                    share.digest, share.signature,
                ),
            )  # fmt: skip

    def shares(self, study: int, round_number: int) -> tuple[SignedShare, ...]:
        """The kept shares of a round, those for one hospital, set and attempt next to each other."""
        rows = self._all(_SHARES, (study, round_number))
        return tuple(_share(row) for row in rows)

    # Scanner

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

    # Transactions

    def sending(self, pause: Callable[[float], None]) -> AbstractContextManager[None]:
        """Keep other processes of this memory from sending meanwhile; one that sends now is waited for by `pause`."""
        return locked(self._path.with_name(self._path.name + ".sending"), pause)

    def transaction(self, sender: str, intent_key: str) -> TransactionRecord | None:
        """The transaction of an intent, or None when it was never signed."""
        found = self._transactions("sender = ? AND intent_key = ?", (sender, intent_key))
        return found[0] if found else None

    def open_transactions(self, sender: str, from_nonce: int) -> tuple[TransactionRecord, ...]:
        """What still needs looking after while the chain has used the nonces below `from_nonce`.

        Pending ones; those that were mined and are not any more; and those that no endpoint took, whose nonce was
        used all the same.
        """
        return self._transactions(
            "sender = ? AND (status = 'pending' OR (status IN ('mined', 'reverted') AND nonce >= ?) "
            "OR (status = 'refused' AND nonce < ?)) ORDER BY nonce",
            (sender, from_nonce, from_nonce),
        )

    def save_transaction(self, record: TransactionRecord) -> None:
        """Write a transaction with all its signed attempts."""
        key = (record.sender, record.intent_key)
        with self._write() as database:
            database.execute("DELETE FROM transactions WHERE sender = ? AND intent_key = ?", key)
            database.execute(
                "INSERT INTO transactions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *key, record.nonce, record.contract, record.function, record.destination, record.data,
                    record.gas_limit, record.status.value, record.tx_hash,
                ),
            )  # fmt: skip
            database.executemany(
                "INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (a.tx_hash, *key, position, a.raw, str(a.max_fee), str(a.priority_fee), int(a.accepted))
                    for position, a in enumerate(record.attempts)
                ],
            )

    def drop_refused(self, sender: str, nonce: int) -> None:
        """Forget transactions that no endpoint took, once another one has their nonce."""
        with self._write() as database:
            database.execute(
                "DELETE FROM transactions WHERE sender = ? AND nonce = ? AND status = 'refused'", (sender, nonce)
            )

    def is_own(self, tx_hash: str) -> bool:
        """Whether a transaction was signed from here."""
        found = "SELECT 1 FROM attempts WHERE tx_hash = ? UNION SELECT 1 FROM fees WHERE tx_hash = ?"
        return bool(self._all(found, (tx_hash, tx_hash)))

    def next_nonce(self, sender: str) -> int:
        """The first nonce that nothing known here has; 0 where nothing is known of the key."""
        found = self._one(
            "SELECT max(next) FROM (SELECT next FROM nonces WHERE sender = ? "
            "UNION ALL SELECT nonce + 1 FROM transactions WHERE sender = ? AND status != 'refused')",
            (sender, sender),
        )
        return int(found[0] or 0)

    def adopt_nonce(self, sender: str, nonce: int) -> None:
        """Take note that the chain has used all nonces below this one, by whomever."""
        with self._write() as database:
            database.execute(
                "INSERT INTO nonces VALUES (?, ?) ON CONFLICT DO UPDATE SET next = max(next, excluded.next)",
                (sender, nonce),
            )

    def is_finished(self, sender: str, intent_key: str) -> bool:
        """Whether whoever gave an intent has seen it carried out."""
        return bool(self._all("SELECT 1 FROM finished WHERE sender = ? AND intent_key = ?", (sender, intent_key)))

    def finish(self, sender: str, intent_key: str) -> None:
        """Take note that whoever gave an intent has seen it carried out."""
        with self._write() as database:
            database.execute("INSERT OR IGNORE INTO finished VALUES (?, ?)", (sender, intent_key))

    def add_fee(self, sender: str, tx_hash: str, wei: int) -> None:
        """Count what a mined transaction cost; counting it twice does nothing."""
        with self._write() as database:
            database.execute("INSERT OR IGNORE INTO fees VALUES (?, ?, ?)", (tx_hash, sender, str(wei)))

    def fees_paid(self, sender: str) -> int:
        """All fees of this key so far, in wei."""
        return sum(int(wei) for (wei,) in self._all("SELECT wei FROM fees WHERE sender = ?", (sender,)))

    def _transactions(self, where: str, values: tuple[object, ...]) -> tuple[TransactionRecord, ...]:
        with self._lock:
            rows = self._all(f"SELECT * FROM transactions WHERE {where}", values)
            return tuple(_transaction(row, self._attempts(row[0], row[1])) for row in rows)

    def _attempts(self, sender: str, intent_key: str) -> tuple[TransactionAttempt, ...]:
        rows = self._all(
            "SELECT tx_hash, raw, max_fee, priority_fee, accepted FROM attempts "
            "WHERE sender = ? AND intent_key = ? ORDER BY position",
            (sender, intent_key),
        )
        return tuple(TransactionAttempt(h, raw, int(fee), int(tip), bool(ok)) for h, raw, fee, tip, ok in rows)

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


def step_of(path: Path, step_key: str) -> StepRecord | None:
    """`NodeState.step` of a state file, also while another process holds it."""
    rows = _read_beside(path, "SELECT * FROM steps WHERE step_key = ?", (step_key,))
    return _step(rows[0]) if rows else None


def recent_steps(path: Path, limit: int = 20) -> tuple[StepRecord, ...]:
    """The latest steps in a state file, newest first, also while another process holds it."""
    rows = _read_beside(path, "SELECT * FROM steps ORDER BY begun_at DESC, step_key LIMIT ?", (limit,))
    return tuple(_step(row) for row in rows)


def seen_shares(path: Path, study: int, round_number: int) -> tuple[SignedShare, ...]:
    """`NodeState.shares` of a state file, also while another process holds it."""
    return tuple(_share(row) for row in _read_beside(path, _SHARES, (study, round_number)))


def _read_beside(path: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    if not path.exists():
        return []
    with (
        translated(path),
        contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database,
    ):
        return database.execute(query, values).fetchall()


def _share(row: tuple[Any, ...]) -> SignedShare:
    study, round_number, hospital, included, attempt, digest, signature = row
    return SignedShare(study, round_number, hospital, int(included, 16), attempt, digest, signature)


def _transaction(row: tuple[Any, ...], attempts: tuple[TransactionAttempt, ...]) -> TransactionRecord:
    sender, intent_key, nonce, contract, function, destination, data, gas_limit, status, tx_hash = row
    return TransactionRecord(
        sender=sender,
        intent_key=intent_key,
        nonce=nonce,
        contract=contract,
        function=function,
        destination=destination,
        data=data,
        gas_limit=gas_limit,
        status=TransactionStatus(status),
        tx_hash=tx_hash,
        attempts=attempts,
    )


def _step(row: tuple[Any, ...]) -> StepRecord:
    key, detail, result, begun_at, done_at, attempts = row
    return StepRecord(key, json.loads(detail), json.loads(result) if result else None, begun_at, done_at, attempts)
