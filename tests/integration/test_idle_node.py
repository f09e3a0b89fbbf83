# SPDX-License-Identifier: Apache-2.0
"""What a node asks of its endpoint while nothing happens, counted at the endpoint; it is there when something does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from node import follower, pace, runner
from node.config import NodeConfig, load_config
from node.errors import StopAsked
from tests.support.consortium import Consortium, Member
from tests.support.endpoint import Endpoint, running_endpoint
from tests.support.network import PASSPHRASE
from tests.support.small_study import study_plan

#: Seconds until the node sleeps, and for which it is counted then.
BEFORE, COUNTED = 25, 240
AWAKE = 10.0


@dataclass
class Day:
    """Seconds go by where the node waits, and blocks with them; the node ends with the last second."""

    consortium: Consortium
    block_seconds: int
    last_second: int
    happens: dict[int, Callable[[], None]]
    seconds: float = 0.0

    def pause(self, seconds: float) -> None:
        for second in range(int(self.seconds) + 1, int(self.seconds + seconds) + 1):
            if second > self.last_second:
                raise StopAsked
            if self.block_seconds and second % self.block_seconds == 0:
                self.consortium.anvil.request("anvil_mine", "0x1", hex(self.block_seconds))
            self.happens.get(second, lambda: None)()
        self.seconds += seconds


@contextmanager
def node_of(
    member: Member, endpoint: Endpoint, day: Day, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Any, NodeConfig]]:
    """A hospital as its node opens it, that polls and waits by the day's seconds."""

    class Watcher:
        def __init__(self, reader: Any, _url: str | None) -> None:
            self._reader = reader

        def __enter__(self) -> Watcher:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def wait_for_activity(self, _seconds: float) -> None:
            self._reader.head()
            day.pause(1.0)

    monkeypatch.setattr(runner, "ActivityWatcher", Watcher)
    monkeypatch.setattr(pace, "AWAKE_SECONDS", AWAKE)
    monkeypatch.setattr(follower, "time", SimpleNamespace(monotonic=lambda: day.seconds))
    config = replace(load_config(member.home), rpc_urls=(endpoint.url,))
    with runner.open_hospital(config, PASSPHRASE, day.pause) as hospital:
        yield hospital, config


@pytest.fixture
def enrolled(consortium: Consortium) -> tuple[Member, int]:
    """A hospital in a study that waits for others to enrol."""
    consortium.anvil.request("evm_setIntervalMining", 0)
    consortium.anvil.request("evm_setAutomine", True)
    member = consortium.members[3]
    study = consortium.publish(study_plan("Waits for hospitals", 4, enrol=86_400))
    assert consortium.enrol(member, study).code == 0
    consortium.follow_only(member, study)
    return member, study


@pytest.mark.parametrize("block_seconds", [0, 1])
def test_idle_node__whatever_the_pace_of_blocks__asks_at_most_once_a_second(
    consortium: Consortium, enrolled: tuple[Member, int], monkeypatch: pytest.MonkeyPatch, block_seconds: int
) -> None:
    with running_endpoint(consortium.anvil.url) as endpoint:
        counted: list[int] = []
        day = Day(consortium, block_seconds, BEFORE + COUNTED, {})
        day.happens = {second: lambda: counted.append(endpoint.asked.total()) for second in (BEFORE, BEFORE + COUNTED)}
        with node_of(enrolled[0], endpoint, day, monkeypatch) as (hospital, config), pytest.raises(StopAsked):
            runner._follow_chain(hospital, config, day, False)
        assert COUNTED / 4 < counted[1] - counted[0] <= COUNTED


def test_idle_node__something_happens__looks_at_the_study_within_seconds(
    consortium: Consortium, enrolled: tuple[Member, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    member, study = enrolled
    other, looks = consortium.members[2], []
    with running_endpoint(consortium.anvil.url) as endpoint:
        day = Day(consortium, 1, BEFORE + 90, {})
        day.happens = {BEFORE + 60: lambda: assert_done(consortium.enrol(other, study))}
        monkeypatch.setattr(follower.Follower, "_advance", lambda _self, _study: looks.append(day.seconds))
        with node_of(member, endpoint, day, monkeypatch) as (hospital, config), pytest.raises(StopAsked):
            runner._follow_chain(hospital, config, day, False)
    event = BEFORE + 60
    asleep = [second for second in looks if BEFORE < second < event]
    assert 1 <= len(asleep) <= 2, "now and then, although nothing happens"
    awake = [second for second in looks if second > event]
    assert awake[0] <= event + 6 and len(awake) >= AWAKE, "then with every block"


def assert_done(ended: Any) -> None:
    assert ended.code == 0, ended.err
