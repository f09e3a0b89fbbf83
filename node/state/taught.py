# SPDX-License-Identifier: Apache-2.0
"""Which records this hospital has taught with, in which studies, and what that has cost in privacy: kept for good.

A record is known by a digest of its raw values, whatever a study makes of them (`node.learning.records`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice

from node.state.file import StateFile

#: SQLite takes so many values in a query by itself; the digests of many records are asked for in parts.
_TOGETHER = 500


class TaughtRecords(StateFile):
    """Digests of raw records by study, and the privacy that each round of a study has spent."""

    def teach(self, study: int, records: Collection[bytes]) -> None:
        """Remember the records (digests of 32 bytes) that the hospital enrols in a study with."""
        with self._write() as database:
            database.executemany("INSERT OR IGNORE INTO taught VALUES (?, ?)", [(each, study) for each in records])

    def unteach(self, study: int) -> None:
        """Forget a study's records: only where its enrolment was refused, so that nothing was taught with them."""
        with self._write() as database:
            database.execute("DELETE FROM taught WHERE study = ?", (study,))

    def studies_taught(self, records: Collection[bytes], besides: int) -> dict[int, int]:
        """Studies other than `besides` that any of these records were taught in, with how many of them."""
        found: dict[int, int] = {}
        for part in _parts(records):
            marks = ", ".join("?" * len(part))
            query = f"SELECT study, count(*) FROM taught WHERE study != ? AND record IN ({marks}) GROUP BY study"
            for study, count in self._all(query, (besides, *part)):
                found[study] = found.get(study, 0) + count
        return found

    def spend(self, study: int, round_number: int, cost: int) -> None:
        """Count what a round costs of privacy (rho in 1e-9), before its payload leaves; twice counts once."""
        with self._write() as database:
            database.execute("INSERT OR IGNORE INTO spent VALUES (?, ?, ?)", (study, round_number, str(cost)))

    def spent(self, study: int) -> int:
        """What the rounds of a study have spent so far (rho in 1e-9)."""
        return sum(int(cost) for (cost,) in self._all("SELECT cost FROM spent WHERE study = ?", (study,)))

    def rounds_taught(self, study: int) -> int:
        """In how many rounds of a study a payload left, or may have."""
        return int(self._one("SELECT count(*) FROM spent WHERE study = ?", (study,))[0])


def _parts(records: Collection[bytes]) -> Iterator[tuple[bytes, ...]]:
    rest = iter(records)
    while part := tuple(islice(rest, _TOGETHER)):
        yield part
