# SPDX-License-Identifier: Apache-2.0
"""How well a model tells the two classes apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.metrics import roc_auc_score

from node.errors import DataError
from node.learning.reference import Rows, score
from node.plan import PROBABILITY_FRACTION_BITS


@dataclass(frozen=True)
class Metrics:
    """`auc`: area under the ROC curve; `accuracy` at probability one half; over `rows` records."""

    auc: float
    accuracy: float
    rows: int
    positives: int


def measure(scores: Sequence[float], labels: Sequence[int], threshold: float) -> Metrics:
    """Metrics of any scores, n of them, with n labels of 0 or 1; a score ≥ `threshold` counts as positive."""
    positives = sum(labels)
    if len(scores) != len(labels) or not 0 < positives < len(labels):
        raise DataError("An AUC needs one score a record, and records of both classes.")
    right = sum((s >= threshold) == bool(label) for s, label in zip(scores, labels, strict=True))
    return Metrics(float(roc_auc_score(labels, scores)), right / len(labels), len(labels), positives)


def evaluate(weights: Sequence[int], rows: Rows, labels: Sequence[int]) -> Metrics:
    """Metrics of a model by its own score, the hard-sigmoid probability in steps of 2^−12.

    `weights`: P integers, bias last; `rows`: n lists of D scaled features; `labels`: n of 0 or 1.
    """
    if any(len(row) != len(weights) - 1 for row in rows):
        raise DataError(f"Every record needs {len(weights) - 1} features for this model.")
    return measure([score(weights, row) for row in rows], labels, 1 << PROBABILITY_FRACTION_BITS - 1)
