# SPDX-License-Identifier: Apache-2.0
"""Rows of a hospital that has more of them than the circuit takes: cut into blocks, of which the chain draws one.

The order is drawn here, in secret, before the cut, and all blocks are committed to at once: neither the hospital,
which could order its rows by how convenient they are, nor whoever makes the chain's block chooses what is trained on.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from node.chain.blocks import MOST_BLOCKS, BlockTree
from node.errors import DataError
from node.plan import HeadPlan
from node.proofs.commitments import SALT_BITS
from node.steps.head_records import HeadRecords, Rows


@dataclass(frozen=True)
class Blocks:
    """At least two blocks of rows, each with a salt of its own, and the data root of each."""

    parts: tuple[HeadRecords, ...] = field(repr=False)
    roots: tuple[int, ...] = field(repr=False)

    @property
    def count(self) -> int:
        """How many rows there are in all."""
        return sum(part.count for part in self.parts)

    def tree(self) -> BlockTree:
        """What the enrolment commits to: the data root and the number of rows of each."""
        return BlockTree([(root, part.rows) for root, part in zip(self.roots, self.parts, strict=True)])

    def of_root(self, data_root: int) -> HeadRecords | None:
        """The block with this data root, if one has it."""
        return self.parts[self.roots.index(data_root)] if data_root in self.roots else None

    def to_json(self) -> dict[str, Any]:
        """For the secret store."""
        return {"blocks": [part.to_json() for part in self.parts], "roots": list(map(str, self.roots))}

    @classmethod
    def from_json(cls, value: dict[str, Any], plan: HeadPlan) -> Blocks:
        """From the secret store."""
        parts = tuple(HeadRecords.from_json(part, plan) for part in value["blocks"])
        return cls(parts, tuple(map(int, value["roots"])))

    def to_bytes(self) -> bytes:
        """For the secret store."""
        return json.dumps(self.to_json()).encode()


def committed(rows: Rows, plan: HeadPlan, salt: int) -> HeadRecords | Blocks:
    """The rows as they are committed to: under `salt` where the circuit takes all, else in blocks.

    The rows of n blocks are in a random order; their sizes differ by one at most. Raises DataError for more blocks
    than an enrolment can have.
    """
    capacity, count = plan.training.rows_maximum, len(rows.table)
    if count <= capacity:
        return _part(rows, plan, range(count), salt)
    blocks = -(-count // capacity)
    if blocks > MOST_BLOCKS:
        raise DataError(f"{count} rows are more than {MOST_BLOCKS} blocks of {capacity}: enrol with fewer.")
    order = list(range(count))
    secrets.SystemRandom().shuffle(order)
    parts = tuple(_part(rows, plan, order[first::blocks], secrets.randbits(SALT_BITS)) for first in range(blocks))
    return Blocks(parts, tuple(part.commitment() for part in parts))


def _part(rows: Rows, plan: HeadPlan, places: Sequence[int], salt: int) -> HeadRecords:
    table = tuple(map(tuple, rows.table[list(places)].tolist()))
    return HeadRecords(plan, table, tuple(rows.labels[place] for place in places), salt)
