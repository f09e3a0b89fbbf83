# SPDX-License-Identifier: Apache-2.0
"""A bounded study in one process: its rounds to the bit, without encryption and proofs, and what it compares with.

Encryption opens to the exact sum of the integers and proofs change nothing, so the models are those of a study
on chain (tests hold the two together).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.learning import bounded, cnn_training
from node.learning.cnn_training import LocalTraining
from node.learning.patient_step import patient_update
from node.plan_training import BoundedTraining, ClippedStep

Records = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images uint8 [n, 28, 28] and labels uint8 [n]."""

Update = list[int]
#: Given the honest updates of a round (one for each hospital, in order) and the round: what is submitted.
Submission = Callable[[Sequence[Update], int], Sequence[Update]]


@dataclass(frozen=True)
class Study:
    """What fixes a bounded study: starting weights, local training, rounds, and the bound on Σ u²."""

    initial: tuple[int, ...]
    training: LocalTraining
    rounds: int
    bound: int
    seed: str


def run(
    study: Study, hospitals: Sequence[Records], submit: Submission = lambda updates, _: updates
) -> Iterator[Update]:
    """The global model (P integers) after each round, as it is reached."""
    weights = list(study.initial)
    for round in range(1, study.rounds + 1):
        honest = [local_update(weights, study, number, records, round) for number, records in enumerate(hospitals, 1)]
        weights = bounded.next_model(weights, submit(honest, round))
        yield weights


def local_update(weights: Sequence[int], study: Study, hospital: int, records: Records, round: int) -> Update:
    """The update of one hospital (numbered from 1) in one round, within the study's bound."""
    local = cnn_training.train(weights, *records, study.training, round=round, seed=f"{study.seed}/{hospital}")
    return bounded.update(weights, local, study.bound)


def planned_update(
    weights: Sequence[int],
    training: BoundedTraining,
    records: Records,
    *,
    noise_bound: int,
    round: int,
    seed: str,
) -> Update:
    """What a plan's training makes of a hospital's records in a round, with room for noise up to `noise_bound`."""
    if isinstance(training.local, ClippedStep):
        return patient_update(weights, *records, training.local, training.update_bound, noise_bound)
    local = cnn_training.train(weights, *records, LocalTraining.of(training.local), round=round, seed=seed)
    return bounded.update(weights, local, training.update_bound, noise_bound)


def pooled(study: Study, hospitals: Sequence[Records]) -> Iterator[Update]:
    """The same network and training on everybody's records in one place: weights after each round's epochs.

    Momentum starts anew with each round, as in the study; nothing is clipped to 16 bits or to the bound.
    """
    pixels = np.concatenate([images for images, _ in hospitals])
    labels = np.concatenate([labels for _, labels in hospitals])
    weights = list(study.initial)
    for round in range(1, study.rounds + 1):
        weights = cnn_training.train(weights, pixels, labels, study.training, round=round, seed=f"{study.seed}/pooled")
        yield weights
