# SPDX-License-Identifier: Apache-2.0
"""The chain as an auditor reads it: all calls and events at one block, so that their answers fit together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from node.audit.basics import Act, FileView, NetworkView
from node.chain.records import to_record
from node.storage.cid import cid_of
from node.types import BlockRef, ChainEvent, Deployment
from node.words import token_word

_Record = TypeVar("_Record")


class Source(Protocol):
    """What reading needs of a chain; `node.chain.connection.Connection` is one."""

    @property
    def deployment(self) -> Deployment:
        """The suite that is read."""

    def head(self) -> BlockRef:
        """The newest block."""

    def block(self, number: int) -> BlockRef:
        """A block by number."""

    def call(self, contract: str, function: str, *arguments: Any, at: int | str = "latest") -> Any:
        """Call a view."""

    def events(
        self,
        contract: str,
        event: str,
        *,
        first_block: int | None = None,
        last_block: int | None = None,
        **indexed: int | str,
    ) -> tuple[ChainEvent, ...]:
        """All events of one kind, oldest first."""

    def request(self, method: str, *parameters: Any, parse: Callable[[Any], _Record]) -> _Record:
        """One request, whose answer `parse` checks (see `node.chain.answers`)."""


class Ledger:
    """A deployment as it was at the newest block when reading began."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.deployment = source.deployment
        self.head = source.head()
        self._times: dict[int, int] = {self.head.number: self.head.timestamp}

    def call(self, contract: str, function: str, *arguments: Any) -> Any:
        """Call a view: structs come as dictionaries, several results as a tuple."""
        return self.source.call(contract, function, *arguments, at=self.head.number)

    def record(self, kind: type[_Record], contract: str, function: str, *arguments: Any, **given: Any) -> _Record:
        """Call a view that returns a struct, as a record; `given` fills members that the struct lacks."""
        return to_record(kind, self.call(contract, function, *arguments), **given)

    def events(self, contract: str, event: str, **indexed: int) -> tuple[ChainEvent, ...]:
        """All events of one kind up to the block that is read, oldest first."""
        return self.source.events(contract, event, last_block=self.head.number, **indexed)

    def act(self, event: ChainEvent, hospital_id: int = 0) -> Act:
        """Where and when an event came onto the chain."""
        return Act(event.tx_hash, event.block_number, self._time(event.block_number), hospital_id)

    def network(self) -> NetworkView:
        """The chain and the suite that are read."""
        return NetworkView(
            chain_id=self.deployment.chain_id,
            head=self.head,
            development_keys=self.deployment.development_keys,
            contracts=dict(self.deployment.contracts),
            token_symbol=token_word(str(self.call("ConsiliumToken", "symbol"))),
            token_decimals=int(self.call("ConsiliumToken", "decimals")),
        )

    def _time(self, number: int) -> int:
        if number not in self._times:
            self._times[number] = self.source.block(number).timestamp
        return self._times[number]


def file_of(digest: bytes, size: int) -> FileView:
    """The file that the chain names by its digest and size."""
    return FileView(digest, size, cid_of(digest, size))


def posted_file(event: ChainEvent) -> FileView:
    """The file that an event names."""
    return file_of(event.arguments["digest"], event.arguments["size"])


def members(bitmap: int, hospitals: tuple[int, ...]) -> tuple[int, ...]:
    """The registry numbers of a bitmap over enrolment indices."""
    return tuple(hospital for index, hospital in enumerate(hospitals) if bitmap >> index & 1)
