# SPDX-License-Identifier: Apache-2.0
"""Updates within their bound, and the simulation's arithmetic: to the bit that of a study on chain."""

from __future__ import annotations

import math
import random

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
    assert bounded.update([0, 0, 5], [40_000, -40_000, 3], (1 << 64) - 1) == [32_767, -32_767, -2]


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


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=40),
    st.integers(1, (1 << 64) - 1),
    st.integers(0, (1 << 15) - 2),
)
def test_update__with_room_for_noise__is_of_16_bits_with_any_noise_within_its_bound(
    pairs: list[tuple[int, int]], bound: int, noise_bound: int
) -> None:
    change = bounded.update([w for w, _ in pairs], [w for _, w in pairs], bound, noise_bound)
    assert bounded.squared_norm(change) <= bound
    assert all(abs(u) + noise_bound < 1 << 15 for u in change)


def test_held__noise_that_takes_all_16_bits__is_refused() -> None:
    for noise_bound in (-1, (1 << 15) - 1):
        with pytest.raises(DataError, match="leaves no room"):
            bounded.held([1], 1, noise_bound)


UNIT = 1 << bounded.FRACTION_BITS


def test_record_sensitivity__random_neighbours__never_move_further_and_come_near() -> None:
    """Small vectors within and far beyond box and ball; the record's part is as long as it may be, any direction."""
    draws = random.Random(1)
    furthest = 0.0
    for _ in range(20_000):
        count, reach = draws.randint(1, 6), draws.randint(1, 12)
        bound, noise_bound = draws.choice([9, 400, 90_001, 1 << 40]), draws.choice([0, 32_700, 32_760])
        around = draws.choice([3, 50, 400, 70_000]) * UNIT
        change = [draws.randint(-around, around) for _ in range(count)]
        direction = [draws.gauss(0, 1) for _ in range(count)]
        if draws.random() < 0.5:
            # Straight out, where shortening undoes most of it, or along one coordinate.
            direction = draws.choice([[float(x) for x in change], [0.0] * (count - 1) + [1.0]])
        length = math.hypot(*direction) or 1.0
        part = [math.trunc(reach * UNIT * (1 - 2**-30) * x / length) for x in direction]
        assert sum(p * p for p in part) <= (reach * UNIT) ** 2
        with_it = bounded.held([c + p for c, p in zip(change, part, strict=True)], bound, noise_bound, 16)
        without = bounded.held(change, bound, noise_bound, 16)
        moved = math.dist(with_it, without)
        claimed = bounded.record_sensitivity(reach, count)
        assert moved <= claimed, (change, part, bound, noise_bound)
        furthest = max(furthest, moved / claimed)
    # What rounding adds is there: the claim is no more than it needs to be.
    assert furthest > 0.75


def test_record_sensitivity__rounding_that_adds_up__is_longer_than_the_reach_alone() -> None:
    """Every coordinate just below a whole unit, and moved just over it."""
    count, step = 16, UNIT // 4
    change, part = [10 * UNIT - 1] * count, [step] * count
    reach = math.isqrt(count * step * step) // UNIT
    moved = math.dist(
        bounded.held(change, 1 << 40, 0, 16),
        bounded.held([c + p for c, p in zip(change, part, strict=True)], 1 << 40, 0, 16),
    )
    assert reach == 1 and moved == 4.0 <= bounded.record_sensitivity(reach, count) == 6


@settings(max_examples=200, deadline=None)
@given(st.lists(coordinate, min_size=2, max_size=8), st.integers(1, 1 << 40))
def test_hospital_sensitivity__any_update_against_zeros__is_no_longer(local: list[int], bound: int) -> None:
    change = bounded.update([0] * len(local), local, bound)
    assert math.hypot(*change) <= bounded.hospital_sensitivity(bound)


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
