# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the demo, with which records, under which plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from node.learning import baseline, metrics, simulation
from node.learning.scaling import Scaling
from node.learning.simulation import Simulation
from node.learning.tables import Table
from node.plan import (
    BATCH_ROUNDS_MAX,
    Aggregation,
    Encryption,
    HeadPlan,
    Model,
    Money,
    Participation,
    Phases,
    Privacy,
    Quantisation,
    TrainingPlan,
)

BOND_TOKENS = 100
REWARD_TOKENS = 1000
SERVICE_TOKENS = 100
TOKEN = 10**18
# No sum of fewer updates is ever opened.
HOSPITALS_LEAST = 3
NAMES = tuple(f"Hospital {letter}" for letter in "ABCDEFGHIJKLM")


@dataclass(frozen=True)
class Quality:
    """How well a model does on the records that nobody trained on."""

    auc: float
    accuracy: float
    rows: int


class Cast(Protocol):
    """Who takes part, with which records, under which plan: one kind for each of studies.

    `auc_margin`: how far the study's final AUC may lie below pooled training; `data_suffix`: of a hospital's file;
    `circuits`: those that are built and listed for this study alone; `extractor`: the file of a head on images.
    """

    plan: TrainingPlan
    auc_margin: float
    data_suffix: str
    extractor: bytes
    circuits: tuple[str, ...]

    @property
    def hospitals(self) -> int:
        """Their number."""

    @property
    def records(self) -> tuple[int, ...]:
        """How many each hospital has."""

    @property
    def held_out(self) -> int:
        """How many nobody trains on."""

    def write(self, folder: Path) -> None:
        """Write each hospital's file, hospital-1 and so on."""

    def quality(self, weights: Sequence[int]) -> Quality:
        """Of a model of the study, on the held-out records."""

    def pooled(self) -> Quality:
        """Of training on all records in one place."""

    def alone(self) -> tuple[Quality, ...]:
        """Of each hospital's training by itself, for as long as the study."""


@dataclass(frozen=True)
class TableCast:
    """Breast-mass measurements, and a head whose training is proved."""

    tables: Simulation
    plan: HeadPlan
    auc_margin = 0.01
    data_suffix = ".csv"
    extractor = b""
    circuits: tuple[str, ...] = ()

    @property
    def hospitals(self) -> int:
        """Their number."""
        return len(self.tables.hospitals)

    @property
    def records(self) -> tuple[int, ...]:
        """How many each hospital has."""
        return tuple(len(table.rows) for table in self.tables.hospitals)

    @property
    def held_out(self) -> int:
        """How many nobody trains on."""
        return len(self.tables.held_out.rows)

    def write(self, folder: Path) -> None:
        """Write each participant's table."""
        simulation.write(self.tables, folder)

    def quality(self, weights: Sequence[int]) -> Quality:
        """Of a model of the study, on the held-out records."""
        return quality_of(metrics.evaluate(weights, *self._scaled(self.tables.held_out)))

    def pooled(self) -> Quality:
        """Of logistic regression in floating point on all rows."""
        parts = [self._scaled(table) for table in self.tables.hospitals]
        rows = [row for part, _ in parts for row in part]
        labels = [label for _, part in parts for label in part]
        return quality_of(baseline.pooled(rows, labels, *self._scaled(self.tables.held_out)))

    def alone(self) -> tuple[Quality, ...]:
        """Of each hospital's training by itself, for as long as the study."""
        plan, rounds, bits = self.plan, self.plan.participation.rounds, self.plan.quantisation.value_bits
        return tuple(
            self.quality(baseline.alone(plan.model.initial, *self._scaled(table), plan.training, rounds, bits))
            for table in self.tables.hospitals
        )

    def _scaled(self, table: Table) -> tuple[list[list[int]], Sequence[int]]:
        return Scaling(self.plan.scaling).apply(table.rows), table.labels


def quality_of(found: metrics.Metrics) -> Quality:
    """What the report tells of what was measured."""
    return Quality(found.auc, found.accuracy, found.rows)


def table_cast(hospitals: int, rounds: int, seed: int) -> TableCast:
    """The demo with so many hospitals and rounds; raises `DataError` where that makes no study."""
    tables = simulation.split(hospitals, seed=seed)
    features = tables.sponsor.features
    plan = HeadPlan(
        title="Breast cancer: malignant or benign?",
        question=(
            "Can cell measurements from a fine-needle aspirate tell malignant from benign breast masses, "
            "with one model trained by several hospitals?"
        ),
        model=Model(
            family="logistic-head",
            loss="hard-sigmoid-logistic",
            optimiser="mini-batch gradient descent",
            features=features,
            label=simulation.LABEL,
            initial=(0,) * (len(features) + 1),
        ),
        # The sponsor's own records, held by no hospital: public constants, not a peek at anybody's data.
        scaling=Scaling.fit(tables.sponsor.rows, features).features,
        clip_warning_share_ppm=50_000,
        training=simulation.TRAINING,
        quantisation=quantisation(value_bits=26),
        aggregation=Aggregation(circuit="aggregation_31"),
        encryption=encryption(hospitals),
        participation=participation(hospitals, rounds),
        phases=PHASES,
        money=money(hospitals),
        privacy=Privacy(budget=0),
    )
    return TableCast(tables, plan)


# Phases end as soon as everybody has acted; the lengths only matter when somebody is away.
PHASES = Phases(
    confirmations=2,
    enrol=900,
    ceremony_step=300,
    submit=600,
    attest=120,
    open=120,
    patience=3 * 86_400,
    recovery=3_600,
)


def money(hospitals: int) -> Money:
    """What a study of so many stakes and pays."""
    return Money(
        bond=str(BOND_TOKENS * TOKEN),
        # Not divisible by the hospitals' rows: the last unit has to be accounted for.
        reward_per_round=str(REWARD_TOKENS * TOKEN + 1),
        unopened_rounds=max(3, threshold(hospitals)),
        service_budget=str(SERVICE_TOKENS * TOKEN),
        service_fee=str(TOKEN),
        absence_fine=str(TOKEN),
        absence_cap=str(10 * TOKEN),
    )


def quantisation(value_bits: int) -> Quantisation:
    """The fixed formats, and the bits of an update's value."""
    return Quantisation(
        value_bits=value_bits, weight_bits=24, weight_fraction_bits=16, feature_bits=8, feature_fraction_bits=5
    )


def threshold(hospitals: int) -> int:
    """Half of them, rounded down: as many liars as can read no update cannot stop a round either, from four on."""
    return max(2, hospitals // 2)


def encryption(hospitals: int) -> Encryption:
    """What opens a sum among so many."""
    return Encryption(
        threshold=threshold(hospitals),
        statistical_security=64,
        scheme="one-component-ckks",
    )


def participation(hospitals: int, rounds: int) -> Participation:
    """One hospital more than the threshold is the least that a sum is of; one ceremony serves all rounds."""
    return Participation(
        minimum=max(3, threshold(hospitals) + 1),
        maximum=hospitals,
        rounds=rounds,
        batch_rounds=min(rounds, BATCH_ROUNDS_MAX),
    )
