# SPDX-License-Identifier: Apache-2.0
"""This key's transactions with all their signed attempts, their nonces and fees."""

from __future__ import annotations

from typing import Any

from node.state.file import StateFile
from node.types import TransactionAttempt, TransactionRecord, TransactionStatus


class TransactionBook(StateFile):
    """Transactions by sender and intent."""

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
