# SPDX-License-Identifier: Apache-2.0
"""A study is looked at when something happens, and otherwise so seldom that a node asks at most once a second."""

from __future__ import annotations

import pytest

from node import pace as module
from node.pace import Pace

NOW = 1_700_000_000.0


class World:
    """Seconds that go by, and requests that are made, as a test says."""

    def __init__(self) -> None:
        self.seconds = 5.0
        self.asked = 0
        self.moment = float("inf")
        self.pace = Pace(lambda: self.asked, lambda: NOW + self.seconds, self._next_moment, lambda: self.seconds)

    def _next_moment(self) -> float:
        found, self.moment = self.moment, float("inf")
        return found

    def look(self, study: int, requests: int = 20, waits_for: float = float("inf")) -> None:
        with self.pace.look(study):
            self.asked += requests
            self.moment = waits_for

    def fall_asleep(self, *studies: int, waits_for: float = float("inf")) -> None:
        """Look at new studies once, and let the time go by in which they are awake."""
        for study in studies:
            assert self.pace.is_due(study)
            self.look(study, waits_for=waits_for)
        self.seconds += module.AWAKE_SECONDS
        assert self.pace.rest(list(studies), 1) > 0


@pytest.fixture
def world() -> World:
    return World()


def test_study__new_or_with_an_event__is_looked_at_with_every_block(world: World) -> None:
    world.fall_asleep(1)
    world.pace.wake(1)
    for _ in range(50):
        world.seconds += 1
        assert world.pace.is_due(1) and world.pace.rest([1], 4) == 0
        world.look(1)


def test_study__event_not_final_yet__stays_awake_while_blocks_come(world: World) -> None:
    world.fall_asleep(1)
    world.pace.saw(100)
    world.pace.wake(1, confirmations=12)
    for number in range(101, 100 + 12 + module.BLOCKS_BEYOND):
        world.seconds += 12
        world.pace.saw(number)
        assert world.pace.is_awake(1)
    world.pace.saw(100 + 12 + module.BLOCKS_BEYOND)
    assert not world.pace.is_awake(1)


def test_study__event_not_final_and_chain_that_stands_still__falls_asleep(world: World) -> None:
    world.fall_asleep(1)
    world.pace.saw(100)
    world.pace.wake(1, confirmations=12)
    world.seconds += module.AWAKE_SECONDS
    world.pace.saw(100)
    assert not world.pace.is_awake(1)


def test_study__moment_that_its_look_waited_for__is_looked_at_then(world: World) -> None:
    moment = NOW + world.seconds + 1000
    world.fall_asleep(1, waits_for=moment)
    while NOW + world.seconds < moment:
        assert not world.pace.is_awake(1)
        if world.pace.is_due(1):
            world.look(1, waits_for=moment)
        world.seconds += world.pace.rest([1], 3)
    assert NOW + world.seconds == moment, "not a second later"
    assert world.pace.is_due(1) and world.pace.is_awake(1)


def test_study__look_that_fails__is_tried_again_after_growing_pauses(world: World) -> None:
    def failing_look() -> None:
        with pytest.raises(ValueError), world.pace.look(1):
            raise ValueError

    pauses = []
    for _ in range(7):
        world.pace.wake(2)
        failing_look()
        before = world.seconds
        while not world.pace.is_due(1):
            world.seconds += 0.5
        pauses.append(world.seconds - before)
    assert pauses[:4] == [2, 4, 8, 16] and max(pauses) <= module.ASLEEP_SECONDS + 80
    failing_look()
    world.pace.wake(1)
    assert world.pace.is_due(1), "what happens is not waited with"


@pytest.mark.parametrize("studies", [1, 3, 10])
@pytest.mark.parametrize(("cost", "pass_cost"), [(5, 1), (20, 3), (60, 3), (300, 5)])
def test_node__all_studies_asleep__asks_at_most_once_a_second(
    world: World, studies: int, cost: int, pass_cost: int
) -> None:
    numbers = list(range(1, studies + 1))
    world.fall_asleep(*numbers)
    looked: list[int] = []
    start_seconds, start_asked = world.seconds, world.asked
    while world.seconds < start_seconds + 86_400:
        world.asked += pass_cost
        for study in world.pace.in_turn(numbers):
            if world.pace.is_due(study):
                looked.append(study)
                world.look(study, cost)
        world.seconds += world.pace.rest(numbers, pass_cost)
    assert world.asked - start_asked <= world.seconds - start_seconds + cost
    assert set(looked) == set(numbers), "none is forgotten"
