# SPDX-License-Identifier: Apache-2.0
"""Adding a study's money up again, to the last unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from node.audit.basics import Check, Verdict
from node.audit.checking import all_held, held
from node.audit.views import StudyView
from node.types import Phase, Service

_SUBJECT = "Money"
#: Services that are paid in full; the others earn half.
_IN_FULL = (Service.INCLUDE, Service.FINALISE)
#: A lie costs a quarter of the plan's bond.
_SLICES = 4


def check_money(view: StudyView) -> Iterator[Check]:
    """What came in equals what went out and what is left, for rewards, services, bonds and fines."""
    yield from _pool(view)
    yield from _rounds(view)
    yield _services(view)
    yield from _bonds(view)
    yield from _lies(view)
    yield from _fines(view)


def _pool(view: StudyView) -> Iterator[Check]:
    money, show = view.money, view.network.amount
    yield held(
        _SUBJECT,
        "What was paid in is in the pool's own record",
        money.pool_record == money.paid_in,
        f"{show(money.paid_in)} in {len(money.payments)} payment(s); the record says {show(money.pool_record)}",
    )
    if view.state.ended:
        yield held(
            _SUBJECT,
            "Paid in = rewards paid + rewards not yet taken + services + given back + refund not yet taken",
            money.paid_in
            == money.paid_out + money.owed + money.service_from_budget + money.refunded + money.refundable,
            f"{show(money.paid_in)} = {show(money.paid_out)} + {show(money.owed)} + {show(money.service_from_budget)}"
            f" + {show(money.refunded)} + {show(money.refundable)}",
        )
    else:
        yield held(
            _SUBJECT,
            "What is left covers what was earned and not yet taken",
            money.left >= money.owed,
            f"{show(money.left)} left, {show(money.owed)} owed",
        )
    yield held(
        _SUBJECT,
        "The pool's tokens cover what is left of this study",
        money.pool_balance >= money.left,
        f"{show(money.pool_balance)} held for all studies, {show(money.left)} of them for this one",
    )


def _rounds(view: StudyView) -> Iterator[Check]:
    money, terms = view.money, view.plan.terms
    statement = "Each finalised round's rewards add up to the plan's amount exactly, and no other earns any"
    if not view.rounds:
        yield Check(_SUBJECT, statement, Verdict.PENDING, "no round has begun")
        return
    wrong, finalised = [], 0
    for item in view.rounds:
        earned = sum(reward.earned for reward in money.rewards if reward.round_number == item.number)
        finalised += item.phase is Phase.FINALISED
        if earned != (terms.reward_per_round if item.phase is Phase.FINALISED else 0):
            wrong.append(f"round {item.number}: {view.network.amount(earned)}")
    reward = view.network.amount(terms.reward_per_round)
    yield all_held(_SUBJECT, statement, wrong, f"{finalised} finalised round(s) of {reward} each")


def _services(view: StudyView) -> Check:
    """Each at most what the plan says, each round's two once, and all of them what the contracts keep."""
    money, terms, show = view.money, view.plan.terms, view.network.amount
    wrong = [
        f"{show(item.amount)} for a service"
        for item in money.services
        if not 0 < item.amount <= (terms.service_fee if item.service in _IN_FULL else terms.service_fee // 2)
    ]
    for service, most in (
        (Service.INCLUDE, sum(bool(item.included) for item in view.rounds)),
        (Service.FINALISE, len(view.finalised)),
        (Service.FAIL, sum(bool(item.failed) for item in view.rounds)),
        (Service.MOVE_ON, sum(len(run.steps) for run in view.ceremonies)),
    ):
        count = sum(item.service is service for item in money.services)
        if count > most:
            wrong.append(f"{count} times {service.name.lower().replace('_', ' ')} for {most}")
    if money.served != money.service_spent:
        wrong.append(f"events tell {show(money.served)}, the pool {show(money.service_spent)}")
    if money.service_from_budget > terms.service_budget:
        wrong.append(f"{show(money.service_from_budget)} of a budget of {show(terms.service_budget)}")
    return all_held(
        _SUBJECT,
        "Services earned what the plan says, each once, out of the plan's budget and then of fines",
        wrong,
        f"{show(money.service_spent)} for {len(money.services)} service(s), of it "
        f"{show(money.service_from_fines)} out of fines",
    )


def _bonds(view: StudyView) -> Iterator[Check]:
    money, show = view.money, view.network.amount
    parts = (money.released, money.slashed_while_held, money.fined, money.charged, money.held)
    yield held(
        _SUBJECT,
        "Bonds locked = given back + cut for lies + fined + charged + still held",
        money.locked == sum(parts),
        f"{show(money.locked)} = {' + '.join(map(show, parts))}",
    )
    owed = (money.held, money.untaken, money.burnt, money.fines_left)
    yield held(
        _SUBJECT,
        "The vault's tokens cover bonds still held, parts not yet taken, and fines not spent",
        money.vault_balance >= sum(owed),
        f"{show(money.vault_balance)} held for all studies, of them for this one {' + '.join(map(show, owed))}",
    )


def _lies(view: StudyView) -> Iterator[Check]:
    money, show = view.money, view.network.amount
    shared = sum(pot.amount for pot in money.pots if pot.offence is not None)
    bounties = sum(pot.bounty for pot in money.pots)
    yield held(
        _SUBJECT,
        "Cut bonds = shares of other hospitals + bounties",
        money.slashed == shared + bounties,
        f"{show(money.slashed)} = {show(shared)} + {show(bounties)}",
    )
    slice_ = view.plan.terms.bond // _SLICES
    over = [view.name_of(item.hospital_id) for item in money.slashes if item.amount > slice_]
    yield all_held(_SUBJECT, "No lie cost more than a slice of a bond", over, f"a slice is {show(slice_)}")
    if not money.pots:
        return
    wrong = [
        f"pot {pot.pot_id}"
        for pot in money.pots
        if (pot.burnt and any(part.hospital_id not in pot.punished for part in pot.parts))
        or any(part.amount and part.hospital_id in pot.punished for part in pot.parts)
        or any(part.taken not in (0, part.amount) for part in pot.parts)
    ]
    yield all_held(
        _SUBJECT,
        "Each pot is shared out to the last unit, among hospitals that were not punished with it",
        wrong,
        f"{len(money.pots)} pot(s), {show(money.untaken)} not yet taken, {show(money.burnt)} nobody's",
    )


def _fines(view: StudyView) -> Iterator[Check]:
    money, terms, show = view.money, view.plan.terms, view.network.amount
    yield held(
        _SUBJECT,
        "Fines = spent for services + left",
        money.fined == money.fines_spent + money.fines_left and money.fines_spent == money.service_from_fines,
        f"{show(money.fined)} = {show(money.fines_spent)} + {show(money.fines_left)}"
        + (" (burnt: the study has ended)" if view.state.ended and money.fines_left else ""),
    )
    by_batch: dict[tuple[int, int], int] = defaultdict(int)
    for item in money.fines:
        by_batch[item.hospital_id, item.batch] += item.amount
    over = [
        f"{view.name_of(hospital)} in batch {batch}: {show(amount)}"
        for (hospital, batch), amount in by_batch.items()
        if amount > terms.absence_cap
    ]
    over += [view.name_of(item.hospital_id) for item in money.fines if not 0 < item.amount <= terms.absence_fine]
    yield all_held(
        _SUBJECT,
        "No absence cost more than the plan's fine, no hospital more than its cap in a batch",
        over,
        f"{len(money.fines)} fine(s) of at most {show(terms.absence_fine)}, in a batch at most "
        f"{show(terms.absence_cap)}",
    )
