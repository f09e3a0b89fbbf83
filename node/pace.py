# SPDX-License-Identifier: Apache-2.0
"""When to look at a study again: often while something happens in it, seldom while nothing does.

What an idle node asks is bounded by its own count: it waits longer after a pass that took more requests, so that there
is at most one a second, whatever a look takes, and whether blocks come each second or each minute.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

#: Seconds after an event, or after a moment that was waited for, in which every block is looked at; and seconds without
#: a block after which those that make an event final are waited for no more: the chain stands still.
AWAKE_SECONDS = 60.0
#: Blocks beyond those that make an event final.
BLOCKS_BEYOND = 2
#: Seconds between two looks after the first that ended with an error; then each time twice as long, up to the second.
RETRY_SECONDS, RETRY_LONGEST = 2.0, 30.0
#: Seconds at least between two looks at sleeping studies: events tell what happens there, but an endpoint can lack one.
ASLEEP_SECONDS = 30.0
#: Of a sleeping node's one request a second: seconds for each request that looks for events, and that looks at studies.
SECONDS_PER_EVENT_REQUEST, SECONDS_PER_LOOK_REQUEST = 1.5, 4.0
#: Seconds at least between two looks for events while all studies sleep.
QUIET_SECONDS = 2.0


@dataclass
class _Study:
    """What is known of a study's looks: times by a clock that nobody sets, `due` in seconds since 1970."""

    awake_since: float = -math.inf
    awake_until_block: int = 0
    due: float = math.inf
    not_before: float = -math.inf
    failures: int = 0
    looked_at: float = -math.inf


class Pace:
    """When each study is looked at. `asked` counts the node's requests, `chain_time` tells seconds since 1970,
    `next_moment` the first of them that a look waited for, and `clock` measures what goes by (seconds)."""

    def __init__(
        self,
        asked: Callable[[], int],
        chain_time: Callable[[], float],
        next_moment: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        self._asked = asked
        self._chain_time = chain_time
        self._next_moment = next_moment
        self._clock = clock
        self._studies: dict[int, _Study] = {}
        self._asleep_until = -math.inf
        self._head, self._moved_at = 0, -math.inf

    def saw(self, head: int) -> None:
        """The chain's newest block has this number."""
        if head != self._head:
            self._head, self._moved_at = head, self._clock()

    def wake(self, study: int, confirmations: int = 0) -> None:
        """Something happened in a study, or may have; so many blocks later it is final."""
        known = self._known(study)
        known.awake_since = self._clock()
        known.awake_until_block = max(known.awake_until_block, self._head + confirmations + BLOCKS_BEYOND)
        known.not_before, known.failures = -math.inf, 0

    def is_awake(self, study: int) -> bool:
        """Whether a study is looked at with every block."""
        known = self._known(study)
        recent = self._clock() - AWAKE_SECONDS
        return known.awake_since > recent or (self._head < known.awake_until_block and self._moved_at > recent)

    def is_due(self, study: int) -> bool:
        """Whether to look at a study now; one whose moment has come wakes up."""
        known = self._known(study)
        if self._clock() < known.not_before:
            return False
        if known.due < math.inf and self._chain_time() >= known.due:
            known.due = math.inf
            self.wake(study)
        return self.is_awake(study) or self._clock() >= self._asleep_until

    def in_turn(self, studies: list[int]) -> list[int]:
        """Those first that were looked at longest ago."""
        return sorted(studies, key=lambda study: self._known(study).looked_at)

    @contextlib.contextmanager
    def look(self, study: int) -> Iterator[None]:
        """A look at a study: what it takes, whether it ends with an error, and which moments it waits for."""
        known, asked = self._known(study), self._asked()
        self._next_moment()
        known.looked_at = self._clock()
        known.failures += 1
        known.not_before = known.looked_at + min(RETRY_SECONDS * 2 ** min(known.failures - 1, 10), RETRY_LONGEST)
        try:
            yield
            known.failures, known.not_before = 0, -math.inf
        finally:
            known.due = self._next_moment()
            if not self.is_awake(study):
                seconds = max(ASLEEP_SECONDS, SECONDS_PER_LOOK_REQUEST * (self._asked() - asked))
                self._asleep_until = self._clock() + seconds

    def rest(self, studies: list[int], asked: int) -> float:
        """Seconds until events are looked for again, where all of these studies sleep; `asked`: what looking for them
        took this time. 0 where one is awake, or is tried again after an error: then every block counts."""
        known = [self._known(study) for study in studies]
        if any(self.is_awake(study) for study in studies):
            return 0.0
        seconds = max(QUIET_SECONDS, SECONDS_PER_EVENT_REQUEST * asked)
        moments = [entry.due for entry in known if entry.due < math.inf]
        return max(0.0, min([seconds, *(moment - self._chain_time() for moment in moments)]))

    def _known(self, study: int) -> _Study:
        """What is known of a study; one that is new is awake."""
        if study not in self._studies:
            self._studies[study] = _Study(awake_since=self._clock())
        return self._studies[study]
