# SPDX-License-Identifier: Apache-2.0
"""What happened on the chain, as hints: scanned from a cursor that survives reorganisations and restarts.

An event says where to look; the contract's state decides. An event may therefore be delivered again (after a
restart, or from another block after a reorganisation), and one whose block was dropped is not taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from node.chain.connection import RESCAN_WINDOW, Connection
from node.chain.limits import Behind
from node.errors import ChainError
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

    Checkpoints carry block hashes, so a cursor on a dropped branch is noticed, and the scan goes back to the last block
    both have. An endpoint whose newest block is an older one of the same chain, as another machine behind the same
    address may be, is just behind: the cursor waits where it is.
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

        The cursor moves once blocks have been read, so a crash while events are handled delivers those of the window
        again. Where reading fails on the way, the pass ends with what was read, and the next one goes on from there.
        """
        kept = self._store.checkpoints(self._name)
        start_block = self._connection.deployment.start_block
        head = self._connection.head()
        last = head.number - self._confirmations
        if last < start_block or (kept and not self._confirmations and kept[0] == Checkpoint(head.number, head.hash)):
            return ScanPass((), last + 1, last, reorganised=False)
        common, reorganised = self._common(kept, last)
        below = last if kept and not reorganised and common is None else start_block - 1
        first = max(start_block, (common.number if common else below) + 1 - self._window)
        found: list[ChainEvent] = []
        reached, end = None, first - 1
        try:
            for end, part in self._read(first, last):
                tip = head if end == head.number else self._connection.find_block(end)
                reached = reached if tip is None else Checkpoint(end, tip.hash)
                found.extend(part)
        except Behind:
            # What it does not have yet, it has at a later pass.
            pass
        except ChainError:
            if reached is None or reached.number < first + self._window:
                raise
        new = tuple(event for event in found if event.identity not in self._seen)
        if reached is not None and (reorganised or not kept or reached.number > kept[0].number):
            sound = [c for c in kept if not reorganised or (common is not None and c.number <= common.number)]
            earlier = [checkpoint for checkpoint in sound if checkpoint.number < reached.number]
            self._store.save_checkpoints(self._name, [reached, *earlier][:_KEPT])
        self._remember(found, first)
        return ScanPass(new, first, end, reorganised)

    def _read(self, first: int, last: int) -> Iterator[tuple[int, tuple[ChainEvent, ...]]]:
        return self._connection.logs(tuple(self._connection.deployment.contracts.values()), [], first, last)

    def _common(self, kept: Iterable[Checkpoint], last: int) -> tuple[Checkpoint | None, bool]:
        """The newest checkpoint that the chain still has, and whether it has another block in the place of one.

        What an endpoint does not have says nothing.
        """
        replaced = False
        for checkpoint in kept:
            found = self._connection.find_block(checkpoint.number) if checkpoint.number <= last else None
            if found is not None and found.hash == checkpoint.hash:
                return checkpoint, replaced
            replaced = replaced or found is not None
        return None, replaced

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
        parts = self._connection.events_by_part(self._contract, self._event, self._next, head, **self._indexed)
        for end, found in parts:
            self._named |= {int(event.arguments[self._argument]) for event in found}
            # An endpoint that is a little behind does not have what was read taken back.
            self._next = max(self._next, start, end + 1 - RESCAN_WINDOW)
        return tuple(sorted(self._named))

    def start_over(self) -> None:
        """Read everything again at the next look, as after a reorganisation."""
        self._named.clear()
        self._next = self._connection.deployment.start_block
