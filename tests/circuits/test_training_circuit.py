# SPDX-License-Identifier: Apache-2.0
"""The training circuit against the plain-integer reference: what it accepts, and what it refuses."""

from __future__ import annotations

import random

import pytest

from node.errors import WitnessRefused
from node.group.babyjubjub import ORDER
from node.proofs.statements import TRAINING_SIGNALS
from tests.support.circuits import (
    RATE_MAX,
    TRAINING,
    WEIGHT_MAX,
    WEIGHT_MIN,
    changed,
    constraints,
    training,
    with_public,
    witness,
)

ACCEPTED = {
    "a plain study": {},
    "one row": {"row_count": 1},
    "as many rows as fit": {"row_count": 8},
    "a full batch and an empty one": {"row_count": 4},
    "one epoch of two": {"epochs": 1},
    "the smallest learning rate": {"learning_rate": 1},
    "the largest learning rate": {"learning_rate": RATE_MAX},
    "all weights at the top": {"weights": (WEIGHT_MAX,) * 5},
    "all weights at the bottom": {"weights": (WEIGHT_MIN,) * 5},
    "all features at the bottom": {"rows": ((-128,) * 4,) * 8, "weights": (WEIGHT_MIN,) * 5},
    "rows of zeros": {"rows": ((0,) * 4,) * 5},
    "the largest blinding value": {"blinding": ORDER - 1},
    "no blinding and no salt": {"blinding": 0, "salt": 0},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_training_circuit__accepts(case):
    statement = training(**ACCEPTED[case])
    wires = witness(TRAINING, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(TRAINING).broken(wires) == []


@pytest.mark.parametrize("seed", range(12))
def test_training_circuit__equals_reference_on_random_rows(seed):
    rng = random.Random(seed)
    spread = rng.choice([10, 17, 23])
    statement = training(
        rng,
        weights=tuple(rng.randrange(-(1 << spread), 1 << spread) for _ in range(5)),
        row_count=rng.randint(1, 8),
        epochs=rng.randint(1, 2),
        learning_rate=rng.randint(1, RATE_MAX),
    )
    wires = witness(TRAINING, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(TRAINING).broken(wires) == []


@pytest.mark.parametrize("signal", ["root_before", "data_root", "row_count", "plan_root", "commitment"])
def test_training_circuit__wrong_public_signal__refused(signal):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, with_public(training(), signal))


def test_training_circuit__context__stands_in_a_constraint():
    # The circuit accepts every context: binding it to a proof needs one constraint on it, no more.
    context = 1 + TRAINING_SIGNALS.index("context")
    assert len(constraints(TRAINING).by_wire()[context]) == 1


@pytest.mark.parametrize("error", [1, -1])
def test_training_circuit__update_off_by_one__refused(error):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, training(error=error))


def _rows(statement, change):
    rows = [list(row) for row in statement.circuit_inputs()["features"]]
    change(rows)
    return rows


@pytest.mark.parametrize("value", ["128", "-129"])
def test_training_circuit__feature_out_of_range__refused(value):
    statement = training()

    def change(rows):
        rows[0][0] = value

    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(TRAINING, changed(statement, features=_rows(statement, change)))


@pytest.mark.parametrize("value", ["2", "-1"])
def test_training_circuit__label_neither_0_nor_1__refused(value):
    labels = [value, *training().circuit_inputs()["labels"][1:]]
    with pytest.raises(WitnessRefused, match="RowElements"):
        witness(TRAINING, changed(training(), labels=labels))


def test_training_circuit__row_hidden_in_the_masked_area__refused():
    statement = training()

    def change(rows):
        rows[7][3] = "1"

    with pytest.raises(WitnessRefused, match="RowElements"):
        witness(TRAINING, changed(statement, features=_rows(statement, change)))


def test_training_circuit__label_hidden_in_the_masked_area__refused():
    labels = [*training().circuit_inputs()["labels"][:7], "1"]
    with pytest.raises(WitnessRefused, match="RowElements"):
        witness(TRAINING, changed(training(), labels=labels))


@pytest.mark.parametrize("rows", ["0", "5", "7", "9", "-1"])
def test_training_circuit__other_row_count__refused(rows):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, changed(training(), rows=rows))


@pytest.mark.parametrize("weight", [str(WEIGHT_MAX + 1), str(WEIGHT_MIN - 1)])
def test_training_circuit__starting_weight_out_of_range__refused(weight):
    weights = [weight, *training().circuit_inputs()["weights"][1:]]
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(TRAINING, changed(training(), weights=weights))


@pytest.mark.parametrize("blinding", [ORDER, ORDER + 1, (1 << 251) - 1, 1 << 251])
def test_training_circuit__blinding_not_below_the_order__refused(blinding):
    # ORDER + b commits to the same point as b, so only the range check can refuse it.
    statement = training(blinding=blinding % ORDER)
    with pytest.raises(WitnessRefused, match=r"BitsAtMost|Num2Bits"):
        witness(TRAINING, changed(statement, blinding=str(blinding)))


@pytest.mark.parametrize(("epochs", "learning_rate"), [(0, 64), (3, 64), (1, 64), (2, 0), (2, 1024), (2, 63), (2, -1)])
def test_training_circuit__other_plan__refused(epochs, learning_rate):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, changed(training(), epochs=str(epochs), learningRate=str(learning_rate)))


@pytest.mark.parametrize(("epochs", "learning_rate"), [(0, 64), (3, 64), (2, 0), (2, 1024)])
def test_training_circuit__plan_out_of_range_with_its_own_root__refused(epochs, learning_rate):
    from node.proofs.commitments import plan_root

    root = plan_root(features=4, batch_size=4, epochs=epochs, learning_rate=learning_rate, value_bits=26)
    forged = changed(training(), epochs=str(epochs), learningRate=str(learning_rate), planRoot=str(root))
    with pytest.raises(WitnessRefused, match=r"UnaryFlags|Num2Bits|Training_\d+ line"):
        witness(TRAINING, forged)


def test_training_circuit__other_salt__refused():
    with pytest.raises(WitnessRefused):
        witness(TRAINING, changed(training(), salt="1"))


def test_training_circuit__rows_in_another_order__refused():
    statement = training()

    def change(rows):
        rows[0], rows[1] = rows[1], rows[0]

    with pytest.raises(WitnessRefused):
        witness(TRAINING, changed(statement, features=_rows(statement, change)))
