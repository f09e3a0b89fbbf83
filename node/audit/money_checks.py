# SPDX-License-Identifier: Apache-2.0
"""Adding a study's money up again, to the last unit."""

from __future__ import annotations

from collections.abc import Iterator

from node.audit.basics import Check, Verdict
from node.audit.views import StudyView
from node.types import Phase

_SUBJECT = "Money"


def check_money(view: StudyView) -> Iterator[Check]:
    """What came in equals what went out and what is left, for rewards and for bonds."""
    money, show = view.money, view.network.amount
    owed = money.earned - sum(item.paid for item in money.rewards)
    yield _check(
        "What was paid in is in the pool's own record",
        money.pool_record == money.paid_in,
        f"{show(money.paid_in)} in {len(money.payments)} payment(s); the record says {show(money.pool_record)}",
    )
    if view.state.ended:
        yield _check(
            "Paid in = rewards paid + rewards not yet taken + given back + refund not yet taken",
            money.paid_in == money.paid_out + owed + money.refunded + money.refundable,
            f"{show(money.paid_in)} = {show(money.paid_out)} + {show(owed)} + {show(money.refunded)}"
            f" + {show(money.refundable)}",
        )
    else:
        yield _check(
            "What is left covers what was earned and not yet taken",
            money.left >= owed,
            f"{show(money.left)} left, {show(owed)} owed",
        )
    yield _check(
        "The pool's tokens cover what is left of this study",
        money.pool_balance >= money.left,
        f"{show(money.pool_balance)} held for all studies, {show(money.left)} of them for this one",
    )
    yield from _rounds(view)
    yield _check(
        "Bonds locked = given back + cut + still held",
        money.locked == money.released + money.slashed_while_held + money.held,
        f"{show(money.locked)} = {show(money.released)} + {show(money.slashed_while_held)} + {show(money.held)}",
    )
    yield from _pots(view)
    yield _check(
        "The vault's tokens cover the bonds still held and the cut ones not yet taken",
        money.vault_balance >= money.held + money.untaken,
        f"{show(money.vault_balance)} held for all studies, of them for this one {show(money.held)} + "
        f"{show(money.untaken)}",
    )


def _pots(view: StudyView) -> Iterator[Check]:
    money, show = view.money, view.network.amount
    shared, bounties = sum(pot.amount for pot in money.pots), sum(pot.bounty for pot in money.pots)
    yield _check(
        "Cut bonds = shares of other hospitals + bounties",
        money.slashed == shared + bounties,
        f"{show(money.slashed)} = {show(shared)} + {show(bounties)}",
    )
    if not money.pots:
        return
    wrong = [
        f"pot {pot.pot_id}"
        for pot in money.pots
        if sum(part.amount for part in pot.parts) != pot.amount
        or any(part.hospital_id in pot.cut or part.taken not in (0, part.amount) for part in pot.parts)
    ]
    yield _check(
        "Each cut bond is shared out to the last unit, among hospitals that were not cut with it",
        not wrong,
        "; ".join(wrong) or f"{len(money.pots)} pot(s), {show(money.untaken)} not yet taken",
    )


def _rounds(view: StudyView) -> Iterator[Check]:
    money, terms = view.money, view.plan.terms
    wrong, finalised = [], 0
    for item in view.rounds:
        earned = sum(reward.earned for reward in money.rewards if reward.round_number == item.number)
        if item.phase is Phase.FINALISED:
            finalised += 1
            fits = earned == terms.reward_per_round
        elif item.verified:
            fits = earned == terms.reward_per_round * terms.verified_share_bps // 10_000
        else:
            fits = earned == 0
        if not fits:
            wrong.append(f"round {item.number}: {view.network.amount(earned)}")
    statement = "Each round's rewards add up to the plan's amount exactly"
    if wrong:
        yield _check(statement, False, "; ".join(wrong))
    elif view.rounds:
        reward = view.network.amount(terms.reward_per_round)
        yield _check(statement, True, f"{finalised} finalised round(s) of {reward} each")
    else:
        yield Check(_SUBJECT, statement, Verdict.PENDING, "no round has begun")


def _check(statement: str, holds: bool, detail: str) -> Check:
    return Check(_SUBJECT, statement, Verdict.PASSED if holds else Verdict.FAILED, detail)
