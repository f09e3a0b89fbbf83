# SPDX-License-Identifier: Apache-2.0
"""What wakes a study that is followed, and what does not."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import follower as module
from node.chain.events import ScanPass
from node.chain.limits import RpcError
from node.errors import ChainUnavailable
from node.follower import Follower
from node.pace import AWAKE_SECONDS
from node.types import ChainEvent
from tests.support.fake_chain import SetClock


class Scanner:
    """Passes as a test says."""

    def __init__(self, told: ScanPass | Exception) -> None:
        self.told = told

    def scan(self) -> ScanPass:
        if isinstance(self.told, Exception):
            raise self.told
        return self.told


def passed(*events: ChainEvent, reorganised: bool = False) -> ScanPass:
    return ScanPass(events, 90, 100, reorganised)


def event(study: int, name: str = "UpdateSubmitted") -> ChainEvent:
    return ChainEvent("RoundManager", name, {"studyId": study}, 95, "0x5f", "0x" + "ab" * 32, 0)


@pytest.fixture
def follower(monkeypatch: pytest.MonkeyPatch) -> Follower:
    """A node that follows studies 1 and 2, both asleep."""
    seconds = SimpleNamespace(now=0.0)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: seconds.now))
    reader = SimpleNamespace(asked=0, clock=SetClock(), deployment=SimpleNamespace(start_block=0))
    node = SimpleNamespace(id=1, reader=reader, log=logging.getLogger("consilium.tests"))
    made = Follower(cast(Any, node), (1, 2))
    assert made.rest(1) == 0, "new ones are awake"
    seconds.now += AWAKE_SECONDS
    assert made.rest(1) > 0
    return made


def hear(follower: Follower, told: ScanPass | Exception) -> None:
    with follower.hearing(cast(Any, Scanner(told))):
        pass


def test_event__of_a_followed_study__wakes_it(follower: Follower) -> None:
    hear(follower, passed(event(2)))
    assert follower.rest(3) == 0


def test_event__of_another_study__wakes_none(follower: Follower) -> None:
    hear(follower, passed(event(3)))
    assert follower.rest(3) > 0


def test_reorganisation__wakes_all_and_is_told(follower: Follower, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        hear(follower, passed(reorganised=True))
    assert follower.rest(3) == 0 and "the chain was reorganised" in caplog.text


def test_endpoint__without_events__has_the_contracts_looked_at(follower: Follower) -> None:
    with pytest.raises(RpcError):
        hear(follower, RpcError("eth_getLogs", -32601, "no such method", None))
    assert follower.rest(1) == 0


def test_endpoint__that_does_not_answer__is_not_asked_more_for_it(follower: Follower) -> None:
    with pytest.raises(ChainUnavailable):
        hear(follower, ChainUnavailable("The RPC endpoint does not answer."))
    assert follower.rest(1) > 0
