# SPDX-License-Identifier: Apache-2.0
"""Training in PyTorch, in 64-bit integers: bit for bit what `reference` and the circuit compute.

No floating point takes part, so the result does not depend on the machine, the threads or the build.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from node.errors import DataError
from node.learning import reference
from node.learning.reference import HALF, ONE, SCORE_BITS, SCORE_SHIFT, STEP_SHIFT, WEIGHT_MAX, WEIGHT_MIN
from node.plan import FEATURE_BITS, PROBABILITY_FRACTION_BITS, WEIGHT_BITS

# Below this bound neither a product nor a sum of products can wrap in 64 bits.
HEADROOM = 1 << 62


def train(
    weights: Sequence[int],
    rows: reference.Rows,
    labels: Sequence[int],
    *,
    capacity: int,
    batch_size: int,
    epochs: int,
    learning_rate: int,
) -> list[int]:
    """The local weights after training: same arguments, result and errors as `reference.train`."""
    reference.check_training(weights, rows, labels, capacity, batch_size, epochs, learning_rate)
    _check_headroom(len(weights), -(-len(rows) // batch_size) * epochs, learning_rate)
    features = torch.tensor([[*row, ONE] for row in rows], dtype=torch.int64)
    # Where rows have fewer features than the model, the weights of the others stay as they are.
    present = [*range(len(rows[0])), len(weights) - 1]
    targets = torch.tensor(labels, dtype=torch.int64) << PROBABILITY_FRACTION_BITS
    local = torch.tensor([weights[place] for place in present], dtype=torch.int64)
    # The batch size is a power of two: the floor division is an arithmetic shift.
    shift = STEP_SHIFT + batch_size.bit_length() - 1
    for _ in range(epochs):
        for start in range(0, len(rows), batch_size):
            batch, target = features[start : start + batch_size], targets[start : start + batch_size]
            z = batch @ local
            error = ((z + HALF).clamp(0, 1 << SCORE_BITS) >> SCORE_SHIFT) - target
            gradient = error @ batch
            local = local + ((-learning_rate * gradient) >> shift)
    trained = list(weights)
    for place, weight in zip(present, local.tolist(), strict=True):
        trained[place] = weight
    return trained


def update(weights: Sequence[int], local: Sequence[int], rows_used: int, value_bits: int) -> list[int]:
    """The sample-weighted, clipped update: same arguments, result and errors as `reference.update`."""
    reference.check_update(weights, local, rows_used, value_bits)
    difference = torch.tensor(local, dtype=torch.int64) - torch.tensor(weights, dtype=torch.int64)
    bound = 1 << value_bits - 1
    # Clipping first to what n cannot bring back into range keeps the product within 64 bits.
    scaled = rows_used * difference.clamp(-bound, bound)
    return [int(u) for u in scaled.clamp(-bound, bound - 1)]


def aggregate(weights: Sequence[int], total: Sequence[int], rows: int) -> list[int]:
    """The next global weights: same arguments, result and errors as `reference.aggregate`."""
    reference.check_aggregation(weights, total, rows)
    mean = torch.div(torch.tensor(total, dtype=torch.int64), rows, rounding_mode="floor")
    moved = torch.tensor(weights, dtype=torch.int64) + mean
    return [int(w) for w in moved.clamp(WEIGHT_MIN, WEIGHT_MAX)]


def _check_headroom(parameters: int, steps: int, learning_rate: int) -> None:
    """Raises DataError where so many steps could carry a weight so far that a sum wraps in 64 bits.

    One step moves a weight by at most rate · 2^12 · 2^7 / 2^9 = rate · 2^10.
    """
    furthest = (1 << WEIGHT_BITS - 1) + steps * (
        learning_rate << PROBABILITY_FRACTION_BITS + FEATURE_BITS - 1 - STEP_SHIFT
    )
    if parameters * (furthest << FEATURE_BITS - 1) >= HEADROOM:
        raise DataError("So many epochs over so many rows do not fit 64-bit arithmetic; use fewer epochs.")
