# SPDX-License-Identifier: Apache-2.0
"""The opening shares for CKKS that this node saw signed: two different ones of a hospital are evidence against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from node.state.file import StateFile, read_beside
from node.types import SignedShare

_SHARES = "SELECT * FROM shares WHERE study = ? AND round = ? ORDER BY hospital, included, rowid"


class ShareBook(StateFile):
    """Signed shares, by round."""

    def keep_share(self, share: SignedShare) -> None:
        """Keep an opening share as it was seen signed: of two different ones for one set, both stay."""
        with self._write() as database:
            database.execute(
                "INSERT OR IGNORE INTO shares VALUES (?, ?, ?, ?, ?, ?)",
                (
                    share.study_id, share.round, share.hospital_id, f"{share.included_bitmap:x}", share.digest,
                    share.signature,
                ),
            )  # fmt: skip

    def shares(self, study: int, round_number: int) -> tuple[SignedShare, ...]:
        """The kept shares of a round, those for one hospital and set next to each other."""
        return tuple(_share(row) for row in self._all(_SHARES, (study, round_number)))


def seen_shares(path: Path, study: int, round_number: int) -> tuple[SignedShare, ...]:
    """`ShareBook.shares` of a state file, also while another process holds it."""
    return tuple(_share(row) for row in read_beside(path, _SHARES, (study, round_number)))


def _share(row: tuple[Any, ...]) -> SignedShare:
    study, round_number, hospital, included, digest, signature = row
    return SignedShare(study, round_number, hospital, int(included, 16), digest, signature)
