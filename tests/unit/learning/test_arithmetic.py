# SPDX-License-Identifier: Apache-2.0
"""The tensors compute what the plain integers say, at every extreme of the formats."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import DataError
from node.learning import fixed_point, reference
from node.learning.reference import FEATURE_MAX, FEATURE_MIN, WEIGHT_MAX, WEIGHT_MIN

CAPACITY, BATCH = 24, 8


@st.composite
def training_inputs(draw: st.DrawFn) -> tuple[list[int], list[list[int]], list[int], int, int]:
    dimension = draw(st.integers(1, 6))
    rows = draw(st.sampled_from([1, 2, BATCH - 1, BATCH, BATCH + 1, CAPACITY]))
    extreme = draw(st.booleans())
    feature = (
        st.sampled_from([FEATURE_MIN, -1, 0, 1, FEATURE_MAX]) if extreme else st.integers(FEATURE_MIN, FEATURE_MAX)
    )
    weight = st.sampled_from([WEIGHT_MIN, -1, 0, 1, WEIGHT_MAX]) if extreme else st.integers(WEIGHT_MIN, WEIGHT_MAX)
    return (
        draw(st.lists(weight, min_size=dimension + 1, max_size=dimension + 1)),
        draw(st.lists(st.lists(feature, min_size=dimension, max_size=dimension), min_size=rows, max_size=rows)),
        draw(st.lists(st.integers(0, 1), min_size=rows, max_size=rows)),
        draw(st.integers(1, 4)),
        draw(st.sampled_from([1, 2, 128, 1023])),
    )


@settings(max_examples=200, deadline=None)
@given(training_inputs(), st.sampled_from([8, 26, 40]))
def test_train_and_update__random_and_extreme_inputs__tensors_equal_integers(inputs: Any, bits: int) -> None:
    weights, rows, labels, epochs, rate = inputs
    arguments = {"capacity": CAPACITY, "batch_size": BATCH, "epochs": epochs, "learning_rate": rate}
    local = reference.train(weights, rows, labels, **arguments)
    assert fixed_point.train(weights, rows, labels, **arguments) == local
    change = reference.update(weights, local, len(rows), bits)
    assert fixed_point.update(weights, local, len(rows), bits) == change
    assert all(-(1 << bits - 1) <= u < 1 << bits - 1 for u in change)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([WEIGHT_MIN, -1, 0, 1, WEIGHT_MAX]) | st.integers(WEIGHT_MIN, WEIGHT_MAX),
            st.integers(-(1 << 31), 1 << 31),
        ),
        min_size=2,
    ),
    st.integers(1, (1 << 22) - 1),
)
def test_aggregate__random_sums__tensors_equal_integers_and_stay_in_range(
    pairs: list[tuple[int, int]], rows: int
) -> None:
    weights, total = [w for w, _ in pairs], [s for _, s in pairs]
    result = reference.aggregate(weights, total, rows)
    assert fixed_point.aggregate(weights, total, rows) == result
    assert all(WEIGHT_MIN <= w <= WEIGHT_MAX for w in result)


def test_train__full_circuit_with_everything_at_its_limit__tensors_equal_integers() -> None:
    arguments = {"capacity": 192, "batch_size": 32, "epochs": 4, "learning_rate": 1023}
    for feature in (FEATURE_MIN, FEATURE_MAX):
        for weight in (WEIGHT_MIN, WEIGHT_MAX):
            for label in (0, 1):
                inputs = ([weight] * 31, [[feature] * 30] * 192, [label] * 192)
                assert fixed_point.train(*inputs, **arguments) == reference.train(*inputs, **arguments)


def test_train__one_step__agrees_with_a_hand_calculation() -> None:
    # z = 2^16·32 + 0·32 = 2^21 (one, scale 2^21); p = (2^21 + 2^22) >> 11 = 3072 = 3/4; label 1: e = −1024.
    # g = (−1024·32, −1024·32); step = ⌊256·32768 / (2·512)⌋ = 8192 (rate 1, batch 2: 0.25/2 in scale 2^16).
    assert reference.train([1 << 16, 0], [[32]], [1], capacity=2, batch_size=2, epochs=1, learning_rate=256) == [
        (1 << 16) + 8192,
        8192,
    ]


def test_train__negative_step__rounds_towards_minus_infinity() -> None:
    # p = 1/2, label 0: e = 2048. Bias: g = 65536, step −16. Feature 1: step −2048/4096, so −1.
    assert reference.train([0, 0], [[1]], [0], capacity=8, batch_size=8, epochs=1, learning_rate=1) == [
        -1,
        -16,
    ]


def test_train__masked_capacity__changes_nothing() -> None:
    draw = random.Random(1)
    rows = [[draw.randint(-128, 127) for _ in range(4)] for _ in range(5)]
    labels = [draw.randint(0, 1) for _ in rows]
    arguments = {"batch_size": 4, "epochs": 3, "learning_rate": 100}
    small = reference.train([7] * 5, rows, labels, capacity=8, **arguments)
    assert reference.train([7] * 5, rows, labels, capacity=64, **arguments) == small


@pytest.mark.parametrize("module", [reference, fixed_point])
@pytest.mark.parametrize("named", [1, 13, 29])
def test_train__rows_of_fewer_features_than_the_model__is_training_on_zeros_there(module: Any, named: int) -> None:
    draw = random.Random(named)
    weights = [draw.choice([WEIGHT_MIN, -1, 0, 1, WEIGHT_MAX, draw.randint(-(1 << 16), 1 << 16)]) for _ in range(31)]
    rows = [[draw.randint(FEATURE_MIN, FEATURE_MAX) for _ in range(named)] for _ in range(50)]
    labels = [draw.randint(0, 1) for _ in rows]
    arguments = {"capacity": 64, "batch_size": 32, "epochs": 3, "learning_rate": 1023}
    found = module.train(weights, rows, labels, **arguments)
    assert found == reference.train(weights, [[*row, *[0] * (30 - named)] for row in rows], labels, **arguments)
    assert found[named:30] == weights[named:30] and found[:named] != weights[:named] and found[30] != weights[30]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": []}, "1 to 8"),
        ({"rows": [[0, 0]] * 9, "labels": [0] * 9}, "1 to 8"),
        ({"rows": [[0, 128]]}, "Row 0 has a feature"),
        ({"rows": [[0, 0.5]]}, "Row 0 has a feature"),
        ({"rows": [[0, 0, 0]]}, "3 features; the model has 2"),
        ({"rows": [[0, 0], [0]], "labels": [0, 0]}, "Row 1 has 1 features; the first one has 2"),
        ({"labels": [2]}, "neither 0 nor 1"),
        ({"labels": []}, "0 labels"),
        ({"weights": [0, 0, 1 << 23]}, "Weight 2"),
        ({"batch_size": 3}, "power of two"),
        ({"capacity": 6}, "multiple"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1 << 50}, "64-bit"),
        ({"learning_rate": 1024}, "learning rate"),
        ({"learning_rate": 0}, "learning rate"),
    ],
)
def test_train__inputs_that_no_circuit_takes__are_refused(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "weights": [0, 0, 0],
        "rows": [[1, 2]],
        "labels": [1],
        "capacity": 8,
        "batch_size": 4,
        "epochs": 1,
        "learning_rate": 10,
    } | change
    with pytest.raises(DataError, match=message):
        fixed_point.train(**arguments)


def test_update_and_aggregate__shapes_that_do_not_fit__are_refused() -> None:
    for module in (reference, fixed_point):
        for call in (
            lambda m=module: m.update([0, 0], [0, 0, 0], 1, 26),
            lambda m=module: m.update([0, 0], [0, 0], 0, 26),
            lambda m=module: m.update([0, 0], [0, 0], 1, 41),
            lambda m=module: m.update([0, 0], [0, 1 << 60], 1, 26),
            lambda m=module: m.aggregate([0, 0], [0], 1),
            lambda m=module: m.aggregate([0, 0], [0, 0], 1 << 22),
            lambda m=module: m.aggregate([0, 0], [0, 1 << 60], 1),
        ):
            with pytest.raises(DataError):
                call()
