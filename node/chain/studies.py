# SPDX-License-Identifier: Apache-2.0
"""Writes to the registry of studies: publishing, enrolment, the key ceremony, the end."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain.records import to_struct
from node.chain.writer import Writer
from node.types import CeremonyStep, PlanTerms, Receipt

NO_PAYOUT_COMMITMENT = bytes(32)


def enrolment_intent(study: int) -> str:
    """The intent under which an operator enrols in a study, to be looked up in its memory."""
    return f"study/{study}/enrol"


class StudyWriter(Writer):
    """Moves studies on. Steps that a key takes once per study name their own intents."""

    def publish(self, intent: str, plan: PlanTerms) -> Receipt:
        """Publish a study with the sender as its sponsor; the event `StudyPublished` has its number."""
        return self._sender.send(intent, "StudyRegistry", "publish", to_struct(plan))

    def enrol(self, study: int, data_root: int, rows: int, payout_commitment: bytes = NO_PAYOUT_COMMITMENT) -> Receipt:
        """Enrol the sender's hospital and lock its bond; the operator."""
        return self._sender.send(
            enrolment_intent(study),
            "StudyRegistry",
            "enrol",
            study,
            data_root,
            rows,
            payout_commitment,
            repeatable=True,
        )

    def enrol_blocks(
        self, study: int, blocks_root: bytes, blocks: int, payout_commitment: bytes = NO_PAYOUT_COMMITMENT
    ) -> Receipt:
        """Enrol with blocks of rows (`node.chain.blocks`), of which a block hash draws one; the operator.

        The intent is that of `enrol`: a hospital enrols once, in whichever way.
        """
        return self._sender.send(
            enrolment_intent(study),
            "BlockDraws",
            "enrolBlocks",
            study,
            blocks_root,
            blocks,
            payout_commitment,
            repeatable=True,
        )

    def use_block(self, study: int, data_root: int, rows: int, path: Sequence[bytes]) -> Receipt:
        """Open the block that was drawn, so that the sender's hospital can submit; its operator, once."""
        return self._sender.send(
            f"study/{study}/block", "BlockDraws", "useBlock", study, data_root, rows, list(path), repeatable=True
        )

    def keep_draw(self, study: int, hospital_id: int) -> Receipt:
        """Put on record which block was drawn while the chain knows the hash; anyone."""
        return self._sender.send(
            f"study/{study}/draw/{hospital_id}", "BlockDraws", "keepDraw", study, hospital_id, repeatable=True
        )

    def redraw(self, study: int) -> Receipt:
        """Have a block of the sender's hospital drawn anew where the first draw was lost; its operator, once."""
        return self._sender.send(f"study/{study}/redraw", "BlockDraws", "redraw", study, repeatable=True)

    def request_ceremony(self, intent: str, study: int) -> Receipt:
        """Have new keys made after the round that is going on; a participant's operator or owner."""
        return self._sender.send(intent, "StudyRegistry", "requestCeremony", study)

    def leave(self, study: int) -> Receipt:
        """Take the sender's hospital out of a study after the round that is going on; its operator or owner."""
        return self._sender.send(f"study/{study}/leave", "StudyRegistry", "leaveStudy", study, repeatable=True)

    def adopt_operator(self, intent: str, study: int, hospital_id: int) -> Receipt:
        """Hand an enrolment to the hospital's current operator; the owner."""
        return self._sender.send(intent, "StudyRegistry", "adoptOperator", study, hospital_id)

    def post_ceremony(self, study: int, ceremony: int, step: CeremonyStep, digest: bytes, size: int) -> Receipt:
        """Record a ceremony file's digest (32 bytes) and size; a participant's operator, once per step."""
        intent = f"study/{study}/ceremony/{ceremony}/{step.name.lower()}"
        return self._sender.send(
            intent, "StudyRegistry", "postCeremony", study, ceremony, step, digest, size, repeatable=True
        )

    def fail_ceremony(self, study: int, ceremony: int) -> Receipt:
        """End a ceremony whose step ran out; anyone."""
        return self._sender.send(
            f"study/{study}/ceremony/{ceremony}/fail", "StudyRegistry", "failCeremony", study, repeatable=True
        )

    def release_bond(self, study: int, hospital_id: int) -> Receipt:
        """Make a hospital's bond available again once the study ended; anyone."""
        return self._sender.send(
            f"study/{study}/release/{hospital_id}", "StudyRegistry", "releaseBond", study, hospital_id, repeatable=True
        )

    def close(self, study: int) -> Receipt:
        """Put on record that a study has ended; anyone."""
        return self._sender.send(f"study/{study}/close", "StudyRegistry", "closeStudy", study, repeatable=True)
