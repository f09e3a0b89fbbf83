# SPDX-License-Identifier: Apache-2.0
"""What endpoints answer, checked where it enters: numbers, bytes, blocks and logs of Ethereum's JSON-RPC."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from node.types import BlockRef

_QUANTITY = re.compile(r"0x[0-9a-fA-F]{1,64}")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_LAST_SECOND = 253_402_300_799
_SHOWN = 40

RawLog = Mapping[str, Any]
"""A log as an endpoint gives it, every member that is used being of the right form."""
RawReceipt = Mapping[str, Any]
"""A mined transaction's receipt as an endpoint gives it, every member that is used being of the right form."""
_Parsed = TypeVar("_Parsed")


class OddAnswer(Exception):
    """An answer of another form than the method has; the message says which, to be put after the method's name."""


def anything(value: Any) -> Any:
    """The answer as it comes."""
    return value


def quantity(value: Any) -> int:
    """A number, such as "0x1f"."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise OddAnswer(f"{_shown(value)} where a number belongs")
    return int(value, 16)


def data(value: Any) -> bytes:
    """Bytes, such as "0x00ff"."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise OddAnswer(f"{_shown(value)} where bytes belong")
    return bytes.fromhex(value[2:])


def block(value: Any) -> BlockRef | None:
    """A block; None where the endpoint does not have it."""
    if value is None:
        return None
    return BlockRef(
        member(value, "number", quantity), member(value, "hash", _hash), member(value, "timestamp", _second)
    )


def logs(value: Any) -> Sequence[RawLog]:
    """Logs of mined transactions."""
    if not isinstance(value, list):
        raise OddAnswer(f"{_shown(value)} where a list of logs belongs")
    for log in value:
        for name, parse in _LOG.items():
            member(log, name, parse)
    return value


def receipt(value: Any) -> RawReceipt | None:
    """The receipt of a mined transaction; None where it is not mined, or where the endpoint does not have it yet."""
    if value is None or (isinstance(value, dict) and value.get("blockNumber") is None):
        return None
    for name, parse in _RECEIPT.items():
        member(value, name, parse)
    return value  # type: ignore[no-any-return]


def transactions(value: Any) -> Sequence[tuple[str, str, int]]:
    """Hash and sender (in lower case) and nonce of a block's transactions; none where the endpoint does not have it."""
    found = [] if value is None else member(value, "transactions", _list)
    return [
        (member(each, "hash", _hash).lower(), member(each, "from", _address).lower(), member(each, "nonce", quantity))
        for each in found
    ]


def member(value: Any, name: str, parse: Callable[[Any], _Parsed]) -> _Parsed:
    """A member of an object."""
    if not isinstance(value, dict):
        raise OddAnswer(f"{_shown(value)} where an object belongs")
    try:
        return parse(value.get(name))
    except OddAnswer as odd:
        raise OddAnswer(f"{odd} (`{name}`)") from None


def _second(value: Any) -> int:
    if (found := quantity(value)) > _LAST_SECOND:
        raise OddAnswer(f"{_shown(value)} where seconds since 1970 belong")
    return found


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise OddAnswer(f"{_shown(value)} where a hash belongs")
    return value


def _address(value: Any) -> str:
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise OddAnswer(f"{_shown(value)} where an address belongs")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise OddAnswer(f"{_shown(value)} where a list belongs")
    return value


def _topics(value: Any) -> None:
    for topic in _list(value):
        _hash(topic)


_LOG: Mapping[str, Callable[[Any], object]] = {
    "address": _address,
    "topics": _topics,
    "data": data,
    "blockNumber": quantity,
    "blockHash": _hash,
    "transactionHash": _hash,
    "logIndex": quantity,
}
_RECEIPT: Mapping[str, Callable[[Any], object]] = {
    "transactionHash": _hash,
    "blockNumber": quantity,
    "blockHash": _hash,
    "gasUsed": quantity,
    "effectiveGasPrice": quantity,
    "status": quantity,
    "logs": logs,
}


def _shown(value: Any) -> str:
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "an object"
    text = ascii(value) if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
