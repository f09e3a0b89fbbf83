# SPDX-License-Identifier: Apache-2.0
"""From measured values to the 8-bit integers that training and proof use.

    x = clamp(⌊(v − mean) / std · 32 + 1/2⌋, −128, 127)

computed exactly, in rational numbers: a value of a table, a mean and a standard deviation are decimal
numbers as written, so nothing is rounded before the floor and every machine gets the same integer. In
float64 a value on the border between two integers could fall to either side, and take the data commitment
with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from fractions import Fraction

from node.errors import DataError
from node.learning.reference import FEATURE_MAX, FEATURE_MIN, ONE, clamp
from node.plan import FeatureScaling

# Digits of a fitted constant: enough for any measurement, few enough to read in a plan.
SIGNIFICANT_DIGITS = 9

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
            column = [Fraction(row[index]) for row in rows]
            mean = sum(column, Fraction()) / len(column)
            variance = sum(((v - mean) ** 2 for v in column), Fraction()) / len(column)
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
        return [[clamp(x, FEATURE_MIN, FEATURE_MAX) for x in row] for row in self._unclamped(rows)]

    def clipped(self, rows: Values) -> list[float]:
        """For each feature, the share of its values (0 to 1) that the 8-bit range cuts off."""
        scaled = list(self._unclamped(rows))
        if not scaled:
            return [0.0] * len(self.features)
        outside = [[not FEATURE_MIN <= x <= FEATURE_MAX for x in row] for row in scaled]
        return [sum(column) / len(scaled) for column in zip(*outside, strict=True)]

    def clipped_share(self, rows: Values) -> float:
        """The share of all values (0 to 1) that the 8-bit range cuts off."""
        shares = self.clipped(rows)
        return sum(shares) / len(shares)

    def _unclamped(self, rows: Values) -> Iterable[list[int]]:
        """⌊(v − mean)/std · 32 + 1/2⌋ as v·a − b with a = 32/std and b = mean·32/std − 1/2."""
        factors = [(ONE / Fraction(f.std), Fraction(f.mean)) for f in self.features]
        affine = [(factor, mean * factor - Fraction(1, 2)) for factor, mean in factors]
        for number, row in enumerate(rows):
            if len(row) != len(affine):
                raise DataError(f"Row {number} has {len(row)} values; the plan scales {len(affine)} features.")
            yield [(Fraction(v) * a - b).__floor__() for v, (a, b) in zip(row, affine, strict=True)]


def _written(value: Decimal) -> str:
    """A constant in the plan's grammar: at most nine significant digits, no exponent, no trailing zeros."""
    with localcontext(Context(prec=SIGNIFICANT_DIGITS)):
        rounded = +value
    text = format(rounded, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if rounded else "0"
