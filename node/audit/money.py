# SPDX-License-Identifier: Apache-2.0
"""A study's money, as events and as the contracts' own records."""

from __future__ import annotations

from collections.abc import Mapping

from node.audit.ledger import Ledger, members
from node.audit.money_views import (
    FineView,
    MoneyView,
    PartView,
    PaymentView,
    PotView,
    RewardView,
    ServiceView,
    SlashView,
)
from node.audit.round_views import RoundView
from node.types import ChainEvent, Offence, Service


def read_money(ledger: Ledger, study_id: int, hospitals: tuple[int, ...], rounds: tuple[RoundView, ...]) -> MoneyView:
    """Payments, rewards, bonds and fines of a study; `hospitals` are all that ever enrolled, by enrolment index."""
    slashed = ledger.events("StakeVault", "BondSlashed", studyId=study_id)
    given_back = ledger.events("StakeVault", "BondReleased", studyId=study_id)
    released = {event.arguments["hospitalId"]: event for event in given_back}
    service_spent, service_from_fines = ledger.call("RewardPool", "serviceSpent", study_id)
    return MoneyView(
        required=ledger.call("StudyRegistry", "requiredFunding", study_id),
        pool_record=ledger.call("RewardPool", "funded", study_id),
        refundable=ledger.call("RewardPool", "refundable", study_id),
        payments=_payments(ledger, ledger.events("RewardPool", "StudyFunded", studyId=study_id)),
        claims=_payments(ledger, ledger.events("RewardPool", "RewardClaimed", studyId=study_id)),
        refunds=_payments(ledger, ledger.events("RewardPool", "StudyRefunded", studyId=study_id)),
        rewards=tuple(
            RewardView(
                round_number=item.number,
                hospital_id=hospital,
                earned=ledger.call("RewardPool", "earned", study_id, item.number, hospital),
                paid=ledger.call("RewardPool", "paid", study_id, item.number, hospital),
            )
            for item in rounds
            for hospital in item.included
        ),
        services=tuple(
            ServiceView(
                account=event.arguments["account"],
                service=Service(event.arguments["service"]),
                amount=event.arguments["amount"],
                act=ledger.act(event),
            )
            for event in ledger.events("RewardPool", "ServiceEarned", studyId=study_id)
        ),
        service_spent=service_spent,
        service_from_fines=service_from_fines,
        pool_balance=_balance(ledger, "RewardPool"),
        locked=_total(ledger.events("StakeVault", "BondLocked", studyId=study_id)),
        released=_total(given_back),
        held=sum(ledger.call("StakeVault", "locked", study_id, hospital) for hospital in hospitals),
        vault_balance=_balance(ledger, "StakeVault"),
        slashes=tuple(_slash(ledger, event, released) for event in slashed),
        fines=tuple(
            FineView(
                hospital_id=event.arguments["hospitalId"],
                batch=event.arguments["batch"],
                amount=event.arguments["amount"],
                act=ledger.act(event, event.arguments["hospitalId"]),
            )
            for event in ledger.events("StakeVault", "AbsenceFined", studyId=study_id)
        ),
        fines_left=ledger.call("StakeVault", "fines", study_id),
        fines_spent=_total(ledger.events("StakeVault", "FinesSpent", studyId=study_id)),
        pots=_pots(ledger, study_id, hospitals, slashed),
    )


def _slash(ledger: Ledger, event: ChainEvent, released: Mapping[int, ChainEvent]) -> SlashView:
    fields = event.arguments
    given_back = released.get(fields["hospitalId"])
    return SlashView(
        hospital_id=fields["hospitalId"],
        offence=Offence(fields["offence"]),
        stage=fields["stage"],
        amount=fields["amount"],
        after_release=given_back is not None and _place(given_back) < _place(event),
        act=ledger.act(event, fields["hospitalId"]),
    )


def _pots(
    ledger: Ledger, study_id: int, hospitals: tuple[int, ...], slashed: tuple[ChainEvent, ...]
) -> tuple[PotView, ...]:
    made = ledger.events("StakeVault", "PotMade", studyId=study_id)
    charged = ledger.events("StakeVault", "CeremonyCharged", studyId=study_id)
    return tuple(
        _pot(ledger, hospitals, slashed, event)
        for event in sorted((*made, *charged), key=lambda event: event.arguments["potId"])
    )


def _pot(ledger: Ledger, hospitals: tuple[int, ...], slashed: tuple[ChainEvent, ...], made: ChainEvent) -> PotView:
    fields, number = made.arguments, made.arguments["potId"]
    offence = Offence(fields["offence"]) if "offence" in fields else None
    taken = {
        event.arguments["hospitalId"]: event.arguments["amount"]
        for event in ledger.events("StakeVault", "PotClaimed", potId=number)
    }
    in_ceremony = offence is Offence.FALSE_DEALING
    punished = {
        event.arguments["hospitalId"]
        for event in slashed
        if offence is not None
        and event.arguments["stage"] == fields["stage"]
        and (event.arguments["offence"] == Offence.FALSE_DEALING) == in_ceremony
    }
    return PotView(
        pot_id=number,
        offence=offence,
        stage=fields.get("stage", 0),
        amount=fields["amount"],
        bounty=_total(ledger.events("StakeVault", "BountyEarned", potId=number)),
        claimable_at=ledger.call("StakeVault", "pot", number)["claimableAt"],
        parts=tuple(
            PartView(hospital, ledger.call("StakeVault", "partOf", number, hospital), taken.get(hospital, 0))
            for hospital in members(fields["beneficiaries"], hospitals)
        ),
        punished=tuple(sorted(punished)),
        act=ledger.act(made),
    )


def _place(event: ChainEvent) -> tuple[int, int]:
    return (event.block_number, event.log_index)


def _payments(ledger: Ledger, events: tuple[ChainEvent, ...]) -> tuple[PaymentView, ...]:
    payments = []
    for event in events:
        hospital = event.arguments.get("hospitalId", 0)
        payments.append(PaymentView(hospital, event.arguments["amount"], ledger.act(event, hospital)))
    return tuple(payments)


def _balance(ledger: Ledger, contract: str) -> int:
    return int(ledger.call("ConsiliumToken", "balanceOf", ledger.deployment.contracts[contract]))


def _total(events: tuple[ChainEvent, ...]) -> int:
    return sum(item.arguments["amount"] for item in events)
