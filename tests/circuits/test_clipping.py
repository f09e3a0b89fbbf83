# SPDX-License-Identifier: Apache-2.0
"""Clipping of updates, in a circuit large enough to reach the limits: 64 rows, 8 steps."""

from __future__ import annotations

import pytest

from node.errors import WitnessRefused
from node.group.pedersen import commit
from node.learning.reference import train
from tests.support.circuits import RATE_MAX, changed, constraints, training, witness

CIRCUIT = "training_64x30"
LOW, HIGH = -(1 << 25), (1 << 25) - 1
# Every row is as wrong as it can be and stays so: each step moves each weight as far as one step can.
ROWS = ((127, -128) * 15,) * 64


def steep(label: int) -> dict[str, object]:
    """A model that is certain of the other label."""
    low, high = (-(1 << 23), (1 << 23) - 1) if label else ((1 << 23) - 1, -(1 << 23))
    plan = {"epochs": 4, "learning_rate": RATE_MAX}
    return {"weights": (*(low, high) * 15, low), "rows": ROWS, "labels": (label,) * 64, **plan}


def free_update(label: int) -> list[int]:
    """The update before clipping."""
    local = train(**steep(label), capacity=64, batch_size=32)
    return [64 * (after - before) for after, before in zip(local, steep(label)["weights"], strict=True)]


@pytest.mark.parametrize("label", [0, 1])
def test_training_circuit__update_beyond_both_limits__accepted_clipped(label):
    free = free_update(label)
    assert min(free) < LOW and max(free) > HIGH, "the case must reach both limits"
    statement = training(circuit=CIRCUIT, **steep(label))
    wires = witness(CIRCUIT, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(CIRCUIT).broken(wires) == []


@pytest.mark.parametrize("bound", [1, 10**14 + 7, 31 << 50, (1 << 64) - 1])
def test_training_circuit__clipped_update_and_any_bound__accepted_shortened(bound):
    statement = training(circuit=CIRCUIT, **steep(1), update_bound=bound, noise_bound=0)
    wires = witness(CIRCUIT, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(CIRCUIT).broken(wires) == []


def test_training_circuit__update_left_unclipped__refused():
    statement = training(circuit=CIRCUIT, **steep(1))
    point = commit(free_update(1), statement.blinding)
    with pytest.raises(WitnessRefused):
        witness(CIRCUIT, changed(statement, cx=str(point.x), cy=str(point.y)))


def test_training_circuit__extremes_at_full_width__accepted():
    statement = training(
        circuit=CIRCUIT,
        rows=((-128,) * 30,) * 64,
        labels=(0, 1) * 32,
        weights=(-(1 << 23),) * 31,
        epochs=4,
        learning_rate=RATE_MAX,
    )
    wires = witness(CIRCUIT, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
