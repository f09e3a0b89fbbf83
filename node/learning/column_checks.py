# SPDX-License-Identifier: Apache-2.0
"""Columns of a table that are probably not what a plan means by them: in another unit or sign, codes among values.

What a column should look like is known by a mean m and a standard deviation s alone, and honest data are skewed,
and other at each hospital. So the tests are those that hold for values of any distribution:

    far     at most a share c·(8s/d)² lies d > 4s or more from m: the share c that the plan lets lie beyond 4s,
            falling with the square of the distance as by Chebyshev's inequality, for a deviation up to twice s
    small   at most a share s²/(s² + (m − t)²) lies at or below t < m (Cantelli's inequality), for t = m/5

A column is told of where a share as large as its own would come about with a chance below one in ten thousand
(Chernoff's bound). Mistakes that a distribution of that mean and deviation could have pass: a factor of less than
about four, and any in a column whose mean is small beside its deviation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from node.learning.findings import Finding, Kind
from node.plan import FeatureScaling
from node.words import listed

Column = NDArray[np.float64]
Places = NDArray[np.int64]

#: The natural logarithm of ten thousand.
_IMPROBABLE = math.log(10_000)
#: So many standard deviations from its mean a plan's range ends.
_RANGE = 4.0
#: A plan's standard deviation is fitted on few records, of other patients: twice of it may be a hospital's.
_SLACK = 2.0
#: Values below this part of the plan's mean are small.
_SMALL = 0.2
#: Fewer rows can agree by chance; fewer others do not show what a column's values are like.
_LEAST_EQUAL, _LEAST_OTHERS = 4, 6
#: What people write where nothing was measured: -1, -9, and two to six times 7, 8 or 9 with either sign.
_CODES = np.array([-1, -9, *(sign * int(digit * n) for sign in (1, -1) for digit in "789" for n in range(2, 7))], float)
#: A code stands so many standard deviations away, and no other value beyond half of its way.
_CODE_DEVIATIONS = 8.0
#: So far from zero is the mean of what can hardly be zero.
_ZERO_DEVIATIONS = 3.5
#: Between the quartiles of a normal distribution, in its standard deviations.
_QUARTILES = 1.349
_PLACES_SHOWN = 5


@dataclass(frozen=True)
class Expected:
    """What is known of a column: mean, standard deviation, and the share that a plan lets lie outside its range."""

    mean: float
    std: float
    clipped: float


def expected(scaling: Sequence[FeatureScaling], clip_warning_share_ppm: int) -> list[Expected]:
    """What a plan says of each of its features."""
    return [Expected(float(f.mean), float(f.std), clip_warning_share_ppm / 1_000_000) for f in scaling]


def check_columns(
    names: Sequence[str],
    values: NDArray[np.float64],
    places: Places,
    plan: Sequence[Expected] | None,
    where: str = "line",
) -> tuple[Finding, ...]:
    """What is wrong in kind with columns of finite numbers, float64 [n, D], called `names`.

    `places`: numbers of the n rows in their file, of whatever `where` says. Without a plan, only what a column shows
    by itself.
    """
    found = []
    for number, name in enumerate(names):
        known = None if plan is None else plan[number]
        for kind, evidence, advice in _of_column(np.ascontiguousarray(values[:, number]), _Where(where, places), known):
            found.append(Finding("column", name, kind, evidence, advice))
    return tuple(found)


def repeated(values: NDArray[np.float64]) -> int:
    """How many of n rows, float64 [n, D], are an earlier one again in every number."""
    return len(values) - len({hash(row.tobytes()) for row in np.ascontiguousarray(values)})


_Told = tuple[Kind, str, str]


@dataclass(frozen=True)
class _Where:
    """Where values stand: numbers of lines, or of images."""

    word: str
    places: Places

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> _Where:
        return _Where(self.word, self.places[chosen])

    def __str__(self) -> str:
        shown = listed([str(place) for place in self.places.tolist()], _PLACES_SHOWN)
        return f"{self.word}{'s' if len(self.places) > 1 else ''} {shown}"


def _of_column(column: Column, where: _Where, plan: Expected | None) -> Iterator[_Told]:
    if len(column) >= _LEAST_EQUAL and column.min() == column.max():
        yield from _constant(column, plan)
        return
    coded = _coded(column, plan)
    if coded.any():
        # Codes are no patients' values: they can be named.
        counts = zip(*np.unique(column[coded], return_counts=True), strict=True)
        codes = " and ".join(f"{code:g} (occurs {count:,} time{'s' if count > 1 else ''})" for code, count in counts)
        evidence = f"{codes} among {len(column):,} values, far from all others ({where[coded]})"
        yield Kind.CODE, evidence, "A code for a missing value is none: leave those records out"
    if plan is not None and not coded.all():
        yield from _far(column[~coded], where[~coded], plan)
        yield from _small(column[~coded], plan)


def _constant(column: Column, plan: Expected | None) -> Iterator[_Told]:
    value, count = float(column[0]), len(column)
    if plan is not None and value in (0.0, 1.0):
        # Of something that is there or not, and rarely, few records can be alike: Cantelli's bound is its law.
        distance = (value - plan.mean) / plan.std
        if count * math.log1p(distance * distance) < _IMPROBABLE:
            return
    shown = f"are {value:g}" if value in (0.0, 1.0) else "are the same"
    yield Kind.CONSTANT, f"all {count:,} values {shown}", "A column that never varies was probably not measured"


def _coded(column: Column, plan: Expected | None) -> NDArray[np.bool_]:
    """Which values are codes for a missing one."""
    coded = np.isin(column, _CODES)
    others, known = column[~coded], plan or _by_itself(column)
    if known is None or len(others) < _LEAST_OTHERS:
        return np.zeros(len(column), dtype=bool)
    away = np.abs(others - known.mean).max()
    apart = np.abs(column - known.mean) > max(_CODE_DEVIATIONS * known.std, 2 * away)
    if known.mean > known.std / 2 and others.min() >= 0:
        apart |= column < 0
    coded &= apart
    # Where nothing else comes near to zero, more than one is no measurement.
    measured, zeros = column[~coded & (column != 0)], column == 0
    far = plan is not None and plan.mean > _ZERO_DEVIATIONS * plan.std and measured.min() > plan.mean / 2
    return coded | zeros if far and np.count_nonzero(zeros) > 1 else coded


def _by_itself(column: Column) -> Expected | None:
    """The middle of a column and how far around it most values lie; None where half of them are the same."""
    low, middle, high = np.quantile(column, (0.25, 0.5, 0.75))
    return Expected(float(middle), float(high - low) / _QUARTILES, 0.0) if high > low else None


def _far(column: Column, where: _Where, plan: Expected) -> Iterator[_Told]:
    """Values further from the plan's mean than so many of them can be."""
    distances = np.abs(column - plan.mean) / plan.std
    order = np.argsort(-distances, kind="stable")
    order = order[: int(np.count_nonzero(distances > _RANGE))]
    if not len(order):
        return
    shares = np.arange(1, len(order) + 1) / len(column)
    bounds = plan.clipped * (_SLACK * _RANGE / distances[order]) ** 2
    surprise = _surprise(shares, bounds, len(column))
    most = int(surprise.argmax())
    if surprise[most] <= _IMPROBABLE:
        return
    outside, nearest = np.sort(order), _about(distances[order[most]])
    evidence = f"{len(outside):,} of {len(column):,} values lie outside the plan's range"
    evidence += f", {most + 1:,} of them {nearest} or more standard deviations from its mean"
    middle = float(np.median(column))
    if 2 * len(outside) < len(column):
        evidence += f" ({where[outside]})"
    elif middle * plan.mean < 0:
        evidence += ", and most have the other sign"
    elif plan.mean:
        evidence += f", and the middle one is about {_about(middle / plan.mean)} times the plan's mean"
    yield Kind.FAR, evidence, "Look for another unit, another sign, or a point that was lost"


