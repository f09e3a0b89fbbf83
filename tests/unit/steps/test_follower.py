# SPDX-License-Identifier: Apache-2.0
"""A node's studies, one by one: what is over is told with its outcome, and is not taken for another one's end."""

from __future__ import annotations

import logging
from typing import Any, cast

import pytest

from node import follower, pace
from node.chain.endings import Ending, Result
from node.errors import ChainMismatch, ConfigError, SpendingCapReached, StorageUnavailable, StudyError, StudyIncomplete
from node.follower import Follower, logged
from node.types import StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.steps import Party

SECOND = 2


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> dict[int, Ending]:
    """How a study ends, by number; one without an entry goes on."""
    found: dict[int, Ending] = {}
    monkeypatch.setattr(follower, "ending", lambda _reader, study, _hospital: found.get(study))
    monkeypatch.setattr(follower, "open_study", lambda _hospital, study: study)
    monkeypatch.setattr(follower, "advance", lambda study: study in found)
    return found


def end_of(study: int, result: Result, reason: str = "", missing: tuple[int, ...] = ()) -> Ending:
    return Ending(study, result, reason, missing, 0, 3)


def following(hospital: Party, *studies: int) -> Follower:
    return Follower(hospital.hospital, studies)


def test_end__cancelled_study__is_told_with_reason_and_names_and_is_an_error_of_its_own(
    hospital: Party, chain: FakeChain, ends: dict[int, Ending], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(follower, "hospital_name", lambda _reader, number: f"{number} (St. Anna)")
    ends[STUDY] = end_of(STUDY, Result.CANCELLED, "key ceremony 1 failed", (5,))
    watched = following(hospital, STUDY)
    assert watched.look()
    told = "cancelled: key ceremony 1 failed; missing: hospital 5 (St. Anna); 0 of 3 rounds finalised"
    assert [(r.levelno, r.message) for r in caplog.records] == [(logging.WARNING, f"study {STUDY}: {told}")]
    with pytest.raises(StudyIncomplete, match="missing: hospital 5") as raised:
        watched.require_completed()
    assert raised.value.exit_code == 10
    assert watched.look() and len(caplog.records) == 1, "what is over is told once"


def test_end__completed_study__is_told_and_no_error(
    hospital: Party, ends: dict[int, Ending], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    ends[STUDY] = end_of(STUDY, Result.COMPLETED)
    watched = following(hospital, STUDY)
    assert watched.look()
    watched.require_completed()
    assert caplog.messages == [f"study {STUDY}: completed; 0 of 3 rounds finalised"]


def test_end__of_one_study__is_not_the_end_of_another_that_still_enrols(
    hospital: Party, chain: FakeChain, ends: dict[int, Ending], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = {STUDY: StudyState.COMPLETED, SECOND: StudyState.ENROLLING}
    monkeypatch.setattr(chain, "study_state", lambda study, at="latest": states[study])
    ends[STUDY] = end_of(STUDY, Result.COMPLETED)
    watched = following(hospital, STUDY, SECOND)
    assert not watched.look()
    states[SECOND], ends[SECOND] = StudyState.CANCELLED, end_of(SECOND, Result.CANCELLED, "too few enrolled")
    assert watched.look()
    with pytest.raises(StudyIncomplete, match="study 2 cancelled: too few enrolled"):
        watched.require_completed()


def test_end__of_one_study__is_not_the_end_of_another_that_cannot_be_opened(
    hospital: Party, ends: dict[int, Ending], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its plan may be served later; until then its secrets are not erased, and nothing is known of it."""

    def open_study(_hospital: Any, study: int) -> int:
        if study == SECOND:
            raise StorageUnavailable("No daemon answers.")
        return study

    monkeypatch.setattr(follower, "open_study", open_study)
    ends[STUDY] = end_of(STUDY, Result.COMPLETED)
    watched = following(hospital, STUDY, SECOND)
    assert not watched.look()
    assert "study 2: No daemon answers." in caplog.text


def test_study__that_fails_at_every_look__holds_up_no_other_and_is_told_once(
    hospital: Party, ends: dict[int, Ending], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pace, "RETRY_SECONDS", 0.0)
    looked: list[int] = []

    def advance(study: int) -> bool:
        looked.append(study)
        if study == STUDY:
            raise StudyError("the kept records are not those it committed to")
        return False

    monkeypatch.setattr(follower, "advance", advance)
    watched = following(hospital, STUDY, SECOND)
    for _ in range(5):
        assert not watched.look()
    assert looked == [STUDY, SECOND] * 5
    assert [r.levelno for r in caplog.records] == [logging.ERROR]


def test_follow__study_that_the_hospital_is_not_in__waits_and_says_so_once(
    hospital: Party, chain: FakeChain, ends: dict[int, Ending], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(follower, "open_study", lambda _hospital, _study: None)
    chain.books.state = StudyState.ENROLLING
    watched = following(hospital, STUDY)
    assert not watched.look() and not watched.look()
    assert [(r.levelno, "not enrolled" in r.message) for r in caplog.records] == [(logging.INFO, True)]
    chain.books.state = StudyState.CANCELLED
    ends[STUDY] = end_of(STUDY, Result.WITHOUT, "this hospital is not enrolled in it")
    assert watched.look()


def test_look__unexpected_error__goes_on_and_tells_kind_and_place_but_not_its_words(
    hospital: Party, caplog: pytest.LogCaptureFixture
) -> None:
    with logged(hospital.hospital, "look", 7):
        int("a value of a record")
    assert "study 7: an unexpected ValueError in test_follower.py:" in caplog.text
    assert "record" not in caplog.text


@pytest.mark.parametrize("error", [ChainMismatch("x"), ConfigError("x"), SpendingCapReached("x")])
def test_look__what_no_retry_mends__ends_the_node(hospital: Party, error: Exception) -> None:
    with pytest.raises(type(error)), logged(cast(Any, hospital.hospital), "look"):
        raise error
