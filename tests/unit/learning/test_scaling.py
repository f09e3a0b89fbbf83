# SPDX-License-Identifier: Apache-2.0
"""Scaling is exact, and its constants come from the sponsor's records alone."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.document import check_section
from node.errors import DataError
from node.learning.scaling import Scaling
from node.learning.tables import Table
from node.plan import FeatureScaling
from scripts.demo_plan import table_cast


def scaling(mean: str, std: str) -> Scaling:
    return Scaling((FeatureScaling(mean, std),))


def apply(mean: str, std: str, value: str) -> int:
    return scaling(mean, std).apply([[Decimal(value)]])[0][0]


def test_apply__value_on_the_border_between_two_integers__goes_up() -> None:
    # (v − 1)/2 · 32 = 0.5 exactly at v = 1.03125, and the floor of 0.5 + 0.5 is 1.
    assert apply("1", "2", "1.03125") == 1
    assert apply("1", "2", "1.03124999999999999999999999") == 0
    assert apply("1", "2", "0.96875") == 0
    assert apply("1", "2", "0.96874999999999999999999999") == -1


def test_apply__values_out_of_range__are_clamped() -> None:
    assert apply("0", "1", "1e30") == 127
    assert apply("0", "1", "-1e30") == -128
    assert apply("0", "1", "3.984374") == 127
    assert apply("0", "1", "-4.015625") == -128


@given(
    st.decimals("-1000", "1000", places=4),
    st.decimals("-100", "100", places=3),
    st.decimals("0.001", "100", places=3),
)
def test_apply__any_decimal__is_the_formula_in_rational_numbers(value: Decimal, mean: Decimal, std: Decimal) -> None:
    exact = (Fraction(value) - Fraction(mean)) / Fraction(std) * 32 + Fraction(1, 2)
    expected = max(-128, min(127, exact.numerator // exact.denominator))
    assert apply(format(mean, "f"), format(std, "f"), str(value)) == expected


def test_fit__population_mean_and_deviation__in_the_grammar_of_a_plan() -> None:
    fitted = Scaling.fit([[Decimal(1), Decimal("1e-7")], [Decimal(2), Decimal("3e-7")]], ["a", "b"])
    assert fitted.features == (FeatureScaling("1.5", "0.5"), FeatureScaling("0.0000002", "0.0000001"))
    third = Scaling.fit([[Decimal(v)] for v in (0, 0, 1)], ["a"]).features[0]
    assert third == FeatureScaling("0.333333333", "0.471404521")
    for entry in (*fitted.features, third):
        check_section(entry, "scaling")


def test_fit__constant_feature_or_one_record__is_refused_by_name() -> None:
    with pytest.raises(DataError, match="'flat'"):
        Scaling.fit([[Decimal(1), Decimal(5)], [Decimal(2), Decimal(5)]], ["a", "flat"])
    with pytest.raises(DataError, match="at least 2"):
        Scaling.fit([[Decimal(1)]], ["a"])


def test_of_floats__marks_only_what_the_range_cuts_off() -> None:
    two = Scaling((FeatureScaling("0", "1"), FeatureScaling("0", "1")))
    rows = [[Decimal("3.96"), Decimal(5)], [Decimal(-4), Decimal(0)]]
    scaled, clipped = two.of_floats(np.array(rows, dtype=float), lambda row, column: rows[row][column])
    assert scaled.tolist() == [[127, 127], [-128, 0]]
    assert clipped.tolist() == [[False, True], [False, False]]


FORMS = st.one_of(
    st.builds(lambda n, e: f"{n}e{e}", st.integers(-(10**30), 10**30), st.integers(-45, 3)),
    st.decimals("-1e6", "1e6", places=12, allow_nan=False).map(str),
    st.floats(-1e9, 1e9).map(repr),
    # On the borders between two integers, where a float cannot decide, and a little beside them.
    st.builds(lambda n, beside: str(Decimal(n) / 64 + beside), st.integers(-400, 400), st.sampled_from(
        [Decimal(0), Decimal("1e-25"), Decimal("-1e-25"), Decimal("1e-17"), Decimal("-1e-17")]
    )),
)  # fmt: skip


@given(
    st.lists(st.tuples(FORMS, FORMS), min_size=1, max_size=8),
    st.tuples(st.sampled_from(["0", "1.5", "-0.015625", "123456789012345678901234567890.5"])),
    st.tuples(st.sampled_from(["1", "2", "0.5", "0.333333333", "0.0000001", "1000000000"])),
)
def test_apply__numbers_in_any_form__are_what_rational_numbers_give(
    rows: list[tuple[str, str]], mean: tuple[str], std: tuple[str]
) -> None:
    values = [[Decimal(text) for text in row] for row in rows]
    two = Scaling((FeatureScaling(mean[0], std[0]), FeatureScaling("0.25", "2")))
    for row, scaled in zip(values, two.apply(values), strict=True):
        for value, feature, found in zip(row, two.features, scaled, strict=True):
            exact = (Fraction(value) - Fraction(feature.mean)) / Fraction(feature.std) * 32 + Fraction(1, 2)
            assert found == max(-128, min(127, exact.numerator // exact.denominator))


def test_apply__row_of_another_length__is_refused_without_its_values() -> None:
    with pytest.raises(DataError, match="Row 0 has 2 values") as caught:
        scaling("0", "1").apply([[Decimal("77.7"), Decimal("88.8")]])
    assert "77" not in str(caught.value)


def test_of_floats__of_a_real_table__needs_rational_numbers_for_next_to_none_of_its_values() -> None:
    cast = table_cast(3, 1, 0)
    asked = []
    for table in cast.tables.hospitals:

        def exactly(row: int, column: int, table: Table = table) -> Decimal:
            asked.append((row, column))
            return table.rows[row][column]

        Scaling(cast.plan.scaling).of_floats(np.array(table.rows, dtype=float), exactly)
    assert len(asked) < sum(map(len, (table.rows for table in cast.tables.hospitals))) * 30 / 1000
