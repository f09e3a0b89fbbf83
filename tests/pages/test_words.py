# SPDX-License-Identifier: Apache-2.0
"""What the page says of rounds: how they opened, why one failed, how many hospitals can be missing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.services.course import failure, opening, resilience
from node.types import FailureReason, Opening, Phase


def told(reason: FailureReason | None) -> str:
    plan = SimpleNamespace(terms=SimpleNamespace(minimum=3, threshold=2, patience=3600))
    item = SimpleNamespace(failure=reason, submissions=(), pad_shares=())
    return failure(cast(Any, item), cast(Any, plan))


@pytest.mark.parametrize("reason", list(FailureReason))
def test_failure__of_every_kind__is_told_in_words_of_its_own(reason: FailureReason) -> None:
    assert told(reason) not in {told(other) for other in (None, *FailureReason) if other is not reason}


def test_failure__for_want_of_an_opening__says_how_long_was_waited_and_that_the_study_ends() -> None:
    text = told(FailureReason.UNOPENED)
    assert "1 hour" in text and "2 good ones open" in text and "the study ends" in text


def view(*, pads_only: bool = False, spare: int | None = 0, minimum: int = 3, threshold: int = 2) -> Any:
    terms = SimpleNamespace(pads_only=pads_only, threshold=threshold, minimum=minimum)
    return SimpleNamespace(plan=SimpleNamespace(terms=terms), name_of=lambda number: f"H{number}", spare=spare)


def item(**changes: Any) -> Any:
    values = {
        "quorum": (), "included": (1, 2, 3), "fell_to_pads": False, "was_suspended": False, "phase": Phase.FINALISED,
        "absent": None, "recovered": (), "returned": False, "deadline": 0, "opening": Opening.PADS,
    }  # fmt: skip
    return SimpleNamespace(**{**values, **changes})


def test_opening__by_pads_at_once__says_why() -> None:
    assert "no other opening" in opening(view(pads_only=True), item())[0]
    assert "failed to open twice" in opening(view(), item())[0]


def test_opening__that_fell_to_pads__names_nobody() -> None:
    lines = opening(view(), item(quorum=(1, 3), fell_to_pads=True))
    assert "by H1 and H3" in lines[0] and "Nobody can tell whose" in lines[1]


def test_opening__that_waits__says_how_long_and_what_opens_it() -> None:
    lines = opening(view(), item(phase=Phase.SUSPENDED, was_suspended=True, deadline=1_800_000_000, absent=(2,)))
    text = "\n".join(lines)
    assert "2027-01-15" in text and "any 2 good pad shares" in text and "fined for it: H2" in text


def test_opening__after_the_end__tells_who_helped_and_that_a_model_came_back() -> None:
    shares = (SimpleNamespace(hospital_id=2), SimpleNamespace(hospital_id=3))
    lines = opening(view(), item(quorum=(1, 2), recovered=shares, returned=True))
    assert "H2 and H3 gave pad shares" in lines[1] and "had started from" in lines[2]


@pytest.mark.parametrize(
    ("spare", "said"),
    [
        (None, "once a key ceremony is complete"),
        (0, "past 0 silent or lying hospitals"),
        (1, "past 1 silent or lying hospital:"),
    ],
)
def test_resilience__tells_f(spare: int | None, said: str) -> None:
    text = resilience(view(spare=spare))
    assert said in text
    assert ("could end it" in text) == (spare == 0)
