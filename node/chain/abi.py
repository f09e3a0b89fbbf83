# SPDX-License-Identifier: Apache-2.0
"""Calls, results, errors and events of contracts, encoded and decoded by their ABIs.

Structs travel as dictionaries by the names of their members, `bytes32` as `bytes`, addresses as checksummed
strings. Source of the formats: the Solidity contract ABI specification.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_abi.codec import ABIDecoder
from eth_abi.decoding import StringDecoder
from eth_abi.exceptions import DecodingError, EncodingError
from eth_abi.registry import BaseEquals, registry
from web3 import Web3

from node.chain.refusals import Show, refusal
from node.errors import ChainMismatch, ConfigError, ContractReverted
from node.types import ChainEvent

Abi = Sequence[Mapping[str, Any]]

ABI_FOLDER = Path(__file__).parent / "abis"
_PANICS = {
    0x01: "assertion",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "not a member of the enum",
    0x31: "pop from an empty array",
    0x32: "index out of bounds",
    0x41: "out of memory",
    0x51: "call of an unset function",
}


class _TextDecoder(StringDecoder):
    """Text of a contract: bytes that are no UTF-8 become escapes, or one such name kept all others from being read."""

    def __init__(self) -> None:
        super().__init__("backslashreplace")  # type: ignore[no-untyped-call]


def _decoder() -> ABIDecoder:
    ours = registry.copy()  # type: ignore[no-untyped-call]
    ours.unregister_decoder("string")
    ours.register_decoder(BaseEquals("string"), _TextDecoder, label="string")  # type: ignore[no-untyped-call]
    return ABIDecoder(ours)


decode = _decoder().decode


class Interfaces:
    """All ABIs of a suite, so that an error or event of any of its contracts can be named."""

    def __init__(self, abis: Mapping[str, Abi]) -> None:
        self._functions: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._errors: dict[bytes, Mapping[str, Any]] = {}
        self._events: dict[tuple[str, bytes], Mapping[str, Any]] = {}
        self._topics: dict[tuple[str, str], bytes] = {}
        for contract, entries in abis.items():
            for entry in entries:
                self._add(contract, entry)

    def _add(self, contract: str, entry: Mapping[str, Any]) -> None:
        kind = entry["type"]
        if kind == "function":
            if (contract, entry["name"]) in self._functions:
                # Overloads would need the caller to choose; the suite has none of its own.
                return
            self._functions[contract, entry["name"]] = entry
        elif kind == "error":
            self._errors[_selector(entry)] = entry
        elif kind == "event" and not entry.get("anonymous"):
            topic = _topic(entry)
            self._events[contract, topic] = entry
            self._topics[contract, entry["name"]] = topic

    def contracts(self) -> frozenset[str]:
        """The names of the contracts whose functions are known."""
        return frozenset(contract for contract, _ in self._functions)

    def encode_call(self, contract: str, function: str, arguments: Sequence[Any]) -> bytes:
        """The call data of a function; raises `ConfigError` when arguments do not fit its signature."""
        entry = self._function(contract, function)
        inputs = entry["inputs"]
        if len(arguments) != len(inputs):
            raise ConfigError(f"{contract}.{function} takes {len(inputs)} arguments, {len(arguments)} were given.")
        try:
            values = [_flatten(item, value) for item, value in zip(inputs, arguments, strict=True)]
            return _selector(entry) + encode([_type(item) for item in inputs], values)
        except (EncodingError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{contract}.{function}: an argument does not fit its type ({error}).") from None

    def decode_result(self, contract: str, function: str, data: bytes) -> Any:
        """What a function returned: one value, a tuple of several, or None."""
        outputs = self._function(contract, function)["outputs"]
        try:
            raw = decode([_type(item) for item in outputs], data)
        except DecodingError:
            raise ChainMismatch(
                f"{contract}.{function} answered with {len(data)} bytes that do not fit its interface: "
                "the deployment record and the contracts on this chain are not the same."
            ) from None
        values = tuple(_name(item, value) for item, value in zip(outputs, raw, strict=True))
        return values[0] if len(values) == 1 else (values or None)

    def decode_revert(self, data: bytes | None, call: str, show: Show | None = None) -> ContractReverted:
        """Name a revert: a custom error, a reason string, a panic, or the bare selector; `show` as for a refusal."""
        if not data:
            return ContractReverted("RevertWithoutReason", call=call)
        selector, body = data[:4], data[4:]
        try:
            if selector == bytes.fromhex("08c379a0"):
                return ContractReverted("Error", {"reason": decode(["string"], body)[0]}, call)
            if selector == bytes.fromhex("4e487b71"):
                code = decode(["uint256"], body)[0]
                return ContractReverted("Panic", {"code": code, "meaning": _PANICS.get(code, "unknown")}, call)
            entry = self._errors.get(selector)
            if entry is not None:
                raw = decode([_type(item) for item in entry["inputs"]], body)
                values = _named(entry["inputs"], raw)
                return refusal(entry["name"], {key: _readable(value) for key, value in values.items()}, call, show)
        except DecodingError:
            pass
        return ContractReverted("UnknownError", {"data": "0x" + data[:68].hex()}, call)

    def topic(self, contract: str, event: str) -> str:
        """The first topic of an event, as hex; raises `LookupError` when the contract has no such event."""
        return "0x" + self._topics[contract, event].hex()

    def indexed(self, contract: str, event: str) -> tuple[str, ...]:
        """The names of an event's indexed arguments, in order."""
        entry = self._events[contract, self._topics[contract, event]]
        return tuple(item["name"] for item in entry["inputs"] if item["indexed"])

    def decode_log(self, contract: str, log: Mapping[str, Any]) -> ChainEvent | None:
        """Decode a raw log of a contract; None where its event is not in the interface."""
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        entry = self._events.get((contract, topics[0])) if topics else None
        if entry is None:
            return None
        indexed = [item for item in entry["inputs"] if item["indexed"]]
        plain = [item for item in entry["inputs"] if not item["indexed"]]
        try:
            arguments = {
                item["name"]: _name(item, decode([_type(item)], topic)[0])
                for item, topic in zip(indexed, topics[1:], strict=True)
            }
            body = decode([_type(item) for item in plain], bytes.fromhex(log["data"][2:]))
        except (DecodingError, ValueError):
            return None
        return ChainEvent(
            contract=contract,
            name=entry["name"],
            arguments=arguments | _named(plain, body),
            block_number=int(log["blockNumber"], 16),
            block_hash=log["blockHash"],
            tx_hash=log["transactionHash"],
            log_index=int(log["logIndex"], 16),
        )

    def _function(self, contract: str, function: str) -> Mapping[str, Any]:
        entry = self._functions.get((contract, function))
        if entry is None:
            raise ConfigError(f"{contract} has no function {function} in its interface.")
        return entry


