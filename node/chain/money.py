# SPDX-License-Identifier: Apache-2.0
"""Writes that move tokens: approvals, bonds, funding, claims, refunds."""

from __future__ import annotations

from collections.abc import Sequence

from node.chain.writer import Writer
from node.types import Address, Receipt


class MoneyWriter(Writer):
    """Moves tokens, in the token's smallest unit.

    Nothing here happens only once in a key's life, so each call takes an `intent` of its own; the same one
    again returns the first receipt instead of paying twice.
    """

    def transfer(self, intent: str, to: Address, amount: int) -> Receipt:
        """Send tokens."""
        return self._sender.send(intent, "ConsiliumToken", "transfer", to, amount)

    def approve(self, intent: str, contract: str, amount: int) -> Receipt:
        """Let a contract of the suite take up to `amount` from the sender."""
        spender = self._sender.reader.address(contract)
        return self._sender.send(intent, "ConsiliumToken", "approve", spender, amount)

    def deposit(self, intent: str, hospital_id: int, amount: int) -> Receipt:
        """Approve and add to a hospital's bond; anyone."""
        self.approve(f"{intent}/approve", "StakeVault", amount)
        return self._sender.send(intent, "StakeVault", "deposit", hospital_id, amount)

    def request_withdrawal(self, intent: str, hospital_id: int, amount: int) -> Receipt:
        """Ask for an available bond back, which starts the unbonding delay; the owner."""
        return self._sender.send(intent, "StakeVault", "requestWithdrawal", hospital_id, amount)

    def withdraw(self, intent: str, hospital_id: int) -> Receipt:
        """Pay out what was asked back, after the delay; the owner."""
        return self._sender.send(intent, "StakeVault", "withdraw", hospital_id)

    def fund(self, intent: str, study: int, amount: int) -> Receipt:
        """Approve and escrow rewards for a study; anyone, until enrolment ends."""
        self.approve(f"{intent}/approve", "RewardPool", amount)
        return self._sender.send(intent, "RewardPool", "fund", study, amount)

    def claim(self, intent: str, study: int, hospital_id: int, rounds: Sequence[int]) -> Receipt:
        """Pay a hospital's owner what it earned in these rounds; anyone."""
        return self._sender.send(intent, "RewardPool", "claim", study, hospital_id, list(rounds))

    def refund(self, intent: str, study: int) -> Receipt:
        """Pay the sponsor what no hospital earned; anyone, once the study ended."""
        return self._sender.send(intent, "RewardPool", "refund", study)
