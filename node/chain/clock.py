# SPDX-License-Identifier: Apache-2.0
"""What time it is on the chain. The chain's deadlines are the chain's: this machine's clock may be wrong."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from node.errors import ChainUnavailable
from node.types import BlockRef

ASKED_AGAIN = 60.0
"""Seconds after which all endpoints are asked for their newest block again, where nothing else has asked them."""
SETTLED = 60.0
"""Seconds after which an endpoint's older block counts as its newest: until then another machine behind the same
address may just not have caught up."""


@dataclass(frozen=True)
class _Seen:
    """A newest block, and when it was first seen by a clock that nobody sets."""

    block: BlockRef
    at: float


class ChainClock:
    """Seconds since 1970 by the chain: the timestamp of the newest block, and what has gone by since it was seen.

    Where endpoints differ, the one furthest behind counts: one that names a time to come could otherwise make this
    node miss what is still due.
    """

    def __init__(self, ask_all: Callable[[], None]) -> None:
        self._ask_all = ask_all
        self._asked = -math.inf
        self._seen: dict[str, _Seen] = {}
        self._next = math.inf

    def saw(self, head: BlockRef, endpoint: str) -> None:
        """An endpoint named its newest block."""
        now, last = _elapsed(), self._seen.get(endpoint)
        if last is not None:
            if head.hash == last.block.hash:
                return
            if head.number < last.block.number and now < last.at + SETTLED:
                return
        self._seen[endpoint] = _Seen(head, now)

    def now(self) -> float:
        """The time on the chain; raises `ChainUnavailable` where no block was seen yet and no endpoint answers."""
        if (now := _elapsed()) > self._asked + ASKED_AGAIN:
            try:
                self._ask_all()
            except ChainUnavailable:
                if not self._seen:
                    raise
            self._asked = now = _elapsed()
        return min(seen.block.timestamp + (now - seen.at) for seen in self._seen.values())

    def is_past(self, moment: float) -> bool:
        """Whether a moment (seconds since 1970) has come; one that has not is waited for: see `next_moment`."""
        if self.now() >= moment:
            return True
        self._next = min(self._next, moment)
        return False

    def wait_for(self, moment: float) -> None:
        """Take a moment for one that is waited for, unless it has come."""
        self.is_past(moment)

    def next_moment(self) -> float:
        """The first of the moments that were asked about since the last call and had not come; infinity without one."""
        found, self._next = self._next, math.inf
        return found


def _elapsed() -> float:
    """Seconds by a clock that nobody sets and that goes on while the machine sleeps, where the system has one."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()
