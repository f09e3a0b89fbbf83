# SPDX-License-Identifier: Apache-2.0
"""Sums from neighbouring models: what no rule of the protocol hides, on the demo's records."""

from __future__ import annotations

import numpy as np
import pytest

from node.words import NEIGHBOURING_MEASURED
from scripts.bench_differencing import HOSPITALS, Study, absences, expected, extrapolated, two_studies


@pytest.fixture(scope="module")
def study() -> Study:
    return Study()


@pytest.mark.parametrize("degree", range(4))
def test_extrapolated__of_a_polynomial__is_its_next_value(degree: int) -> None:
    values = [np.array([number**degree, 3 - number**degree]) for number in range(7)]
    assert extrapolated(values[:-1], degree).tolist() == values[-1].tolist()


def test_expected__of_one_sum__is_that_sum() -> None:
    assert expected([np.array([5, -7])]).tolist() == [5, -7]


def test_sums_of_one_model__over_two_sets__show_an_update_exactly(study: Study) -> None:
    everybody = study.course(lambda hospital, number: True, 1)
    without = study.course(lambda hospital, number: hospital != 2, 1)
    assert (everybody.sums[0] - without.sums[0]).tolist() == everybody.updates[2].tolist()
    assert len(everybody.updates) == HOSPITALS


def test_hospital__that_sits_out_or_joins__is_told_the_better_the_later(study: Study) -> None:
    told = {(entry["absence"], entry["round"]): entry["relative_error"] for entry in absences(study, (3, 6, 12))}
    for kind in ("sits out or leaves", "joins"):
        early, middle, late = (told[kind, number] for number in (3, 6, 12))
        assert early > 0.9 and late < middle / 2 < 0.1 and late < 0.02


def test_second_study__that_differs_by_a_hair__tells_an_update(study: Study) -> None:
    by_rate, by_weight = (entry["relative_error"] for entry in two_studies(study))
    assert 0.001 < by_rate < 0.02
    assert by_weight < 0.0005


def test_figures_told_to_people__are_those_measured(study: Study) -> None:
    first, second = (round(100 * entry["relative_error"]) for entry in list(absences(study, (6, 12)))[:2])
    assert f"to {first} % after five rounds and to {second} % after eleven" in NEIGHBOURING_MEASURED
