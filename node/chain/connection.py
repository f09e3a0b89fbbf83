# SPDX-License-Identifier: Apache-2.0
"""One deployment seen through one or more RPC endpoints: calls, blocks, logs, agreement."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Self, TypeVar

from node.chain import answers
from node.chain.abi import Interfaces, load_interfaces
from node.chain.clock import ChainClock
from node.chain.endpoints import Endpoints
from node.chain.limits import RpcError, TooMuch
from node.chain.refusals import in_numbers
from node.chain.rpc import Rpc
from node.errors import ChainError, ChainMismatch, ChainUnavailable, ConfigError
from node.types import Address, BlockRef, ChainEvent, Deployment
from node.words import format_time

BlockTag = int | str
"""A block's number, or "latest"."""

RESCAN_WINDOW = 32
"""Blocks that a reorganisation may reach back, so that what was found at one is looked for this far below it."""
_LOG_RANGE = 5_000
_FIRST_STEP = 64
_Result = TypeVar("_Result")


class Connection:
    """Reads of a deployment; the first endpoint that answers is used, all of them where agreement is asked.

    Raises `ChainUnavailable` when no endpoint answers (try again later), `ChainMismatch` when an endpoint
    serves another chain, and `ContractReverted` when a contract refuses a call. Whatever waits for the chain does
    it by `pause` (seconds), which may raise `StopAsked`.
    """

    def __init__(
        self,
        rpc_urls: Sequence[str],
        deployment: Deployment,
        interfaces: Interfaces | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.deployment = deployment
        self.interfaces = interfaces or load_interfaces()
        self.pause = pause
        self.clock = ChainClock(self._ask_all)
        self._urls = tuple(rpc_urls)
        self._endpoints = Endpoints([Rpc(url) for url in rpc_urls], deployment.chain_id, pause)
        self._alone: list[Self] = []
        self._since: dict[int, int] = {}

    @property
    def asked(self) -> int:
        """How many requests were sent so far, to all endpoints together."""
        return self._endpoints.asked

    def request(self, method: str, *parameters: Any, parse: Callable[[Any], _Result] = answers.anything) -> _Result:
        """One request, to the first endpoint whose answer `parse` takes (see `node.chain.answers`); by default raw."""
        return self._endpoints.request(method, *parameters, parse=parse)[0]

    def wait_until_available(self, timeout: float) -> None:
        """Wait up to `timeout` seconds, with growing pauses, until `verify` passes."""
        deadline, pause = time.monotonic() + timeout, 0.2
        while True:
            try:
                self.verify()
                return
            except ChainUnavailable:
                if time.monotonic() + pause > deadline:
                    raise
            self.pause(pause)
            pause = min(pause * 2, 5.0)

    def verify(self) -> None:
        """Check that every endpoint serves the deployment's chain and that its contracts exist there."""
        self._endpoints.check_all()
        for name, address in self.deployment.contracts.items():
            if not self.code(address):
                raise ChainMismatch(
                    f"There is no contract {name} at {address}: the deployment record is not of this chain, "
                    "or the chain was started anew. Deploy again or name the right record."
                )

    def identity(self) -> str:
        """What tells this deployment from all others, also from one at the same addresses on a new chain."""
        deployment = self.deployment
        contracts = ",".join(sorted(deployment.contracts.values()))
        digest = hashlib.sha256(contracts.encode()).hexdigest()[:16]
        return f"{deployment.chain_id}/{digest}/{self.block(deployment.start_block).hash}"

    # Blocks

    def head(self) -> BlockRef:
        """The newest block."""
        newest, endpoint = self._endpoints.request("eth_getBlockByNumber", "latest", False, parse=answers.block)
        if newest is None:
            raise ChainUnavailable(f"The RPC endpoint {endpoint} has no block at all: wait until it has caught up.")
        self.clock.saw(newest, endpoint)
        return newest

    def block(self, number: int) -> BlockRef:
        """A block by number; raises `ChainUnavailable` when the endpoint does not have it (yet)."""
        found = self.find_block(number)
        if found is None:
            raise ChainUnavailable(f"The RPC endpoint has no block {number} (yet).")
        return found

    def find_block(self, number: int) -> BlockRef | None:
        """A block by number; None where the endpoint does not have it, as one that is a little behind."""
        return self.request("eth_getBlockByNumber", _tag(number), False, parse=answers.block)

    def block_since(self, timestamp: int) -> int:
        """A block's number from which everything is found that happened at `timestamp` or later.

        The first such block by a search that begins at the head, less what a reorganisation may reach back.
        """
        if timestamp not in self._since:
            start, newest = self.deployment.start_block, self.head().number
            step, early, late = _FIRST_STEP, newest, newest
            while early > start and self.block(early).timestamp >= timestamp:
                early, late, step = max(start, early - step), early, step * 4
            while early < late:
                middle = (early + late) // 2
                if self.block(middle).timestamp < timestamp:
                    early = middle + 1
                else:
                    late = middle
            self._since[timestamp] = max(start, late - RESCAN_WINDOW)
        return self._since[timestamp]

    def forget_blocks(self) -> None:
        """Search anew the next time `block_since` is asked, as where something was not found where it should be."""
        self._since.clear()

    def is_confirmed(self, number: int, confirmations: int) -> bool:
        """Whether `number` lies at least `confirmations` blocks deep, in the same chain on every endpoint.

        Raises `ChainUnavailable` when endpoints disagree about the block: nothing may be done on it
        until they agree.
        """
        hashes: set[str] = set()
        for reader in self._singles():
            if reader.head().number < number + confirmations:
                return False
            hashes.add(reader.block(number).hash)
        if len(hashes) > 1:
            raise ChainUnavailable(f"The RPC endpoints disagree about block {number}: waiting until they agree.")
        return True

    def agreed(self, read: Callable[[Self], _Result]) -> _Result:
        """Run `read` on every endpoint by itself and return the result they agree on.

        Raises `ChainUnavailable` when one of them is silent or answers otherwise. With one endpoint there
        is nothing to compare.
        """
        results = [read(reader) for reader in self._singles()]
        if any(result != results[0] for result in results[1:]):
            raise ChainUnavailable("The RPC endpoints give different answers: waiting until they agree.")
        return results[0]

    # Calls and logs

    def call(self, contract: str, function: str, *arguments: Any, at: BlockTag = "latest") -> Any:
        """Call a view: structs come as dictionaries, several results as a tuple."""
        data = self.interfaces.encode_call(contract, function, arguments)
        call = {"to": self.address(contract), "data": "0x" + data.hex()}
        try:
            result = self.request("eth_call", call, _tag(at), parse=answers.data)
        except RpcError as error:
            raise self.translate(error, f"{contract}.{function}") from None
        return self.interfaces.decode_result(contract, function, result)

    def translate(self, error: RpcError, call: str) -> Exception:
        """What an endpoint's error means: a named revert where it is one, else the error itself."""
        if error.data or "revert" in error.message.lower():
            return self.interfaces.decode_revert(error.data, call, self.shown)
        return error

    def shown(self, unit: str, number: int) -> str:
        """A number of a contract with its unit (see `node.chain.refusals`), times beside the chain's."""
        if unit == "time":
            with contextlib.suppress(ChainError):
                return format_time(number, self.clock.now())
        return in_numbers(unit, number)

    def address(self, contract: str) -> Address:
        """Where a contract lives; raises `ConfigError` when the deployment record lacks it."""
        try:
            return self.deployment.contracts[contract]
        except KeyError:
            raise ConfigError(f"The deployment record has no contract {contract}.") from None

    def code(self, address: Address) -> bytes:
        """The code at an address; empty where there is no contract."""
        return self.request("eth_getCode", address, "latest", parse=answers.data)

    def balance(self, address: Address) -> int:
        """An account's balance in wei."""
        return self.request("eth_getBalance", address, "latest", parse=answers.quantity)

    def events(
        self,
        contract: str,
        event: str,
        first_block: int | None = None,
        last_block: int | None = None,
        **indexed: int | str,
    ) -> tuple[ChainEvent, ...]:
        """All events of one kind in the chain as it is now, oldest first, narrowed by `indexed` arguments."""
        start = self.deployment.start_block if first_block is None else first_block
        end = self.head().number if last_block is None else last_block
        parts = self.events_by_part(contract, event, start, end, **indexed)
        return tuple(found for _, part in parts for found in part)

    def events_by_part(
        self, contract: str, event: str, first_block: int, last_block: int, **indexed: int | str
    ) -> Iterator[tuple[int, tuple[ChainEvent, ...]]]:
        """The same as it is read: the last block of each part of the range, and its events. What was read before a
        failure need not be read again."""
        return self.logs([self.address(contract)], self._topics(contract, event, indexed), first_block, last_block)

    def logs(
        self, addresses: Sequence[Address], topics: list[Any], first_block: int, last_block: int
    ) -> Iterator[tuple[int, tuple[ChainEvent, ...]]]:
        """Decoded logs of some of the deployment's contracts in a range of blocks, both ends included, part by part:
        the last block of each, and its events, oldest first."""
        start, width = first_block, _LOG_RANGE
        while start <= last_block:
            end = min(start + width - 1, last_block)
            query = {
                "address": list(addresses),
                "topics": topics,
                "fromBlock": hex(start),
                "toBlock": hex(end),
            }
            try:
                raw = self.request("eth_getLogs", query, parse=answers.logs)
            except TooMuch:
                if end == start:
                    raise
                width = max(1, (end - start + 1) // 4)
                continue
            yield end, tuple(sorted(self.decode_logs(raw), key=lambda event: (event.block_number, event.log_index)))
            start = end + 1

    def decode_logs(self, raw: Iterable[Mapping[str, Any]]) -> tuple[ChainEvent, ...]:
        """The events of the deployment's contracts among raw logs."""
        names = {address.lower(): name for name, address in self.deployment.contracts.items()}
        events = (
            self.interfaces.decode_log(names[log["address"].lower()], log)
            for log in raw
            if log["address"].lower() in names and not log.get("removed")
        )
        return tuple(event for event in events if event is not None)

    def _topics(self, contract: str, event: str, indexed: Mapping[str, int | str]) -> list[Any]:
        topics: list[Any] = [self.interfaces.topic(contract, event)]
        for name in self.interfaces.indexed(contract, event):
            value = indexed.get(name)
            if value is None:
                topics.append(None)
            else:
                number = int(value, 16) if isinstance(value, str) else value
                topics.append(f"0x{number:064x}")
        unknown = set(indexed) - set(self.interfaces.indexed(contract, event))
        if unknown:
            raise ConfigError(f"{contract}.{event} is not indexed by {', '.join(sorted(unknown))}.")
        return topics

    def _ask_all(self) -> None:
        """Have every endpoint that answers name its newest block; raises the last one's failure where none does."""
        failures = []
        for reader in self._singles():
            try:
                reader.head()
            except ChainUnavailable as error:
                failures.append(error)
        if len(failures) == len(self._urls):
            raise failures[-1]

    def _singles(self) -> list[Self]:
        if len(self._urls) == 1:
            return [self]
        if not self._alone:
            for url, endpoint in zip(self._urls, self._endpoints.each(), strict=True):
                alone = type(self)([url], self.deployment, self.interfaces, pause=self.pause)
                # What is known of an endpoint, and of the time, is known of it wherever it is asked.
                alone._endpoints, alone.clock = endpoint, self.clock
                self._alone.append(alone)
        return self._alone


def last_block(at: BlockTag) -> int | None:
    """The last block of a search for events up to `at`; None for the newest."""
    return at if isinstance(at, int) else None


def _tag(block: BlockTag) -> str:
    return hex(block) if isinstance(block, int) else block
