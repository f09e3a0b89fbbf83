# SPDX-License-Identifier: Apache-2.0
"""No wire of a witness can be changed: each one, raised by one, breaks a constraint.

Exceptions are hints whose value the statement does not depend on; each is listed with its reason.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.group.field import MODULUS
from tests.support.circuits import (
    AGGREGATION,
    BOUNDED,
    PACKED_AGGREGATION,
    TRAINING,
    aggregation,
    bounded,
    constraints,
    packed_aggregation,
    training,
    wire_names,
    witness,
)
from tests.support.r1cs import loose_wires

CASES = {
    TRAINING: (TRAINING, lambda: training(epochs=1)),
    f"{TRAINING}, private": (TRAINING, lambda: training(learning_rate=256, update_bound=10**9, noise_bound=20_000)),
    AGGREGATION: (AGGREGATION, lambda: aggregation(weights=((1 << 23) - 1, -(1 << 23), 0, 1, -1))),
    BOUNDED: (BOUNDED, lambda: bounded()),
    PACKED_AGGREGATION: (PACKED_AGGREGATION, lambda: packed_aggregation()),
}


def is_free_hint(names: list[str], values: dict[str, int]) -> bool:
    """Hints that nothing depends on.

    IsZero (circomlib's) shows in = 0 by in * out = 0 and out = 1 - in * inv: for in = 0, inv may be anything, and
    `out`, all that is used of it, is still 1. BoundedNoise uses `withRest` times `rest` alone, which may be 0.
    """
    if any(".withRest[" in name for name in names):
        return not any(value for name, value in values.items() if "noiseRange.restRange.bits.out[" in name)
    return any(
        name.endswith((".below.inv", ".unbounded.inv")) and values[name.removesuffix("inv") + "out"] == 1
        for name in names
    )


def named_values(circuit: str, wires: list[int]) -> dict[str, int]:
    """The values of all signals that are wires, by name."""
    return {name: wires[wire] for wire, names in wire_names(circuit).items() for name in names}


@pytest.mark.parametrize("case", CASES)
def test_every_wire__raised_by_one__breaks_a_constraint(case):
    circuit, make = CASES[case]
    system, names = constraints(circuit), wire_names(circuit)
    wires = witness(circuit, make())
    values = named_values(circuit, wires)
    stands_in = system.by_wire()
    harmless = []
    for wire in range(1, system.wires):
        kept = wires[wire]
        wires[wire] = (kept + 1) % MODULUS
        if all(system.holds(number, wires) for number in stands_in[wire]):
            harmless.append(wire)
        wires[wire] = kept
    unexplained = [names[wire] for wire in harmless if not is_free_hint(names[wire], values)]
    assert unexplained == []


@pytest.mark.parametrize("case", CASES)
def test_every_wire__follows_from_the_inputs(case):
    """To first order the inputs fix all other wires, also where several would move together."""
    circuit, make = CASES[case]
    system, names = constraints(circuit), wire_names(circuit)
    statement = make()
    wires = witness(circuit, statement)
    values = named_values(circuit, wires)
    inputs = set(statement.circuit_inputs())
    fixed = {
        wire
        for wire in range(1, system.wires)
        if any(name.removeprefix("main.").split("[")[0] in inputs for name in names[wire])
    }
    loose = loose_wires(system, wires, fixed)
    unexplained = [names[wire] for wire in loose if not is_free_hint(names[wire], values)]
    assert unexplained == []


def test_loose_wires__two_bits_not_boolean__found():
    """The check above can fail: two bits free to trade against each other are seen."""
    system, names = constraints(AGGREGATION), wire_names(AGGREGATION)
    statement = CASES[AGGREGATION][1]()
    wires = witness(AGGREGATION, statement)
    bits = {f"main.weightRange[0].bits.out[{index}]" for index in (3, 4)}
    freed = {wire for wire, found in names.items() if bits & set(found)}
    assert len(freed) == 2
    rest = [parts for parts in system.constraints if not ({*parts[0]} - {0} <= freed and {*parts[0]} - {0})]
    assert len(rest) == len(system.constraints) - 2
    fixed = (
        set(range(1, system.wires)) - freed - {wire for wire, found in names.items() if "weightRange[0]" in found[0]}
    )
    assert loose_wires(system, wires, fixed) == set()
    assert loose_wires(replace(system, constraints=rest), wires, fixed)
