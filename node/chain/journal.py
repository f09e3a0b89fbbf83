# SPDX-License-Identifier: Apache-2.0
"""What a sender needs besides a key: where it writes transactions down, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from node.types import TransactionRecord


class TransactionJournal(Protocol):
    """Where signed transactions are written down before they leave."""

    def sending(self, pause: Callable[[float], None]) -> AbstractContextManager[None]:
        """Keep others with this journal from sending meanwhile; who sends now is waited for by `pause` (seconds)."""

    def transaction(self, sender: str, intent_key: str) -> TransactionRecord | None:
        """The transaction of an intent, or None."""

    def open_transactions(self, sender: str, from_nonce: int) -> tuple[TransactionRecord, ...]:
        """Pending ones, and those from a nonce on that the chain has not used, by nonce."""

    def save_transaction(self, record: TransactionRecord) -> None:
        """Write a transaction with its attempts, durably."""

    def drop_transaction(self, sender: str, intent_key: str) -> None:
        """Forget a transaction that no endpoint took."""

    def add_fee(self, sender: str, tx_hash: str, wei: int) -> None:
        """Count what a mined transaction cost, once."""

    def fees_paid(self, sender: str) -> int:
        """All fees of a key, in wei."""


@dataclass(frozen=True)
class SendingPolicy:
    """Limits of a sender: fees in wei over the key's whole life (None: no cap), times in seconds."""

    spending_cap: int | None = None
    bump_after: float = 30.0
    timeout: float = 600.0
    poll_interval: float = 0.25