def load_interfaces(folder: Path = ABI_FOLDER) -> Interfaces:
    """Read the committed ABIs, one JSON list per contract, named after it."""
    abis = {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}
    if not abis:
        raise ConfigError(f"No contract interfaces in {folder}: run `make generate`.")
    return Interfaces(abis)


def _type(item: Mapping[str, Any]) -> str:
    kind: str = item["type"]
    if kind.startswith("tuple"):
        return f"({','.join(_type(part) for part in item['components'])}){kind.removeprefix('tuple')}"
    return kind


def _signature(entry: Mapping[str, Any]) -> bytes:
    text = f"{entry['name']}({','.join(_type(item) for item in entry['inputs'])})"
    return bytes(Web3.keccak(text=text))


def _selector(entry: Mapping[str, Any]) -> bytes:
    return _signature(entry)[:4]


def _topic(entry: Mapping[str, Any]) -> bytes:
    return _signature(entry)


def _flatten(item: Mapping[str, Any], value: Any) -> Any:
    """Structs from dictionaries to tuples, also inside lists."""
    kind: str = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_flatten(inner, part) for part in value]
    if kind == "tuple":
        return tuple(_flatten(part, value[part["name"]]) for part in item["components"])
    return value


def _name(item: Mapping[str, Any], value: Any) -> Any:
    """Structs from tuples to dictionaries, also inside lists; addresses checksummed."""
    kind: str = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return tuple(_name(inner, part) for part in value)
    if kind == "tuple":
        return _named(item["components"], value)
    if kind == "address":
        return str(Web3.to_checksum_address(value))
    return value


def _readable(value: Any) -> Any:
    return "0x" + value.hex() if isinstance(value, bytes) else value


def _named(items: Iterable[Mapping[str, Any]], values: Iterable[Any]) -> dict[str, Any]:
    return {
        item["name"] or str(position): _name(item, value)
        for position, (item, value) in enumerate(zip(items, values, strict=True))
    }
