# SPDX-License-Identifier: Apache-2.0
"""Writes that move tokens: approvals, bonds, funding, claims, refunds."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain.writer import Writer
from node.types import Address, Receipt


class MoneyWriter(Writer):
    """Moves tokens, in the token's smallest unit.

    Nothing here happens only once in a key's life, so each call takes an `intent` of its own; the same one
    again returns the first receipt instead of paying twice. A payment whose nonce was lost is not made anew by
    itself: whoever gave the order looks and decides.
    """

    def transfer(self, intent: str, to: Address, amount: int) -> Receipt:
        """Send tokens."""
        return self._sender.send(intent, "ConsiliumToken", "transfer", to, amount)

    def approve(self, intent: str, contract: str, amount: int) -> Receipt:
        """Let a contract of the suite take up to `amount` from the sender, in the place of what it might before."""
        spender = self._sender.reader.address(contract)
        return self._sender.send(intent, "ConsiliumToken", "approve", spender, amount, repeatable=True)

    def deposit(self, intent: str, hospital_id: int, amount: int) -> Receipt:
        """Approve and add to a hospital's bond; anyone."""
        self.approve(f"{intent}/approve", "StakeVault", amount)
        return self._sender.send(intent, "StakeVault", "deposit", hospital_id, amount)

    def request_withdrawal(self, intent: str, hospital_id: int, amount: int) -> Receipt:
        """Ask for an available bond back, which starts the unbonding delay; the owner."""
        return self._sender.send(intent, "StakeVault", "requestWithdrawal", hospital_id, amount)

    def withdraw(self, intent: str, hospital_id: int, to: Address) -> Receipt:
        """Pay out what was asked back, after the delay; the owner."""
        return self._sender.send(intent, "StakeVault", "withdraw", hospital_id, to)

    def fund(self, intent: str, study: int, amount: int) -> Receipt:
        """Approve and escrow rewards for a study; anyone, until enrolment ends."""
        self.approve(f"{intent}/approve", "RewardPool", amount)
        return self._sender.send(intent, "RewardPool", "fund", study, amount)

    def claim_slashed(self, pot_id: int, hospital_id: int) -> Receipt:
        """Add a hospital's part of a pot to its available bond; anyone, once."""
        return self._sender.send(
            f"pot/{pot_id}/claim/{hospital_id}", "StakeVault", "claimSlashed", pot_id, hospital_id, repeatable=True
        )

    def claim_bounty(self, intent: str) -> Receipt:
        """Pay the sender what it earned by reporting equivocations."""
        return self._sender.send(intent, "StakeVault", "claimBounty")

    def claim(self, intent: str, study: int, hospital_id: int, rounds: Sequence[int], to: Address) -> Receipt:
        """Pay what a hospital earned in these rounds: to any address for its owner, to the owner for anyone else, who
        may not where the hospital committed to another address."""
        return self._sender.send(intent, "RewardPool", "claim", study, hospital_id, list(rounds), to)

    def claim_to(
        self, intent: str, study: int, hospital_id: int, rounds: Sequence[int], payout: Address, salt: bytes
    ) -> Receipt:
        """Pay it to the address that the hospital committed to, with the salt (32 bytes) of its commitment; anyone."""
        return self._sender.send(intent, "RewardPool", "claimTo", study, hospital_id, list(rounds), payout, salt)

    def refund(self, intent: str, study: int, to: Address) -> Receipt:
        """Pay what no hospital earned, once the study ended: to any address for the sponsor, to it for anyone else."""
        return self._sender.send(intent, "RewardPool", "refund", study, to)

    def claim_service(self, intent: str, to: Address) -> Receipt:
        """Pay what the sender earned by moving studies on."""
        return self._sender.send(intent, "RewardPool", "claimService", to)
