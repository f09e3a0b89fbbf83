# SPDX-License-Identifier: Apache-2.0
"""Updates within their bound, and the simulation's arithmetic: to the bit that of a study on chain."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.errors import DataError
from node.learning import bounded, cnn, cnn_study, reference
from node.learning.cnn_training import Augmentation, LocalTraining
from node.learning.reference import WEIGHT_MAX, WEIGHT_MIN
from tests.support.xrays import synthetic

TRAINING = LocalTraining(
    epochs=1,
    batch_size=8,
    learning_rates=(0.05,),
    momentum=0.9,
    weight_decay=0.0,
    gradient_norm=1.0,
    smoothing=0.0,
    augmentation=Augmentation(
        shift=2, rotation=10, zoom=0.1, mirror=True, contrast=0.2, brightness=0.2, noise=0, blur=0
    ),
)

coordinate = st.sampled_from([WEIGHT_MIN, -40_000, -1, 0, 1, 40_000, WEIGHT_MAX]) | st.integers(WEIGHT_MIN, WEIGHT_MAX)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=40), st.integers(1, (1 << 64) - 1))
def test_update__any_models_and_bound__is_within_bits_and_bound_and_no_coordinate_grows(
    pairs: list[tuple[int, int]], bound: int
) -> None:
    weights, local = [w for w, _ in pairs], [w for _, w in pairs]
    change = bounded.update(weights, local, bound)
    assert bounded.squared_norm(change) <= bound
    for u, w, a in zip(change, weights, local, strict=True):
        assert -(1 << 15) <= u < 1 << 15
        assert abs(u) <= abs(a - w) and u * (a - w) >= 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-(1 << 15), (1 << 15) - 1), min_size=20, max_size=60), st.integers(1 << 20, 1 << 40))
def test_shorten__a_long_update__uses_the_bound_up(change: list[int], bound: int) -> None:
    length = bounded.squared_norm(change)
    shortened = bounded.squared_norm(bounded.shorten(change, bound))
    if length <= bound:
        assert shortened == length
    else:
        # Each coordinate loses less than one unit by rounding, and next to nothing by the factor's 32 bits.
        lost = len(change) ** 0.5 + 1
        assert bound**0.5 - lost <= shortened**0.5 <= bound**0.5


def test_update__below_the_bound__is_the_difference_clipped_to_16_bits() -> None:
    assert bounded.update([0, 0, 5], [40_000, -40_000, 3], (1 << 64) - 1) == [32_767, -32_768, -2]


def test_shorten__a_bound_that_no_plan_has__is_refused() -> None:
    for bound in (0, -1, 1 << 64):
        with pytest.raises(DataError, match="bound"):
            bounded.shorten([1, 2], bound)


def test_run__of_a_simulation__is_the_aggregation_that_is_proved_to_the_bit() -> None:
    """The opened integer sum, every hospital one row, through the reference of the aggregation proof."""
    hospitals = [synthetic(16, seed=number) for number in range(3)]
    study = cnn_study.Study(tuple(cnn.initial_weights("0")), TRAINING, rounds=2, bound=1 << 33, seed="s")
    weights = list(study.initial)
    for round, found in enumerate(cnn_study.run(study, hospitals), start=1):
        updates = [
            cnn_study.local_update(weights, study, number, records, round)
            for number, records in enumerate(hospitals, start=1)
        ]
        assert all(0 < bounded.squared_norm(u) <= study.bound for u in updates)
        opened = [sum(column) for column in zip(*updates, strict=True)]
        weights = reference.aggregate(weights, opened, len(hospitals))
        assert found == weights


def test_next_model__negative_sums_and_full_weights__floors_and_saturates() -> None:
    updates = [[-1, 32_767, -32_768], [0, 32_767, -32_768], [0, 32_767, -32_768]]
    assert bounded.next_model([0, WEIGHT_MAX - 5, WEIGHT_MIN], updates) == [-1, WEIGHT_MAX, WEIGHT_MIN]
    with pytest.raises(DataError, match="at least one update"):
        bounded.next_model([0, 0], [])


def test_run__with_submissions_of_others__aggregates_what_is_submitted() -> None:
    hospitals = [synthetic(8, seed=number) for number in range(2)]
    study = cnn_study.Study(tuple(cnn.initial_weights("0")), TRAINING, rounds=1, bound=1 << 40, seed="s")
    silent = cnn_study.run(study, hospitals, lambda updates, round: [[0] * len(u) for u in updates])
    assert next(silent) == list(study.initial)
