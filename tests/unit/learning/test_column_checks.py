# SPDX-License-Identifier: Apache-2.0
"""Columns that are wrong in kind are told of by name, with what was seen and no value; honest ones never are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from node.learning import simulation
from node.learning.column_checks import Expected, check_columns, expected, repeated
from node.learning.datasets.splits import split_rows
from node.learning.findings import Finding, Kind
from node.learning.scaling import Scaling
from node.learning.tables import Table
from scripts.demo_plan import table_cast

Column = NDArray[np.float64]


def measured(count: int, mean: float = 14.0, std: float = 3.5, seed: int = 1) -> Column:
    """Values as a laboratory gives them, none of them whole."""
    return np.round(np.random.default_rng(seed).normal(mean, std, count), 2) + 0.001


def check(column: Column, mean: float = 14.1, std: float = 3.5, clipped: float = 0.05) -> list[Finding]:
    values, places = column.reshape(-1, 1), np.arange(2, len(column) + 2)
    return list(check_columns(["radius"], values, places, [Expected(mean, std, clipped)]))


def put(column: Column, places: slice | list[int], value: float) -> Column:
    changed = column.copy()
    changed[places] = value
    return changed


@pytest.mark.parametrize(
    ("change", "kind", "evidence"),
    [
        (lambda c: c * 10, Kind.FAR, "and the middle one is about 10 times the plan's mean"),
        (lambda c: c / 10, Kind.SMALL, "100% of 69 values are below a fifth of the plan's mean"),
        (lambda c: -c, Kind.FAR, "and most have the other sign"),
        (lambda c: np.append(c[:60], c[60:] * 10), Kind.FAR, "9 of 69 values lie outside the plan's range"),
        (lambda c: np.append(c[:60], c[60:] * 10), Kind.FAR, "(lines 62, 63, 64, 65, 66 and 4 more)"),
        (lambda c: put(c, [3], -9999), Kind.CODE, "-9999 (occurs 1 time) among 69 values, far from all others (line "),
        (lambda c: put(c, [3, 4], 999), Kind.CODE, "999 (occurs 2 times) among 69 values"),
        (lambda c: put(c, [7], -1), Kind.CODE, "-1 (occurs 1 time)"),
        (lambda c: put(c, [1, 2, 3], 0), Kind.CODE, "0 (occurs 3 times) among 69 values, far from all others"),
        (lambda c: c * 0, Kind.CONSTANT, "all 69 values are 0"),
        (lambda c: c * 0 + 14.25, Kind.CONSTANT, "all 69 values are the same"),
        (lambda c: put(c, [9], 1.4e6), Kind.FAR, "1 of 69 values lie outside the plan's range"),
    ],
)
def test_check_columns__values_wrong_in_kind__are_told_of(
    change: Callable[[Column], Column], kind: Kind, evidence: str
) -> None:
    found = check(change(np.clip(measured(69), 8, 20)))
    assert found[0].name == "radius" and found[0].kind is kind
    assert evidence in found[0].evidence


def test_check_columns__code_in_a_column_of_another_unit__tells_of_both() -> None:
    assert [found.kind for found in check(put(measured(69) * 10, [3], -9999))] == [Kind.CODE, Kind.FAR]


def test_check_columns__evidence__shows_no_value_of_a_record() -> None:
    column = put(measured(69) * 10, [5], 917.3355)
    shown = " ".join(found.evidence for found in check(column))
    assert shown and not any(f"{value:.2f}" in shown or f"{value:g}" in shown for value in column)


@pytest.mark.parametrize("share", [0.02, 0.3])
def test_check_columns__something_rare_that_nobody_has__is_no_constant(share: float) -> None:
    plan = Expected(share, float(np.sqrt(share * (1 - share))), 0.05)
    few, many = np.zeros((12, 1)), np.zeros((3000, 1))
    assert check_columns(["dialysis"], few, np.arange(12), [plan]) == ()
    assert check_columns(["dialysis"], many, np.arange(3000), [plan])[0].kind is Kind.CONSTANT


@pytest.mark.parametrize("seed", range(4))
def test_check_columns__skewed_columns_of_another_case_mix__are_not_told_of(seed: int) -> None:
    """Log-normal values, as of a marker of inflammation, twice as high as the sponsor's own 24 records."""
    random = np.random.default_rng(seed)
    sponsor, others = random.lognormal(1, 1, 24), 2 * random.lognormal(1, 1, 300)
    assert check(others, float(sponsor.mean()), float(sponsor.std())) == []


def test_check_columns__few_rows__are_not_told_of_for_what_chance_does() -> None:
    for seed in range(200):
        assert check(measured(5, 16, 4, seed)) == []


@pytest.mark.parametrize("scheme", ["iid", "dirichlet", "size"])
def test_check_columns__records_of_a_real_study_however_dealt_out__are_never_told_of(scheme: str) -> None:
    for seed in range(5):
        demo = simulation.split(1, seed=seed)
        scaling = Scaling.fit(demo.sponsor.rows, demo.sponsor.features).features
        rows, (table,) = expected(scaling, 50_000), demo.hospitals
        values = np.array(table.rows, dtype=float)
        for hospitals in (3, 13):
            for part in split_rows(table.labels, hospitals, scheme, seed=seed):
                assert check_columns(table.features, values[part], part, rows) == ()
                assert check_columns(table.features, values[part], part, None) == ()


def test_check_columns__without_a_plan__tells_of_codes_and_of_what_never_varies() -> None:
    values = np.stack([put(measured(69), [3], -9999), measured(69), np.full(69, 7.0)], axis=1)
    found = check_columns(["a", "b", "c"], values, np.arange(69), None)
    assert [(told.name, told.kind) for told in found] == [("a", Kind.CODE), ("c", Kind.CONSTANT)]


def test_check_columns__plan_that_allows_for_clipping__does_not_tell_of_that_much() -> None:
    column = put(measured(100), slice(0, 30), 14.1 + 5 * 3.5)
    assert [found.kind for found in check(column, clipped=0.05)] == [Kind.FAR]
    assert check(column, clipped=0.2) == []


def test_repeated__counts_rows_that_an_earlier_one_equals() -> None:
    table: Table = table_cast(3, 1, 0).tables.hospitals[0]
    values = np.array(table.rows, dtype=float)
    assert repeated(values) == 0 and repeated(np.concatenate([values, values[:5]])) == 5
