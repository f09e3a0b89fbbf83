# SPDX-License-Identifier: Apache-2.0
"""Blocks, events, receipts and where a suite of contracts lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Address = str
"""A checksummed address, "0x…"."""


@dataclass(frozen=True)
class BlockRef:
    """A block's number, hash (0x…) and time (seconds)."""

    number: int
    hash: str
    timestamp: int


@dataclass(frozen=True)
class Checkpoint:
    """A block that a scanner has passed."""

    number: int
    hash: str


@dataclass(frozen=True)
class ChainEvent:
    """A decoded log: `arguments` by the names in the contract's interface."""

    contract: str
    name: str
    arguments: Mapping[str, Any]
    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int

    @property
    def identity(self) -> tuple[str, int]:
        """What tells two deliveries of one log apart from two logs."""
        return (self.block_hash, self.log_index)


@dataclass(frozen=True)
class Receipt:
    """A mined transaction; prices and fee in wei."""

    intent_key: str
    call: str
    tx_hash: str
    block_number: int
    block_hash: str
    gas_used: int
    effective_gas_price: int
    events: tuple[ChainEvent, ...] = field(default=(), compare=False)

    @property
    def fee(self) -> int:
        """What the transaction cost, in wei."""
        return self.gas_used * self.effective_gas_price

    def event(self, name: str) -> ChainEvent:
        """The first event of that name; raises `LookupError` where there is none."""
        for event in self.events:
            if event.name == name:
                return event
        raise LookupError(f"{self.call} emitted no {name}")


@dataclass(frozen=True)
class CircuitRecord:
    """A circuit in the deployment record; `verifying_key_digest` is hex with 0x."""

    id: int
    verifier: Address
    verifying_key_digest: str


#: Chains on one's own machine, where the development keys are fine: anvil's number and the project's.
LOCAL_CHAINS = (1337, 31337)


@dataclass(frozen=True)
class Deployment:
    """Where a suite of contracts lives: contract name to address, circuit name to its listing.

    `deployer` is None in records that do not tell.
    """

    chain_id: int
    start_block: int
    development_keys: bool
    contracts: Mapping[str, Address]
    circuits: Mapping[str, CircuitRecord]
    deployer: Address | None = None

    @property
    def is_local(self) -> bool:
        """Whether the chain is one on one's own machine, and with it all hospitals."""
        return self.chain_id in LOCAL_CHAINS
