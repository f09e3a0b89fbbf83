# SPDX-License-Identifier: Apache-2.0
"""What a draft of a plan may leave out since it has a usual value: openings, joining, patience, services, fines."""

from __future__ import annotations

from typing import Any

from node.document import WHOLE
from node.plan import CKKS_THEN_PADS, LONGEST_WAIT

DAY = 86_400
#: The usual patience with a round that does not open: time for people to bring their machines back.
PATIENCE = 7 * DAY
#: Of a round's reward, what a service earns; and how many services a round pays for: both that give it a model, and
#: as much again for ceremonies and failures.
SERVICE_PART, SERVICES = 200, 4
#: Of a bond, what one absence costs, and what absences in one batch cost at most.
FINE_PART, CAP_PART = 100, 10


def fill_in(value: dict[str, Any]) -> None:
    """Put the usual values where a draft has none; what does not follow from something wrong is left for its check."""
    _section(value, "encryption").setdefault("openings", list(CKKS_THEN_PADS))
    people = _section(value, "participation")
    people.setdefault("joining", "closed")
    phases, money = _section(value, "phases"), _section(value, "money")
    submit, attest, window, failures, rounds = (
        _count(section.get(name))
        for section, name in (
            *((phases, name) for name in ("submit", "attest", "open")),
            *((money, "unopened_rounds"), (people, "rounds")),
        )
    )
    if submit and attest and window and failures:
        least = failures * (submit + attest + 2 * window)
        phases.setdefault("patience", min(max(PATIENCE, least), LONGEST_WAIT))
        phases.setdefault("recovery", max(DAY, submit))
    reward, bond = _amount(money.get("reward_per_round")), _amount(money.get("bond"))
    if reward is not None and rounds:
        fee = _amount(money.setdefault("service_fee", str(reward // SERVICE_PART)))
        if fee is not None:
            money.setdefault("service_budget", str(fee * SERVICES * rounds))
    if bond is not None:
        money.setdefault("absence_fine", str(bond // FINE_PART))
        money.setdefault("absence_cap", str(bond // CAP_PART))


def _section(value: dict[str, Any], name: str) -> dict[str, Any]:
    """A section of the draft; one that is not there, or no section, is told when the plan is read."""
    section = value.get(name)
    return section if isinstance(section, dict) else {}


def _count(value: object) -> int:
    """A number above 0; 0 for anything else."""
    return value if type(value) is int and value > 0 else 0


def _amount(value: object) -> int | None:
    return int(value) if isinstance(value, str) and WHOLE.fullmatch(value) else None
