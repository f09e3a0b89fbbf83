# SPDX-License-Identifier: Apache-2.0
"""Distributed differential privacy: each hospital's noise, what a round costs, and what the costs add up to.

Each hospital of the included set I adds discrete Gaussian noise of variance v to its integer update before it
encrypts. Only the sum opens, and its noise has variance |I| · v ≥ m · v for the plan's least set of m hospitals.
A sum of discrete Gaussians is not quite one; Theorem 1 of Kairouz, Liu, Steinke, "The Distributed Discrete
Gaussian Mechanism" (ICML 2021) bounds what that costs. Costs are in zero-concentrated DP (rho), which adds up
over rounds. A hospital that subtracts its own noise sees m − 1 shares of it: choose m with that in mind.

The sampler is Algorithm 3 of Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential Privacy"
(NeurIPS 2020): exact, in integers, so that no floating point leaks through the noise.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable
from fractions import Fraction

from dp_accounting import GaussianDpEvent
from dp_accounting.rdp import RdpAccountant

from node.errors import DataError
from node.learning import bounded
from node.plan import NEIGHBOURS, RHO_UNITS, Privacy, Training
from node.plan_training import BoundedTraining, ClippedStep

TAIL = 8
"""Standard deviations within which all noise lies: beyond it is drawn again, which changes next to nothing."""

#: A uniform integer in [0, n): `secrets.randbelow`, unless a simulation wants to be repeated.
Uniform = Callable[[int], int]

_ORDERS = [1 + x / 10 for x in range(1, 100)] + [float(x) for x in range(11, 64)] + [128.0, 256.0, 512.0, 1024.0]


def round_cost(sensitivity: int, variance: int, hospitals: int, coordinates: int) -> float:
    """The rho of one round: `hospitals` shares of noise of `variance`, over so many coordinates.

    `sensitivity`: how far one neighbour moves the integer sum in L2, in integer units.
    """
    if sensitivity < 1 or variance < 1 or hospitals < 1 or coordinates < 1:
        raise DataError("Sensitivity, variance, hospitals and coordinates are at least 1.")
    tau = 10 * sum(math.exp(-2 * math.pi**2 * variance * k / (k + 1)) for k in range(1, hospitals))
    gaussian = sensitivity / math.sqrt(hospitals * variance)
    loss = min(math.sqrt(gaussian**2 + tau * coordinates / 2), gaussian + tau * math.sqrt(coordinates))
    return loss**2 / 2


def variance_for(rho: float, sensitivity: int, hospitals: int, coordinates: int) -> int:
    """The least integer variance of one hospital's noise with which a round costs at most `rho`."""
    if not (math.isfinite(rho) and rho > 0):
        raise DataError("A round's privacy cost is a finite number above 0.")
    low, high = 0, 1
    while round_cost(sensitivity, high, hospitals, coordinates) > rho:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if round_cost(sensitivity, middle, hospitals, coordinates) <= rho else (middle, high)
    return high


def sensitivity(training: Training | BoundedTraining, parameters: int) -> int:
    """How far one neighbour moves the sum of a round in L2, in integer units: a record where each one's gradient is
    clipped, else a hospital's whole update."""
    step = _clipped_step(training)
    if step is not None:
        return bounded.record_sensitivity(step.reach, parameters)
    return bounded.hospital_sensitivity(training.update_bound)


def least_noise_bound(variance: int) -> int:
    """The least bound that noise of this variance fits: TAIL standard deviations, rounded up."""
    return math.isqrt(TAIL**2 * variance - 1) + 1


def calibrated(
    training: Training | BoundedTraining, epsilon: float, delta: str, *, parameters: int, rounds: int, hospitals: int
) -> Privacy:
    """The privacy section of a plan with so much epsilon at `delta` for all its rounds, by the least noise.

    `hospitals`: the fewest in a sum. The level is the one that the local training allows.
    """
    level = "hospital" if _clipped_step(training) is None else "patient"
    moved = sensitivity(training, parameters)
    variance = variance_for(rho_for(epsilon, float(delta)) / rounds, moved, hospitals, parameters)
    cost = in_units(round_cost(moved, variance, hospitals, parameters))
    return Privacy(
        budget=rounds * cost,
        cost=cost,
        noise_bound=least_noise_bound(variance),
        level=level,
        neighbours=NEIGHBOURS[level],
        noise_variance=variance,
        delta=delta,
    )


