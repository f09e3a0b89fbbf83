# SPDX-License-Identifier: Apache-2.0
"""Writes to the registry of hospitals: by owners, and by the council."""

from __future__ import annotations

from node.chain.writer import Writer
from node.types import Address, Receipt

NOBODY: Address = "0x" + "00" * 20


class RegistryWriter(Writer):
    """Registers hospitals and changes their standing."""

    def register(self, operator: Address, signature: bytes, name: str, endpoint: str) -> Receipt:
        """Register the sender's address as the owner of a hospital; once per address.

        `signature`: the operator's, over `node.chain.operators.consent`.
        """
        return self._sender.send(
            "hospital/register", "HospitalRegistry", "register", operator, signature, name, endpoint, repeatable=True
        )

    def rotate_operator(self, intent: str, hospital_id: int, operator: Address, signature: bytes) -> Receipt:
        """Replace the operator for future enrolments; the owner. `signature` as in `register`."""
        return self._sender.send(intent, "HospitalRegistry", "rotateOperator", hospital_id, operator, signature)

    def propose_owner(self, intent: str, hospital_id: int, proposed: Address) -> Receipt:
        """Propose another owner, who can accept after the registry's delay, or nobody (`NOBODY`); the owner."""
        return self._sender.send(intent, "HospitalRegistry", "proposeOwner", hospital_id, proposed)

    def accept_owner(self, intent: str, hospital_id: int) -> Receipt:
        """Become the owner of a hospital; whoever was proposed, after the delay."""
        return self._sender.send(intent, "HospitalRegistry", "acceptOwner", hospital_id)

    def set_endpoint(self, intent: str, hospital_id: int, endpoint: str) -> Receipt:
        """Change where others fetch this hospital's blocks; the owner or the operator. Each time costs its fee."""
        return self._sender.send(intent, "HospitalRegistry", "setEndpoint", hospital_id, endpoint)

    def admit(self, intent: str, hospital_id: int) -> Receipt:
        """Let a hospital enrol; the council."""
        return self._sender.send(intent, "HospitalRegistry", "admit", hospital_id, repeatable=True)

    def suspend(self, intent: str, hospital_id: int) -> Receipt:
        """Bar a hospital from new enrolments; the council."""
        return self._sender.send(intent, "HospitalRegistry", "suspend", hospital_id, repeatable=True)
