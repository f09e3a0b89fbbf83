# SPDX-License-Identifier: Apache-2.0
"""A node's durable memory: one SQLite file that survives a crash at any instruction.

It holds the journal of steps, the scanner's cursor, this key's transactions, the one set of each starting model, the
signed shares it has seen, and digests of the records it has taught with.
Every write is committed and synced to disk before the call returns (WAL, synchronous=FULL).
"""

from node.state.journal import Journal, recent_steps, step_of
from node.state.sets import SetMemory
from node.state.sharebook import ShareBook, seen_shares
from node.state.taught import TaughtRecords
from node.state.transactions import TransactionBook

__all__ = ["NodeState", "recent_steps", "seen_shares", "step_of"]


class NodeState(Journal, SetMemory, ShareBook, TaughtRecords, TransactionBook):
    """An open state file: `node.state.file.StateFile` says how it is opened, its bases what it holds."""
