# SPDX-License-Identifier: Apache-2.0
"""What everybody owned before a story, and that everybody has back what is theirs after it, to the last unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import ape

from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import REWARD, pass_until, rapidly

#: Hospital number to token units.
Amounts = Mapping[int, int]
NOTHING: Amounts = MappingProxyType({})
#: What a pot says of a round that has not closed.
NEVER = (1 << 64) - 1


@dataclass(frozen=True)
class Books:
    """Tokens in every wallet, bonds free or locked in the study at hand, what the pool had been paid, and when."""

    stage: Stage
    wallets: Mapping[str, int]
    bonds: Amounts
    escrow: int
    block: int


def open_books(stage: Stage) -> Books:
    """Write down who owns what, before the story begins."""
    suite, vault, study = stage.suite, stage.suite.vault, stage.study
    return Books(
        stage,
        {wallet: suite.token.balanceOf(wallet) for wallet in _wallets(stage)},
        {one.id: vault.available(one.id) + vault.locked(study, one.id) for one in stage.hospitals},
        suite.token.balanceOf(suite.rewards) - sum(suite.rewards.serviceOwed(one) for one in _wallets(stage)),
        ape.chain.blocks.height,
    )


def settle(stage: Stage) -> None:
    """Take everything out that can be: a stranger does what anyone may, owners withdraw after the delay."""
    suite, studies, vault, rewards = stage.suite, stage.suite.studies, stage.suite.vault, stage.suite.rewards

    def anyone(method: Any, *arguments: Any) -> None:
        rapidly(method, *arguments, sender=stage.stranger)

    pots = range(1, vault.potCount() + 1)
    settled = [at for pot in pots if (at := vault.pot(pot).claimableAt) < NEVER]
    # Parts are fixed once no evidence about their rounds is accepted any more.
    pass_until(max(settled, default=0))
    rounds = list(range(1, suite.rounds.currentRound(stage.study) + 1))
    enrolled = set(studies.enrolledIds(stage.study))
    for hospital in stage.hospitals:
        if (number := hospital.id) not in enrolled:
            continue
        if rewards.claimable(stage.study, number, rounds):
            hidden = any(studies.enrolment(stage.study, number).payoutCommitment)
            sender = hospital.owner if hidden else stage.stranger
            rapidly(rewards.claim, stage.study, number, rounds, hospital.owner, sender=sender)
        if vault.locked(stage.study, number):
            anyone(studies.releaseBond, stage.study, number)
        for pot in pots:
            if vault.partOf(pot, number) and not vault.pot(pot).claimed >> stage.index(hospital) & 1:
                anyone(vault.claimSlashed, pot, number)
    for wallet in _wallets(stage):
        if vault.bounty(wallet):
            rapidly(vault.claimBounty, sender=wallet)
        if rewards.serviceOwed(wallet):
            rapidly(rewards.claimService, wallet, sender=wallet)
    if rewards.refundable(stage.study):
        anyone(rewards.refund, stage.study, stage.sponsor)
    for hospital in stage.hospitals:
        if free := vault.available(hospital.id):
            rapidly(vault.requestWithdrawal, hospital.id, free, sender=hospital.owner)
    leaving = [hospital for hospital in stage.hospitals if vault.pending(hospital.id)[0]]
    if leaving:
        pass_until(max(vault.pending(hospital.id)[1] for hospital in leaving))
    for hospital in leaving:
        rapidly(vault.withdraw, hospital.id, hospital.owner, sender=hospital.owner)


def nothing_is_left(stage: Stage, burnt: int = 0) -> None:
    """Settle; then the pool is empty to the last unit, and the vault keeps only what is nobody's.

    For chains with no other study: tests on `stage` stand before those on `running` in a file.
    """
    settle(stage)
    left = stage.suite.token.balanceOf(stage.suite.vault)
    assert left == burnt, f"the vault keeps {left - burnt} that is somebody's, or lacks it"
    assert stage.suite.token.balanceOf(stage.suite.rewards) == 0, "something is stuck in the pool"


def everybody_is_whole(
    books: Books,
    rewards: Amounts = NOTHING,
    slashed: Amounts = NOTHING,
    shared: Amounts = NOTHING,
    fined: Amounts = NOTHING,
    bounties: Mapping[str, int] = MappingProxyType({}),
    services: Mapping[str, int] | None = None,
    of_fines: int = 0,
    elsewhere: Amounts = NOTHING,
    arriving: Callable[[int], int] = lambda amount: amount,
) -> None:
    """Settle, then compare every wallet: what it had, its rewards, less what it was slashed and fined, its parts.

    The sponsor paid rewards and services, but for what came `of_fines`; what is left of fines, and of slices that
    none shares, is burnt: it stays in the vault. Nobody else gained or lost a unit, and nothing else is left in
    vault or pool. `services`: what each wallet earned by them; those that the pool told of, where none are given.
    `elsewhere`: rewards that were paid to other wallets than these. `arriving`: what of a payment reaches its
    wallet, for tokens that keep some.
    """
    stage, token = books.stage, books.stage.suite.token
    served = services_told(books) if services is None else services
    burnt = sum(slashed.values()) - sum(shared.values()) - sum(bounties.values()) + sum(fined.values()) - of_fines
    nothing_is_left(stage, burnt)
    expected = dict(books.wallets)
    spent = sum(rewards.values()) + sum(served.values()) - of_fines
    expected[str(stage.sponsor)] += arriving(books.escrow - spent)
    for wallet, amount in (*bounties.items(), *served.items()):
        expected[wallet] += arriving(amount)
    for hospital in stage.hospitals:
        number, owner = hospital.id, str(hospital.owner)
        bond = books.bonds[number] - slashed.get(number, 0) - fined.get(number, 0) + shared.get(number, 0)
        expected[owner] += arriving(rewards.get(number, 0) - elsewhere.get(number, 0)) + arriving(bond)
    found = {wallet: token.balanceOf(wallet) for wallet in expected}
    assert {wallet: found[wallet] - expected[wallet] for wallet in expected if found[wallet] != expected[wallet]} == {}


def by_rows(amount: int, hospitals: Iterable[Hospital]) -> dict[int, int]:
    """A reward by verified rows, with cumulative rounding."""
    return _cut(amount, {hospital.id: rows_of(hospital) for hospital in hospitals})


def equally(amount: int, hospitals: Iterable[Hospital]) -> dict[int, int]:
    """A pot in equal parts, with cumulative rounding."""
    return _cut(amount, {hospital.id: 1 for hospital in hospitals})


def of_a_model(hospitals: Sequence[Hospital]) -> dict[int, int]:
    """What a finalised round earns those who were included."""
    return by_rows(REWARD, hospitals)


def services_told(books: Books) -> dict[str, int]:
    """What each wallet earned by services since the books were opened, by the pool's events."""
    earned: dict[str, int] = {}
    for event in books.stage.suite.rewards.ServiceEarned.range(books.block + 1, ape.chain.blocks.height + 1):
        earned[str(event.account)] = earned.get(str(event.account), 0) + int(event.amount)
    return earned


def each(amount: int, hospitals: Iterable[Hospital]) -> dict[int, int]:
    """The same amount for each."""
    return {hospital.id: amount for hospital in hospitals}


def together(*amounts: Amounts) -> dict[int, int]:
    """Added up by hospital."""
    numbers = {number for part in amounts for number in part}
    return {number: sum(part.get(number, 0) for part in amounts) for number in sorted(numbers)}


def _cut(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    total, before, parts = sum(weights.values()), 0, {}
    for number, weight in weights.items():
        parts[number] = amount * (before + weight) // total - amount * before // total
        before += weight
    return parts


def _wallets(stage: Stage) -> list[str]:
    hospitals: list[Any] = [wallet for hospital in stage.hospitals for wallet in (hospital.owner, hospital.operator)]
    return [str(wallet) for wallet in (stage.suite.council, stage.sponsor, stage.stranger, *hospitals)]
