# SPDX-License-Identifier: Apache-2.0
"""Dealing out one data set among simulated hospitals.

    iid        every hospital draws from the same population, sizes equal within one
    dirichlet  of each class, hospital h gets the share p_h, p ~ Dirichlet(alpha, …, alpha), drawn for each class
    size       as iid, but hospital h gets the share q_h of all rows, q ~ Dirichlet(alpha, …, alpha)

The last two are "distribution-based label imbalance" and "quantity skew" of Li, Diao, Chen, He: Federated
Learning on Non-IID Data Silos (ICDE 2022). They draw again until each party has a few rows; here whoever has
fewer gets the rest from whoever has most, so that every draw will do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from node.errors import UsageError

SCHEMES = ("iid", "dirichlet", "size")
LEAST_ROWS = 8

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
    the same rows with the same NumPy. Raises UsageError for arguments that allow no split.
    """
    classes = np.asarray(labels)
    if scheme not in SCHEMES:
        raise UsageError(f"{scheme!r} is no scheme: choose one of {', '.join(SCHEMES)}.")
    if not (np.isfinite(alpha) and alpha > 0):
        raise UsageError("alpha has to be a number above 0; 0.5 is common.")
    if hospitals < 1 or len(classes) < hospitals * least:
        raise UsageError(f"{len(classes)} rows do not suffice for {hospitals} hospitals with at least {least} each.")
    random = np.random.default_rng(seed)
    if scheme == "iid":
        return np.array_split(random.permutation(len(classes)), hospitals)
    groups = [np.flatnonzero(classes == value) for value in np.unique(classes)]
    if scheme == "size":
        groups = [np.arange(len(classes))]
    dealt = [_deal(random, group, random.dirichlet(np.full(hospitals, alpha))) for group in groups]
    parts = [random.permutation(np.concatenate([cuts[number] for cuts in dealt])) for number in range(hospitals)]
    while (sizes := np.array([len(part) for part in parts])).min() < least:
        poor, rich = int(sizes.argmin()), int(sizes.argmax())
        parts[poor], parts[rich] = np.append(parts[poor], parts[rich][-1]), parts[rich][:-1]
    return parts


def _deal(random: np.random.Generator, group: Places, shares: NDArray[np.float64]) -> list[Places]:
    """Cuts a shuffled group at the cumulated shares."""
    # Tiny alphas can underflow to shares that are no numbers: then the last hospital gets everything.
    cuts = np.nan_to_num(np.cumsum(shares)[:-1] * len(group)).round().astype(np.intp)
    return np.split(random.permutation(group), np.clip(cuts, 0, len(group)))
