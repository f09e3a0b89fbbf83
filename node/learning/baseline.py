# SPDX-License-Identifier: Apache-2.0
"""What a study is compared with: pooled records, and a hospital on its own."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn.linear_model import LogisticRegression

from node.errors import DataError
from node.learning import fixed_point
from node.learning.metrics import Metrics, measure
from node.learning.reference import ONE, Rows
from node.plan import Training


def pooled(rows: Rows, labels: Sequence[int], held_out_rows: Rows, held_out_labels: Sequence[int]) -> Metrics:
    """Logistic regression in floating point on everybody's records in one place: the gold standard.

    Takes the same scaled features (n lists of D integers) and measures on the held-out records.
    """
    if len(set(labels)) != 2:
        raise DataError("Pooled training needs records of both classes.")
    model = LogisticRegression(max_iter=10_000)
    model.fit([[x / ONE for x in row] for row in rows], labels)
    probabilities = model.predict_proba([[x / ONE for x in row] for row in held_out_rows])[:, 1]
    return measure([float(p) for p in probabilities], held_out_labels, 0.5)


def alone(
    weights: Sequence[int],
    rows: Rows,
    labels: Sequence[int],
    training: Training,
    rounds: int,
    value_bits: int,
) -> list[int]:
    """The model of one hospital that trains for as many steps by itself, in the same fixed point."""
    return federated(weights, [(rows, labels)], training, rounds, value_bits)[-1]


def federated(
    weights: Sequence[int],
    hospitals: Sequence[tuple[Rows, Sequence[int]]],
    training: Training,
    rounds: int,
    value_bits: int,
) -> list[list[int]]:
    """The global model after each round, as the study computes it but unencrypted and in one place."""
    models = [list(weights)]
    for _ in range(rounds):
        current = models[-1]
        total = [0] * len(current)
        for rows, labels in hospitals:
            local = fixed_point.train(
                current,
                rows,
                labels,
                capacity=training.rows_maximum,
                batch_size=training.batch_size,
                epochs=training.epochs,
                learning_rate=training.learning_rate,
            )
            change = fixed_point.update(current, local, len(rows), value_bits)
            total = [a + b for a, b in zip(total, change, strict=True)]
        models.append(fixed_point.aggregate(current, total, sum(len(rows) for rows, _ in hospitals)))
    return models[1:]
