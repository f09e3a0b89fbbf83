# SPDX-License-Identifier: Apache-2.0
"""The training circuit with a privacy budget: updates shortened by the one factor there is, and bounded noise."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from node.errors import WitnessRefused
from node.group.field import MODULUS
from node.learning import shortening
from node.learning.reference import train, update
from node.learning.shortening import WHOLE
from node.proofs.commitments import plan_root
from node.proofs.prover import NativeProver
from node.proofs.statements import TrainingStatement
from tests.support.circuits import RATE_MAX, TRAINING, artefacts, changed, constraints, training, witness

#: Short enough that the plain statement's update has to be shortened, by about a half.
BOUND = 10**9
PRIVATE = {"update_bound": BOUND, "noise_bound": 20_000}
NONE = (0,) * 5
TOP = (1 << 25) - 1


def learned(statement: TrainingStatement) -> list[int]:
    """The update before it is shortened."""
    plan = {"capacity": 8, "batch_size": 4, "epochs": statement.epochs, "learning_rate": statement.learning_rate}
    local = train(statement.weights, statement.rows, statement.labels, **plan)
    return update(statement.weights, local, len(statement.rows), 26)


def squared(values: list[int]) -> int:
    return sum(value * value for value in values)


def with_factor(statement: TrainingStatement, factor: int) -> TrainingStatement:
    """The statement of a hospital that shortens by another factor, and commits to what that gives."""
    return training(learning_rate=256, longer=factor - statement.shortening, **PRIVATE, noise=NONE)


@pytest.fixture(scope="module")
def private() -> TrainingStatement:
    statement = training(learning_rate=256, **PRIVATE)
    assert 0 < statement.shortening < WHOLE and any(statement.noise)
    return statement


def accepted(statement: TrainingStatement) -> None:
    wires = witness(TRAINING, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(TRAINING).broken(wires) == []


ACCEPTED = {
    "shortened, with noise": {"learning_rate": 256, **PRIVATE},
    "shortened, without noise": {"learning_rate": 256, "update_bound": BOUND},
    "a bound that nothing reaches": {"update_bound": (1 << 64) - 1, "noise_bound": 1},
    "the smallest bound": {"update_bound": 1, "noise_bound": 5},
    "an update of zeros": {"rows": ((0,) * 4,) * 4, "labels": (0, 1, 0, 1), "weights": NONE, **PRIVATE},
    "noise at both of its ends": {**PRIVATE, "noise": (20_000, -20_000, 0, 1, -1)},
    "noise, and no bound for the update": {"noise_bound": 20_000},
    "a long update": {
        "rows": ((127, -128, 127, -128),) * 8,
        "labels": (1,) * 8,
        "weights": NONE,
        "learning_rate": RATE_MAX,
        "update_bound": (1 << 64) - 1,
        "noise_bound": 1000,
        "noise": (0, 1000, -1000, 1000, 0),
    },
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_private_training__accepts(case):
    accepted(training(**ACCEPTED[case]))


@pytest.mark.parametrize("seed", range(16))
def test_private_training__shortens_as_the_integers_do(seed):
    """The circuit takes exactly the factor found in Python, on updates of either sign and bounds of any size."""
    rng = random.Random(f"shortening {seed}")
    settings = {"learning_rate": rng.randint(1, RATE_MAX), "row_count": rng.randint(1, 8)}
    plain = training(random.Random(seed), **settings)
    length = squared(learned(plain))
    bound = max(
        1, rng.choice([length - 1, length, length + 1, length // 2, rng.randrange(length + 2), rng.randrange(99)])
    )
    statement = training(random.Random(seed), update_bound=bound, noise_bound=rng.choice([0, 7, 4000]), **settings)
    accepted(statement)
    for other in {statement.shortening - 1, statement.shortening + 1} & set(range(WHOLE + 1)):
        values = shortening.shorten(learned(plain), other)
        if values == shortening.shorten(learned(plain), statement.shortening):
            continue
        longer = other - statement.shortening
        with pytest.raises(WitnessRefused):
            witness(TRAINING, training(random.Random(seed), update_bound=bound, longer=longer, **settings))


def test_private_training__proved__verifies(private):
    assert NativeProver().prove(artefacts(TRAINING), private).public_signals == private.public_signals()


@pytest.mark.parametrize("change", [-1, -1000, 1, 1000])
def test_private_training__another_factor_with_its_own_commitment__refused(private, change):
    """Smaller: a hospital that hides what it learned. Larger: one that counts for more than the plan allows."""
    accepted(with_factor(private, private.shortening))
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(TRAINING, with_factor(private, private.shortening + change))


@pytest.mark.parametrize("factor", [0, WHOLE, WHOLE + 1, 2 * WHOLE, -1])
def test_private_training__factor_at_an_end_or_beyond__refused(private, factor):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, with_factor(private, factor))


@pytest.mark.parametrize("longer", [-1, 1])
def test_private_training__shortened_where_the_plan_bounds_nothing__refused(longer):
    with pytest.raises(WitnessRefused, match="Shortened"):
        witness(TRAINING, training(longer=longer))


def test_private_training__not_shortened_though_longer_than_the_bound_by_one__refused():
    plain = training()
    length = squared(learned(plain))
    accepted(training(update_bound=length))
    unbent = training(update_bound=length - 1, longer=WHOLE - shortening.factor(learned(plain), length - 1))
    assert unbent.shortening == WHOLE
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(TRAINING, unbent)


@pytest.mark.parametrize("beyond", [20_001, -20_001])
def test_private_training__noise_beyond_its_bound__refused(beyond):
    with pytest.raises(WitnessRefused, match="BoundedNoise"):
        witness(TRAINING, training(**PRIVATE, noise=(beyond, 0, 0, 0, 0)))


@pytest.mark.parametrize("noise", [1, -1])
def test_private_training__noise_where_the_plan_has_none__refused(noise):
    with pytest.raises(WitnessRefused, match="BoundedNoise"):
        witness(TRAINING, training(noise=(0, 0, noise, 0, 0)))


def test_private_training__sum_with_the_noise_at_and_beyond_the_range_of_a_value():
    case = {"update_bound": (1 << 64) - 1, "noise_bound": (1 << 26) - 1}
    first, second = learned(training())[:2]
    at_the_ends = (TOP - first, -TOP - 1 - second, 0, 0, 0)
    accepted(training(**case, noise=at_the_ends))
    for beyond in ((at_the_ends[0] + 1, *at_the_ends[1:]), (0, at_the_ends[1] - 1, 0, 0, 0)):
        with pytest.raises(WitnessRefused, match="Num2Bits"):
            witness(TRAINING, training(**case, noise=beyond))


@pytest.mark.parametrize("name", ["updateBound", "noiseBound"])
@pytest.mark.parametrize("change", [1, -1])
def test_private_training__another_bound_than_the_plan_root_s__refused(private, name, change):
    value = int(private.circuit_inputs()[name]) + change
    with pytest.raises(WitnessRefused, match="Training"):
        witness(TRAINING, changed(private, **{name: str(value)}))


@pytest.mark.parametrize("name", ["update_bound", "noise_bound"])
def test_private_training__root_of_a_plan_with_another_bound__refused(private, name):
    numbers = {"features": 4, "batch_size": 4, "epochs": 2, "learning_rate": 256, "value_bits": 26, **PRIVATE}
    assert plan_root(**numbers) == private.plan_root
    with pytest.raises(WitnessRefused, match="Training"):
        witness(TRAINING, replace(private, plan_root=plan_root(**{**numbers, name: numbers[name] + 1})))


def test_private_training__other_split_of_the_plan_into_bounds__refused(private):
    """2^64 more for the update and one less for the noise would be the same root."""
    bounds = {"updateBound": str(private.update_bound + (1 << 64)), "noiseBound": str(private.noise_bound - 1)}
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(TRAINING, changed(private, **bounds))


@pytest.mark.parametrize(("name", "place", "value"), [
    ("updateBound", 96, 1 << 64), ("updateBound", 96, -1), ("noiseBound", 160, 1 << 26), ("noiseBound", 160, -1),
])  # fmt: skip
def test_private_training__bound_out_of_range_with_its_own_root__refused(name, place, value):
    statement = training()
    root = (statement.plan_root + (value << place)) % MODULUS
    with pytest.raises(WitnessRefused, match=r"Num2Bits|BoundedNoise"):
        witness(TRAINING, changed(statement, **{name: str(value), "planRoot": str(root)}))


def test_private_training__commitment_without_the_noise__refused(private):
    with pytest.raises(WitnessRefused):
        witness(TRAINING, changed(private, noise=["0"] * 5))
