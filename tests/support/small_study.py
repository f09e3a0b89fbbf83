# SPDX-License-Identifier: Apache-2.0
"""Small studies for tests with real proofs: plans on the small circuits, made-up records, and what they come to."""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from node.learning import reference
from node.learning.scaling import Scaling
from node.plan import CKKS_THEN_PADS, PADS_ALONE, Money, Participation, Phases, TrainingPlan
from tests.support.plans import small_plan

UNIT = 10**18
BOND, DEPOSIT = 10, 200
REWARD = 30 * UNIT + 1
SERVICE_FEE, SERVICE_BUDGET = UNIT // 10, 3 * UNIT
ABSENCE_FINE = UNIT // 10
#: Rows of each hospital: different weights in the sum, a full table, and one with a short last batch.
ROWS = (8, 6, 5, 7)


def study_plan(
    title: str,
    hospitals: int,
    *,
    rounds: int = 1,
    batch_rounds: int | None = None,
    pads_only: bool = False,
    joining: str = "closed",
    unopened_rounds: int = 2,
    patience: int | None = None,
    submit: int = 300,
    attest: int = 60,
    open: int = 60,
    enrol: int = 600,
    ceremony_step: int = 120,
    confirmations: int = 1,
    clip_warning_share_ppm: int = 50_000,
    start: int = 0,
) -> TrainingPlan:
    """A plan for exactly so many hospitals on the small circuits, with t = 2; lengths in seconds.

    One key ceremony serves all rounds, or `batch_rounds` of them; patience is the least where none is given. `start`
    is every starting weight: where the same hospitals play several studies with the same records, each has its own,
    since nodes open one set for a model.
    """
    base = small_plan()
    return replace(
        base,
        title=title,
        model=replace(base.model, initial=(start,) * len(base.model.initial)),
        clip_warning_share_ppm=clip_warning_share_ppm,
        encryption=replace(base.encryption, openings=PADS_ALONE if pads_only else CKKS_THEN_PADS),
        participation=Participation(3, hospitals, rounds, rounds if batch_rounds is None else batch_rounds, joining),
        phases=Phases(
            confirmations,
            enrol,
            ceremony_step,
            submit,
            attest,
            open,
            patience=unopened_rounds * (submit + attest + 2 * open) if patience is None else patience,
            recovery=submit,
        ),
        money=Money(
            str(BOND * UNIT),
            str(REWARD),
            unopened_rounds,
            service_budget=str(SERVICE_BUDGET),
            service_fee=str(SERVICE_FEE),
            absence_fine=str(ABSENCE_FINE),
            absence_cap=str(3 * ABSENCE_FINE),
        ),
    )


def records(seed: int, count: int) -> list[tuple[str, ...]]:
    """Made-up records of a hospital within the plan's range: four measurements and whether they are ill."""
    rng = random.Random(f"records {seed}")
    rows = []
    for number in range(count):
        ill = number % 2 == 0
        shift = 1.5 if ill else -1.5
        values = [rng.gauss(mean + shift, 1.0) for mean in (0.0, 1.5, -3.0, 0.25)]
        rows.append((*(f"{value:.3f}" for value in values), "yes" if ill else "no"))
    return rows


def model_after(
    plan: TrainingPlan, weights: Sequence[int], tables: Sequence[Sequence[Sequence[str]]]
) -> tuple[int, ...]:
    """The model that one round over these tables comes to, by the plain-integer reference."""
    scaling, training = Scaling(plan.scaling), plan.training
    bits = plan.quantisation.value_bits
    total = [0] * len(weights)
    for table in tables:
        rows = scaling.apply([[Decimal(value) for value in row[:-1]] for row in table])
        labels = [int(row[-1] == plan.model.label.positive) for row in table]
        local = reference.train(
            weights,
            rows,
            labels,
            capacity=training.rows_maximum,
            batch_size=training.batch_size,
            epochs=training.epochs,
            learning_rate=training.learning_rate,
        )
        update = reference.update(weights, local, len(rows), bits)
        total = [left + right for left, right in zip(total, update, strict=True)]
    return tuple(reference.aggregate(weights, total, sum(map(len, tables))))


def write_table(
    path: Path, rows: Sequence[Sequence[object]], columns: Sequence[str] = ("a", "b", "c", "d", "ill")
) -> None:
    """A hospital's CSV file."""
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([columns, *rows])
