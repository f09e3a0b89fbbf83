# SPDX-License-Identifier: Apache-2.0
"""What every part of an audit speaks of: results of checks, stored files, acts on the chain, the network."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from node.types import Address, BlockRef
from node.words import format_amount


class Verdict(enum.Enum):
    """The result of one check, in the words that readers see."""

    PASSED = "ok"
    FAILED = "failed"
    UNREACHABLE = "content not reachable"
    PENDING = "not yet"


@dataclass(frozen=True)
class Check:
    """One re-checked statement: `subject` says about what, `detail` what was compared."""

    subject: str
    statement: str
    verdict: Verdict
    detail: str


@dataclass(frozen=True)
class FileView:
    """A stored file as the chain names it; the CID follows from digest and size."""

    digest: bytes
    size: int
    cid: str


@dataclass(frozen=True)
class Act:
    """Who put something on the chain, and where: `hospital_id` is 0 where the chain does not say."""

    tx_hash: str
    block_number: int
    timestamp: int
    hospital_id: int = 0


@dataclass(frozen=True)
class NetworkView:
    """The chain and the suite of contracts that were read, up to block `head`."""

    chain_id: int
    head: BlockRef
    development_keys: bool
    contracts: Mapping[str, Address]
    token_symbol: str
    token_decimals: int

    def amount(self, units: int) -> str:
        """An amount of the token for readers: exact, without needless zeros, with its symbol."""
        sign = "-" if units < 0 else ""
        return f"{sign}{format_amount(abs(units), self.token_decimals)} {self.token_symbol}"
