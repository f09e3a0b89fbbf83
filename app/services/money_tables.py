# SPDX-License-Identifier: Apache-2.0
"""A study's money as tables: one row for each payment, service, fine, cut and part."""

from __future__ import annotations

import pandas as pd

from app.services import format as fmt
from app.services.course import claimable
from node.audit.money_views import PaymentView
from node.audit.views import StudyView
from node.types import Service
from node.words import OFFENCE

SERVICE = {
    Service.INCLUDE: "including updates",
    Service.FINALISE: "finalising a round",
    Service.MOVE_ON: "moving a ceremony on",
    Service.FAIL: "recording a failure",
}


def payments(view: StudyView, items: tuple[PaymentView, ...], who: str) -> pd.DataFrame:
    """Payments; `who` stands for those that are not a hospital's."""
    return pd.DataFrame(
        {
            "Who": view.name_of(item.hospital_id) if item.hospital_id else who,
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in items
    )


def rewards(view: StudyView) -> pd.DataFrame:
    """Rewards by round and hospital: columns round, hospital, tokens (for charts) and amount (for readers)."""
    return pd.DataFrame(
        {
            "round": item.round_number,
            "hospital": view.name_of(item.hospital_id),
            "tokens": fmt.token_number(item.earned, view.network),
            "amount": fmt.tokens(item.earned, view.network),
        }
        for item in view.money.rewards
        if item.earned
    )


def services(view: StudyView) -> pd.DataFrame:
    """What was earned by moving the study on."""
    return pd.DataFrame(
        {
            "Who": _holder(view, item.account),
            "For": SERVICE[item.service],
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in view.money.services
    )


def fines(view: StudyView) -> pd.DataFrame:
    """What absences cost."""
    return pd.DataFrame(
        {
            "Hospital": view.name_of(item.hospital_id),
            "Batch of rounds": item.batch,
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in view.money.fines
    )


def slashes(view: StudyView) -> pd.DataFrame:
    """Cuts of bonds for lies."""
    return pd.DataFrame(
        {
            "Hospital": view.name_of(item.hospital_id),
            "For": OFFENCE[item.offence],
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in view.money.slashes
    )


def pots(view: StudyView) -> pd.DataFrame:
    """Whose cut bonds and charges are: one line for each hospital's part."""
    return pd.DataFrame(
        {
            "Pot": pot.pot_id,
            "For": "a ceremony that was asked for too soon" if pot.offence is None else OFFENCE[pot.offence],
            "Belongs to": view.name_of(part.hospital_id),
            "Amount": fmt.tokens(part.amount, view.network),
            "Taken": "yes" if part.taken else "not yet" if part.amount else "punished itself",
            "Can be taken from": claimable(pot.claimable_at),
            "Transaction": pot.act.tx_hash,
        }
        for pot in view.money.pots
        for part in pot.parts
    )


def _holder(view: StudyView, account: str) -> str:
    """Whose account it is, where it is a hospital's or the sponsor's."""
    named = {view.sponsor: "sponsor"}
    named |= {key: hospital.name for hospital in view.hospitals for key in (hospital.owner, hospital.operator)}
    return named.get(account, account)
