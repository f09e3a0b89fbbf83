# SPDX-License-Identifier: Apache-2.0
"""What a transaction offers to pay (EIP-1559), in wei per gas."""

from __future__ import annotations

from dataclasses import dataclass

from node.chain.connection import Connection
from node.chain.rpc import RpcError

_DEFAULT_PRIORITY = 1_000_000_000


@dataclass(frozen=True)
class Fees:
    """The most to pay per gas, and the part of it that goes to the block's producer."""

    maximum: int
    priority: int


def suggest(connection: Connection) -> Fees:
    """Enough for the next blocks: twice the base fee, which six full blocks in a row would reach."""
    base = int(connection.request("eth_getBlockByNumber", "latest", False).get("baseFeePerGas", "0x0"), 16)
    try:
        priority = int(connection.request("eth_maxPriorityFeePerGas"), 16)
    except RpcError:
        priority = _DEFAULT_PRIORITY
    return Fees(2 * base + priority, priority)


def raised(last: Fees, suggested: Fees) -> Fees:
    """A quarter more than last time, or what is usual now if that is more; pools ask for a tenth."""
    return Fees(
        max(last.maximum * 5 // 4 + 1, suggested.maximum),
        max(last.priority * 5 // 4 + 1, suggested.priority),
    )
