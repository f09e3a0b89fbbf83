# SPDX-License-Identifier: Apache-2.0
"""What a node says of what happens at every look: once, then at growing intervals with a count, and when it is over.

Levels: ERROR where a person has to do something, WARNING where the network or another hospital is in the way, INFO
for what passes by itself as a rule. What lasts longer than the first interval is a warning at least.
"""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from node.errors import (
    ChainUnavailable,
    ConsiliumError,
    ContentNotFound,
    ContractReverted,
    CryptoError,
    EtherNeeded,
    SecretUnavailable,
    StorageError,
)

#: Seconds from the first time until something is said again, doubled each time, up to the longest.
FIRST_INTERVAL, LONGEST_INTERVAL = 60.0, 3600.0
#: Seconds without it after which it is over: a step that is not asked for at one look may fail at the next.
QUIET_SECONDS = 60.0

#: Mostly somebody else was faster, or has not put up a file yet: the next look reads the new state.
_PASSING = (ContractReverted, ContentNotFound)
#: The network's doing, or another hospital's.
_OTHERS = (ChainUnavailable, StorageError, CryptoError)

#: Study (0 for none) and what is looked at there.
Place = tuple[int, str]
#: Where a node sees to the key that it signs with.
KEY: Place = (0, "the key")
Log = logging.Logger | logging.LoggerAdapter[logging.Logger]


@dataclass
class _Trouble:
    message: str
    first: float
    last: float
    told: float
    interval: float
    count: int = 1


class Troubles:
    """A node's memory of what it has said, by place and kind; a process begins with none."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[Place, dict[str, _Trouble]] = {}

    def failed(self, log: Log, place: Place, error: Exception, prefix: str = "") -> None:
        """Tell of an error that a later look may not meet any more."""
        if isinstance(error, EtherNeeded):
            # One key pays for everything, so that its lack is one thing wherever it is met.
            place, prefix = KEY, ""
        kind = type(error).__name__
        if isinstance(error, ContractReverted):
            kind += f" {error.name}"
        if isinstance(error, ConsiliumError):
            again = " Trying again." if isinstance(error, _OTHERS) else ""
            message = f"{error}{again}"
        else:
            # The error's own words may quote what it was about, which no log may: kind and place are all that is told.
            where = traceback.extract_tb(error.__traceback__)[-1]
            message = f"an unexpected {kind} in {Path(where.filename).name}:{where.lineno}. Trying again."
        self.met(log, place, kind, _level(error), prefix + message)

    def met(self, log: Log, place: Place, kind: str, level: int, message: str) -> None:
        """Tell of something that is met at look after look while it lasts: `kind` at `place` is the same thing."""
        now, known = self._clock(), self._known.setdefault(place, {})
        trouble = known.get(kind)
        if trouble is None:
            known[kind] = _Trouble(message, now, now, now, FIRST_INTERVAL)
            log.log(level, "%s", message)
            return
        trouble.message, trouble.last, trouble.count = message, now, trouble.count + 1
        if now >= trouble.told + trouble.interval:
            trouble.told, trouble.interval = now, min(2 * trouble.interval, LONGEST_INTERVAL)
            lasted = _duration(now - trouble.first)
            log.log(max(level, logging.WARNING), "%s (%d times in %s)", message, trouble.count, lasted)

    def passed(self, log: Log, place: Place, prefix: str = "") -> None:
        """Take note that a place was looked at and nothing was in the way; what had lasted is told to be over."""
        now, known = self._clock(), self._known.get(place, {})
        for kind, trouble in list(known.items()):
            if now >= trouble.last + QUIET_SECONDS:
                del known[kind]
                if trouble.count > 1:
                    text = "%sin order again. What was in the way %d times in %s: %s"
                    log.info(text, prefix, trouble.count, _duration(trouble.last - trouble.first), trouble.message)
        if not known:
            self._known.pop(place, None)


def _level(error: Exception) -> int:
    if isinstance(error, _PASSING):
        return logging.INFO
    if isinstance(error, _OTHERS) and not isinstance(error, SecretUnavailable):
        return logging.WARNING
    return logging.ERROR


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
