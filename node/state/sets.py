# SPDX-License-Identifier: Apache-2.0
"""One starting model, one set: what this node helps to open from each model of a study, for good."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from node.errors import OpeningRefused
from node.state.file import StateFile

#: Whose payloads a set has: the digest (32 bytes) of what each hospital submitted, by hospital number.
Members = Mapping[int, bytes]


class SetMemory(StateFile):
    """The set that this node opens for each starting model of a study."""

    def record_set(self, study: int, root: int, round_number: int, members: Members) -> None:
        """Record the one set this node opens from a model, before its first share leaves, of whatever kind.

        Raises `OpeningRefused` when another set, or another round, is recorded already: that stays, whatever the chain
        says.
        """
        if not members:
            raise OpeningRefused(f"Study {study}, round {round_number}: there is no set to open.")
        chosen = json.dumps([[number, members[number].hex()] for number in sorted(members)])
        with self._write() as database:
            database.execute(
                "INSERT OR IGNORE INTO opened_sets VALUES (?, ?, ?, ?, ?)",
                (study, str(root), round_number, chosen, time.time()),
            )
            recorded = database.execute(
                "SELECT round, members FROM opened_sets WHERE study = ? AND root = ?", (study, str(root))
            ).fetchone()
        if recorded != (round_number, chosen):
            raise OpeningRefused(
                f"Study {study}, round {round_number}: from the model that it starts from, this node helps to open the "
                f"set {[number for number, _ in json.loads(recorded[1])]} of round {recorded[0]}, with the payloads "
                f"submitted then, and no other; {sorted(members)} is refused. The difference of two sums from one "
                "model would show somebody's update."
            )

    def set_of_round(self, study: int, round_number: int) -> dict[int, bytes] | None:
        """The set recorded for a round, or None."""
        rows = self._all("SELECT members FROM opened_sets WHERE study = ? AND round = ?", (study, round_number))
        return {number: bytes.fromhex(digest) for number, digest in json.loads(rows[0][0])} if rows else None
