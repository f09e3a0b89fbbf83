# SPDX-License-Identifier: Apache-2.0
"""Numbers as readers see them."""

from __future__ import annotations

import pytest

from app.services import format as fmt
from node.audit.basics import NetworkView
from node.types import BlockRef

NETWORK = NetworkView(1, BlockRef(1, "0x", 1), False, {}, "CSL", 18)
UNIT = 10**18


@pytest.mark.parametrize(
    ("amount", "shown", "exact"),
    [
        (0, "0 CSL", "0 CSL"),
        (12_345 * UNIT, "12,345 CSL", "12,345 CSL"),
        (UNIT // 2, "0.5 CSL", "0.5 CSL"),
        (1000 * UNIT - 1, "≈ 1,000 CSL", "999.999999999999999999 CSL"),
        (UNIT // 3, "≈ 0.33 CSL", "0.333333333333333333 CSL"),
        (1, "≈ 0 CSL", "0.000000000000000001 CSL"),
    ],
)
def test_tokens__are_rounded_openly_and_exact_where_it_counts(amount: int, shown: str, exact: str) -> None:
    assert fmt.tokens(amount, NETWORK) == shown
    assert NETWORK.amount(amount) == exact


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 seconds"), (1, "1 second"), (60, "1 minute"), (3_725, "1 hour 2 minutes"), (172_800, "2 days")],
)
def test_duration__has_its_two_largest_units(seconds: int, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(12, "12 bytes"), (1_186, "1.2 KiB"), (300_000, "293.0 KiB"), (5 << 20, "5.0 MiB")]
)
def test_size__has_a_unit(count: int, text: str) -> None:
    assert fmt.size(count) == text


def test_time__is_in_utc_and_a_dash_where_there_is_none() -> None:
    assert fmt.time(1_795_219_593) == "2026-11-21 00:06:33 UTC"
    assert fmt.time(0) == "–"


def test_names__read_as_a_sentence() -> None:
    assert [fmt.names(items) for items in ([], ["A"], ["A", "B"], ["A", "B", "C"])] == [
        "nobody",
        "A",
        "A and B",
        "A, B and C",
    ]
