# SPDX-License-Identifier: Apache-2.0
"""A study's money, as events and as the contracts' own records."""

from __future__ import annotations

from collections.abc import Mapping

from node.audit.ledger import Ledger, members
from node.audit.money_views import MoneyView, PartView, PaymentView, PotView, RewardView, SlashView
from node.audit.views import RoundView
from node.types import ChainEvent, Offence


def read_money(ledger: Ledger, study_id: int, hospitals: tuple[int, ...], rounds: tuple[RoundView, ...]) -> MoneyView:
    """Payments, rewards and bonds of a study; `hospitals` are all that ever enrolled, by enrolment index."""
    slashed = ledger.events("StakeVault", "BondSlashed", studyId=study_id)
    given_back = ledger.events("StakeVault", "BondReleased", studyId=study_id)
    released = {event.arguments["hospitalId"]: event for event in given_back}
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
        pool_balance=_balance(ledger, "RewardPool"),
        locked=_total(ledger.events("StakeVault", "BondLocked", studyId=study_id)),
        released=_total(given_back),
        held=sum(ledger.call("StakeVault", "locked", study_id, hospital) for hospital in hospitals),
        vault_balance=_balance(ledger, "StakeVault"),
        slashes=tuple(_slash(ledger, event, released) for event in slashed),
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
    pots = []
    for made in ledger.events("StakeVault", "PotMade", studyId=study_id):
        fields, number = made.arguments, made.arguments["potId"]
        taken = {
            event.arguments["hospitalId"]: event.arguments["amount"]
            for event in ledger.events("StakeVault", "PotClaimed", potId=number)
        }
        in_ceremony = fields["offence"] == Offence.MISSING_DEALING
        pots.append(
            PotView(
                pot_id=number,
                offence=Offence(fields["offence"]),
                stage=fields["stage"],
                amount=fields["amount"],
                bounty=sum(
                    event.arguments["amount"] for event in ledger.events("StakeVault", "BountyEarned", potId=number)
                ),
                parts=tuple(
                    PartView(hospital, ledger.call("StakeVault", "partOf", number, hospital), taken.get(hospital, 0))
                    for hospital in members(fields["beneficiaries"], hospitals)
                ),
                cut=tuple(
                    event.arguments["hospitalId"]
                    for event in slashed
                    if event.arguments["stage"] == fields["stage"]
                    and (event.arguments["offence"] == Offence.MISSING_DEALING) == in_ceremony
                    and _place(event) < _place(made)
                ),
                act=ledger.act(made),
            )
        )
    return tuple(pots)


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
