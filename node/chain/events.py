# SPDX-License-Identifier: Apache-2.0
"""What happened on the chain, as hints: scanned from a cursor that survives reorganisations and restarts.

An event says where to look; the contract's state decides. An event may therefore be delivered again (after a
restart, or from another block after a reorganisation), and one whose block was dropped is not taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from node.chain.connection import RESCAN_WINDOW, Connection
from node.errors import ChainUnavailable
from node.types import ChainEvent, Checkpoint

_KEPT = 64


class CheckpointStore(Protocol):
    """Where a scanner keeps the blocks it has passed."""

    def checkpoints(self, scanner: str) -> tuple[Checkpoint, ...]:
        """The stored blocks, newest first."""

    def save_checkpoints(self, scanner: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Replace the stored blocks."""


class MemoryCheckpoints:
    """A store for a reader that starts over with every process, such as a page."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[Checkpoint, ...]] = {}

    def checkpoints(self, scanner: str) -> tuple[Checkpoint, ...]:
        """The stored blocks, newest first."""
        return self._kept.get(scanner, ())

    def save_checkpoints(self, scanner: str, checkpoints: Iterable[Checkpoint]) -> None:
        """Replace the stored blocks."""
        self._kept[scanner] = tuple(sorted(checkpoints, key=lambda c: -c.number))


@dataclass(frozen=True)
class ScanPass:
    """New events, oldest first, the blocks read, and whether the chain had changed below the cursor."""

    events: tuple[ChainEvent, ...]
    first_block: int
    last_block: int
    reorganised: bool


class EventScanner:
    """Reads the events of all the deployment's contracts, `confirmations` blocks behind the head.

    Checkpoints carry block hashes, so a cursor ahead of the chain (whose head went back) or on a dropped
    branch is noticed, and the scan goes back to the last block both have.
    """

    def __init__(
        self,
        connection: Connection,
        store: CheckpointStore,
        *,
        name: str = "events",
        confirmations: int = 0,
        window: int = RESCAN_WINDOW,
    ) -> None:
        self._connection = connection
        self._store = store
        self._name = name
        self._confirmations = confirmations
        self._window = window
        self._seen: dict[tuple[str, int], int] = {}

    def scan(self) -> ScanPass:
        """Read what is new since the last pass; raises `ChainUnavailable` when no endpoint answers.

        The cursor moves once the pass has been read, so a crash while events are handled delivers those of
        the window again.
        """
        kept = self._store.checkpoints(self._name)
        start_block = self._connection.deployment.start_block
        last = self._connection.head().number - self._confirmations
        common = next((c for c in kept if self._is_current(c, last)), None)
        if last < start_block:
            return ScanPass((), start_block, last, reorganised=False)
        first = start_block if common is None else max(start_block, common.number + 1 - self._window)
        tip = self._connection.block(last)
        addresses = tuple(self._connection.deployment.contracts.values())
        found = self._connection.logs(addresses, [], first, last)
        if self._connection.block(last).hash != tip.hash:
            raise ChainUnavailable("The chain was reorganised during a scan: scanning again.")
        new = tuple(event for event in found if event.identity not in self._seen)
        self._remember(found, first)
        below = [c for c in kept if common is not None and c.number <= common.number and c.number < last]
        self._store.save_checkpoints(self._name, [Checkpoint(last, tip.hash), *below][:_KEPT])
        reorganised = bool(kept) and (common is None or common != kept[0])
        return ScanPass(new, first, last, reorganised)

    def _is_current(self, checkpoint: Checkpoint, last: int) -> bool:
        if checkpoint.number > last:
            return False
        return self._connection.block(checkpoint.number).hash == checkpoint.hash

    def _remember(self, found: Iterable[ChainEvent], first: int) -> None:
        floor = first - self._window
        self._seen = {identity: number for identity, number in self._seen.items() if number >= floor}
        self._seen |= {event.identity: event.block_number for event in found}


class NumbersNamed:
    """The numbers that events of one kind have named so far, such as the hospitals that were admitted.

    What anyone may register is never looked through one by one: a stranger could make that endless. Read from
    the start once, then from where the last look ended, and the `RESCAN_WINDOW` below it again.
    """

    def __init__(self, connection: Connection, contract: str, event: str, argument: str, **indexed: int | str) -> None:
        self._connection = connection
        self._contract, self._event, self._argument = contract, event, argument
        self._indexed = indexed
        self._named: set[int] = set()
        self._next = connection.deployment.start_block

    def look(self) -> tuple[int, ...]:
        """All of them, in order; raises `ChainUnavailable` when no endpoint answers."""
        start, head = self._connection.deployment.start_block, self._connection.head().number
        found = self._connection.events(self._contract, self._event, self._next, head, **self._indexed)
        self._named |= {int(event.arguments[self._argument]) for event in found}
        self._next = max(start, head + 1 - RESCAN_WINDOW)
        return tuple(sorted(self._named))

    def start_over(self) -> None:
        """Read everything again at the next look, as after a reorganisation."""
        self._named.clear()
        self._next = self._connection.deployment.start_block
