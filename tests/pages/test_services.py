# SPDX-License-Identifier: Apache-2.0
"""Numbers as readers see them."""

from __future__ import annotations

import pytest

from app.services import format as fmt
from app.services import words
from app.services.html import Line
from node.audit.basics import NetworkView
from node.plan import TrainingPlan
from node.plan_training import ClippedStep
from node.types import BlockRef
from tests.support.plans import private, small_plan, tiny_network_plan

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


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (small_plan(), ["There is no differential privacy in this study"]),
        (tiny_network_plan(), ["There is no differential privacy in this study"]),
        (
            private(tiny_network_plan(), rounds=3),
            ["at the level of a hospital", "one hospital's update there or all zeros", "momentum 0.9"],
        ),
        (
            private(tiny_network_plan(), rounds=3, local=ClippedStep("0.5", 400)),
            ["at the level of a patient", "one record there or not", "norm of at most 0.5", "at most 0.0061"],
        ),
    ],
)
def test_words__of_a_plan__tell_level_relation_sampling_and_delta(plan: TrainingPlan, said: list[str]) -> None:
    lines = [words.optimiser(plan), *words.protection(plan)]
    text = "\n".join(f"{line.lead}: {line.text}" if isinstance(line, Line) else line for line in lines)
    assert all(part in text for part in said), text
    private_words = ["every hospital and every record in every round", "δ = 0.00001"]
    assert all((part in text) == ("Differential privacy: " in text) for part in private_words)
