# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of training in plain Python integers: what the circuit proves, readable line by line.

`fixed_point` computes the same with tensors; this module is the definition. Scales: features 2^5,
weights 2^16, their product 2^21, probabilities and errors 2^12, gradients 2^17, learning rate 2^8.
Division is floor to minus infinity everywhere. Source: docs/encoding.md, "Arithmetic of training".
"""

from __future__ import annotations

from collections.abc import Sequence

from node.errors import DataError
from node.padding import padded_row
from node.plan import (
    FEATURE_BITS,
    FEATURE_FRACTION_BITS,
    LEARNING_RATE_FRACTION_BITS,
    LEARNING_RATE_LIMIT,
    PROBABILITY_FRACTION_BITS,
    ROWS_LIMIT,
    VALUE_BITS_MAX,
    WEIGHT_BITS,
    WEIGHT_FRACTION_BITS,
)

FEATURE_MIN, FEATURE_MAX = -(1 << FEATURE_BITS - 1), (1 << FEATURE_BITS - 1) - 1
WEIGHT_MIN, WEIGHT_MAX = -(1 << WEIGHT_BITS - 1), (1 << WEIGHT_BITS - 1) - 1
# The bias is one more weight, and this constant is its feature on every active row.
ONE = 1 << FEATURE_FRACTION_BITS
# p = z/4 + 1/2: the quarter is taken by reading z (scale 2^21) at scale 2^23, where one half is 2^22.
SCORE_BITS = FEATURE_FRACTION_BITS + WEIGHT_FRACTION_BITS + 2
HALF = 1 << SCORE_BITS - 1
SCORE_SHIFT = SCORE_BITS - PROBABILITY_FRACTION_BITS
# A gradient (scale 2^17) times the rate (2^8) comes down to a weight (2^16) by this many bits.
STEP_SHIFT = PROBABILITY_FRACTION_BITS + FEATURE_FRACTION_BITS + LEARNING_RATE_FRACTION_BITS - WEIGHT_FRACTION_BITS

# What fits 64 bits with room: local weights before weighting, and sums of 64 hospitals' updates.
LOCAL_LIMIT = 1 << 56
TOTAL_LIMIT = 1 << VALUE_BITS_MAX - 1 + 6

Rows = Sequence[Sequence[int]]


def clamp(value: int, low: int, high: int) -> int:
    """The nearest integer to `value` in [low, high]."""
    return max(low, min(high, value))


def score(weights: Sequence[int], row: Sequence[int]) -> int:
    """The hard-sigmoid probability of one row, an integer in [0, 2^12] (scale 2^12).

    `weights`: D feature weights, then the bias; `row`: D features, or fewer where the others are zero.
    """
    z = weights[-1] * ONE + sum(w * x for w, x in zip(weights, row, strict=False))
    return clamp(z + HALF, 0, 1 << SCORE_BITS) >> SCORE_SHIFT


def train(
    weights: Sequence[int],
    rows: Rows,
    labels: Sequence[int],
    *,
    capacity: int,
    batch_size: int,
    epochs: int,
    learning_rate: int,
) -> list[int]:
    """The local weights after `epochs` of mini-batch gradient descent over the rows in their order.

    `weights`: P = D + 1 integers (bias last); `rows`: n lists of D features in [−128, 127], or of fewer where the
    others are zero (`node.padding`); `labels`: n of 0 or 1. `capacity` (rows of the circuit) only bounds n: the rows
    it adds are masked, and a masked row or batch changes nothing. A short last batch still divides by `batch_size`.
    Raises DataError for inputs that the circuit would refuse.
    """
    check_training(weights, rows, labels, capacity, batch_size, epochs, learning_rate)
    local = list(weights)
    extended = [[*padded_row(row, len(weights) - 1), ONE] for row in rows]
    for _ in range(epochs):
        for start in range(0, len(rows), batch_size):
            gradient = [0] * len(local)
            for row, label in zip(
                extended[start : start + batch_size], labels[start : start + batch_size], strict=True
            ):
                error = score(local, row[:-1]) - (label << PROBABILITY_FRACTION_BITS)
                gradient = [g + error * x for g, x in zip(gradient, row, strict=True)]
            divisor = batch_size << STEP_SHIFT
            local = [w + (-learning_rate * g) // divisor for w, g in zip(local, gradient, strict=True)]
    return local


def update(weights: Sequence[int], local: Sequence[int], rows_used: int, value_bits: int) -> list[int]:
    """The update u = clip(n · (local − global)): P integers in [−2^(value_bits−1), 2^(value_bits−1))."""
    check_update(weights, local, rows_used, value_bits)
    bound = 1 << value_bits - 1
    return [clamp(rows_used * (a - w), -bound, bound - 1) for w, a in zip(weights, local, strict=True)]


def aggregate(weights: Sequence[int], total: Sequence[int], rows: int) -> list[int]:
    """The next global weights: old plus ⌊sum of updates / sum of rows⌋, saturated to 24 bits."""
    check_aggregation(weights, total, rows)
    return [clamp(w + s // rows, WEIGHT_MIN, WEIGHT_MAX) for w, s in zip(weights, total, strict=True)]


def check_weights(weights: Sequence[int]) -> None:
    """Raises DataError unless these are two or more global weights in the 24-bit range."""
    if len(weights) < 2:
        raise DataError("A model has at least one feature weight and the bias.")
    for index, weight in enumerate(weights):
        if type(weight) is not int or not WEIGHT_MIN <= weight <= WEIGHT_MAX:
            raise DataError(f"Weight {index} is not an integer in [{WEIGHT_MIN}, {WEIGHT_MAX}].")


def check_training(
    weights: Sequence[int],
    rows: Rows,
    labels: Sequence[int],
    capacity: int,
    batch_size: int,
    epochs: int,
    learning_rate: int,
) -> None:
    """Raises DataError for what no circuit of this kind accepts; names the place, never a value of a row."""
    check_weights(weights)
    if batch_size < 1 or batch_size & (batch_size - 1):
        raise DataError(f"The batch size {batch_size} is not a power of two.")
    if capacity < batch_size or capacity % batch_size:
        raise DataError(f"The capacity {capacity} is not a multiple of the batch size {batch_size}.")
    if not 1 <= len(rows) <= capacity:
        raise DataError(f"{len(rows)} rows were given; the circuit takes 1 to {capacity}.")
    if len(labels) != len(rows):
        raise DataError(f"{len(rows)} rows but {len(labels)} labels were given.")
    if epochs < 1:
        raise DataError(f"{epochs} epochs were asked for; at least 1 is needed.")
    if not 1 <= learning_rate < LEARNING_RATE_LIMIT:
        raise DataError(f"The learning rate {learning_rate} is not in [1, {LEARNING_RATE_LIMIT}).")
    for index, (row, label) in enumerate(zip(rows, labels, strict=True)):
        if len(row) > len(weights) - 1:
            raise DataError(f"Row {index} has {len(row)} features; the model has {len(weights) - 1}.")
        if len(row) != len(rows[0]):
            raise DataError(f"Row {index} has {len(row)} features; the first one has {len(rows[0])}.")
        if any(type(x) is not int or not FEATURE_MIN <= x <= FEATURE_MAX for x in row):
            raise DataError(f"Row {index} has a feature outside the integers of [{FEATURE_MIN}, {FEATURE_MAX}].")
        if type(label) is not int or label not in (0, 1):
            raise DataError(f"The label of row {index} is neither 0 nor 1.")


def check_update(weights: Sequence[int], local: Sequence[int], rows_used: int, value_bits: int) -> None:
    """Raises DataError unless the two models have one shape and the row count and width make sense."""
    check_weights(weights)
    if len(local) != len(weights):
        raise DataError(f"The local model has {len(local)} weights, the global one {len(weights)}.")
    if not 1 <= rows_used < ROWS_LIMIT:
        raise DataError(f"{rows_used} rows are not in [1, {ROWS_LIMIT}).")
    if any(type(w) is not int or not -LOCAL_LIMIT < w < LOCAL_LIMIT for w in local):
        raise DataError("A local weight is not an integer that training could have reached.")
    if not 2 <= value_bits <= VALUE_BITS_MAX:
        raise DataError(f"{value_bits} bits for a value are not in the range of 2 to {VALUE_BITS_MAX}.")


def check_aggregation(weights: Sequence[int], total: Sequence[int], rows: int) -> None:
    """Raises DataError unless sum and model have one shape and the row count is below 2^22."""
    check_weights(weights)
    if len(total) != len(weights):
        raise DataError(f"The sum has {len(total)} values, the model {len(weights)} weights.")
    if any(type(s) is not int or not -TOTAL_LIMIT <= s <= TOTAL_LIMIT for s in total):
        raise DataError("A value of the sum is larger than 64 hospitals' updates can add up to.")
    if not 1 <= rows < ROWS_LIMIT:
        raise DataError(f"{rows} rows are not in [1, {ROWS_LIMIT}).")
