# SPDX-License-Identifier: Apache-2.0
"""The aggregation circuit against the plain-integer reference: what it accepts, and what it refuses."""

from __future__ import annotations

import random

import pytest

from node.errors import WitnessRefused
from node.group.babyjubjub import ORDER
from node.proofs.commitments import weights_root
from node.proofs.statements import AGGREGATION_SIGNALS
from tests.support.circuits import (
    AGGREGATION,
    WEIGHT_MAX,
    WEIGHT_MIN,
    aggregation,
    changed,
    constraints,
    with_public,
    witness,
)

SUM_MIN, SUM_MAX = -(1 << 31), (1 << 31) - 1
ROWS_MAX = (1 << 22) - 1

ACCEPTED = {
    "a plain round": {},
    "one row": {"row_sum": 1},
    "as many rows as may be": {"row_sum": ROWS_MAX},
    "sums at the bottom, saturating": {"sums": (SUM_MIN,) * 5, "row_sum": 1},
    "sums at the top, saturating": {"sums": (SUM_MAX,) * 5, "row_sum": 1},
    "weights at the bottom, sums at the bottom": {"weights": (WEIGHT_MIN,) * 5, "sums": (SUM_MIN,) * 5},
    "weights at the top, sums at the top": {"weights": (WEIGHT_MAX,) * 5, "sums": (SUM_MAX,) * 5},
    "sums around zero": {"weights": (0,) * 5, "sums": (-1, 0, 1, 449, -450)},
    "the last value before saturation": {"weights": (WEIGHT_MAX - 1,) * 5, "sums": (450,) * 5},
    "the largest blinding value": {"blinding": ORDER - 1},
    "no blinding": {"blinding": 0},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_aggregation_circuit__accepts(case):
    statement = aggregation(**ACCEPTED[case])
    wires = witness(AGGREGATION, statement)
    assert tuple(wires[1:7]) == statement.public_signals()
    assert constraints(AGGREGATION).broken(wires) == []


@pytest.mark.parametrize("seed", range(12))
def test_aggregation_circuit__equals_reference_on_random_sums(seed):
    rng = random.Random(seed)
    statement = aggregation(rng, row_sum=rng.choice([rng.randint(1, 200), rng.randint(1, ROWS_MAX)]))
    wires = witness(AGGREGATION, statement)
    assert tuple(wires[1:7]) == statement.public_signals()
    assert constraints(AGGREGATION).broken(wires) == []


@pytest.mark.parametrize("signal", ["commitment_sum", "root_before", "root_after"])
def test_aggregation_circuit__wrong_public_signal__refused(signal):
    with pytest.raises(WitnessRefused):
        witness(AGGREGATION, with_public(aggregation(), signal))


def test_aggregation_circuit__wrong_row_sum__refused():
    # Half of the rows double every step, so the root differs.
    with pytest.raises(WitnessRefused):
        witness(AGGREGATION, changed(aggregation(), sumRows="225"))


def test_aggregation_circuit__context__stands_in_a_constraint():
    context = 1 + AGGREGATION_SIGNALS.index("context")
    assert len(constraints(AGGREGATION).by_wire()[context]) == 1


@pytest.mark.parametrize("rows", ["0", str(ROWS_MAX + 1), "-1"])
def test_aggregation_circuit__row_sum_out_of_range__refused(rows):
    statement = aggregation(weights=(0,) * 5, sums=(0,) * 5)
    # With sums of zero the new model is right for every row sum: only the range check can refuse.
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(AGGREGATION, changed(statement, sumRows=rows))


def test_aggregation_circuit__new_weights_not_saturated__refused():
    weights, sums = (WEIGHT_MAX,) * 5, (450,) * 5
    wrapped = weights_root((WEIGHT_MIN,) * 5)
    statement = aggregation(weights=weights, sums=sums)
    with pytest.raises(WitnessRefused):
        witness(AGGREGATION, changed(statement, rootAfter=str(wrapped)))


def test_aggregation_circuit__rounded_towards_zero__refused():
    weights, sums = (0,) * 5, (-1,) * 5
    with pytest.raises(WitnessRefused):
        witness(AGGREGATION, aggregation(weights=weights, sums=sums, weights_after=(0,) * 5))


@pytest.mark.parametrize("value", [SUM_MIN - 1, SUM_MAX + 1])
def test_aggregation_circuit__sum_out_of_range__refused(value):
    # Commitment and new root are right for this sum: only the range check can refuse.
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(AGGREGATION, aggregation(sums=(value, 0, 0, 0, 0), row_sum=ROWS_MAX))


@pytest.mark.parametrize("value", [WEIGHT_MIN - 1, WEIGHT_MAX + 1])
def test_aggregation_circuit__old_weight_out_of_range__refused(value):
    statement = aggregation(weights=(0,) * 5)
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(AGGREGATION, changed(statement, weights=[str(value), "0", "0", "0", "0"]))


@pytest.mark.parametrize("blinding", [ORDER, ORDER + 5, 1 << 251])
def test_aggregation_circuit__blinding_sum_not_below_the_order__refused(blinding):
    statement = aggregation(blinding=blinding % ORDER)
    with pytest.raises(WitnessRefused, match=r"BitsAtMost|Num2Bits"):
        witness(AGGREGATION, changed(statement, blinding=str(blinding)))


def test_aggregation_circuit__sums_of_another_opening__refused():
    statement = aggregation(sums=(1, 2, 3, 4, 5))
    with pytest.raises(WitnessRefused):
        witness(AGGREGATION, changed(statement, sums=["2", "2", "3", "4", "5"]))
