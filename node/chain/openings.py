# SPDX-License-Identifier: Apache-2.0
"""Writes to a round's openings and to the court: shares, absence, accusations, evidence."""

from __future__ import annotations

from node.chain.evidence import opening_share
from node.chain.writer import Writer
from node.types import Charge, Receipt, SignedShare

#: Bytes of a pad share that an event can tell; a longer one goes by its digest.
MAX_INLINE_BYTES = 2_048


class OpeningWriter(Writer):
    """Opens rounds, and says who lied or was away. Every step names its own intent."""

    def post_share(self, study: int, round_number: int, included_bitmap: int, digest: bytes, size: int) -> Receipt:
        """Record a CKKS share with the sender's signature; an operator of the quorum, in the round's first window."""
        deployment = self._sender.reader.deployment
        message = opening_share(deployment, study, round_number, included_bitmap, digest)
        signature = self._sender.sign_typed(message)
        return self._open(study, round_number, "share", "postShare", digest, size, signature)

    def post_pad_share(self, study: int, round_number: int, share: bytes) -> Receipt:
        """Log a pad share of at most `MAX_INLINE_BYTES`; a participant's operator, once a round."""
        return self._open(study, round_number, "pads", "postPadShare", share)

    def post_pad_share_file(self, study: int, round_number: int, digest: bytes, size: int) -> Receipt:
        """The same for a longer share, by its digest (32 bytes) and size; the intent is the same."""
        return self._open(study, round_number, "pads", "postPadShareFile", digest, size)

    def record_absence(self, study: int, round_number: int) -> Receipt:
        """Fine those that posted no pad share although the pads' window of an unfinalised round is over; anyone."""
        return self._open(study, round_number, "absence", "recordAbsence")

    def accuse(self, study: int, round_number: int, charge: Charge, accused: int) -> Receipt:
        """Accuse hospitals (bitmap) of a lie in a round; a participant's operator, each hospital once for a charge."""
        intent = f"study/{study}/round/{round_number}/accuse/{charge.name.lower()}/{accused:x}"
        return self._sender.send(intent, "Court", "accuse", study, round_number, charge, accused, repeatable=True)

    def report_equivocation(self, first: SignedShare, second: SignedShare) -> Receipt:
        """Show that a hospital signed two different CKKS shares for one round and set; anyone."""
        return self._sender.send(
            f"study/{first.study_id}/round/{first.round}/equivocation/{first.hospital_id}",
            "Court",
            "reportEquivocation",
            first.study_id,
            first.round,
            first.hospital_id,
            first.included_bitmap,
            first.digest,
            first.signature,
            second.digest,
            second.signature,
            repeatable=True,
        )

    def _open(self, study: int, round_number: int, step: str, function: str, *arguments: object) -> Receipt:
        intent = f"study/{study}/round/{round_number}/{step}"
        return self._sender.send(intent, "Openings", function, study, round_number, *arguments, repeatable=True)
