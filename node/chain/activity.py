# SPDX-License-Identifier: Apache-2.0
"""Waking up when the chain moves: a WebSocket subscription where one is configured, polling in any case."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Self

from web3 import AsyncWeb3, WebSocketProvider

from node.chain.connection import Connection
from node.errors import ChainUnavailable

POLL_INTERVAL = 1.0
_LONGEST_PAUSE = 30.0


class ActivityWatcher:
    """Tells when there may be something new; it is only ever a hint.

    With `websocket_url`, a background thread subscribes to new blocks and reconnects with growing pauses;
    without one, or while it is down, the head is polled every `poll_interval` seconds.
    """

    def __init__(
        self, connection: Connection, websocket_url: str | None = None, poll_interval: float = POLL_INTERVAL
    ) -> None:
        self._connection = connection
        self._poll_interval = poll_interval
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._last_head: str | None = None
        self._thread: threading.Thread | None = None
        if websocket_url:
            self._thread = threading.Thread(target=self._listen, args=(websocket_url,), daemon=True)
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the background thread."""
        self._closing.set()
        self._woken.set()
        if self._thread:
            self._thread.join(timeout=5)

    def wait_for_activity(self, timeout: float) -> bool:
        """Wait until the chain has moved since the last call, at most `timeout` seconds; True when it has.

        A silent endpoint counts as no activity: the next read reports it.
        """
        deadline = time.monotonic() + timeout
        while True:
            head = self._head()
            if head is not None and head != self._last_head:
                self._last_head = head
                self._woken.clear()
                return True
            left = deadline - time.monotonic()
            if left <= 0 or self._closing.is_set():
                return False
            if self._woken.wait(min(left, self._poll_interval)):
                self._woken.clear()

    def _head(self) -> str | None:
        try:
            return self._connection.head().hash
        except ChainUnavailable:
            return None

    def _listen(self, url: str) -> None:
        pause = 1.0
        while not self._closing.is_set():
            # Whatever ends a subscription, polling goes on and the thread tries again.
            started = time.monotonic()
            with contextlib.suppress(Exception):
                asyncio.run(self._subscribe(url))
            self._closing.wait(pause)
            lasted = time.monotonic() - started > _LONGEST_PAUSE + pause
            pause = 1.0 if lasted else min(pause * 2, _LONGEST_PAUSE)

    async def _subscribe(self, url: str) -> None:
        async with AsyncWeb3(WebSocketProvider(url, max_connection_retries=1)) as web3:
            await web3.eth.subscribe("newHeads")
            messages = web3.socket.process_subscriptions()
            pending = asyncio.ensure_future(anext(messages))
            while not self._closing.is_set():
                done, _ = await asyncio.wait({pending}, timeout=0.5)
                if done:
                    pending.result()
                    self._woken.set()
                    pending = asyncio.ensure_future(anext(messages))
            pending.cancel()
