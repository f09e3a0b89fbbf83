# SPDX-License-Identifier: Apache-2.0
"""Writes to the registry of studies: publishing, enrolment, approvals, leaving, the end."""

from __future__ import annotations

from collections.abc import Sequence

from eth_abi.abi import encode
from web3 import Web3

from node.chain.records import to_struct
from node.chain.writer import Writer
from node.types import PlanTerms, Receipt

NO_PAYOUT_COMMITMENT = bytes(32)


def salt_commitment(salt: bytes) -> bytes:
    """What an enrolment commits to of a salt (32 random bytes) that the keys reveal: keccak256(abi.encode(salt)).

    The salts of all hospitals are mixed into the draws of blocks, so that nobody knows them before the Key step.
    """
    return bytes(Web3.keccak(encode(["bytes32"], [salt])))


def enrolment_intent(study: int) -> str:
    """The intent under which an operator enrols in a study, to be looked up in its memory."""
    return f"study/{study}/enrol"


class StudyWriter(Writer):
    """Moves studies on. Steps that a key takes once per study name their own intents."""

    def publish(self, intent: str, plan: PlanTerms) -> Receipt:
        """Publish a study with the sender as its sponsor; the event `StudyPublished` has its number."""
        return self._sender.send(intent, "StudyRegistry", "publish", to_struct(plan))

    def enrol(
        self,
        study: int,
        data_root: int,
        rows: int,
        salt_commitment: bytes,
        payout_commitment: bytes = NO_PAYOUT_COMMITMENT,
    ) -> Receipt:
        """Enrol the sender's hospital and lock its bond; the operator. For `salt_commitment` see the function."""
        return self._sender.send(
            enrolment_intent(study),
            "StudyRegistry",
            "enrol",
            study,
            data_root,
            rows,
            payout_commitment,
            salt_commitment,
            repeatable=True,
        )

    def enrol_blocks(
        self,
        study: int,
        blocks_root: bytes,
        blocks: int,
        salt_commitment: bytes,
        payout_commitment: bytes = NO_PAYOUT_COMMITMENT,
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
            salt_commitment,
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

    def approve_newcomer(self, study: int, hospital_id: int) -> Receipt:
        """Approve of a hospital that would join a running study; an operator of the batch's participants."""
        return self._sender.send(
            f"study/{study}/approve/{hospital_id}",
            "StudyRegistry",
            "approveNewcomer",
            study,
            hospital_id,
            repeatable=True,
        )

    def leave_study(self, study: int, hospital_id: int) -> Receipt:
        """Take a hospital out of a study: at once while enrolment is open, else after the round that is going on; its
        owner."""
        return self._sender.send(
            f"study/{study}/leave/{hospital_id}", "StudyRegistry", "leaveStudy", study, hospital_id, repeatable=True
        )

    def adopt_operator(self, intent: str, study: int, hospital_id: int) -> Receipt:
        """Hand an enrolment to the hospital's current operator; the owner."""
        return self._sender.send(intent, "StudyRegistry", "adoptOperator", study, hospital_id)

    def release_bond(self, study: int, hospital_id: int) -> Receipt:
        """Make a hospital's bond available again once the study ended; anyone."""
        return self._sender.send(
            f"study/{study}/release/{hospital_id}", "StudyRegistry", "releaseBond", study, hospital_id, repeatable=True
        )

    def close(self, study: int) -> Receipt:
        """Put on record that a study has ended; anyone."""
        return self._sender.send(f"study/{study}/close", "StudyRegistry", "closeStudy", study, repeatable=True)
