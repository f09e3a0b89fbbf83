# SPDX-License-Identifier: Apache-2.0
"""Typed reads of openings and accusations: quorums, shares, recovery, absence, who accuses whom of what."""

from __future__ import annotations

from collections.abc import Mapping

from node.chain.connection import BlockTag
from node.chain.round_reads import RoundReader
from node.types import Accusation, Charge, Conviction, FilePost, PadSharePost, SignedShare


class OpeningReader(RoundReader):
    """The views and events of Openings and Court; `at` asks for the state, and events up to, an earlier block."""

    def quorum(self, study: int, round_number: int, at: BlockTag = "latest") -> tuple[int, ...]:
        """Hospital numbers named for the CKKS opening; empty before the set is fixed and where pads open at once."""
        return tuple(self.call("Openings", "quorum", study, round_number, at=at))

    def shares_posted(self, study: int, round_number: int, at: BlockTag = "latest") -> tuple[int, int]:
        """Bitmaps of the indices that posted a CKKS share, and a pad share."""
        ckks, pads = self.call("Openings", "sharesPosted", study, round_number, at=at)
        return int(ckks), int(pads)

    def is_recovering(self, study: int, round_number: int, at: BlockTag = "latest") -> bool:
        """Whether pad shares of a finalised round are still accepted."""
        return bool(self.call("Openings", "isRecovering", study, round_number, at=at))

    def share_posts(self, study: int, round_number: int, at: BlockTag = "latest") -> Mapping[int, FilePost]:
        """The CKKS shares of a round with their sizes, by hospital number."""
        return {
            event.arguments["hospitalId"]: FilePost(
                event.arguments["hospitalId"], event.arguments["digest"], event.arguments["size"], event.block_number
            )
            for event in self._of_round("Openings", "SharePosted", study, round_number, at)
        }

    def signed_shares(self, study: int, round_number: int) -> tuple[SignedShare, ...]:
        """The CKKS shares that were posted in a round, as operators signed them, oldest first."""
        state = self.round_state(study, round_number)
        return tuple(
            SignedShare(
                study_id=study,
                round=round_number,
                hospital_id=event.arguments["hospitalId"],
                included_bitmap=state.included_bitmap,
                digest=event.arguments["digest"],
                signature=event.arguments["signature"],
            )
            for event in self._of_round("Openings", "SharePosted", study, round_number, state=state)
        )

    def pad_shares(self, study: int, round_number: int, at: BlockTag = "latest") -> Mapping[int, PadSharePost]:
        """The pad shares of a round, by hospital number: inline where an event tells the bytes, else by file.

        What an event tells is not kept by the contract: act on it only `at` a final block and `agreed`.
        """
        state = self.round_state(study, round_number)
        found: dict[int, PadSharePost] = {}
        for event in self._of_round("Openings", "PadSharePosted", study, round_number, at, state):
            number = event.arguments["hospitalId"]
            found[number] = PadSharePost.inline(number, event.arguments["share"], event.block_number)
        for event in self._of_round("Openings", "PadShareFilePosted", study, round_number, at, state):
            fields = event.arguments
            number = fields["hospitalId"]
            found[number] = PadSharePost(number, None, fields["digest"], fields["size"], event.block_number)
        return found

    def absent(self, study: int, round_number: int) -> int | None:
        """Bitmap of those on record as absent from a round's opening by pads; None while nobody has recorded it."""
        for event in self._of_round("Openings", "AbsenceRecorded", study, round_number):
            return int(event.arguments["absent"])
        return None

    def accusations(self, study: int, round_number: int, at: BlockTag = "latest") -> tuple[Accusation, ...]:
        """Who accused whom of what in a round, oldest first."""
        return tuple(
            Accusation(
                event.arguments["hospitalId"],
                Charge(event.arguments["charge"]),
                event.arguments["accused"],
                event.block_number,
            )
            for event in self._of_round("Court", "Accused", study, round_number, at)
        )

    def convictions(self, study: int, round_number: int) -> tuple[Conviction, ...]:
        """Whom enough participants accused of what in a round, as it was recorded, oldest first."""
        return tuple(
            Conviction(Charge(event.arguments["charge"]), event.arguments["convicted"], event.block_number)
            for event in self._of_round("Court", "Convicted", study, round_number)
        )

    def accused_by(self, study: int, round_number: int, charge: Charge, index: int) -> int:
        """Bitmap of those that the hospital at an index accuses."""
        return int(self.call("Court", "accusedBy", study, round_number, charge, index))

    def convicted(self, study: int, round_number: int, charge: Charge, at: BlockTag = "latest") -> int:
        """Bitmap of those convicted of a charge in a round."""
        return int(self.call("Court", "convicted", study, round_number, charge, at=at))
