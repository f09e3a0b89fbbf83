# SPDX-License-Identifier: Apache-2.0
"""What the page says of a round that failed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.services.words import failure
from node.types import FailureReason


def told(reason: FailureReason | None) -> str:
    plan = SimpleNamespace(terms=SimpleNamespace(minimum=3, threshold=2))
    item = SimpleNamespace(failure=reason, submissions=(), shares=(), quorums=())
    return failure(cast(Any, item), cast(Any, plan))


@pytest.mark.parametrize("reason", list(FailureReason))
def test_failure__of_every_kind__is_told_in_words_of_its_own(reason: FailureReason) -> None:
    assert told(reason) not in {told(other) for other in (None, *FailureReason) if other is not reason}


def test_failure__for_another_set__says_what_would_be_seen_and_how_it_goes_on() -> None:
    text = told(FailureReason.ANOTHER_SET)
    assert "somebody's update" in text and "nothing was opened" in text and "the same set" in text