def in_units(rho: float) -> int:
    """A cost as the contract counts it, rounded up."""
    return math.ceil(rho * RHO_UNITS)


def epsilon(rho: float, delta: float) -> float:
    """The epsilon of (epsilon, delta)-DP that so much zCDP gives, by dp-accounting.

    rho-zCDP is Rényi DP of rho · α at every order α: the curve of a Gaussian with noise 1/√(2 rho).
    """
    accountant = RdpAccountant(_ORDERS)
    accountant.compose(GaussianDpEvent(1 / math.sqrt(2 * rho)))
    return float(accountant.get_epsilon(delta))


def rho_for(target: float, delta: float) -> float:
    """The largest rho (to a relative 10^−6) whose epsilon at `delta` is at most `target`."""
    if not (math.isfinite(target) and target > 0 and 0 < delta < 1):
        raise DataError("epsilon is a finite number above 0, and delta lies between 0 and 1.")
    # Pure rho < epsilon²/2 + epsilon always; a tiny one is always allowed.
    low, high = 0.0, target**2 / 2 + target
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if epsilon(middle, delta) <= target else (low, middle)
    return low


def noise(variance: int, count: int, bound: int, uniform: Uniform = secrets.randbelow) -> list[int]:
    """`count` independent discrete Gaussians of this variance (as a parameter), each drawn again beyond ±`bound`.

    Raises DataError where `bound` is below eight standard deviations: from there on the redraws change the
    distribution by less than 10^−14 a coordinate.
    """
    if variance < 1 or bound < least_noise_bound(variance):
        raise DataError(
            f"Noise of variance {variance} does not fit the bound {bound}: use a larger bound or less noise."
        )
    found: list[int] = []
    while len(found) < count:
        value = _discrete_gaussian(variance, uniform)
        if abs(value) <= bound:
            found.append(value)
    return found


def share_of_noise(hidden: Privacy, count: int, uniform: Uniform = secrets.randbelow) -> list[int]:
    """One hospital's noise for `count` coordinates, as its plan has it; zeros without privacy."""
    if hidden.level == "none":
        return [0] * count
    return noise(hidden.noise_variance, count, hidden.noise_bound, uniform)


def _clipped_step(training: Training | BoundedTraining) -> ClippedStep | None:
    local = training.local if isinstance(training, BoundedTraining) else None
    return local if isinstance(local, ClippedStep) else None


def _discrete_gaussian(variance: int, uniform: Uniform) -> int:
    scale = math.isqrt(variance) + 1
    while True:
        value = _discrete_laplace(scale, uniform)
        distance = abs(value) * scale - variance
        if _exponential(Fraction(distance * distance, 2 * variance * scale * scale), uniform):
            return value


def _discrete_laplace(scale: int, uniform: Uniform) -> int:
    """Probability of x proportional to exp(−|x|/scale)."""
    while True:
        fraction = uniform(scale)
        if not _exponential(Fraction(fraction, scale), uniform):
            continue
        whole = 0
        while _exponential(Fraction(1), uniform):
            whole += 1
        magnitude, negative = fraction + scale * whole, uniform(2) == 1
        if magnitude or not negative:
            return -magnitude if negative else magnitude


def _exponential(exponent: Fraction, uniform: Uniform) -> bool:
    """True with probability exp(−exponent), exactly."""
    while exponent > 1:
        if not _at_most_one(Fraction(1), uniform):
            return False
        exponent -= 1
    return _at_most_one(exponent, uniform)


def _at_most_one(exponent: Fraction, uniform: Uniform) -> bool:
    count = 1
    while uniform(exponent.denominator * count) < exponent.numerator:
        count += 1
    return count % 2 == 1
