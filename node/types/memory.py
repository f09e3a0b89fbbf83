# SPDX-License-Identifier: Apache-2.0
"""What a node remembers of its own steps and transactions."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.types.chain import Address


@dataclass(frozen=True)
class StepRecord:
    """One step in the journal; `result` is None until it is done. Times in seconds since 1970."""

    key: str
    detail: Mapping[str, Any]
    result: dict[str, Any] | None
    begun_at: float
    done_at: float | None
    attempts: int


@dataclass(frozen=True)
class OpenedSet:
    """A set whose sum was, or may have been, opened: `members` are hospital numbers with their data roots, sorted.

    `model`: digest of the starting model and the training; `data`: of the own records trained on, empty for none.
    """

    model: str
    data: str
    study: int
    members: tuple[tuple[int, int], ...]


class TransactionStatus(enum.Enum):
    """What became of a signed transaction.

    REFUSED: no endpoint took it, as far as was seen. DISPLACED: another transaction has its nonce.
    """

    PENDING = "pending"
    REFUSED = "refused"
    MINED = "mined"
    REVERTED = "reverted"
    DISPLACED = "displaced"


@dataclass(frozen=True)
class TransactionAttempt:
    """One signed form of a transaction (fees in wei per gas); `accepted` once an endpoint took it."""

    tx_hash: str
    raw: bytes = field(repr=False)
    max_fee: int
    priority_fee: int
    accepted: bool = False


@dataclass(frozen=True)
class TransactionRecord:
    """An intent's transaction with all its signed attempts, which share one nonce.

    `tx_hash`: the attempt that was mined, or of a displaced one, the transaction that has its nonce.
    """

    sender: Address
    intent_key: str
    nonce: int
    contract: str
    function: str
    destination: Address
    data: bytes = field(repr=False)
    gas_limit: int
    status: TransactionStatus
    tx_hash: str | None
    attempts: tuple[TransactionAttempt, ...]
