# SPDX-License-Identifier: Apache-2.0
"""Dealing rows out: every row once, the same for a seed, as unequal as asked for."""

from __future__ import annotations

import numpy as np
import pytest

from node.errors import UsageError
from node.learning.datasets.splits import LEAST_ROWS, SCHEMES, split_rows

LABELS = np.random.default_rng(5).integers(0, 2, 3000)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("hospitals", [1, 3, 5, 16, 31])
def test_split_rows__every_row__goes_to_one_hospital_and_all_have_some(scheme: str, hospitals: int) -> None:
    parts = split_rows(LABELS, hospitals, scheme, 0.5, 7)
    assert len(parts) == hospitals and min(map(len, parts)) >= LEAST_ROWS
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(LABELS)))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_split_rows__same_seed__same_rows_and_another_seed_others(scheme: str) -> None:
    def rows(seed: int) -> list[list[int]]:
        return [part.tolist() for part in split_rows(LABELS.tolist(), 5, scheme, 0.5, seed)]

    assert rows(1) == rows(1) != rows(2)


def test_split_rows__dirichlet__shares_of_a_class_have_the_mean_and_spread_of_the_distribution() -> None:
    alpha, hospitals = 0.5, 5
    shares = np.array(
        [
            [
                (LABELS[part] == 1).sum() / LABELS.sum()
                for part in split_rows(LABELS, hospitals, "dirichlet", alpha, seed)
            ]
            for seed in range(200)
        ]
    )
    variance = (1 / hospitals) * (1 - 1 / hospitals) / (hospitals * alpha + 1)
    assert abs(shares.mean() - 1 / hospitals) < 1e-9
    assert 0.85 * variance < shares.var() < 1.15 * variance


def test_split_rows__larger_alpha__is_more_equal() -> None:
    def spread(scheme: str, alpha: float) -> float:
        return float(
            np.mean([np.std([LABELS[p].sum() for p in split_rows(LABELS, 5, scheme, alpha, s)]) for s in range(20)])
        )

    for scheme in ("dirichlet", "size"):
        assert spread(scheme, 0.3) > 2 * spread(scheme, 10) > 4 * spread(scheme, 1000)


def test_split_rows__size__keeps_the_share_of_the_classes() -> None:
    parts = split_rows(LABELS, 4, "size", 1.0, 3)
    assert max(map(len, parts)) > 2 * min(map(len, parts))
    for part in parts:
        assert abs(LABELS[part].mean() - LABELS.mean()) < 4 * 0.5 / np.sqrt(len(part))


@pytest.mark.parametrize("alpha", [1e-300, 1e-9, 1e-3])
def test_split_rows__shares_of_next_to_nothing__are_filled_up_from_the_largest(alpha: float) -> None:
    for scheme in ("dirichlet", "size"):
        sizes = sorted(map(len, split_rows(LABELS, 40, scheme, alpha, 1)))
        assert sizes[0] == LEAST_ROWS and sizes[-1] > 100 and sum(sizes) == len(LABELS)


@pytest.mark.parametrize(
    ("hospitals", "scheme", "alpha", "message"),
    [
        (3, "random", 0.5, "no scheme"),
        (3, "dirichlet", 0.0, "above 0"),
        (3, "dirichlet", float("nan"), "above 0"),
        (3, "size", float("inf"), "above 0"),
        (0, "iid", 0.5, "do not suffice"),
        (400, "iid", 0.5, "do not suffice"),
    ],
)
def test_split_rows__no_such_split__says_what_to_change(
    hospitals: int, scheme: str, alpha: float, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        split_rows(LABELS, hospitals, scheme, alpha, 1)
