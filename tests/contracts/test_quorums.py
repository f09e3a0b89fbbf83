# SPDX-License-Identifier: Apache-2.0
"""Quorums against an independent model of the rule, and rounds in which no quorum is left."""

from __future__ import annotations

import dataclasses

import ape
import pytest

from node.types import Phase
from tests.support.stage import Stage


@pytest.fixture(scope="module")
def running(deployed: Stage) -> Stage:
    """A study with six hospitals, t = 3, six attempts, in its second round."""
    stage = dataclasses.replace(deployed, plan={}, members=[])
    stage.run(6, threshold=3, minimum=4, attempts=6)
    stage.end_phase(1)
    stage.fail_round(1)
    return stage


def model_quorum(enrolled: int, round_: int, attested: set[int], threshold: int, posted: list[set[int]]) -> list[int]:
    """The rule in Python: who is named after `posted`, as enrolment indices."""
    order = [(position + round_) % enrolled for position in range(enrolled)]
    rest = [index for index in order if index in attested]
    dropped: set[int] = set()
    for attempt in range(len(posted) + 1):
        left = [index for index in rest if index not in dropped]
        if len(left) < threshold:
            return []
        turn = attempt % len(left)
        named = (left[turn:] + left[:turn])[:threshold]
        if attempt < len(posted):
            dropped |= set(named) - posted[attempt]
    return named


def open_round(stage: Stage, attesting: list[int]) -> None:
    stage.submit_all(round_=2)
    for index in attesting:
        stage.attest(stage.members[index], 0b111111, 2)
    if len(attesting) < len(stage.members):
        stage.end_phase(2)
    stage.include(2)


@pytest.mark.parametrize(
    ("attesting", "silent"),
    [
        ([0, 1, 2, 3, 4, 5], [set(), set(), set(), set(), set(), set()]),
        ([0, 1, 2, 3, 4, 5], [{2}, {4}, set(), {0}, set(), set()]),
        ([0, 1, 3, 4, 5], [{3}, set(), {5}, set(), set(), set()]),
        ([0, 2, 3, 5], [{5}, set(), set(), {0}]),
        ([1, 4, 5], [{1}]),
    ],
)
def test_quorum__of_every_attempt__is_the_rules(running: Stage, attesting: list[int], silent: list[set[int]]) -> None:
    open_round(running, attesting)
    posted: list[set[int]] = []
    for attempt, absent in enumerate(silent):
        expected = model_quorum(6, 2, set(attesting), 3, posted)
        assert expected, "the model finds a quorum for each attempt played"
        assert running.suite.rounds.currentAttempt(running.study, 2) == attempt
        assert running.quorum(attempt, 2) == [running.members[index].id for index in expected]
        posting = [index for index in expected if index not in absent]
        for index in posting:
            running.share(running.members[index].id, attempt, 2)
        posted.append(set(posting))
        running.end_phase(2)
    assert running.phase(2) is Phase.FAILED
    after = model_quorum(6, 2, set(attesting), 3, posted)
    assert len(silent) == 6 or not after, "fails early only where nobody is left to name"
    running.fail_round(2)
    # What was so while it was open stays readable afterwards.
    assert running.quorum(0, 2) == [running.members[i].id for i in model_quorum(6, 2, set(attesting), 3, [])]


def test_quorum__of_an_attempt_to_come__is_empty(running: Stage) -> None:
    open_round(running, [0, 1, 2, 3, 4, 5])
    assert running.quorum(1, 2) == []
    assert running.quorum(0, 3) == []


def test_share__without_a_quorum__reverts(running: Stage) -> None:
    open_round(running, [0, 1, 2])
    running.share(running.quorum(0, 2)[0], 0, 2)
    running.end_phase(2)
    assert running.quorum(1, 2) == []
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, round=2, phase=6, needed=4):
        running.share(running.members[0].id, 1, 2)
    with ape.reverts(running.suite.rounds.RoundManagerWrongPhase, round=2, phase=6, needed=4):
        running.finalise(round_=2)
