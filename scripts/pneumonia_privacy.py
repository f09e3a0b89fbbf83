# SPDX-License-Identifier: Apache-2.0
"""The price of differential privacy on chest X-rays, and whether one can tell who took part.

Hospital level: the update is shortened to a norm; neighbours differ in one hospital's update being there or all
zeros. Patient level: one clipped gradient step a round; neighbours differ in one image (the data set does not
say which images are of one patient). Every image and hospital takes part in every round: nothing is gained from
sampling. The discrete Gaussian noise is that of all hospitals together, the least included set. Training, updates
and noise are the node's own, by the parts of a plan that say so.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from node.learning import bounded, cnn, privacy
from node.learning.cnn_study import Records, planned_update
from node.learning.evaluation import evaluate
from node.plan import Privacy
from node.plan_training import BoundedTraining, ClippedStep
from scripts.pneumonia import BOUND, ROUNDS, XRays, deal, local_training

DELTA = "0.00001"
EPSILONS = (2.0, 8.0, None)
SIZES = (5, 16)
SEED = 0
# So short that the noise of epsilon 2 stays within 16 bits.
HOSPITAL_ROUNDS, HOSPITAL_NORM = 5, 1500
# The reach grows with the hospitals, since the sum of their updates is divided by their number.
PATIENT_ROUNDS, CLIP, REACH_PER_HOSPITAL = 30, "0.5", 16


@dataclass(frozen=True)
class Outcome:
    """Quality on the test split; `membership_auc`: how well the loss tells a trained-on image from a new one
    (0.5: not at all); `noise_std` of one hospital's coordinate in integer units."""

    level: str
    hospitals: int
    epsilon: float | None
    rounds: int
    noise_std: float
    auc: float
    membership_auc: float


def start(path: Path, pool: ProcessPoolExecutor) -> list[Future[Outcome]]:
    """Every level, size and epsilon, in the pool's processes."""
    return [
        pool.submit(run, path, level, size, epsilon)
        for level in ("patient", "hospital")
        for size in SIZES
        for epsilon in EPSILONS
    ]


def training_of(level: str, hospitals: int) -> tuple[BoundedTraining, int]:
    """What a plan of this level says of training, and the rounds."""
    if level == "patient":
        step = ClippedStep(clip=CLIP, reach=REACH_PER_HOSPITAL * hospitals)
        return BoundedTraining("bounded_5162", update_bound=BOUND, local=step), PATIENT_ROUNDS
    training = local_training(ROUNDS)
    return BoundedTraining("bounded_5162", update_bound=HOSPITAL_NORM**2, local=training), HOSPITAL_ROUNDS


def run(path: Path, level: str, size: int, epsilon: float | None) -> Outcome:
    """One study with noise for this epsilon at DELTA over all rounds, or with the same clipping and no noise."""
    data = XRays.read(path)
    hospitals = deal(data.train, SEED, size)
    training, rounds = training_of(level, size)
    hidden = Privacy(budget=0)
    if epsilon is not None:
        hidden = privacy.calibrated(training, epsilon, DELTA, parameters=cnn.PARAMETERS, rounds=rounds, hospitals=size)
    # Repeatable, and so no noise for a hospital: nodes draw theirs from the operating system.
    draws = random.Random(SEED)
    weights = cnn.initial_weights(str(SEED))
    for number in range(1, rounds + 1):
        updates = []
        for place, records in enumerate(hospitals, 1):
            seed = f"{SEED}/{place}"
            update = planned_update(weights, training, records, noise_bound=hidden.noise_bound, round=number, seed=seed)
            added = privacy.share_of_noise(hidden, len(update), draws.randrange)
            updates.append([u + noise for u, noise in zip(update, added, strict=True)])
        weights = bounded.next_model(weights, updates)
    quality = evaluate(cnn.probabilities(weights, data.test.pixels), data.test.labels)
    return Outcome(
        level, size, epsilon, rounds, hidden.noise_variance**0.5, quality.auc, membership(weights, data, hospitals)
    )


def membership(weights: Sequence[int], data: XRays, hospitals: Sequence[Records]) -> float:
    """AUC of guessing from an image's loss whether it was trained on; new images are the validation split.

    Yeom, Giacomelli, Fredrikson, Jha: Privacy Risk in Machine Learning (CSF 2018).
    """
    inside = np.concatenate([_losses(weights, *records) for records in hospitals])
    outside = _losses(weights, data.val.pixels, data.val.labels)
    truth = np.concatenate([np.ones(len(inside)), np.zeros(len(outside))])
    return float(roc_auc_score(truth, -np.concatenate([inside, outside])))


def _losses(weights: Sequence[int], pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    positive = cnn.probabilities(weights, pixels)
    return -np.log(np.clip(np.where(labels == 1, positive, 1 - positive), 1e-12, 1))


def line(outcome: Outcome) -> str:
    """One line of progress."""
    return f"{outcome.level} level, {outcome.hospitals} hospitals, epsilon {outcome.epsilon}: AUC {outcome.auc:.4f}"


def table(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """The report: `delta`, and one line for each level, number of hospitals and epsilon (null: no noise)."""
    order = sorted(outcomes, key=lambda o: (o.level, o.hospitals, o.epsilon or float("inf")))
    return {"delta": float(DELTA), "seed": SEED, "outcomes": [asdict(outcome) for outcome in order]}
