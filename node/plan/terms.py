# SPDX-License-Identifier: Apache-2.0
"""The parts of a plan that say how sums are opened, who takes part, how long phases last, what is paid and hidden."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from node.document import (
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Amount,
    Broken,
    Decimal,
    Integer,
    Many,
    Section,
    Text,
    across,
    told,
)
from node.plan.formats import (
    BATCH_ROUNDS_MAX,
    CKKS_THEN_PADS,
    HOSPITALS_MAX,
    LONGEST_ENROLMENT,
    LONGEST_PHASE,
    LONGEST_WAIT,
    NEIGHBOURS,
    PADS_ALONE,
    SAMPLING,
    SLICES,
)


@dataclass(frozen=True)
class Encryption(Section):
    """The threshold t, and how sums are opened: by CKKS once and then by pads, or by pads alone.

    `statistical_security`: bits of the smudging noise in CKKS' one opening.
    """

    threshold: Annotated[int, Integer(2, HOSPITALS_MAX)]
    statistical_security: Annotated[int, Integer(40, 128)]
    scheme: Annotated[str, Text(40, ("one-component-ckks",))]
    openings: Annotated[tuple[str, ...], Many(Text(10, CKKS_THEN_PADS), len(CKKS_THEN_PADS))] = CKKS_THEN_PADS

    @property
    def pads_only(self) -> bool:
        """Whether no sum is opened by CKKS."""
        return self.openings == PADS_ALONE

    @across("openings")
    @staticmethod
    def _pads_come_last(openings: tuple[str, ...]) -> Broken:
        if openings not in (CKKS_THEN_PADS, PADS_ALONE):
            yield "openings", 'is neither ["ckks","pads"] nor ["pads"]: pads always open last, since they show who lied'


@dataclass(frozen=True)
class Participation(Section):
    """How many hospitals and rounds, for how many rounds one key ceremony makes keys, and who may join later.

    `joining`: "closed" after enrolment, or "approved" by max(t, n − t + 1) of the n that take part.
    """

    minimum: Annotated[int, Integer(3, HOSPITALS_MAX)]
    maximum: Annotated[int, Integer(3, HOSPITALS_MAX)]
    rounds: Annotated[int, Integer(1, UINT16)]
    batch_rounds: Annotated[int, Integer(1, BATCH_ROUNDS_MAX)]
    joining: Annotated[str, Text(20, ("closed", "approved"))] = "closed"

    @across("minimum", "maximum")
    @staticmethod
    def _in_order(minimum: int, maximum: int) -> Broken:
        if maximum < minimum:
            yield "maximum", f"is below the minimum {minimum}{told(maximum)}"

    @across("batch_rounds", "rounds")
    @staticmethod
    def _batches_fit(batch_rounds: int, rounds: int) -> Broken:
        if batch_rounds > rounds:
            yield "batch_rounds", f"is more than the study's {rounds} rounds{told(batch_rounds)}"


@dataclass(frozen=True)
class Phases(Section):
    """Lengths in seconds, and the confirmations (blocks) after which a block counts as final.

    `open`: one window of an opening. `patience`: how long a round may wait for its opening from the time its set is
    fixed; then the study ends. `recovery`: how long pad shares of its last round are accepted after a study's end. How
    short a phase can be follows from the network's blocks (`node.steps.plan_rules`).
    """

    confirmations: Annotated[int, Integer(1, UINT16)]
    enrol: Annotated[int, Integer(1, LONGEST_ENROLMENT)]
    ceremony_step: Annotated[int, Integer(1, LONGEST_PHASE)]
    submit: Annotated[int, Integer(1, LONGEST_PHASE)]
    attest: Annotated[int, Integer(1, LONGEST_PHASE)]
    open: Annotated[int, Integer(1, LONGEST_PHASE)]
    patience: Annotated[int, Integer(1, LONGEST_WAIT)]
    recovery: Annotated[int, Integer(1, LONGEST_WAIT)]

    @property
    def round(self) -> int:
        """The most that a round takes until its openings' windows are over."""
        return self.submit + self.attest + 2 * self.open

    @across("submit", "recovery")
    @staticmethod
    def _time_to_recover(submit: int, recovery: int) -> Broken:
        if recovery < submit:
            yield "recovery", f"is below the length of submit, {submit}{told(recovery)}"


