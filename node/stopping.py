# SPDX-License-Identifier: Apache-2.0
"""How a node is told to stop (SIGTERM, SIGINT), and how it comes out of whatever it is waiting for."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from types import FrameType

from node.errors import StopAsked

#: Seconds in which the step at hand may still be finished.
GRACE_SECONDS = 2.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)
_TICK = 0.1


class Stopping:
    """Whether the process was told to stop, and the pauses that end when it is.

    A plain flag: a handler that sets a threading.Event on which its own thread waits can lock up for good.
    """

    def __init__(self) -> None:
        self.asked = False

    def pause(self, seconds: float) -> None:
        """Wait so many seconds; raises `StopAsked` as soon as the process is told to stop, or was before."""
        deadline = time.monotonic() + seconds
        while not self.asked:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _TICK))
        raise StopAsked

    def tell(self, number: int, _frame: FrameType | None) -> None:
        """The handler of the signals.

        What does not come to a pause in time (an endpoint that hangs, a long computation), or is told twice, is
        broken off where it is, as by a crash: the next start goes on from what was written down.
        """
        if self.asked or number == signal.SIGALRM:
            raise StopAsked
        self.asked = True
        signal.setitimer(signal.ITIMER_REAL, GRACE_SECONDS)


@contextlib.contextmanager
def stop_signals() -> Iterator[Stopping]:
    """What the signals tell, from the main thread, until the block ends."""
    stopping = Stopping()
    previous = {number: signal.signal(number, stopping.tell) for number in _SIGNALS}
    try:
        yield stopping
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)
