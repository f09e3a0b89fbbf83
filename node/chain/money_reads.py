# SPDX-License-Identifier: Apache-2.0
"""Typed reads of bonds, pots, fines, rewards, services and the token."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import cached_property

from node.chain.connection import BlockTag, Connection
from node.chain.records import to_record
from node.errors import ChainError
from node.types import Address, Offence, Pot, Withdrawal
from node.words import format_amount, token_word


class MoneyReader(Connection):
    """The views of StakeVault, RewardPool and the token, in the token's smallest unit."""

    # Bonds

    def available_bond(self, hospital_id: int) -> int:
        """Bond that can be asked back."""
        return int(self.call("StakeVault", "available", hospital_id))

    def lockable_bond(self, hospital_id: int) -> int:
        """Bond that can be locked: what an enrolment looks at."""
        return int(self.call("StakeVault", "lockable", hospital_id))

    def bond_cools_until(self, hospital_id: int) -> int:
        """The second from which all of the available bond can be locked; past or 0 where it can be now."""
        return int(self.call("StakeVault", "coolsUntil", hospital_id))

    def locked_bond(self, study: int, hospital_id: int) -> int:
        """What is left of the bond locked for a study."""
        return int(self.call("StakeVault", "locked", study, hospital_id))

    def pending_withdrawal(self, hospital_id: int) -> Withdrawal:
        """What is on its way out."""
        amount, available_at = self.call("StakeVault", "pending", hospital_id)
        return Withdrawal(amount, available_at)

    def pots(self, study: int) -> tuple[Pot, ...]:
        """What was cut from bonds of a study, oldest first."""
        made = [
            event.arguments["potId"]
            for name in ("PotMade", "CeremonyCharged")
            for event in self.events("StakeVault", name, studyId=study)
        ]
        return tuple(to_record(Pot, self.call("StakeVault", "pot", number), id=number) for number in sorted(made))

    def part_of_pot(self, pot_id: int, hospital_id: int) -> int:
        """A hospital's part of a pot, claimed or not; 0 if it has none. It can change until it is claimable."""
        return int(self.call("StakeVault", "partOf", pot_id, hospital_id))

    def punished(self, study: int, offence: Offence, stage: int, at: BlockTag = "latest") -> int:
        """Bitmap of the indices whose bonds were cut for a lie in a round, or in a ceremony for a false dealing."""
        return int(self.call("StakeVault", "punished", study, offence, stage, at=at))

    def excluded(self, study: int, at: BlockTag = "latest") -> int:
        """Bitmap of the indices that no further ceremony is held with: who lied, and whose bond is below a slice."""
        return int(self.call("StakeVault", "excluded", study, at=at))

    def fines(self, study: int) -> int:
        """Fines for absence of a study that were not spent."""
        return int(self.call("StakeVault", "fines", study))

    def bounty(self, reporter: Address) -> int:
        """What a reporter of equivocations earned and was not yet paid."""
        return int(self.call("StakeVault", "bounty", reporter))

    # Rewards and the token

    def funded(self, study: int) -> int:
        """Tokens that came in for a study."""
        return int(self.call("RewardPool", "funded", study))

    def earned(self, study: int, round_number: int, hospital_id: int) -> int:
        """What a hospital earned in a round so far."""
        return int(self.call("RewardPool", "earned", study, round_number, hospital_id))

    def claimable(self, study: int, hospital_id: int, rounds: Sequence[int]) -> int:
        """What claiming these rounds would pay."""
        return int(self.call("RewardPool", "claimable", study, hospital_id, list(rounds)))

    def paid(self, study: int, round_number: int, hospital_id: int) -> int:
        """What was paid to a hospital for a round."""
        return int(self.call("RewardPool", "paid", study, round_number, hospital_id))

    def refundable(self, study: int) -> int:
        """What a refund would pay the sponsor; 0 while the study goes on."""
        return int(self.call("RewardPool", "refundable", study))

    def service_owed(self, account: Address) -> int:
        """What an account earned by moving studies on and was not yet paid."""
        return int(self.call("RewardPool", "serviceOwed", account))

    def service_spent(self, study: int) -> tuple[int, int]:
        """What services of a study were credited in all, and what of it came from fines."""
        total, from_fines = self.call("RewardPool", "serviceSpent", study)
        return int(total), int(from_fines)

    def token_symbol(self) -> str:
        """The token's short name."""
        return token_word(str(self.call("ConsiliumToken", "symbol")))

    def token_decimals(self) -> int:
        """Digits after the point of a whole token."""
        return int(self.call("ConsiliumToken", "decimals"))

    def tokens(self, amount: int) -> str:
        """An amount of the token's smallest unit as it is shown: in whole tokens, with the token's name."""
        decimals, symbol = self._token
        return f"{format_amount(amount, decimals)} {symbol}"

    def shown(self, unit: str, number: int) -> str:
        """A number of a contract with its unit, amounts in whole tokens."""
        if unit == "tokens":
            with contextlib.suppress(ChainError):
                return self.tokens(number)
        return super().shown(unit, number)

    @cached_property
    def _token(self) -> tuple[int, str]:
        return self.token_decimals(), self.token_symbol()

    def token_balance(self, holder: Address) -> int:
        """Tokens that an address holds."""
        return int(self.call("ConsiliumToken", "balanceOf", holder))

    def token_allowance(self, holder: Address, spender: Address) -> int:
        """Tokens that `spender` may take from `holder`."""
        return int(self.call("ConsiliumToken", "allowance", holder, spender))
