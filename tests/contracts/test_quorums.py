# SPDX-License-Identifier: Apache-2.0
"""Who opens by CKKS: a pseudo-random subset, against an independent model of the rule."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from tests.support.quorums import drawn
from tests.support.stage import Stage


@pytest.fixture(scope="module")
def library(deployed: Stage, project: Any) -> Any:
    return deployed.suite.council.deploy(project.LibraryHarness)


def indices(bitmap: int) -> tuple[int, ...]:
    return tuple(index for index in range(64) if bitmap >> index & 1)


def bitmap(chosen: Any) -> int:
    return sum(1 << index for index in chosen)


@pytest.mark.parametrize("seed", range(25))
def test_draw__random_sets__is_the_rules(library: Any, seed: int) -> None:
    rng = random.Random(seed)
    attested = rng.sample(range(64), rng.randint(1, 12))
    threshold = rng.randint(1, len(attested))
    included, root = rng.getrandbits(64), rng.getrandbits(253)
    found = library.draw(bitmap(attested), threshold, included, root)
    assert indices(found) == drawn(attested, threshold, included, root)


@pytest.mark.parametrize(("size", "threshold"), [(1, 1), (64, 64), (64, 1), (64, 32), (63, 31)])
def test_draw__up_to_sixty_four__names_as_many_as_are_needed(library: Any, size: int, threshold: int) -> None:
    attested = (1 << size) - 1
    found = {int(library.draw(attested, threshold, attested, root)) for root in range(5)}
    assert all(one & ~attested == 0 and one.bit_count() == threshold for one in found)
    assert len(found) > 1 or threshold == size


def test_draw__over_many_models__names_every_subset_alike(library: Any) -> None:
    """No place and no spacing of liars is in every quorum: with t − 1 of six, most quorums have none or few.

    Removed: that the subset is drawn; windows of neighbours meet ⌈n/t⌉ spaced liars every time.
    """
    draws = 600
    counted = Counter(indices(library.draw(0b111111, 3, 0b111111, root)) for root in range(draws))
    assert counted.keys() == set(combinations(range(6), 3))
    expected = draws / 20
    assert sum((count - expected) ** 2 / expected for count in counted.values()) < 43.8  # chi-square, 19, one in 1,000
    for liars in combinations(range(6), 2):
        honest = sum(count for named, count in counted.items() if not set(named) & set(liars))
        assert honest > draws * 0.12, "four honest ones of six open one in five"


def test_quorum__of_a_round__is_drawn_by_its_set_and_its_weights(stage: Stage) -> None:
    stage.run(6, threshold=3, minimum=4, unopenedRounds=3, patience=2_100)
    assert stage.quorum() == []
    stage.submit_all(stage.members[:5])
    stage.end_phase()
    stage.attest_all(by=[stage.members[index] for index in (0, 2, 3, 5)])
    stage.end_phase()
    assert stage.quorum() == []
    stage.include()
    named = drawn([0, 2, 3, 5], 3, 0b011111, 42)
    assert stage.quorum() == [stage.members[index].id for index in named]
    stage.share_all()
    assert stage.suite.openings.sharesPosted(stage.study, 1).ckks == bitmap(named)
    stage.finalise()
    # What was so while it was open stays readable afterwards.
    assert stage.quorum() == [stage.members[index].id for index in named]
    assert stage.quorum(2) == []
