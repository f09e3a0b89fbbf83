# SPDX-License-Identifier: Apache-2.0
"""Times and lengths of time as people read them."""

from __future__ import annotations

import time

import pytest

from node.words import format_span, format_time


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (45, "45 s"),
        (60, "1 min"),
        (3_599, "59 min 59 s"),
        (3_600, "1 h"),
        (3_605, "1 h"),
        (100_800, "1 d 4 h"),
        (604_801, "7 d"),
        (10**8, "1,157 d 9 h"),
    ],
)
def test_format_span__two_largest_units(seconds: int, words: str) -> None:
    assert format_span(seconds) == words


def test_format_time__date_with_its_zone_and_how_far_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        assert format_time(86_400) == "1970-01-02 01:00:00 CET"
        assert format_time(86_400, now=82_800.2) == "1970-01-02 01:00:00 CET (in 1 h)"
        assert format_time(86_400, now=86_520) == "1970-01-02 01:00:00 CET (2 min ago)"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_format_time__number_that_no_calendar_has__stays_one() -> None:
    assert format_time(2**64 - 1) == f"{2**64 - 1} s after the beginning of 1970"
