# SPDX-License-Identifier: Apache-2.0
"""Writes to the rounds: submit, attest, include, finalise, fail."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain.records import to_struct
from node.chain.writer import Writer
from node.types import Proof, Receipt, Submission


class RoundWriter(Writer):
    """Moves rounds on. Every step is taken once per round and names its own intent."""

    def submit_update(
        self, study: int, round_number: int, digest: bytes, size: int, cx: int, cy: int, proof: Proof
    ) -> Receipt:
        """Submit the payload's digest (32 bytes) and size, the commitment, and the proof of training."""
        return self._send(study, round_number, "submit", "submitUpdate", digest, size, cx, cy, to_struct(proof))

    def attest(self, study: int, round_number: int, bitmap: int) -> Receipt:
        """Say which payloads the sender's hospital holds, over enrolment indices."""
        return self._send(study, round_number, "attest", "attest", bitmap)

    def include_updates(self, study: int, round_number: int, submissions: Sequence[Submission]) -> Receipt:
        """Fix the included set and add up its commitments and rows; anyone, after Attest.

        `submissions` of the set, in the order of indices; none where it is below the minimum.
        """
        structs = [to_struct(submission) for submission in submissions]
        return self._send(study, round_number, "include", "includeUpdates", structs)

    def finalise(self, study: int, round_number: int, total: tuple[int, int], root_after: int, proof: Proof) -> Receipt:
        """Set the new model with the proof of aggregation over the summed commitment `total`; anyone."""
        return self._send(study, round_number, "finalise", "finalise", *total, root_after, to_struct(proof))

    def post_model(self, study: int, round_number: int, digest: bytes, size: int) -> Receipt:
        """Log where a finalised model's file can be found; anyone. A second time does no harm but its fee."""
        return self._send(study, round_number, "model", "postModel", digest, size, repeatable=False)

    def fail_round(self, study: int, round_number: int) -> Receipt:
        """Record a round whose phase is Failed; anyone."""
        return self._send(study, round_number, "fail", "failRound")

    def _send(
        self, study: int, round_number: int, step: str, function: str, *arguments: object, repeatable: bool = True
    ) -> Receipt:
        intent = f"study/{study}/round/{round_number}/{step}"
        return self._sender.send(
            intent, "RoundManager", function, study, round_number, *arguments, repeatable=repeatable
        )
