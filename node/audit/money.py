# SPDX-License-Identifier: Apache-2.0
"""A study's money, as events and as the contracts' own records."""

from __future__ import annotations

from node.audit.ledger import Ledger
from node.audit.money_views import MoneyView, PaymentView, RewardView, SlashView
from node.audit.views import RoundView
from node.types import ChainEvent, Offence


def read_money(ledger: Ledger, study_id: int, hospitals: tuple[int, ...], rounds: tuple[RoundView, ...]) -> MoneyView:
    """Payments, rewards and bonds of a study; `hospitals` are all that ever enrolled."""
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
        locked=_total(ledger, study_id, "BondLocked"),
        released=_total(ledger, study_id, "BondReleased"),
        held=sum(ledger.call("StakeVault", "locked", study_id, hospital) for hospital in hospitals),
        vault_balance=_balance(ledger, "StakeVault"),
        slashes=tuple(
            SlashView(
                hospital_id=event.arguments["hospitalId"],
                offence=Offence(event.arguments["offence"]),
                stage=event.arguments["stage"],
                amount=event.arguments["amount"],
                act=ledger.act(event, event.arguments["hospitalId"]),
            )
            for event in ledger.events("StakeVault", "BondSlashed", studyId=study_id)
        ),
    )


def _payments(ledger: Ledger, events: tuple[ChainEvent, ...]) -> tuple[PaymentView, ...]:
    payments = []
    for event in events:
        hospital = event.arguments.get("hospitalId", 0)
        payments.append(PaymentView(hospital, event.arguments["amount"], ledger.act(event, hospital)))
    return tuple(payments)


def _balance(ledger: Ledger, contract: str) -> int:
    return int(ledger.call("ConsiliumToken", "balanceOf", ledger.deployment.contracts[contract]))


def _total(ledger: Ledger, study_id: int, event: str) -> int:
    return sum(item.arguments["amount"] for item in ledger.events("StakeVault", event, studyId=study_id))
