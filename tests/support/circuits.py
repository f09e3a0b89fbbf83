# SPDX-License-Identifier: Apache-2.0
"""Statements for the small circuits, and what the circuits say to them."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from node.group.babyjubjub import ORDER
from node.learning import shortening
from node.learning.reference import aggregate, train, update
from node.proofs.artefacts import Artefacts, circuits, find_artefacts
from node.proofs.commitments import MODULUS
from node.proofs.prover import compute_witness
from node.proofs.statements import (
    AggregationStatement,
    BoundedStatement,
    CircuitInputs,
    TrainingStatement,
    aggregation_statement,
    bounded_statement,
    training_statement,
)
from tests.support.r1cs import ConstraintSystem, read_names, read_r1cs, read_witness

TRAINING = "training_8x4"
AGGREGATION = "aggregation_5"
BOUNDED = "bounded_12"
PACKED_AGGREGATION = "aggregation_12"
VALUE_BITS = 16
WEIGHT_MIN, WEIGHT_MAX = -(1 << 23), (1 << 23) - 1
RATE_MAX = (1 << 10) - 1


AnyStatement = TrainingStatement | BoundedStatement | AggregationStatement


@dataclass(frozen=True)
class Inputs:
    """A statement whose circuit inputs were changed by hand; provers take it like any other."""

    public: tuple[int, ...]
    inputs: CircuitInputs

    def public_signals(self) -> tuple[int, ...]:
        return self.public

    def circuit_inputs(self) -> CircuitInputs:
        return self.inputs


def changed(statement: AnyStatement, **changes: object) -> Inputs:
    """Return the statement with some circuit inputs replaced."""
    inputs = statement.circuit_inputs()
    unknown = set(changes) - set(inputs)
    assert not unknown, f"no such inputs: {unknown}"
    return Inputs(statement.public_signals(), {**inputs, **changes})


def training(
    rng: random.Random | None = None,
    *,
    circuit: str = TRAINING,
    weights: tuple[int, ...] | None = None,
    rows: tuple[tuple[int, ...], ...] | None = None,
    labels: tuple[int, ...] | None = None,
    row_count: int = 6,
    epochs: int = 2,
    learning_rate: int = 64,
    blinding: int | None = None,
    salt: int | None = None,
    update_bound: int = 0,
    noise_bound: int = 0,
    noise: tuple[int, ...] | None = None,
    longer: int = 0,
    error: int = 0,
) -> TrainingStatement:
    """Return a statement of a training circuit (the small one), random where not given.

    False statements: `error` is added to the update's first coordinate, `longer` to the factor that shortens it.
    """
    rng = rng or random.Random("training")
    shape = circuits()[circuit].parameters
    features = shape["features"]
    if weights is None:
        weights = tuple(rng.randint(-(1 << 17), 1 << 17) for _ in range(features + 1))
    if rows is None:
        rows = tuple(tuple(rng.randint(-128, 127) for _ in range(features)) for _ in range(row_count))
    if labels is None:
        labels = tuple(rng.randint(0, 1) for _ in rows)
    plan = {"capacity": shape["capacity"], "batch_size": shape["batch_size"]}
    plan |= {"epochs": epochs, "learning_rate": learning_rate}
    local = train(weights, rows, labels, **plan)
    clipped = update(weights, local, len(rows), shape["value_bits"])
    factor = shortening.factor(clipped, update_bound) + longer
    first, *others = shortening.shorten(clipped, factor)
    return training_statement(
        context=rng.randrange(MODULUS),
        weights=weights,
        rows=rows,
        labels=labels,
        salt=rng.getrandbits(248) if salt is None else salt,
        update=(first + error, *others),
        shortening=factor,
        noise=tuple(rng.randint(-noise_bound, noise_bound) for _ in weights) if noise is None else noise,
        blinding=rng.randrange(ORDER) if blinding is None else blinding,
        value_bits=shape["value_bits"],
        update_bound=update_bound,
        noise_bound=noise_bound,
        **plan,
    )


def aggregation(
    rng: random.Random | None = None,
    *,
    weights: tuple[int, ...] | None = None,
    sums: tuple[int, ...] | None = None,
    row_sum: int = 450,
    blinding: int | None = None,
    weights_after: tuple[int, ...] | None = None,
) -> AggregationStatement:
    """Return a statement of the small aggregation circuit, random where not given."""
    rng = rng or random.Random("aggregation")
    if weights is None:
        weights = tuple(rng.randint(WEIGHT_MIN, WEIGHT_MAX) for _ in range(5))
    if sums is None:
        sums = tuple(rng.randint(-(1 << 31), (1 << 31) - 1) for _ in range(5))
    if weights_after is None:
        weights_after = tuple(aggregate(weights, sums, row_sum))
    return aggregation_statement(
        context=rng.randrange(MODULUS),
        weights=weights,
        weights_after=weights_after,
        sums=sums,
        blinding=rng.randrange(ORDER) if blinding is None else blinding,
        row_sum=row_sum,
    )


def bounded(
    rng: random.Random | None = None,
    *,
    update: tuple[int, ...] | None = None,
    noise: tuple[int, ...] | None = None,
    update_bound: int = 12 << 26,
    noise_bound: int = 1000,
    blinding: int | None = None,
) -> BoundedStatement:
    """Return a statement of the small bounded circuit, random within its bounds where not given."""
    rng = rng or random.Random("bounded")
    count = circuits()[BOUNDED].coordinates
    return bounded_statement(
        context=rng.randrange(MODULUS),
        weights=tuple(rng.randint(WEIGHT_MIN, WEIGHT_MAX) for _ in range(count)),
        data_root=rng.randrange(MODULUS),
        update=tuple(rng.randint(-(1 << 13), 1 << 13) for _ in range(count)) if update is None else update,
        noise=tuple(rng.randint(-noise_bound, noise_bound) for _ in range(count)) if noise is None else noise,
        blinding=rng.randrange(ORDER) if blinding is None else blinding,
        update_bound=update_bound,
        noise_bound=noise_bound,
        value_bits=VALUE_BITS,
    )


def packed_aggregation(
    rng: random.Random | None = None,
    *,
    weights: tuple[int, ...] | None = None,
    sums: tuple[int, ...] | None = None,
    hospitals: int = 5,
    blinding: int | None = None,
) -> AggregationStatement:
    """Return a statement of the small aggregation circuit of bounded studies, random where not given."""
    rng = rng or random.Random("packed aggregation")
    count = circuits()[PACKED_AGGREGATION].coordinates
    if weights is None:
        weights = tuple(rng.randint(WEIGHT_MIN, WEIGHT_MAX) for _ in range(count))
    if sums is None:
        sums = tuple(sum(rng.randint(-(1 << 15), (1 << 15) - 1) for _ in range(hospitals)) for _ in range(count))
    return aggregation_statement(
        context=rng.randrange(MODULUS),
        weights=weights,
        weights_after=tuple(aggregate(weights, sums, hospitals)),
        sums=sums,
        blinding=rng.randrange(ORDER) if blinding is None else blinding,
        row_sum=hospitals,
        packed_bits=VALUE_BITS,
    )


def with_public(statement: AnyStatement, name: str) -> AnyStatement:
    """Return the statement with one public signal (a field of the dataclass) raised by one."""
    value = getattr(statement, name)
    if isinstance(value, tuple):
        return replace(statement, **{name: value._replace(x=(value.x + 1) % MODULUS)})
    return replace(statement, **{name: (value + 1) % MODULUS})


@cache
def artefacts(name: str) -> Artefacts:
    """Return a built circuit."""
    return find_artefacts(name)


@cache
def constraints(name: str) -> ConstraintSystem:
    """Return a circuit's constraints."""
    return read_r1cs(artefacts(name).r1cs)


@cache
def wire_names(name: str) -> dict[int, list[str]]:
    """Return the names of a circuit's wires."""
    return read_names(artefacts(name).folder / f"{name}.sym")


def witness(name: str, statement: AnyStatement | Inputs) -> list[int]:
    """Return all wires for a statement; raises WitnessRefused where the circuit refuses it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "witness.wtns"
        compute_witness(artefacts(name), statement, path)
        return read_witness(path)