@dataclass(frozen=True)
class Money(Section):
    """Bond, rewards, fines and payment for service, in the token's smallest unit.

    `unopened_rounds`: rounds (or ceremonies) failed in a row that end the study. `service_fee`: what including and
    finalising earn of the `service_budget`; moving on and recording a failure earn half. `absence_fine`: what one
    absence costs, in one batch at most `absence_cap`, which stays below what a lie costs: a quarter of the bond.
    """

    bond: Annotated[str, Amount(low=1)]
    reward_per_round: Annotated[str, Amount()]
    unopened_rounds: Annotated[int, Integer(1, UINT8)]
    service_budget: Annotated[str, Amount()]
    service_fee: Annotated[str, Amount()]
    absence_fine: Annotated[str, Amount()]
    absence_cap: Annotated[str, Amount()]

    @across("service_budget", "service_fee")
    @staticmethod
    def _budget_pays_once(budget: str, fee: str) -> Broken:
        if int(fee) > int(budget):
            yield "service_fee", f"is above the service_budget {budget}{told(fee)}"
        if int(budget) and not int(fee):
            yield "service_fee", f"is 0: nobody could earn the service_budget {budget}"

    @across("bond", "absence_fine", "absence_cap")
    @staticmethod
    def _absence_is_no_lie(bond: str, fine: str, cap: str) -> Broken:
        if int(fine) > int(cap):
            yield "absence_fine", f"is above the absence_cap {cap}{told(fine)}"
        if int(cap) >= (slice_ := int(bond) // SLICES):
            yield "absence_cap", f"is not below a quarter of the bond, {slice_}, what a lie costs{told(cap)}"


@dataclass(frozen=True)
class Privacy(Section):
    """Differential privacy of the sum, by discrete Gaussian noise of each hospital (`node.learning.privacy`).

    `budget` and `cost`: what the study may spend and what a round costs (zCDP, rho in 1e-9); `noise_bound`: the most
    that a coordinate's noise can be. `level`: whose part is hidden, of which `neighbours` is the relation in words.
    `noise_variance` of one hospital's coordinate, in integer units squared; `delta`: for which epsilon is told. All
    numbers are 0 where the level is none.
    """

    budget: Annotated[int, Integer(0, UINT64)]
    cost: Annotated[int, Integer(0, UINT64)] = 0
    noise_bound: Annotated[int, Integer(0, UINT32)] = 0
    level: Annotated[str, Text(20, tuple(NEIGHBOURS))] = "none"
    neighbours: Annotated[str, Text(80, tuple(NEIGHBOURS.values()))] = NEIGHBOURS["none"]
    sampling: Annotated[str, Text(80, (SAMPLING,))] = SAMPLING
    noise_variance: Annotated[int, Integer(0, UINT64)] = 0
    delta: Annotated[str, Decimal(low="0", high="0.01")] = "0"

    @across("level", "neighbours")
    @staticmethod
    def _neighbours_fit(level: str, neighbours: str) -> Broken:
        if neighbours != NEIGHBOURS[level]:
            yield "neighbours", f"is not, as the level says: {NEIGHBOURS[level]}"

    @across("level", "budget", "cost", "noise_bound", "noise_variance", "delta")
    @staticmethod
    def _all_or_nothing(
        level: str, budget: int, cost: int, noise_bound: int, noise_variance: int, delta: str
    ) -> Broken:
        numbers: dict[str, int | str] = {"budget": budget, "cost": cost, "noise_bound": noise_bound}
        for name, value in (numbers | {"noise_variance": noise_variance, "delta": delta}).items():
            if (float(value) == 0) != (level == "none"):
                yield name, f"is 0 exactly where the level is none{told(value)}"
        if cost > budget:
            yield "cost", f"is above the budget {budget}: not one round could be held{told(cost)}"
