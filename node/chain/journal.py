# SPDX-License-Identifier: Apache-2.0
"""What a sender needs besides a key: where it writes transactions down, and its limits."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from node.chain.connection import RESCAN_WINDOW
from node.errors import SpendingCapReached
from node.types import Address, TransactionRecord


class TransactionJournal(Protocol):
    """Where signed transactions are written down before they leave."""

    def sending(self, pause: Callable[[float], None]) -> AbstractContextManager[None]:
        """Keep others with this journal from sending meanwhile; who sends now is waited for by `pause` (seconds)."""

    def transaction(self, sender: str, intent_key: str) -> TransactionRecord | None:
        """The transaction of an intent, or None."""

    def open_transactions(self, sender: str, from_nonce: int) -> tuple[TransactionRecord, ...]:
        """Those that need looking after while the chain has used the nonces below one, by nonce."""

    def save_transaction(self, record: TransactionRecord) -> None:
        """Write a transaction with its attempts, durably."""

    def drop_refused(self, sender: str, nonce: int) -> None:
        """Forget transactions that no endpoint took, once another one has their nonce."""

    def is_own(self, tx_hash: str) -> bool:
        """Whether a transaction was signed from here."""

    def next_nonce(self, sender: str) -> int:
        """The first nonce that nothing known here has; 0 where nothing is known of the key."""

    def adopt_nonce(self, sender: str, nonce: int) -> None:
        """Take note that the chain has used all nonces below this one, by whomever."""

    def is_finished(self, sender: str, intent_key: str) -> bool:
        """Whether whoever gave an intent has seen it carried out."""

    def finish(self, sender: str, intent_key: str) -> None:
        """Take note that whoever gave an intent has seen it carried out."""

    def add_fee(self, sender: str, tx_hash: str, wei: int) -> None:
        """Count what a mined transaction cost, once."""

    def fees_paid(self, sender: str) -> int:
        """All fees of a key, in wei."""


@dataclass(frozen=True)
class SendingPolicy:
    """Limits of a sender: fees in wei over the key's whole life (None: no cap), times in seconds.

    `cap_setting`: what to raise where the cap is reached. `look_after`: for how long a used nonce may be without a
    receipt before it is looked up who has it. `depth`: how many blocks must lie on another transaction before the
    nonce counts as lost.
    """

    spending_cap: int | None = None
    cap_setting: str = "spending_cap_wei"
    bump_after: float = 30.0
    timeout: float = 600.0
    poll_interval: float = 0.25
    look_after: float = 5.0
    depth: int = RESCAN_WINDOW

    def check_cap(self, address: Address, paid: int, cost: int) -> None:
        """Raise `SpendingCapReached` where a key that has paid so much must not pay `cost` more."""
        if self.spending_cap is not None and paid + cost > self.spending_cap:
            raise SpendingCapReached(
                f"{address} has paid {paid} wei in fees and the next transaction may cost {cost} wei: that passes the "
                f"cap of {self.spending_cap} wei. Raise `{self.cap_setting}`."
            )
