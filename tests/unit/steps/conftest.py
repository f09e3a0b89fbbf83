# SPDX-License-Identifier: Apache-2.0
"""Three hospitals in round 1 of a study that opens by pads alone, over a chain that follows the contracts' rules."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.fake_chain import FakeChain
from tests.support.steps import Cast, Party, make_running


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[Cast]:
    """The chain and its three hospitals."""
    yield from running(tmp_path, 3)


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Cast]:
    """The same with four hospitals: for modules whose last one may lie."""
    yield from running(tmp_path, 4)


def running(folder: Path, count: int) -> Iterator[Cast]:
    """A chain and its hospitals, whose memories are closed afterwards."""
    chain, parties = make_running(folder, count)
    yield chain, parties
    for party in parties:
        party.hospital.state.close()


@pytest.fixture
def chain(cast: Cast) -> FakeChain:
    return cast[0]


@pytest.fixture
def parties(cast: Cast) -> list[Party]:
    return cast[1]


@pytest.fixture
def hospital(parties: list[Party]) -> Party:
    """The first of them."""
    return parties[0]


@pytest.fixture
def liar(parties: list[Party]) -> Party:
    """The last of four."""
    return parties[3]


@pytest.fixture
def honest(parties: list[Party]) -> list[Party]:
    """The other three."""
    return parties[:3]
