# SPDX-License-Identifier: Apache-2.0
"""The bounded circuit, and the aggregation of what it commits to, against the plain-integer reference."""

from __future__ import annotations

import random

import pytest

from node.errors import ArtefactMissing, WitnessRefused
from node.group import babyjubjub, pedersen
from node.group.babyjubjub import ORDER
from node.group.field import MODULUS
from node.learning.reference import aggregate
from node.proofs.commitments import weights_root
from node.proofs.prover import NativeProver
from node.proofs.statements import TRAINING_SIGNALS, aggregation_statement
from tests.support.circuits import (
    BOUNDED,
    PACKED_AGGREGATION,
    VALUE_BITS,
    artefacts,
    bounded,
    changed,
    constraints,
    packed_aggregation,
    with_public,
    witness,
)

COUNT = 12
LOW, HIGH = -(1 << VALUE_BITS - 1), (1 << VALUE_BITS - 1) - 1
NONE = (0,) * COUNT


def first(value: int) -> tuple[int, ...]:
    return (value, *NONE[1:])


ACCEPTED = {
    "a plain update": {},
    "nothing at all, nothing allowed": {"update": NONE, "noise": NONE, "update_bound": 0, "noise_bound": 0},
    "the bound used up": {"update": first(300), "update_bound": 90_000},
    "the largest bound": {"update_bound": (1 << 64) - 1},
    "every coordinate at the bottom": {"update": (LOW,) * COUNT, "noise": NONE, "update_bound": 12 << 30},
    "every coordinate at the top": {"update": (HIGH,) * COUNT, "noise": NONE, "update_bound": 12 << 30},
    "noise at both of its ends": {"noise": (1000, -1000) * 6},
    "a long update that its noise brings back into range": {
        "update": first(HIGH + 500),
        "noise": first(-500),
        "update_bound": 1 << 31,
    },
    "the largest noise there is": {
        "update": first(HIGH),
        "noise": first(-65_535),
        "noise_bound": 65_535,
        "update_bound": 1 << 30,
    },
    "the largest blinding value": {"blinding": ORDER - 1},
    "no blinding": {"blinding": 0},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_bounded_circuit__accepts(case):
    statement = bounded(**ACCEPTED[case])
    wires = witness(BOUNDED, statement)
    assert tuple(wires[1:8]) == statement.public_signals()
    assert constraints(BOUNDED).broken(wires) == []


@pytest.mark.parametrize("bound", [*range(18), 31, 32, 33, 127, 128, 32_767, 32_768, 40_000, 65_534, 65_535])
def test_bounded_circuit__any_noise_bound__all_within_it_and_nothing_beyond(bound):
    rng = random.Random(bound)
    ends = (-bound, bound, -bound + 1 if bound else 0, bound - 1 if bound else 0, 0)
    noise = (*ends, *(rng.randint(-bound, bound) for _ in range(COUNT - len(ends))))
    # Each update brings its own noise back to zero: the range of what is committed plays no part.
    update = tuple(-e for e in noise)
    limits = {"update_bound": 12 << 32, "noise_bound": bound}
    wires = witness(BOUNDED, bounded(update=update, noise=noise, **limits))
    assert constraints(BOUNDED).broken(wires) == []
    for beyond in (bound + 1, -bound - 1):
        with pytest.raises(WitnessRefused, match="BoundedNoise"):
            witness(BOUNDED, bounded(update=first(-beyond), noise=first(beyond), **limits))


@pytest.mark.parametrize("seed", range(6))
def test_packed_commitment__of_the_circuit__equals_the_reference_at_random_and_extreme_values(seed):
    """C is an input that the circuit compares with its own: a witness exists only where the two agree."""
    rng = random.Random(seed)
    update = tuple(rng.choice([LOW, HIGH, -1, 0, 1, rng.randint(LOW, HIGH)]) for _ in range(COUNT))
    statement = bounded(rng, update=update, noise=NONE, update_bound=1 << 40)
    assert constraints(BOUNDED).broken(witness(BOUNDED, statement)) == []
    # Eleven values of 22 bits in the first scalar, the twelfth in the second.
    scalars = [sum(value << 22 * place for place, value in enumerate(update[:11])), update[11]]
    points = [pedersen.generator(0), pedersen.generator(1), pedersen.blinding_generator()]
    assert statement.commitment == babyjubjub.combine([*scalars, statement.blinding], points)


@pytest.mark.parametrize("signal", ["commitment", "plan_root"])
def test_bounded_circuit__wrong_public_signal__refused(signal):
    with pytest.raises(WitnessRefused):
        witness(BOUNDED, with_public(bounded(), signal))


@pytest.mark.parametrize("rows", ["0", "2", "-1"])
def test_bounded_circuit__another_weight_than_one__refused(rows):
    with pytest.raises(WitnessRefused):
        witness(BOUNDED, changed(bounded(), rows=rows))


@pytest.mark.parametrize("signal", ["context", "rootBefore", "dataRoot"])
def test_bounded_circuit__signal_that_is_only_named__stands_in_a_constraint(signal):
    assert len(constraints(BOUNDED).by_wire()[1 + TRAINING_SIGNALS.index(signal)]) == 1


def test_bounded_circuit__update_one_unit_longer_than_the_bound__refused():
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(BOUNDED, bounded(update=first(300), noise=NONE, update_bound=89_999))


@pytest.mark.parametrize(("update", "noise"), [(HIGH, 1), (LOW, -1), (HIGH + 1, 0), (LOW - 1, 0)])
def test_bounded_circuit__committed_coordinate_out_of_range__refused(update, noise):
    # The commitment is right for this value, and every bound is kept: only the range can refuse.
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(BOUNDED, bounded(update=first(update), noise=first(noise), update_bound=1 << 40))


@pytest.mark.parametrize("bound", [1 << 64, -1, MODULUS - 1])
def test_bounded_circuit__bound_of_the_norm_beyond_64_bits__refused(bound):
    statement = bounded(update=NONE, noise=NONE)
    # The plan root is made to fit, as a prover would who may choose it.
    root = (statement.plan_root + ((bound - statement.update_bound) << 96)) % MODULUS
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(BOUNDED, changed(statement, updateBound=str(bound), planRoot=str(root)))


def test_bounded_circuit__other_split_of_the_plan_into_bounds__refused():
    """2^64 more for the norm and one less for the noise would be the same root."""
    statement = bounded()
    inputs = {"updateBound": str(statement.update_bound + (1 << 64)), "noiseBound": str(statement.noise_bound - 1)}
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(BOUNDED, changed(statement, **inputs))


def test_bounded_circuit__noise_bound_of_a_half__refused():
    """A field has halves: half a unit more noise and 2^63 less for the norm would be the same root."""
    statement = bounded(update=NONE, noise=NONE, update_bound=1 << 63, noise_bound=0)
    half = pow(2, -1, MODULUS)
    inputs = {"updateBound": "0", "noiseBound": str(half), "noise": [str(half)] * COUNT, "update": [str(-half)] * COUNT}
    with pytest.raises(WitnessRefused):
        witness(BOUNDED, changed(statement, **inputs))


@pytest.mark.parametrize("blinding", [ORDER, 1 << 251])
def test_bounded_circuit__blinding_not_below_the_order__refused(blinding):
    statement = bounded(blinding=blinding % ORDER)
    with pytest.raises(WitnessRefused, match=r"BitsAtMost|Num2Bits"):
        witness(BOUNDED, changed(statement, blinding=str(blinding)))


def test_bounded_circuit__commitment_to_another_update__refused():
    statement = bounded(update=first(1), noise=NONE)
    with pytest.raises(WitnessRefused):
        witness(BOUNDED, changed(statement, update=["2", *["0"] * (COUNT - 1)]))


def test_bounded_statement__proved__verifies():
    statement = bounded()
    proved = NativeProver().prove(artefacts(BOUNDED), statement)
    assert proved.public_signals == statement.public_signals()


@pytest.mark.parametrize("hospitals", [1, 5, 64])
def test_packed_aggregation_circuit__sum_of_as_many_commitments__is_opened(hospitals):
    rng = random.Random(hospitals)
    values = [tuple(rng.choice([LOW, HIGH, rng.randint(LOW, HIGH)]) for _ in range(COUNT)) for _ in range(hospitals)]
    statements = [bounded(rng, update=update, noise=NONE, update_bound=1 << 40) for update in values]
    sums = tuple(sum(column) for column in zip(*values, strict=True))
    blinding = sum(statement.blinding for statement in statements) % ORDER
    statement = packed_aggregation(sums=sums, hospitals=hospitals, blinding=blinding)
    total = babyjubjub.IDENTITY
    for one in statements:
        total = babyjubjub.add(total, one.commitment)
    assert statement.commitment_sum == total
    wires = witness(PACKED_AGGREGATION, statement)
    assert tuple(wires[1:7]) == statement.public_signals()
    assert constraints(PACKED_AGGREGATION).broken(wires) == []


EXTREMES = {
    "all of 64 at the bottom, saturating": {"weights": (-(1 << 23),) * COUNT, "sums": (-(1 << 21),) * COUNT},
    "all of 64 at the top, saturating": {"weights": ((1 << 23) - 1,) * COUNT, "sums": ((1 << 21) - 1,) * COUNT},
    "one counted for all": {"sums": ((1 << 21) - 1, -(1 << 21)) * 6, "hospitals": 1},
    "as many as fit the proof": {"hospitals": 127},
}


@pytest.mark.parametrize("case", EXTREMES)
def test_packed_aggregation_circuit__accepts(case):
    statement = packed_aggregation(**{"hospitals": 64, **EXTREMES[case]})
    wires = witness(PACKED_AGGREGATION, statement)
    assert tuple(wires[1:7]) == statement.public_signals()
    assert constraints(PACKED_AGGREGATION).broken(wires) == []


@pytest.mark.parametrize("signal", ["commitment_sum", "root_before", "root_after"])
def test_packed_aggregation_circuit__wrong_public_signal__refused(signal):
    with pytest.raises(WitnessRefused):
        witness(PACKED_AGGREGATION, with_public(packed_aggregation(), signal))


@pytest.mark.parametrize("rows", ["0", "128", "-1"])
def test_packed_aggregation_circuit__number_of_hospitals_out_of_range__refused(rows):
    # With sums of zero the new model is right for every number: only the range can refuse.
    statement = packed_aggregation(weights=NONE, sums=NONE)
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(PACKED_AGGREGATION, changed(statement, sumRows=rows))


def test_packed_aggregation_circuit__neighbour_carries_a_unit__refused():
    """2^22 less in one place and one more in the next make the same scalar: only the range keeps them apart."""
    statement = packed_aggregation(weights=NONE, sums=first(5), hospitals=1)
    carried = (5 - (1 << 22), 1, *NONE[2:])
    inputs = {"sums": [str(value) for value in carried], "rootAfter": str(weights_root(carried))}
    with pytest.raises(WitnessRefused, match="Num2Bits"):
        witness(PACKED_AGGREGATION, changed(statement, **inputs))


def test_pack__sums_beyond_their_bits__refused():
    for value in (1 << 21, -(1 << 21) - 1):
        with pytest.raises(ValueError, match="22 bits"):
            pedersen.pack([0, value], VALUE_BITS)


def test_full_size__where_it_is_built__proves_and_opens_a_whole_network():
    try:
        bounded_files, aggregation_files = artefacts("bounded_5162"), artefacts("aggregation_5162")
    except ArtefactMissing as missing:
        pytest.skip(str(missing))
    rng = random.Random("full size")
    count = bounded_files.circuit.coordinates
    update = tuple(round(rng.gauss(0, 1500)) for _ in range(count))
    noise = tuple(rng.randint(-100, 100) for _ in range(count))
    weights = tuple(rng.randint(-(1 << 18), 1 << 18) for _ in range(count))
    statement = bounded(rng, update=update, noise=noise, update_bound=1 << 36, noise_bound=100)
    assert NativeProver().prove(bounded_files, statement).public_signals == statement.public_signals()
    # The sum of five such commitments.
    opened = aggregation_statement(
        context=1,
        weights=weights,
        weights_after=tuple(aggregate(weights, [5 * (u + e) for u, e in zip(update, noise, strict=True)], 5)),
        sums=tuple(5 * (u + e) for u, e in zip(update, noise, strict=True)),
        blinding=5 * statement.blinding % ORDER,
        row_sum=5,
        packed_bits=VALUE_BITS,
    )
    assert opened.commitment_sum == babyjubjub.multiply(5, statement.commitment)
    assert NativeProver().prove(aggregation_files, opened).public_signals == opened.public_signals()
