# SPDX-License-Identifier: Apache-2.0
"""Hashes, curve and commitments: golden vectors, and the laws that they rest on."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from eth_abi import encode
from eth_utils.crypto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st

from node.group import babyjubjub, pedersen
from node.group.babyjubjub import IDENTITY, ORDER, Point
from node.group.field import MODULUS, square_root
from node.proofs import commitments
from node.proofs.poseidon import _parameters, poseidon, tree16

VECTORS = Path(__file__).resolve().parent.parent / "vectors"


def vectors(name: str) -> dict:
    return json.loads((VECTORS / f"{name}.json").read_text())


def point(entry: dict[str, str]) -> Point:
    return Point(int(entry["x"]), int(entry["y"]))


@pytest.mark.parametrize("case", vectors("poseidon")["hashes"], ids=lambda case: str(len(case["inputs"])))
def test_poseidon__equals_circomlibjs(case):
    assert poseidon([int(value) for value in case["inputs"]]) == int(case["hash"])


@pytest.mark.parametrize("count", range(1, 17))
def test_poseidon__any_inputs__is_every_round_with_the_whole_matrix(count):
    rng = random.Random(count)
    for _ in range(3):
        inputs = [rng.choice((0, 1, MODULUS - 1, MODULUS, rng.randrange(MODULUS))) for _ in range(count)]
        constants, matrix = _parameters(count + 1)
        state = [0, *inputs]
        for number, added in enumerate(constants):
            state = [value + constant for value, constant in zip(state, added, strict=True)]
            partial = 4 <= number < len(constants) - 4
            state = [pow(value, 1 if partial and place else 5, MODULUS) for place, value in enumerate(state)]
            state = [sum(factor * value for factor, value in zip(row, state, strict=True)) % MODULUS for row in matrix]
        assert poseidon(inputs) == state[0]


@pytest.mark.parametrize("count", [0, 17])
def test_poseidon__unsupported_arity__refused(count):
    with pytest.raises(ValueError, match="1 to 16"):
        poseidon([0] * count)


def test_tree16__chunks_of_sixteen_then_their_hashes():
    elements = list(range(1, 35))
    chunks = [poseidon(elements[:16]), poseidon(elements[16:32]), poseidon(elements[32:])]
    assert tree16(elements) == poseidon(chunks)
    assert tree16([7]) == poseidon([7])
    assert tree16(elements[:16]) == poseidon(elements[:16])


def test_square_root__is_the_smaller_one_or_none():
    for value in (0, 1, 4, 9, 123456789):
        square = value * value % MODULUS
        root = square_root(square)
        assert root == min(value, MODULUS - value) % MODULUS
    assert square_root(5) is None


def test_generators__are_the_golden_ones_and_in_the_subgroup():
    golden = vectors("pedersen")
    made = [pedersen.generator(index) for index in range(len(golden["G"]))]
    assert made == [point(entry) for entry in golden["G"]]
    assert pedersen.blinding_generator() == point(golden["H"])
    everything = [*made, pedersen.blinding_generator(), *pedersen.offset_points()]
    assert len(set(everything)) == len(everything)
    for found in everything:
        assert found != IDENTITY
        assert babyjubjub.is_in_subgroup(found)


@pytest.mark.parametrize("case", vectors("pedersen")["commitments"], ids=lambda case: str(len(case["values"])))
def test_commit__golden(case):
    assert pedersen.commit(case["values"], int(case["blinding"])) == point(case["point"])


def test_commit__adds_up():
    rng = random.Random(3)
    rows = [[rng.randint(-(1 << 25), (1 << 25) - 1) for _ in range(5)] for _ in range(3)]
    blindings = [rng.randrange(ORDER) for _ in rows]
    total = IDENTITY
    for values, blinding in zip(rows, blindings, strict=True):
        total = babyjubjub.add(total, pedersen.commit(values, blinding))
    sums = [sum(column) for column in zip(*rows, strict=True)]
    assert total == pedersen.commit(sums, sum(blindings) % ORDER)


def test_commit__blinding_out_of_range__refused():
    with pytest.raises(ValueError, match="blinding"):
        pedersen.commit([1], ORDER)


def test_subgroup__points_of_small_order_and_off_the_curve__are_outside():
    assert not babyjubjub.is_in_subgroup(Point(0, MODULUS - 1))
    assert not babyjubjub.is_on_curve(Point(1, 1))
    generator = pedersen.generator(0)
    assert not babyjubjub.is_on_curve(Point(generator.x + MODULUS, generator.y))
    torsion = babyjubjub.add(generator, Point(0, MODULUS - 1))
    assert babyjubjub.is_on_curve(torsion) and not babyjubjub.is_in_subgroup(torsion)


@pytest.mark.parametrize("case", vectors("pedersen")["limbs"], ids=lambda case: str(case["value_bits"]))
def test_blinding_limbs__golden_and_back(case):
    limbs = pedersen.blinding_limbs(int(case["blinding"]), case["value_bits"])
    assert limbs == case["limbs"]
    assert len(limbs) == pedersen.limb_count(case["value_bits"])
    assert pedersen.blinding_from_limbs(limbs, case["value_bits"]) == int(case["blinding"])


@given(st.lists(st.integers(0, ORDER - 1), min_size=1, max_size=8), st.sampled_from([20, 26, 32]))
@settings(max_examples=50, deadline=None)
def test_blinding_limbs__sum_limb_by_limb(blindings, value_bits):
    limbs = [pedersen.blinding_limbs(blinding, value_bits) for blinding in blindings]
    assert all(0 <= limb < 1 << (value_bits - 1) for row in limbs for limb in row)
    summed = [sum(column) for column in zip(*limbs, strict=True)]
    assert pedersen.blinding_from_limbs(summed, value_bits) == sum(blindings) % ORDER


def test_contexts__golden_and_as_solidity_encodes():
    golden = vectors("context")
    case = golden["training"]
    digest = bytes.fromhex(case["ciphertext_digest"][2:])
    fields = ("chain_id", "round_manager", "study_id", "round_number", "hospital_id")
    made = commitments.training_context(**{name: case[name] for name in fields}, ciphertext_digest=digest)
    assert made == int(case["context"])
    types = ["bytes32", "uint256", "address", "uint256", "uint256", "uint256", "bytes32"]
    encoded = encode(types, [keccak(text="consilium.training.v1"), *(case[name] for name in fields), digest])
    assert made == int.from_bytes(keccak(encoded), "big") % MODULUS

    case = golden["aggregation"]
    fields = ("chain_id", "round_manager", "study_id", "round_number")
    made = commitments.aggregation_context(
        **{name: case[name] for name in fields}, included_bitmap=case["included_bitmap"]
    )
    assert made == int(case["context"])
    bitmap = case["included_bitmap"].to_bytes(32, "big")
    tag = keccak(text="consilium.aggregation.v1")
    encoded = encode(types, [tag, *(case[name] for name in fields), 0, bitmap])
    assert made == int.from_bytes(keccak(encoded), "big") % MODULUS


def test_plan_root__golden_and_injective():
    case = vectors("context")["plan"]
    plan = {name: value for name, value in case.items() if name != "plan_root"}
    root = commitments.plan_root(**plan)
    assert root == int(case["plan_root"])
    for name in plan:
        assert commitments.plan_root(**{**plan, name: plan[name] + 1}) != root
    with pytest.raises(ValueError, match="does not fit"):
        commitments.plan_root(**{**plan, "features": 1 << 16})


def test_weights_root__weight_out_of_range__refused():
    with pytest.raises(ValueError, match="24 bits"):
        commitments.weights_root([1 << 23])


def test_row_elements__thirty_features_to_an_element_and_the_label_last():
    assert commitments.row_elements([-128] * 30, 1) == [1 << 240]
    assert commitments.row_elements([-127, -128], 1) == [1 | 1 << 16]
    assert commitments.row_elements([-128] * 31, 1) == [0, 1 << 8]


@pytest.mark.parametrize(("row", "label"), [([128], 0), ([-129], 0), ([0], 2)])
def test_row_elements__out_of_range__refused(row, label):
    with pytest.raises(ValueError, match="8 bits"):
        commitments.row_elements(row, label)


def test_data_commitment__tells_apart_what_differs():
    rows, labels = [[1, 2], [3, 4], [5, 6]], [0, 1, 0]
    shape = {"capacity": 4, "batch_size": 2}
    base = commitments.data_commitment(rows, labels, **shape, salt=1)
    others = [
        commitments.data_commitment(rows, labels, **shape, salt=2),
        commitments.data_commitment(rows, [1, 1, 0], **shape, salt=1),
        commitments.data_commitment([*rows, [-128, -128]], [*labels, 0], **shape, salt=1),
        commitments.data_commitment(rows, labels, capacity=8, batch_size=2, salt=1),
        commitments.data_commitment([rows[1], rows[0], rows[2]], [1, 0, 0], **shape, salt=1),
    ]
    assert len({base, *others}) == 1 + len(others)


@pytest.mark.parametrize(
    "change", [{"salt": 1 << 248}, {"capacity": 2}, {"rows": []}, {"labels": [0]}, {"rows": [[1, 2], [3], [5, 6]]}]
)
def test_data_commitment__what_does_not_fit__refused(change):
    arguments = {"rows": [[1, 2], [3, 4], [5, 6]], "labels": [0, 1, 0], "capacity": 4, "salt": 1, **change}
    rows, labels = arguments.pop("rows"), arguments.pop("labels")
    with pytest.raises(ValueError):
        commitments.data_commitment(rows, labels, batch_size=2, **arguments)
