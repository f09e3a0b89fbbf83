# SPDX-License-Identifier: Apache-2.0
"""What a transaction offers to pay (EIP-1559), in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from node.chain import answers
from node.chain.connection import Connection
from node.chain.limits import RpcError

_DEFAULT_PRIORITY = 1_000_000_000


@dataclass(frozen=True)
class Fees:
    """The most to pay per gas, and the part of it that goes to the block's producer."""

    maximum: int
    priority: int


def suggest(connection: Connection) -> Fees:
    """Enough for the next blocks: twice the base fee, which six full blocks in a row would reach."""
    base = connection.request("eth_getBlockByNumber", "latest", False, parse=_base_fee)
    try:
        priority = connection.request("eth_maxPriorityFeePerGas", parse=_tip)
    except RpcError:
        priority = _DEFAULT_PRIORITY
    return Fees(2 * base + priority, priority)


def _base_fee(block: Any) -> int:
    # Without it nothing can be offered that is sure to be enough.
    return answers.member(block, "baseFeePerGas", answers.quantity)


def _tip(value: Any) -> int:
    """An endpoint that has no suggestion has none to make."""
    return _DEFAULT_PRIORITY if value is None else answers.quantity(value)


def raised(last: Fees, suggested: Fees) -> Fees:
    """A quarter more than last time, or what is usual now if that is more; pools ask for a tenth."""
    return Fees(
        max(last.maximum * 5 // 4 + 1, suggested.maximum),
        max(last.priority * 5 // 4 + 1, suggested.priority),
    )
