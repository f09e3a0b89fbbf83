# SPDX-License-Identifier: Apache-2.0
"""Measures of a binary model, against calculations by hand."""

from __future__ import annotations

import numpy as np
import pytest

from node.errors import DataError
from node.learning.evaluation import evaluate


def test_evaluate__a_small_example__agrees_with_a_hand_calculation() -> None:
    probabilities = np.array([0.95, 0.95, 0.25, 0.65, 0.25, 0.05])
    labels = np.array([1, 1, 1, 0, 0, 0])
    found = evaluate(probabilities, labels)
    # Of nine pairs, 0.25 is right against 0.05, wrong against 0.65 and equal to 0.25.
    assert found.auc == pytest.approx((6 + 1 + 0.5) / 9)
    assert found.accuracy == pytest.approx(4 / 6)
    # No negative may be above the threshold: 5 % of three is none.
    assert found.sensitivity_at_95_specificity == pytest.approx(2 / 3)
    # |0.95 − 1|·2/6 + |0.25 − 1/2|·2/6 + 0.65/6 + 0.05/6
    assert found.calibration_error == pytest.approx((0.1 + 0.5 + 0.65 + 0.05) / 6)
    assert [entry.rows for entry in found.bins] == [1, 0, 2, 0, 0, 0, 1, 0, 0, 2]
    assert found.curve[0] == (0, 0) and found.curve[-1] == (1, 1)


def test_evaluate__twenty_negatives__one_may_be_above_the_threshold() -> None:
    labels = np.array([1, 1] + [0] * 20)
    probabilities = np.array([0.9, 0.5] + [0.6] + [0.1] * 19)
    assert evaluate(probabilities, labels).sensitivity_at_95_specificity == 1
    probabilities[3] = 0.7
    assert evaluate(probabilities, labels).sensitivity_at_95_specificity == 0.5


def test_evaluate__probability_one__belongs_to_the_last_bin() -> None:
    assert evaluate(np.array([1.0, 0.0]), np.array([1, 0])).bins[-1].rows == 1


@pytest.mark.parametrize(
    ("probabilities", "labels"),
    [
        ([0.5, float("nan")], [0, 1]),
        ([0.5, float("inf")], [0, 1]),
        ([0.5, 1.5], [0, 1]),
        ([0.5, 0.5], [1, 1]),
        ([0.5, 0.5], [0, 2]),
        ([0.5], [0, 1]),
        ([], []),
    ],
)
def test_evaluate__not_finite_or_of_one_class_or_shape__is_refused(
    probabilities: list[float], labels: list[int]
) -> None:
    with pytest.raises(DataError):
        evaluate(np.array(probabilities), np.array(labels))
