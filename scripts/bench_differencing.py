# SPDX-License-Identifier: Apache-2.0
"""How well everybody can estimate one hospital's update from sums that start from neighbouring models.

Sums alone are opened, and no rule of the protocol is broken: whoever is in one round's set and not in the next has
added its update to the one sum and not to the other, and the other hospitals' updates hardly differ between them. The
estimator knows the public sums only. It extrapolates those before the change by a polynomial, of the degree that
would have told the last of them best from the earlier ones, and takes the difference to the sum that came. Five
hospitals with the demo's records train as a study without a privacy budget does. Writes `out/bench/differencing.json`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.learning import fixed_point
from node.learning.reference import Rows
from node.learning.scaling import Scaling
from scripts.children import ROOT
from scripts.demo_plan import table_cast

OUT = ROOT / "out" / "bench"
HOSPITALS = 5
LAST_ROUND = 12
#: Polynomials of a higher degree only amplify what differs from round to round.
DEGREES = range(5)
CHANGED_RATE = 127

Vector = npt.NDArray[np.int64]
#: Whether a hospital's update is in a round's set; hospitals count from 0, rounds from 1.
Present = Callable[[int, int], bool]


@dataclass(frozen=True)
class Course:
    """Rounds of one study: the opened sums, all that anybody sees, and each hospital's update in the last of them."""

    sums: list[Vector]
    updates: list[Vector]


class Study:
    """The demo's plan and records among five hospitals."""

    def __init__(self) -> None:
        cast = table_cast(HOSPITALS, LAST_ROUND, seed=0)
        self.plan = cast.plan
        scaling = Scaling(self.plan.scaling)
        self._parts: list[tuple[Rows, Sequence[int]]] = [
            (scaling.apply(table.rows), table.labels) for table in cast.tables.hospitals
        ]

    def update(self, hospital: int, weights: Sequence[int], rate: int | None = None) -> Vector:
        """What a hospital adds to the sum from these weights, in the circuit's arithmetic."""
        (rows, labels), part = self._parts[hospital], self.plan.training
        local = fixed_point.train(
            weights,
            rows,
            labels,
            capacity=part.rows_maximum,
            batch_size=part.batch_size,
            epochs=part.epochs,
            learning_rate=part.learning_rate if rate is None else rate,
        )
        return np.array(fixed_point.update(weights, local, len(rows), self.plan.quantisation.value_bits))

    def course(self, present: Present, rounds: int) -> Course:
        """So many rounds, over the hospitals that are present in each."""
        weights: Sequence[int] = self.plan.model.initial
        sums, updates = [], []
        for number in range(1, rounds + 1):
            updates = [self.update(hospital, weights) for hospital in range(HOSPITALS)]
            included = [hospital for hospital in range(HOSPITALS) if present(hospital, number)]
            sums.append(sum((updates[hospital] for hospital in included), np.zeros_like(updates[0])))
            rows = sum(len(self._parts[hospital][0]) for hospital in included)
            weights = fixed_point.aggregate(weights, [int(value) for value in sums[-1]], rows)
        return Course(sums, updates)


def extrapolated(known: Sequence[Vector], degree: int) -> Vector:
    """The next of a sequence, by the polynomial through its last `degree` + 1 members (Newton's differences)."""
    weights = [(-1) ** back * math.comb(degree + 1, back + 1) for back in range(degree + 1)]
    return sum((weight * known[-1 - back] for back, weight in enumerate(weights)), np.zeros_like(known[-1]))


def expected(known: Sequence[Vector]) -> Vector:
    """The next sum, by the degree that would have told the last one best from the earlier ones."""
    degrees = [degree for degree in DEGREES if len(known) >= degree + 2]
    misses = {degree: np.linalg.norm(extrapolated(known[:-1], degree) - known[-1]) for degree in degrees}
    return extrapolated(known, min(misses, key=misses.__getitem__, default=0))


def relative_error(estimate: Vector, update: Vector) -> float:
    """Euclidean distance of the estimate from the true update, over the update's length."""
    return float(np.linalg.norm(estimate - update) / np.linalg.norm(update))


def absences(study: Study, rounds: Sequence[int]) -> Iterator[dict[str, Any]]:
    """How well a change of the set tells the update that one hospital computes from that round's model.

    Of a hospital that sits the round out or leaves, it is the update that it would have sent; of one that joins, the
    one that it sends.
    """
    for joins in (False, True):
        for changed in rounds:
            errors = [_told(study, victim, changed, joins) for victim in range(HOSPITALS)]
            yield {"absence": "joins" if joins else "sits out or leaves", "round": changed, **_spread(errors)}


def _told(study: Study, victim: int, changed: int, joins: bool) -> float:
    course = study.course(lambda hospital, number: hospital != victim or (number < changed) != joins, changed)
    without = course.sums[-1] - expected(course.sums[:-1])
    return relative_error(without if joins else -without, course.updates[victim])


def two_studies(study: Study) -> Iterator[dict[str, Any]]:
    """Of every hospital that is in the first round of one study and not in that of a second one, nearly the same."""
    start = study.plan.model.initial
    moved = (start[0] + 1, *start[1:])
    rate = study.plan.training.learning_rate
    for changed, weights, its_rate in (
        (f"learning rate {CHANGED_RATE}/256 instead of {rate}/256", start, CHANGED_RATE),
        ("one starting weight by one unit of 2^-16", moved, rate),
    ):
        errors = []
        for victim in range(HOSPITALS):
            others = [hospital for hospital in range(HOSPITALS) if hospital != victim]
            update = study.update(victim, start)
            first = update + sum(study.update(hospital, start) for hospital in others)
            second = sum(study.update(hospital, weights, its_rate) for hospital in others)
            errors.append(relative_error(first - second, update))
        yield {"changed": changed, **_spread(errors)}


def _spread(errors: Sequence[float]) -> dict[str, float]:
    """Over the hospitals: the median, the least and the most."""
    return {
        "relative_error": round(median(errors), 5),
        "least": round(min(errors), 5),
        "most": round(max(errors), 5),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    study = Study()
    by_absence = list(absences(study, range(2, LAST_ROUND + 1)))
    by_study = list(two_studies(study))
    for entry in by_absence:
        print(f"  {entry['absence']:<18} round {entry['round']:2d}: told to {100 * entry['relative_error']:.1f} %")
    for entry in by_study:
        print(f"  another study, {entry['changed']}: told to {100 * entry['relative_error']:.2f} %")
    report = {
        "hospitals": HOSPITALS,
        "records": "Wisconsin diagnostic breast cancer, dealt out as the demo does",
        "absences": by_absence,
        "two_studies": by_study,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "differencing.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print(f"Neighbouring models without a privacy budget. Report: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
