# SPDX-License-Identifier: Apache-2.0
"""Several endpoints of one chain as one: the next is asked where one does not answer, limits are waited out."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from node.chain.answers import anything, quantity
from node.chain.limits import RateLimited
from node.chain.rpc import Rpc
from node.errors import ChainMismatch, ChainUnavailable, ConfigError

PATIENCE = 60.0
"""Seconds for which a request is repeated that every endpoint has refused for its rate."""
_Parsed = TypeVar("_Parsed")


class Endpoints:
    """The first endpoint that answers. Raises `ChainUnavailable` where none does, `ChainMismatch` where one serves
    another chain, and `RpcError` where the one that answers refuses. `pause` is how it waits (seconds)."""

    def __init__(self, all_of_them: Sequence[Rpc], chain_id: int, pause: Callable[[float], None]) -> None:
        if not all_of_them:
            raise ConfigError("No RPC endpoint is configured: give at least one with --rpc.")
        self._all = tuple(all_of_them)
        self._chain_id = chain_id
        self._pause = pause
        self._checked: set[Rpc] = set()

    @property
    def asked(self) -> int:
        """How many requests have been sent."""
        return sum(endpoint.asked for endpoint in self._all)

    def each(self) -> Iterator[Endpoints]:
        """Every endpoint by itself; what is known of it stays known."""
        for endpoint in self._all:
            alone = Endpoints([endpoint], self._chain_id, self._pause)
            alone._checked = self._checked
            yield alone

    def request(self, method: str, *parameters: Any, parse: Callable[[Any], _Parsed] = anything) -> tuple[_Parsed, str]:
        """The first good answer, parsed, and the name of the endpoint that gave it."""
        return self._first(lambda endpoint: (endpoint.request(method, *parameters, parse=parse), endpoint.name))

    def check_all(self) -> None:
        """Check that every endpoint answers and serves the chain."""
        for alone in self.each():
            alone._first(lambda _: None)

    def _first(self, use: Callable[[Rpc], _Parsed]) -> _Parsed:
        started = time.monotonic()
        while True:
            failure: ChainUnavailable | None = None
            limited: list[Rpc] = []
            for endpoint in self._all:
                try:
                    self._check(endpoint)
                    return use(endpoint)
                except RateLimited as error:
                    limited.append(endpoint)
                    failure = failure or error
                except ChainUnavailable as error:
                    failure = failure or error
            assert failure is not None
            now = time.monotonic()
            wait = min((max(0.0, endpoint.limited_until - now) for endpoint in limited), default=None)
            if wait is None or now + wait > started + PATIENCE:
                raise failure
            # Requests that were refused together do not come back together.
            self._pause(wait + random.uniform(0.0, 0.1))

    def _check(self, endpoint: Rpc) -> None:
        if endpoint in self._checked:
            return
        found = endpoint.request("eth_chainId", parse=quantity)
        if found != self._chain_id:
            raise ChainMismatch(
                f"{endpoint.name} serves chain {found}, the deployment record is of chain "
                f"{self._chain_id}: use the endpoint or the record of the right network."
            )
        self._checked.add(endpoint)
