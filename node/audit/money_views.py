# SPDX-License-Identifier: Apache-2.0
"""A study's money as an auditor sees it, in the token's smallest unit."""

from __future__ import annotations

from dataclasses import dataclass

from node.audit.basics import Act
from node.types import Address, Offence, Service


@dataclass(frozen=True)
class PaymentView:
    """A payment: of the sponsor into the pool (`hospital_id` 0), or out of it to a hospital or the sponsor."""

    hospital_id: int
    amount: int
    act: Act


@dataclass(frozen=True)
class ServiceView:
    """What an account earned by moving the study on."""

    account: Address
    service: Service
    amount: int
    act: Act


@dataclass(frozen=True)
class SlashView:
    """A cut of a hospital's bond for a lie; `stage` is the round, or the ceremony of a false dealing.

    `after_release`: the study had given the bond back by then, and it was taken from what the hospital still had.
    """

    hospital_id: int
    offence: Offence
    stage: int
    amount: int
    after_release: bool
    act: Act


@dataclass(frozen=True)
class FineView:
    """A fine for absence, in a batch of rounds counted from 1."""

    hospital_id: int
    batch: int
    amount: int
    act: Act


@dataclass(frozen=True)
class PartView:
    """A hospital's part of a pot, and what it has taken of it (0: nothing yet)."""

    hospital_id: int
    amount: int
    taken: int


@dataclass(frozen=True)
class PotView:
    """What one call took from bonds, which belongs to other hospitals; `bounty` went to who showed the offence.

    `offence` is None where a ceremony was asked for too soon. `punished` are the hospitals whose bonds were cut for
    that round or ceremony: the part of such a one is 0, and where all beneficiaries are, the pot is nobody's.
    """

    pot_id: int
    offence: Offence | None
    stage: int
    amount: int
    bounty: int
    claimable_at: int
    parts: tuple[PartView, ...]
    punished: tuple[int, ...]
    act: Act

    @property
    def untaken(self) -> int:
        """What hospitals have not yet taken."""
        return sum(part.amount - part.taken for part in self.parts)

    @property
    def burnt(self) -> int:
        """What nobody will ever have."""
        return self.amount - sum(part.amount for part in self.parts)


@dataclass(frozen=True)
class RewardView:
    """What one hospital earned in one round, and how much of it was paid."""

    round_number: int
    hospital_id: int
    earned: int
    paid: int


@dataclass(frozen=True)
class MoneyView:
    """The study's money: what came into the pool, what was earned and paid, the bonds, and the fines.

    `pool_record` is what the pool says came in; `refundable` what it would pay the sponsor now; `service_spent` and
    `service_from_fines` what it says services were credited, all in all and out of fines; `fines_left` what the vault
    says is left of fines, and `fines_spent` what went to services by the events. `locked` and `released` are sums of
    events, `held` is what the vault says it still holds for this study. The balances are all tokens of the two
    contracts, those of other studies included.
    """

    required: int
    pool_record: int
    refundable: int
    payments: tuple[PaymentView, ...]
    claims: tuple[PaymentView, ...]
    refunds: tuple[PaymentView, ...]
    rewards: tuple[RewardView, ...]
    services: tuple[ServiceView, ...]
    service_spent: int
    service_from_fines: int
    pool_balance: int
    locked: int
    released: int
    held: int
    vault_balance: int
    slashes: tuple[SlashView, ...]
    fines: tuple[FineView, ...]
    fines_left: int
    fines_spent: int
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
    def owed(self) -> int:
        """Rewards earned and not yet taken."""
        return self.earned - sum(item.paid for item in self.rewards)

    @property
    def served(self) -> int:
        """What services earned, by the events."""
        return sum(item.amount for item in self.services)

    @property
    def service_from_budget(self) -> int:
        """What services earned of what the sponsor paid in."""
        return self.service_spent - self.service_from_fines

    @property
    def left(self) -> int:
        """What the pool still holds for this study's hospitals and sponsor: services are owed to their accounts."""
        return self.paid_in - self.paid_out - self.refunded - self.service_from_budget

    @property
    def slashed(self) -> int:
        """What was cut from bonds for lies."""
        return sum(item.amount for item in self.slashes)

    @property
    def slashed_while_held(self) -> int:
        """What was cut from bonds before the study gave them back."""
        return sum(item.amount for item in self.slashes if not item.after_release)

    @property
    def fined(self) -> int:
        """What absences cost."""
        return sum(item.amount for item in self.fines)

    @property
    def charged(self) -> int:
        """What ceremonies that were asked for too soon cost who asked."""
        return sum(pot.amount for pot in self.pots if pot.offence is None)

    @property
    def untaken(self) -> int:
        """What hospitals have not yet taken of cut bonds and charges."""
        return sum(pot.untaken for pot in self.pots)

    @property
    def burnt(self) -> int:
        """What nobody will ever have of cut bonds; fines that are left when the study has ended come on top."""
        return sum(pot.burnt for pot in self.pots)
