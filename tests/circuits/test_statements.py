# SPDX-License-Identifier: Apache-2.0
"""Golden statements: Python makes them, the circuits accept them; private values stay out of sight."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import WitnessRefused
from node.group.field import MODULUS
from node.learning import shortening
from node.learning.reference import aggregate, train, update
from node.proofs.artefacts import circuits
from node.proofs.prover import NativeProver
from node.proofs.statements import aggregation_statement, training_statement
from tests.support.circuits import AGGREGATION, aggregation, artefacts, training, witness

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
TRAININGS = json.loads((VECTORS / "training.json").read_text())["statements"]
PADDED = json.loads((VECTORS / "padding.json").read_text())["statements"]
AGGREGATIONS = json.loads((VECTORS / "aggregation.json").read_text())["statements"]


def statement_of(case):
    """The statement of a vector, each of whose numbers the node's own arithmetic finds again."""
    shape = circuits()[case["circuit"]].parameters
    plan = {name: shape[name] for name in ("capacity", "batch_size")}
    plan |= {name: case[name] for name in ("epochs", "learning_rate")}
    local = train(case["weights"], case["rows"], case["labels"], **plan)
    clipped = update(case["weights"], local, len(case["rows"]), 26)
    bound = int(case["update_bound"])
    assert shortening.factor(clipped, bound) == case["shortening"]
    assert shortening.shorten(clipped, case["shortening"]) == case["update"]
    return training_statement(
        context=MODULUS - 1,
        weights=tuple(case["weights"]),
        rows=tuple(map(tuple, case["rows"])),
        labels=tuple(case["labels"]),
        salt=int(case["salt"]),
        update=tuple(case["update"]),
        shortening=case["shortening"],
        noise=tuple(case["noise"]),
        blinding=int(case["blinding"]),
        value_bits=26,
        update_bound=bound,
        noise_bound=case["noise_bound"],
        **plan,
    )


@pytest.mark.parametrize("case", TRAININGS + PADDED, ids=range(len(TRAININGS + PADDED)))
def test_training_statement__golden__accepted_by_the_circuit(case):
    statement = statement_of(case)
    signals = tuple(map(int, case["public_signals"]))
    assert statement.public_signals() == signals
    assert tuple(witness(case["circuit"], statement)[1:8]) == signals


@pytest.mark.parametrize("case", PADDED[:4], ids=range(4))
def test_training_statement__of_fewer_features_than_the_circuit__is_proved_under_the_circuits_key(case):
    statement = statement_of(case)
    assert len(case["rows"][0]) < circuits()[case["circuit"]].parameters["features"]
    assert NativeProver().prove(artefacts(case["circuit"]), statement).public_signals == statement.public_signals()


def test_training_statement__padded__commits_to_zeros_and_to_nothing_else():
    """A row that holds something where the plan names nothing has another root: zeros are hashed, not implied."""
    case = PADDED[0]
    padded = statement_of(case)
    other = replace(padded, rows=((*padded.rows[0][:1], 1, 0, 0), *padded.rows[1:]))
    with pytest.raises(WitnessRefused):
        witness(case["circuit"], other)
    assert statement_of(case | {"rows": [[*row, 0, 0, 0] for row in case["rows"]]}) == padded


@pytest.mark.parametrize("case", AGGREGATIONS, ids=range(len(AGGREGATIONS)))
def test_aggregation_statement__golden__accepted_by_the_circuit(case):
    assert aggregate(case["weights"], case["sums"], case["row_sum"]) == case["weights_after"]
    statement = aggregation_statement(
        context=MODULUS - 1,
        weights=tuple(case["weights"]),
        weights_after=tuple(case["weights_after"]),
        sums=tuple(case["sums"]),
        blinding=int(case["blinding"]),
        row_sum=case["row_sum"],
    )
    signals = tuple(map(int, case["public_signals"]))
    assert statement.public_signals() == signals
    assert tuple(witness(AGGREGATION, statement)[1:7]) == signals


def test_statements__shown__hold_no_private_value():
    statement = training(blinding=123456789123456789, salt=987654321987654321, update_bound=10**10, noise_bound=1 << 20)
    private_values = (statement.blinding, statement.salt, statement.rows[0], statement.labels)
    for private in (*private_values, statement.shortening, statement.noise[0]):
        assert str(private) not in repr(statement)
    opened = aggregation(sums=(1234567, 2, 3, 4, 5), blinding=123456789123456789)
    for private in (1234567, opened.blinding):
        assert str(private) not in repr(opened)
