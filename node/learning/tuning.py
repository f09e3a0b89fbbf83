# SPDX-License-Identifier: Apache-2.0
"""Choosing the learning rate of a plan by cross-validation, before anybody trains on anything held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sklearn.model_selection import StratifiedKFold

from node.learning.baseline import federated
from node.learning.metrics import evaluate
from node.learning.reference import Rows
from node.plan import Training


def cross_validate(
    rows: Rows,
    labels: Sequence[int],
    training: Training,
    *,
    rates: Sequence[int],
    hospitals: int,
    rounds: int,
    value_bits: int,
    folds: int = 5,
) -> dict[int, float]:
    """The mean AUC over the folds for each learning rate (integers of scale 2^8), from a zero model.

    `rows`: n lists of D scaled features, with n `labels`; in each fold the training part is dealt to
    `hospitals` hospitals that train `rounds` rounds. The order of the records decides the folds.
    """
    found = dict.fromkeys(rates, 0.0)
    for learning, checking in StratifiedKFold(folds).split(rows, labels):
        shares = [learning[number::hospitals] for number in range(hospitals)]
        parts = [([rows[i] for i in share], [labels[i] for i in share]) for share in shares]
        for rate in rates:
            models = federated(
                [0] * (len(rows[0]) + 1), parts, replace(training, learning_rate=rate), rounds, value_bits
            )
            result = evaluate(models[-1], [rows[i] for i in checking], [labels[i] for i in checking])
            found[rate] += result.auc / folds
    return found
