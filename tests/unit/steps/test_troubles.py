# SPDX-License-Identifier: Apache-2.0
"""What is met at look after look is said once, then ever more rarely, and once more when it is over."""

from __future__ import annotations

import logging

import pytest

from node.errors import (
    ChainError,
    ChainUnavailable,
    ContentNotFound,
    ContractReverted,
    DataError,
    EtherNeeded,
    OpeningFailed,
    SecretUnavailable,
    StorageUnavailable,
)
from node.steps.troubles import FIRST_INTERVAL, KEY, LONGEST_INTERVAL, QUIET_SECONDS, Troubles

LOG = logging.getLogger("consilium.tests")
PLACE = (7, "look")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def troubles(clock: Clock, caplog: pytest.LogCaptureFixture) -> Troubles:
    caplog.set_level(logging.DEBUG)
    return Troubles(clock)


def levels(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [record.levelno for record in caplog.records]


def test_failure__at_every_look_for_three_hours__is_told_at_growing_intervals_with_a_count(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    told = []
    for second in range(0, 3 * 3600, 2):
        clock.now = 1000.0 + second
        seen = len(caplog.records)
        troubles.failed(LOG, PLACE, ChainError(f"0xab holds {second} wei: send it some."), "study 7: ")
        told += [second] * (len(caplog.records) - seen)
    minutes = [0, 1, 3, 7, 15, 31, 63, 123]
    assert told == [60 * minute for minute in minutes]
    assert set(levels(caplog)) == {logging.ERROR}
    assert caplog.messages[0] == "study 7: 0xab holds 0 wei: send it some."
    assert caplog.messages[2] == "study 7: 0xab holds 180 wei: send it some. (91 times in 3 min)"
    assert minutes[-1] - minutes[-2] == LONGEST_INTERVAL / 60


def test_lack_of_ether__met_in_every_study__is_one_thing_and_over_where_the_key_is_seen_to(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for study in (1, 2, 3):
        troubles.failed(LOG, (study, "look"), EtherNeeded("0xab holds 0 wei: send it some."), f"study {study}: ")
    assert caplog.messages == ["0xab holds 0 wei: send it some."] and levels(caplog) == [logging.ERROR]
    clock.now += QUIET_SECONDS
    troubles.passed(LOG, KEY)
    assert "in order again" in caplog.messages[-1]


def test_failure__over_for_a_while__is_told_once_and_a_new_one_at_once(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        troubles.failed(LOG, PLACE, ChainUnavailable("No answer."))
        clock.now += 2
    for _ in range(40):
        troubles.passed(LOG, PLACE, "study 7: ")
        clock.now += 2
    assert caplog.messages == [
        "No answer. Trying again.",
        "study 7: in order again. What was in the way 3 times in 4 s: No answer. Trying again.",
    ]
    assert levels(caplog) == [logging.WARNING, logging.INFO]
    troubles.failed(LOG, PLACE, ChainUnavailable("No answer."))
    assert len(caplog.messages) == 3


def test_failure__with_looks_that_pass_in_between__is_the_same_one(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A step that is not asked for at one look may fail at the next."""
    for _ in range(20):
        troubles.failed(LOG, PLACE, ChainError("No ether."))
        troubles.passed(LOG, PLACE)
        clock.now += QUIET_SECONDS / 4
    assert len(caplog.messages) == 3


def test_failure__met_once__is_not_said_to_be_over(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    troubles.failed(LOG, PLACE, ContractReverted("StudyRegistryStepOver"))
    clock.now += QUIET_SECONDS
    troubles.passed(LOG, PLACE)
    assert len(caplog.messages) == 1


def test_failures__of_other_kinds_studies_and_places__are_each_told(
    troubles: Troubles, caplog: pytest.LogCaptureFixture
) -> None:
    for place in (PLACE, (8, "look"), (7, "the end of round 2")):
        for error in (ChainError("a"), DataError("b"), ContractReverted("One"), ContractReverted("Two")):
            troubles.failed(LOG, place, error)
            troubles.failed(LOG, place, error)
    assert len(caplog.messages) == 12


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (ContractReverted("RoundManagerAlreadyFailed"), logging.INFO),
        (ContentNotFound("nobody serves the model yet"), logging.INFO),
        (ChainUnavailable("No answer."), logging.WARNING),
        (StorageUnavailable("No daemon."), logging.WARNING),
        (OpeningFailed("Another hospital's share is wrong."), logging.WARNING),
        (SecretUnavailable("Restore it."), logging.ERROR),
        (ChainError("Send it some ether."), logging.ERROR),
        (DataError("Restore it."), logging.ERROR),
        (KeyError("x"), logging.ERROR),
    ],
    ids=lambda value: type(value).__name__,
)
def test_level__error_where_a_person_has_to_act_alone(
    troubles: Troubles, caplog: pytest.LogCaptureFixture, error: Exception, level: int
) -> None:
    try:
        raise error
    except Exception as raised:
        troubles.failed(LOG, PLACE, raised)
    assert levels(caplog) == [level]


def test_waiting__longer_than_the_first_interval__becomes_a_warning(
    troubles: Troubles, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        troubles.met(LOG, PLACE, "waiting", logging.INFO, "round 2: waiting for the ciphertexts of [3]")
        clock.now += FIRST_INTERVAL
    assert levels(caplog) == [logging.INFO, logging.WARNING]
    assert caplog.messages[1] == "round 2: waiting for the ciphertexts of [3] (2 times in 1 min)"
