# SPDX-License-Identifier: Apache-2.0
"""A study's money as an auditor sees it, in the token's smallest unit."""

from __future__ import annotations

from dataclasses import dataclass

from node.audit.basics import Act
from node.types import Offence


@dataclass(frozen=True)
class PaymentView:
    """A payment: of the sponsor into the pool (`hospital_id` 0), or out of it to a hospital or the sponsor."""

    hospital_id: int
    amount: int
    act: Act


@dataclass(frozen=True)
class SlashView:
    """A cut of a hospital's bond; `stage` is the round, or the ceremony for a missing dealing.

    `after_release`: the study had given the bond back by then, and it was taken from what the hospital still had.
    """

    hospital_id: int
    offence: Offence
    stage: int
    amount: int
    after_release: bool
    act: Act


@dataclass(frozen=True)
class PartView:
    """A hospital's part of a pot, and what it has taken of it (0: nothing yet)."""

    hospital_id: int
    amount: int
    taken: int


@dataclass(frozen=True)
class PotView:
    """Cut bonds that belong to other hospitals; `bounty` went to who showed the offence.

    `cut` are the hospitals whose bonds had been cut for that round or ceremony when the pot was made.
    """

    pot_id: int
    offence: Offence
    stage: int
    amount: int
    bounty: int
    parts: tuple[PartView, ...]
    cut: tuple[int, ...]
    act: Act

    @property
    def untaken(self) -> int:
        """What hospitals have not yet taken."""
        return self.amount - sum(part.taken for part in self.parts)


@dataclass(frozen=True)
class RewardView:
    """What one hospital earned in one round, and how much of it was paid."""

    round_number: int
    hospital_id: int
    earned: int
    paid: int


@dataclass(frozen=True)
class MoneyView:
    """The study's money: what came into the pool, what was earned and paid, and the bonds.

    `pool_record` is what the pool says came in; `refundable` what it would pay the sponsor now; `locked` and
    `released` are sums of events, `held` is what the vault says it still holds for this study. The balances
    are all tokens of the two contracts, those of other studies included.
    """

    required: int
    pool_record: int
    refundable: int
    payments: tuple[PaymentView, ...]
    claims: tuple[PaymentView, ...]
    refunds: tuple[PaymentView, ...]
    rewards: tuple[RewardView, ...]
    pool_balance: int
    locked: int
    released: int
    held: int
    vault_balance: int
    slashes: tuple[SlashView, ...]
    pots: tuple[PotView, ...]

    @property
    def paid_in(self) -> int:
        """What sponsors paid in, by the events."""
        return sum(item.amount for item in self.payments)

    @property
    def paid_out(self) -> int:
        """Rewards that hospitals have taken, by the events."""
        return sum(item.amount for item in self.claims)

    @property
    def refunded(self) -> int:
        """What went back to the sponsor, by the events."""
        return sum(item.amount for item in self.refunds)

    @property
    def earned(self) -> int:
        """Rewards earned so far, taken or not."""
        return sum(item.earned for item in self.rewards)

    @property
    def left(self) -> int:
        """What the pool still holds for this study."""
        return self.paid_in - self.paid_out - self.refunded

    @property
    def slashed(self) -> int:
        """What was cut from bonds."""
        return sum(item.amount for item in self.slashes)

    @property
    def slashed_while_held(self) -> int:
        """What was cut from bonds before the study gave them back."""
        return sum(item.amount for item in self.slashes if not item.after_release)

    @property
    def untaken(self) -> int:
        """What hospitals have not yet taken of cut bonds."""
        return sum(pot.untaken for pot in self.pots)
