# SPDX-License-Identifier: Apache-2.0
"""Amounts are exact in both directions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.cli.amounts import parse_amount
from node.errors import UsageError
from node.words import format_amount


@pytest.mark.parametrize(
    ("text", "units"),
    [("1", 10**18), ("0.1", 10**17), ("12.50", 125 * 10**17), ("0", 0), ("1_000", 10**21), ("0." + "0" * 17 + "1", 1)],
)
def test_parse__whole_tokens__gives_the_smallest_unit(text: str, units: int) -> None:
    assert parse_amount(text, 18) == units


@pytest.mark.parametrize("text", ["", "-1", "1e3", "1,5", ".5", "5.", "0x10", "1.2.3", "١", "0." + "0" * 18 + "1"])
def test_parse__no_plain_decimal__is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_amount(text, 18)


@given(st.integers(0, 2**128), st.integers(0, 18))
def test_format__parsed_again__is_the_same(units: int, decimals: int) -> None:
    assert parse_amount(format_amount(units, decimals).replace(",", ""), decimals) == units
