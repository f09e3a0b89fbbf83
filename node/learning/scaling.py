# SPDX-License-Identifier: Apache-2.0
"""From measured values to the 8-bit integers that training and proof use.

    x = clamp(⌊(v − mean) / std · 32 + 1/2⌋, −128, 127)

computed exactly, in rational numbers: a value of a table, a mean and a standard deviation are decimal
numbers as written, so nothing is rounded before the floor and every machine gets the same integer. In
float64 a value on the border between two integers could fall to either side, and take the data commitment
with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError
from node.learning.reference import FEATURE_MAX, FEATURE_MIN, ONE, clamp
from node.plan import FeatureScaling

# Digits of a fitted constant: enough for any measurement, few enough to read in a plan.
SIGNIFICANT_DIGITS = 9
# v, a and b are each within 2^-53 of their floats, as are their product and its difference to b: of v·a − b, floats
# know all but 5/2^53 of |v·a| + |b|. Three times that, to be sure.
_ROUNDING = 2.0**-49

Values = Sequence[Sequence[Decimal]]


@dataclass(frozen=True)
class Scaling:
    """The public constants of a plan, one mean and standard deviation for each of D features."""

    features: tuple[FeatureScaling, ...]

    @classmethod
    def fit(cls, rows: Values, names: Sequence[str]) -> Scaling:
        """Means and standard deviations (of the population, ddof 0) of the sponsor's own records.

        `rows`: n ≥ 2 lists of D values; `names`: D feature names, for messages. Never fit on pooled or
        held-out records. Raises DataError where a feature does not vary.
        """
        if len(rows) < 2:
            raise DataError(f"Scaling needs at least 2 records of the sponsor's own; {len(rows)} were given.")
        fitted = []
        for index, name in enumerate(names):
            ratios = [row[index].as_integer_ratio() for row in rows]
            common = math.lcm(*{denominator for _, denominator in ratios})
            whole = [numerator * (common // denominator) for numerator, denominator in ratios]
            total, squares = sum(whole), sum(value * value for value in whole)
            mean = Fraction(total, common * len(rows))
            variance = Fraction(len(rows) * squares - total**2, (common * len(rows)) ** 2)
            if variance == 0:
                raise DataError(
                    f"The feature {name!r} has the same value in all of the sponsor's records: leave it out."
                )
            with localcontext(Context(prec=60)):
                root = (Decimal(variance.numerator) / Decimal(variance.denominator)).sqrt()
                centre = Decimal(mean.numerator) / Decimal(mean.denominator)
            fitted.append(FeatureScaling(mean=_written(centre), std=_written(root)))
        return cls(tuple(fitted))

    def apply(self, rows: Values) -> list[list[int]]:
        """The integers of n rows of D values, each in [−128, 127]."""
        width = len(self.features)
        for number, row in enumerate(rows):
            if len(row) != width:
                raise DataError(f"Row {number} has {len(row)} values; the plan scales {width} features.")
        values = np.array([[float(value) for value in row] for row in rows]).reshape(-1, width)
        scaled, _ = self.of_floats(values, lambda row, column: rows[row][column])
        return [list(map(int, row)) for row in scaled.tolist()]

    def of_floats(
        self, values: NDArray[np.float64], exactly: Callable[[int, int], Decimal]
    ) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        """The integers of n rows of D values, int8 [n, D], and which of them the 8-bit range cut off, bool [n, D].

        `values` holds the float next to each value, and `exactly` the value in a row and column. Floats decide where
        their rounding cannot matter; where it could (almost nowhere), the value is scaled in rational numbers.
        """
        scaled = values * self._factors - self._offsets
        error = _ROUNDING * (np.abs(values) * self._factors + np.abs(self._offsets) + 1)
        near = np.abs(scaled - np.rint(scaled)) <= error
        # Beyond the range an integer more or less is cut off alike.
        near &= np.abs(scaled) <= FEATURE_MAX + 3 + error
        whole = np.clip(np.floor(scaled), FEATURE_MIN - 1, FEATURE_MAX + 1).astype(np.int16)
        for row, column in np.argwhere(near).tolist():
            factor, offset = self._affine[column]
            exact = (Fraction(exactly(row, column)) * factor - offset).__floor__()
            whole[row, column] = clamp(exact, FEATURE_MIN - 1, FEATURE_MAX + 1)
        kept = whole.clip(FEATURE_MIN, FEATURE_MAX)
        return kept.astype(np.int8), kept != whole

    @cached_property
    def _affine(self) -> list[tuple[Fraction, Fraction]]:
        """(v − mean)/std · 32 + 1/2 as v·a − b: a = 32/std and b = mean·32/std − 1/2 of each feature."""
        factors = [(ONE / Fraction(f.std), Fraction(f.mean)) for f in self.features]
        return [(factor, mean * factor - Fraction(1, 2)) for factor, mean in factors]

    @cached_property
    def _factors(self) -> NDArray[np.float64]:
        return np.array([float(factor) for factor, _ in self._affine])

    @cached_property
    def _offsets(self) -> NDArray[np.float64]:
        return np.array([float(offset) for _, offset in self._affine])


def _written(value: Decimal) -> str:
    """A constant in the plan's grammar: at most nine significant digits, no exponent, no trailing zeros."""
    with localcontext(Context(prec=SIGNIFICANT_DIGITS)):
        rounded = +value
    text = format(rounded, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if rounded else "0"
