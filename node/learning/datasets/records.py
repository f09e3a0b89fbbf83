# SPDX-License-Identifier: Apache-2.0
"""What every kind of data set has: records with a split, a binary label and content, counted and hashed alike."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from node.learning.findings import Finding
from node.plan import Label

SPLITS = ("train", "val", "test")


class Record(NamedTuple):
    """One image or one row: `content` are its canonical bytes, without label and split."""

    split: str
    label: int
    content: bytes


@dataclass(frozen=True)
class Refused:
    """A file that is not part of the data, and why."""

    file: str
    reason: str


class DataSet(Protocol):
    """A checked data set, whatever it was read from."""

    kind: str
    suffix: str

    @property
    def label(self) -> Label:
        """What is to be predicted."""

    @property
    def classes(self) -> Mapping[str, Mapping[str, int]]:
        """How many records of each split have which label, as written."""

    @property
    def refused(self) -> tuple[Refused, ...]:
        """Files that are not part of it."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What in it is probably wrong; nothing for what was made of a data set that was looked at."""

    def records(self) -> Iterator[Record]:
        """All records, split by split, in order."""

    def to_bytes(self) -> bytes:
        """The canonical file."""

    def hospital(self, places: NDArray[np.intp]) -> DataSet:
        """The data set of a hospital that has these records of the training split, and no other split."""

    def held_out(self) -> DataSet | None:
        """The other splits, or None where there are none."""


def tree_root(records: Iterable[Record]) -> bytes:
    """Merkle root over all records with their labels: SHA-256 as in RFC 6962, 32 bytes.

    A leaf is SHA-256(0x00, split (0 train, 1 val, 2 test), label, content), a node SHA-256(0x01, left, right);
    an odd one out moves up.
    """
    level = [
        hashlib.sha256(bytes((0, SPLITS.index(record.split), record.label)) + record.content).digest()
        for record in records
    ]
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs] + level[len(level) & ~1 :]
    return level[0]


def summary(data: DataSet) -> dict[str, Any]:
    """Counts, class balance, exact duplicates and refused files, ready for JSON.

    `duplicates.within`: records of a split whose content an earlier one of it has; `duplicates.across`: records
    of the second split whose content the first has; `contradicting`: contents that occur with both labels.
    """
    labels: dict[str, list[int]] = {}
    contents: dict[str, Counter[bytes]] = {}
    seen: dict[bytes, set[int]] = {}
    for record in data.records():
        digest = hashlib.sha256(record.content).digest()
        labels.setdefault(record.split, []).append(record.label)
        contents.setdefault(record.split, Counter())[digest] += 1
        seen.setdefault(digest, set()).add(record.label)
    names = list(labels)
    return {
        "kind": data.kind,
        "records": sum(map(len, labels.values())),
        "label": {"name": data.label.name, "positive": data.label.positive, "negative": data.label.negative},
        "splits": {
            name: {
                "records": len(found),
                "positives": sum(found),
                "positive_share": round(sum(found) / len(found), 4),
                "classes": dict(data.classes.get(name, {})),
            }
            for name, found in labels.items()
        },
        "duplicates": {
            "within": {name: contents[name].total() - len(contents[name]) for name in names},
            "across": {
                f"{first}/{second}": sum(n for digest, n in contents[second].items() if digest in contents[first])
                for place, first in enumerate(names)
                for second in names[place + 1 :]
            },
            "contradicting": sum(len(found) > 1 for found in seen.values()),
        },
        "unreadable": [{"file": item.file, "reason": item.reason} for item in data.refused],
    }


def binary_label(name: str, positive: str, found: Collection[str]) -> Label:
    """The label of a column in which one of the values that were found counts as 1."""
    others = sorted(set(found) - {positive})
    if not others and positive == "1":
        others = ["0"]
    return Label(name, positive, others[0] if len(others) == 1 else f"not {positive}")
