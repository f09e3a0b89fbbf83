# SPDX-License-Identifier: Apache-2.0
"""Times, lengths of time and a stranger's text as people see them in a terminal or a log."""

from __future__ import annotations

import time

import pytest

from node.words import format_span, format_time, plain


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


@pytest.mark.parametrize(
    "text",
    [
        "St. Anna University Hospital",
        "Klinikum Köln, Charité & Söhne",
        "Costs $5 and $10 a test, 50 % < 60 %",
        "Ho\u0302\u0301pital",
        "โรงพยาบาลศิริราช",
        "אֵין כְּמוֹ",
        "東京大学病院",
        r"C:\new",
    ],
)
def test_plain__honest_text__stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J\x07\x00\x7f", r"\x1b[2J\x07\x00\x7f"),
        ("\x9b2J\x85", r"\x9b2J\x85"),
        ("\u202eanna\u202c \u2066x\u2069 \u200f", r"\u202eanna\u202c \u2066x\u2069 \u200f"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("St.\u200b Anna\ufeff\u00ad\u2060", r"St.\u200b Anna\ufeff\xad\u2060"),
        ("\u3164\u115f\u2800\ufe0f\U000e0041\U000e0101", r"\u3164\u115f\u2800\ufe0f\U000e0041\U000e0101"),
        ("St.\u00a0Anna\u3000", r"St.\xa0Anna\u3000"),
        ("\ud800", r"\ud800"),
        ("\ue000", r"\ue000"),
        ("e" + 6 * "\u0301", "e" + 4 * "\u0301" + r"\u0301\u0301"),
    ],
)
def test_plain__what_steers_hides_or_piles_up__is_an_escape(text: str, shown: str) -> None:
    assert plain(text) == shown
    assert plain(shown) == shown


def test_plain__a_long_text__is_cut_and_the_rest_counted() -> None:
    assert plain(5000 * "x") == 2000 * "x" + " … and 3,000 characters more"