def _small(column: Column, plan: Expected) -> Iterator[_Told]:
    """More values near zero, or of the other sign, than can be."""
    towards = column * math.copysign(1.0, plan.mean)
    share = float(np.mean(towards <= _SMALL * abs(plan.mean)))
    distance = (1 - _SMALL) * plan.mean / plan.std
    if _surprise(np.array([share]), np.array([1 / (1 + distance * distance)]), len(column))[0] <= _IMPROBABLE:
        return
    if float(np.median(towards)) < 0:
        evidence = f"most of {len(column):,} values have another sign than the plan's mean"
    else:
        evidence = f"{share:.0%} of {len(column):,} values are below a fifth of the plan's mean"
    yield Kind.SMALL, evidence, "Look for another unit or another sign"


def _surprise(shares: Column, bounds: Column, count: int) -> Column:
    """Minus the logarithm of the chance that so large shares of `count` values are what at most `bounds` should be."""
    p = np.clip(bounds, 1e-300, 1.0)
    rest = np.where(shares < 1, (1 - shares) * np.log(np.maximum(1 - shares, 1e-300) / np.maximum(1 - p, 1e-300)), 0.0)
    return np.where(shares > p, count * (shares * np.log(np.maximum(shares, 1e-300) / p) + rest), 0.0)


def _about(number: float) -> str:
    """One digit: a record's value must not follow from it."""
    return f"{float(f'{number:.1g}'):,g}"
