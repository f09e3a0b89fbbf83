# SPDX-License-Identifier: Apache-2.0
"""What one hospital of five can do to the bounded CNN, with the proven bound and without any.

Without: the hospital's integers are taken as they come. With: it submits the most harmful thing that its proof
still allows, its attack shortened to 16 bits a coordinate and to the plan's bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from node.document import UINT64
from node.learning import bounded, cnn, cnn_study
from node.learning.cnn_study import Update
from node.learning.evaluation import evaluate
from scripts.pneumonia import BOUND, XRays, cnn_study_of, deal, last

ROUNDS = 6
SEED = 0
# Of hospitals 1 to 5; on this seed it has a sixteenth of the images, of both classes.
ATTACKER = 4
FACTOR = 20
NOISE_STD = 0.5 * (1 << 16)
HALF_RANGE = 1 << bounded.VALUE_BITS - 1


def _flipped(update: Update, random: np.random.Generator) -> Update:
    return [-u for u in update]


def _scaled(update: Update, random: np.random.Generator) -> Update:
    return [FACTOR * u for u in update]


def _reversed(update: Update, random: np.random.Generator) -> Update:
    return [-FACTOR * u for u in update]


def _noise(update: Update, random: np.random.Generator) -> Update:
    return [int(u) for u in np.rint(random.normal(0, NOISE_STD, len(update)))]


#: What becomes of the honest update; a label flip trains honestly on wrong labels instead.
ATTACKS: dict[str, Callable[[Update, np.random.Generator], Update] | None] = {
    "none": None,
    "label flip": None,
    "sign flip": _flipped,
    f"update scaled by {FACTOR}": _scaled,
    f"sign flip scaled by {FACTOR}": _reversed,
    "random noise": _noise,
}


@dataclass(frozen=True)
class Outcome:
    """Quality on the test split after the rounds of an attack, with the proven bound or without."""

    attack: str
    bound: bool
    auc: float
    accuracy: float


def start(path: Path, pool: ProcessPoolExecutor) -> list[Future[Outcome]]:
    """Every attack with and without the bound, in the pool's processes."""
    return [pool.submit(run, path, attack, bound) for attack in ATTACKS for bound in (True, False)]


def run(path: Path, attack: str, bound: bool) -> Outcome:
    """One study of ROUNDS rounds in which hospital ATTACKER does this in every round."""
    data = XRays.read(path)
    hospitals = deal(data.train, SEED)
    if attack == "label flip":
        pixels, labels = hospitals[ATTACKER - 1]
        hospitals[ATTACKER - 1] = pixels, 1 - labels
    random = np.random.default_rng(SEED)
    change = ATTACKS[attack]

    def submit(updates: Sequence[Update], round: int) -> list[Update]:
        submitted = list(updates)
        if change is not None:
            harmful = change(submitted[ATTACKER - 1], random)
            submitted[ATTACKER - 1] = _allowed(harmful) if bound else harmful
        return submitted

    study = cnn_study_of(SEED, bound=BOUND if bound else UINT64, rounds=ROUNDS)
    weights = last(cnn_study.run(study, hospitals, submit))
    quality = evaluate(cnn.probabilities(weights, data.test.pixels), data.test.labels)
    return Outcome(attack, bound, quality.auc, quality.accuracy)


def _allowed(update: Update) -> Update:
    # Shortened before it is cut off, so that its direction, and with it the harm, stays.
    shortened = bounded.shorten(update, BOUND)
    return [max(-HALF_RANGE, min(HALF_RANGE - 1, u)) for u in shortened]


def line(outcome: Outcome) -> str:
    """One line of progress."""
    return f"{outcome.attack}, {'with' if outcome.bound else 'without'} bound: AUC {outcome.auc:.4f}"


def table(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The report: one line an attack, with `auc` and `accuracy` with and without the bound."""
    rows = [
        {
            "attack": attack,
            **{
                f"{name}_{'with' if outcome.bound else 'without'}_bound": getattr(outcome, name)
                for outcome in outcomes
                if outcome.attack == attack
                for name in ("auc", "accuracy")
            },
        }
        for attack in ATTACKS
    ]
    return {"seed": SEED, "rounds": ROUNDS, "attacker": ATTACKER, "bound": BOUND, "attacks": rows}
