# SPDX-License-Identifier: Apache-2.0
"""A stranger's text as people see it in a terminal or a log."""

from __future__ import annotations

import pytest

from node.words import plain


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
