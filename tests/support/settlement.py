# SPDX-License-Identifier: Apache-2.0
"""What everybody owned before a story, and that everybody has it back after it, to the last unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from tests.support.stage import Hospital, Stage, rows_of
from tests.support.suite import REWARD, pass_until, rapidly

#: Hospital number to token units.
Amounts = Mapping[int, int]
NOTHING: Amounts = MappingProxyType({})
VERIFIED_PART = REWARD * 3_333 // 10_000


@dataclass(frozen=True)
class Books:
    """Tokens in every wallet, bonds free or locked in the study at hand, and what the pool had been paid."""

    stage: Stage
    wallets: Mapping[str, int]
    bonds: Amounts
    escrow: int


def open_books(stage: Stage) -> Books:
    """Write down who owns what, before the story begins."""
    suite, vault, study = stage.suite, stage.suite.vault, stage.study
    return Books(
        stage,
        {wallet: suite.token.balanceOf(wallet) for wallet in _wallets(stage)},
        {one.id: vault.available(one.id) + vault.locked(study, one.id) for one in stage.hospitals},
        suite.token.balanceOf(suite.rewards),
    )


def settle(stage: Stage) -> None:
    """Take everything out that can be: a stranger does what anyone may, owners withdraw after the delay."""
    suite, studies, vault, rewards = stage.suite, stage.suite.studies, stage.suite.vault, stage.suite.rewards
    anyone = partial(rapidly, sender=stage.stranger)
    rounds = list(range(1, suite.rounds.currentRound(stage.study) + 1))
    enrolled = set(studies.enrolledIds(stage.study))
    for hospital in stage.hospitals:
        if (number := hospital.id) not in enrolled:
            continue
        if rewards.claimable(stage.study, number, rounds):
            anyone(rewards.claim, stage.study, number, rounds)
        if vault.locked(stage.study, number):
            anyone(studies.releaseBond, stage.study, number)
        for pot in range(1, vault.potCount() + 1):
            if vault.partOf(pot, number) and not vault.pot(pot).claimed >> stage.index(hospital) & 1:
                anyone(vault.claimSlashed, pot, number)
    for wallet in _wallets(stage):
        if vault.bounty(wallet):
            rapidly(vault.claimBounty, sender=wallet)
    if rewards.refundable(stage.study):
        anyone(rewards.refund, stage.study)
    for hospital in stage.hospitals:
        if free := vault.available(hospital.id):
            rapidly(vault.requestWithdrawal, hospital.id, free, sender=hospital.owner)
    leaving = [hospital for hospital in stage.hospitals if vault.pending(hospital.id)[0]]
    if leaving:
        pass_until(max(vault.pending(hospital.id)[1] for hospital in leaving))
    for hospital in leaving:
        rapidly(vault.withdraw, hospital.id, sender=hospital.owner)


def nothing_is_left(stage: Stage) -> None:
    """Settle; then vault and pool are empty, to the last unit.

    For chains with no other study: tests on `stage` stand before those on `running` in a file.
    """
    settle(stage)
    assert stage.suite.token.balanceOf(stage.suite.vault) == 0, "something is stuck in the vault"
    assert stage.suite.token.balanceOf(stage.suite.rewards) == 0, "something is stuck in the pool"


def everybody_is_whole(
    books: Books,
    rewards: Amounts = NOTHING,
    slashed: Amounts = NOTHING,
    shared: Amounts = NOTHING,
    bounties: Mapping[str, int] = MappingProxyType({}),
    arriving: Callable[[int], int] = lambda amount: amount,
) -> None:
    """Settle, then compare every wallet: what it had, its rewards, less what it was slashed, its parts of that.

    The sponsor paid the rewards, nobody else gained or lost a unit, and nothing is left in vault or pool.
    `arriving`: what of a payment reaches its wallet, for tokens that keep some.
    """
    stage, token = books.stage, books.stage.suite.token
    nothing_is_left(stage)
    expected = dict(books.wallets)
    expected[str(stage.sponsor)] += arriving(books.escrow - sum(rewards.values()))
    for wallet, amount in bounties.items():
        expected[wallet] += arriving(amount)
    for hospital in stage.hospitals:
        number, owner = hospital.id, str(hospital.owner)
        bond = books.bonds[number] - slashed.get(number, 0) + shared.get(number, 0)
        expected[owner] += arriving(rewards.get(number, 0)) + arriving(bond)
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
    return together(of_work(hospitals), by_rows(REWARD - VERIFIED_PART, hospitals))


def of_work(hospitals: Sequence[Hospital]) -> dict[int, int]:
    """What a round earns whose shares were posted and whose sum did not open."""
    return by_rows(VERIFIED_PART, hospitals)


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
