# SPDX-License-Identifier: Apache-2.0
"""Which transaction of an address has a nonce, read from the chain and not from the absence of a receipt."""

from __future__ import annotations

from dataclasses import dataclass

from node.chain import answers
from node.chain.connection import Connection
from node.chain.limits import RpcError
from node.errors import ChainUnavailable
from node.types import Address

_FIRST_STEP = 8


@dataclass(frozen=True)
class NonceUse:
    """The transaction that has a nonce, and the number of its block."""

    tx_hash: str
    block: int


def transaction_count(reader: Connection, address: Address, block: int | None = None) -> int:
    """How many transactions of an address the chain has, up to a block; raises `ChainUnavailable`."""
    tag = "latest" if block is None else hex(block)
    try:
        return reader.request("eth_getTransactionCount", address, tag, parse=answers.quantity)
    except RpcError as error:
        if block is None:
            raise
        # Most endpoints keep accounts as they were for the newest blocks only, and each says so in its own words.
        raise ChainUnavailable(
            f"The RPC endpoint does not tell how many transactions {address} had sent by block {block} "
            f"({error.message}): name an endpoint that keeps older state."
        ) from None


def used_by(reader: Connection, address: Address, nonce: int) -> NonceUse:
    """The transaction that used a nonce of an address, on which all endpoints agree.

    Raises `ChainUnavailable` where they disagree, are behind, or do not keep what the search reads.
    """
    return reader.agreed(lambda endpoint: _search(endpoint, address, nonce))


def fewest_transactions(reader: Connection, address: Address) -> int:
    """How many transactions of an address every endpoint knows of at least."""
    counts: list[int] = []

    def ask(endpoint: Connection) -> None:
        counts.append(transaction_count(endpoint, address))

    reader.agreed(ask)
    return min(counts)


def _search(reader: Connection, address: Address, nonce: int) -> NonceUse:
    """By halving: the first block with more transactions of the address than the nonce, then its transactions."""
    late = reader.head().number
    early, step = late, _FIRST_STEP
    while transaction_count(reader, address, early) > nonce:
        early, late, step = max(0, early - step), early, step * 2
        if late == 0:
            raise ChainUnavailable(f"The RPC endpoint contradicts itself about the transactions of {address}.")
    while late - early > 1:
        middle = (early + late) // 2
        if transaction_count(reader, address, middle) > nonce:
            late = middle
        else:
            early = middle
    for tx_hash, sender, number in reader.request("eth_getBlockByNumber", hex(late), True, parse=answers.transactions):
        if (sender, number) == (address.lower(), nonce):
            return NonceUse(tx_hash, late)
    raise ChainUnavailable(f"The RPC endpoint shows no transaction {nonce} of {address} in block {late}, where it is.")
