# SPDX-License-Identifier: Apache-2.0
"""Noise is what it says, costs are what the sources say, and one image moves a step no further than is counted."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest

from node.errors import DataError, TrainingDiverged
from node.learning import bounded, cnn, privacy
from node.learning.patient_step import patient_update
from node.plan import NETWORK, TINY_NETWORK
from node.plan_training import BoundedTraining, ClippedStep, LocalTraining
from tests.support.plans import tiny_network_plan
from tests.support.xrays import synthetic

MOST = (1 << 64) - 1
# The largest bound, and no noise: an update is cut by 16 bits alone.
ROOM = (MOST, 0)
LOCAL = tiny_network_plan().training.local


def test_noise__many_draws__have_the_distribution_of_a_discrete_gaussian() -> None:
    variance, count = 6, 20_000
    found = Counter(privacy.noise(variance, count, 100, random.Random(1).randrange))
    weights = {value: math.exp(-value * value / (2 * variance)) for value in range(-100, 101)}
    total = sum(weights.values())
    # Chi-squared over the values that are expected often enough, against its far tail (mean + 5 deviations).
    cells = [value for value in weights if count * weights[value] / total >= 10]
    expected = {value: count * weights[value] / total for value in cells}
    statistic = sum((found[value] - expected[value]) ** 2 / expected[value] for value in cells)
    assert statistic < len(cells) + 5 * math.sqrt(2 * len(cells))


def test_noise__large_variance__has_it() -> None:
    found = np.array(privacy.noise(10**6, 4000, 10**4, random.Random(2).randrange))
    assert abs(found.mean()) < 5 * 1000 / math.sqrt(4000)
    assert abs(found.var() / 10**6 - 1) < 5 * math.sqrt(2 / 4000)


def test_noise__bound_of_less_than_eight_deviations__is_refused() -> None:
    assert len(privacy.noise(16, 3, 32)) == 3
    for variance, bound in ((16, 31), (0, 10)):
        with pytest.raises(DataError, match="bound"):
            privacy.noise(variance, 1, bound)


def test_round_cost__much_noise__is_that_of_a_gaussian_of_the_summed_variance() -> None:
    assert privacy.round_cost(100, 5000, 5, 1000) == pytest.approx(100**2 / (2 * 5 * 5000), rel=1e-9)


def test_round_cost__one_hospital__is_the_discrete_gaussians_own() -> None:
    assert privacy.round_cost(3, 4, 1, 10) == 9 / 8


def test_round_cost__little_noise__counts_that_a_sum_of_discrete_gaussians_is_none() -> None:
    assert privacy.round_cost(1, 1, 5, 5162) > 1 / (2 * 5)


def test_variance_for__a_cost__is_the_least_that_keeps_it() -> None:
    for rho in (0.001, 0.1, 2.0):
        variance = privacy.variance_for(rho, 133, 5, 5162)
        assert privacy.round_cost(133, variance, 5, 5162) <= rho < privacy.round_cost(133, variance - 1, 5, 5162)


def test_epsilon__of_zcdp__is_below_the_simple_bound_and_near_the_gaussians_own() -> None:
    """rho-zCDP gives rho + 2·√(rho·ln(1/δ)) (Bun, Steinke 2016); the exact curve of a Gaussian is below what we say."""
    delta = 1e-5
    for rho in (0.01, 0.1, 1.0):
        found = privacy.epsilon(rho, delta)
        assert found <= rho + 2 * math.sqrt(rho * math.log(1 / delta))
        assert found >= _gaussian_epsilon(rho, delta)


def test_rho_for__an_epsilon__is_the_largest() -> None:
    for target in (2.0, 8.0):
        rho = privacy.rho_for(target, 1e-5)
        assert privacy.epsilon(rho, 1e-5) <= target < privacy.epsilon(rho * 1.0001, 1e-5)
    for target, delta in ((0.0, 1e-5), (math.nan, 1e-5), (math.inf, 1e-5), (1.0, 0.0), (1.0, 1.0)):
        with pytest.raises(DataError):
            privacy.rho_for(target, delta)


def test_in_units__is_rounded_up() -> None:
    assert [privacy.in_units(rho) for rho in (0.0, 1e-9, 1.0000000001e-9, 0.25)] == [0, 1, 2, 250_000_000]


@pytest.mark.parametrize("family", [NETWORK, TINY_NETWORK])
def test_patient_update__one_image_more__moves_it_by_less_than_is_counted(family: str) -> None:
    pixels, labels = synthetic(12)
    weights, step = cnn.initial_weights("0", family), ClippedStep(clip="0.01", reach=60)
    without = np.array(patient_update(weights, pixels[:-1], labels[:-1], step, *ROOM))
    moved = np.linalg.norm(np.array(patient_update(weights, pixels, labels, step, *ROOM)) - without)
    # Gradients of an untrained network are longer: the image's part is clipped, and so has full length.
    assert 0.5 * step.reach < moved <= bounded.record_sensitivity(step.reach, len(weights))


def test_patient_update__beyond_bound_and_room__one_image_moves_it_by_less_than_is_counted() -> None:
    pixels, labels = synthetic(12)
    weights, step = cnn.initial_weights("0", TINY_NETWORK), ClippedStep(clip="0.01", reach=60)
    for bound, noise_bound in ((100**2, 0), (MOST, 32_700)):
        full, without = (patient_update(weights, pixels[:n], labels[:n], step, bound, noise_bound) for n in (12, 11))
        assert bounded.squared_norm(full) <= bound and max(map(abs, full)) <= 32_767 - noise_bound
        assert math.dist(full, without) <= bounded.record_sensitivity(step.reach, len(weights))


def test_patient_update__an_image__adds_the_same_part_whatever_else_there_is() -> None:
    """To the bit, before rounding to whole units: the sum of parts made alone is the part of all together."""
    pixels, labels = synthetic(6)
    weights = cnn.initial_weights("0", TINY_NETWORK)
    # So far that whole units are as fine as fractions would be; no image alone reaches the box.
    step = ClippedStep(clip="0.01", reach=5000)
    alone = [patient_update(weights, pixels[k : k + 1], labels[k : k + 1], step, *ROOM) for k in range(6)]
    together = np.array(patient_update(weights, pixels, labels, step, *ROOM))
    assert np.abs(together - np.sum(alone, axis=0)).max() <= 6
    order = np.random.default_rng(1).permutation(6)
    assert patient_update(weights, pixels[order], labels[order], step, *ROOM) == together.tolist()


def test_patient_update__against_the_gradient__lowers_the_loss() -> None:
    pixels, labels = synthetic(40)
    weights = cnn.initial_weights("0")
    change = patient_update(weights, pixels, labels, ClippedStep(clip="1.0", reach=60), *ROOM)
    moved = [w + u for w, u in zip(weights, change, strict=True)]
    assert _loss(moved, pixels, labels) < _loss(weights, pixels, labels)


def test_patient_update__weights_that_overflow__is_refused() -> None:
    pixels, labels = synthetic(4)
    with pytest.raises((DataError, TrainingDiverged)):
        patient_update([2**60] * cnn.PARAMETERS, pixels, labels, ClippedStep("1.0", 1), *ROOM)


@pytest.mark.parametrize("local", [LOCAL, ClippedStep(clip="0.5", reach=200)])
def test_calibrated__each_level__spends_its_epsilon_with_the_least_noise(
    local: LocalTraining | ClippedStep,
) -> None:
    training = BoundedTraining(circuit="bounded_5162", update_bound=200**2, local=local)
    found = privacy.calibrated(training, 2.0, "0.00001", parameters=5162, rounds=10, hospitals=5)
    assert found.level == ("patient" if isinstance(local, ClippedStep) else "hospital")
    moved = privacy.sensitivity(training, 5162)
    assert moved == (200 + 72 + 1 if found.level == "patient" else 200)
    assert found.budget == 10 * found.cost
    assert privacy.epsilon(found.budget / 1e9, 1e-5) == pytest.approx(2, rel=1e-4)
    assert privacy.in_units(privacy.round_cost(moved, found.noise_variance - 1, 5, 5162)) > found.cost
    assert privacy.noise(found.noise_variance, 1, found.noise_bound)
    with pytest.raises(DataError, match="does not fit"):
        privacy.noise(found.noise_variance, 1, found.noise_bound - 1)


def _loss(weights: list[int], pixels: np.ndarray, labels: np.ndarray) -> float:
    positive = cnn.probabilities(weights, pixels)
    return float(-np.log(np.where(labels == 1, positive, 1 - positive)).mean())


def _gaussian_epsilon(rho: float, delta: float) -> float:
    """Theorem 8 of Balle, Wang (ICML 2018), solved by bisection; sensitivity 1, σ = 1/√(2 rho)."""
    sigma = 1 / math.sqrt(2 * rho)

    def phi(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    def reached(epsilon: float) -> float:
        middle = epsilon * sigma
        return phi(1 / (2 * sigma) - middle) - math.exp(epsilon) * phi(-1 / (2 * sigma) - middle)

    low, high = 0.0, 50.0
    for _ in range(100):
        centre = (low + high) / 2
        low, high = (centre, high) if reached(centre) > delta else (low, centre)
    return low
