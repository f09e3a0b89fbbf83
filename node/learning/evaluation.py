# SPDX-License-Identifier: Apache-2.0
"""What a person who would use a model wants to know: its ROC curve, a working point, and its calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score, roc_curve

from node.errors import DataError

BINS = 10
SPECIFICITY = 0.95


@dataclass(frozen=True)
class Bin:
    """One line of a reliability table: of `rows` records with a probability in [low, high), the mean
    `predicted` probability and the share that is positive; both are 0 where there is no such record."""

    low: float
    high: float
    rows: int
    predicted: float
    positive: float


@dataclass(frozen=True)
class Evaluation:
    """Quality of a binary model over `rows` records, of which `positives` are positive.

    `accuracy` is at probability one half. `sensitivity_at_95_specificity`: the largest share of positives found
    at a threshold that clears at least 95 % of the negatives. `calibration_error` (ECE): the mean over `bins`,
    weighted by rows, of |predicted − positive|. `curve`: the corners of the ROC curve as (false, true) rates.
    """

    rows: int
    positives: int
    auc: float
    accuracy: float
    sensitivity_at_95_specificity: float
    calibration_error: float
    bins: tuple[Bin, ...]
    curve: tuple[tuple[float, float], ...]


def evaluate(probabilities: NDArray[np.float64], labels: NDArray[Any]) -> Evaluation:
    """Evaluates n probabilities of the positive class, float64 [n] in [0, 1], against n labels of 0 or 1.

    Raises DataError for other values (NaN too), other shapes, or labels of one class only.
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim != 1 or p.shape != y.shape or not np.isin(y, (0, 1)).all() or len(np.unique(y)) != 2:
        raise DataError("An evaluation needs one probability a record, labels of 0 or 1, and records of both classes.")
    # A comparison with NaN is false.
    if not ((p >= 0) & (p <= 1)).all():
        raise DataError("A probability is not a number from 0 to 1.")
    false_rate, true_rate, _ = roc_curve(y, p)
    bins = _reliability(p, y)
    return Evaluation(
        rows=len(y),
        positives=int(y.sum()),
        auc=float(roc_auc_score(y, p)),
        accuracy=float(((p >= 0.5) == (y == 1)).mean()),
        # The negatives above the threshold are whole records: allow for rounding of the quotient only.
        sensitivity_at_95_specificity=float(true_rate[false_rate <= 1 - SPECIFICITY + 1e-12].max()),
        calibration_error=sum(entry.rows * abs(entry.predicted - entry.positive) for entry in bins) / len(y),
        bins=bins,
        curve=tuple((float(x), float(t)) for x, t in zip(false_rate, true_rate, strict=True)),
    )


def _reliability(p: NDArray[np.float64], y: NDArray[Any]) -> tuple[Bin, ...]:
    """Ten bins of equal width; probability one belongs to the last."""
    place = np.minimum((p * BINS).astype(np.intp), BINS - 1)
    return tuple(
        Bin(
            low=number / BINS,
            high=(number + 1) / BINS,
            rows=int((inside := place == number).sum()),
            predicted=float(p[inside].mean()) if inside.any() else 0.0,
            positive=float(y[inside].mean()) if inside.any() else 0.0,
        )
        for number in range(BINS)
    )
