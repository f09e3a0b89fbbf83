# SPDX-License-Identifier: Apache-2.0
"""Dealing out one data set among simulated hospitals.

    iid        every hospital draws from the same population, sizes equal within one
    dirichlet  of each class, hospital h gets the share p_h, p ~ Dirichlet(alpha, …, alpha), drawn for each class
    size       as iid, but hospital h gets the share q_h of all rows, q ~ Dirichlet(alpha, …, alpha)

The last two are "distribution-based label imbalance" and "quantity skew" of Li, Diao, Chen, He: Federated
Learning on Non-IID Data Silos (ICDE 2022), who also draw again until each party has a few rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.errors import UsageError

SCHEMES = ("iid", "dirichlet", "size")
LEAST_ROWS = 8
_DRAWS = 1000

Places = NDArray[np.intp]


def split_rows(
    labels: Sequence[int] | NDArray[np.integer[Any]],
    hospitals: int,
    scheme: str,
    alpha: float = 0.5,
    seed: int = 0,
    *,
    least: int = LEAST_ROWS,
) -> list[Places]:
    """The places of each hospital's rows in `labels` (n classes): disjoint, all n together, in random order.

    `alpha` > 0: the smaller, the more unequal. Each hospital has at least `least` rows. The same arguments give
    the same rows with the same NumPy. Raises UsageError where no such split is found.
    """
    classes = np.asarray(labels)
    if scheme not in SCHEMES:
        raise UsageError(f"{scheme!r} is no scheme: choose one of {', '.join(SCHEMES)}.")
    if not (np.isfinite(alpha) and alpha > 0):
        raise UsageError("alpha has to be a number above 0; 0.5 is common.")
    if hospitals < 1 or len(classes) < hospitals * least:
        raise UsageError(f"{len(classes)} rows do not suffice for {hospitals} hospitals with at least {least} each.")
    random = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        parts = _draw(random, classes, hospitals, scheme, alpha)
        if min(map(len, parts)) >= least:
            return parts
    raise UsageError(
        f"{_DRAWS} draws gave no split with at least {least} rows for each of {hospitals} hospitals: "
        "choose a larger alpha or fewer hospitals."
    )


def _draw(
    random: np.random.Generator, classes: NDArray[Any], hospitals: int, scheme: str, alpha: float
) -> list[Places]:
    if scheme == "iid":
        return np.array_split(random.permutation(len(classes)), hospitals)
    groups = (
        [np.flatnonzero(classes == value) for value in np.unique(classes)]
        if scheme == "dirichlet"
        else [np.arange(len(classes))]
    )
    dealt = [_deal(random, group, random.dirichlet(np.full(hospitals, alpha))) for group in groups]
    return [random.permutation(np.concatenate([parts[number] for parts in dealt])) for number in range(hospitals)]


def _deal(random: np.random.Generator, group: Places, shares: NDArray[np.float64]) -> list[Places]:
    """Cuts a shuffled group at the cumulated shares."""
    # Tiny alphas underflow to shares that are no numbers: then one hospital gets everything, and it is drawn again.
    cuts = np.nan_to_num(np.cumsum(shares)[:-1] * len(group)).round().astype(np.intp)
    return np.split(random.permutation(group), np.clip(cuts, 0, len(group)))
