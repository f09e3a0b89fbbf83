# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC to one endpoint: results in, the project's errors out; bounded in bytes and in time."""

from __future__ import annotations

import itertools
import json
import logging
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError

from node.chain.answers import OddAnswer, anything
from node.chain.limits import (
    LONGEST_WAIT,
    SERVICE_UNAVAILABLE,
    TOO_MANY_REQUESTS,
    RateLimited,
    TooMuch,
    refusal,
    retry_after,
)
from node.errors import ChainUnavailable, ConfigError
from node.web import open_session, proxy_of, shown

log = logging.getLogger("consilium.chain")

TIMEOUT = 30.0
"""Seconds until an endpoint counts as silent."""
PAUSE = 20.0
"""Seconds for which a silent endpoint is not asked again, so that the others need not wait for it each time."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""The most bytes that an answer can have."""
FIRST_WAIT = 0.5
"""Seconds for which an endpoint is left alone that limits requests and does not say for how long; then longer."""
_CHUNK = 64 * 1024
_SAID_FOR = 600.0
_Parsed = TypeVar("_Parsed")


class Rpc:
    """One endpoint. Raises `ChainUnavailable` when it does not answer (`RateLimited`: it was asked too often) and
    `RpcError` when it refuses (`TooMuch`: to answer so much at once)."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise ConfigError(f"{shown(url)!r} is no RPC endpoint: give an http:// or https:// address.")
        self.name = shown(url)
        self.asked = 0
        """How many requests have been sent."""
        self.limited_until = 0.0
        """Until when it wants to be left alone, by `time.monotonic`."""
        self._url = url
        self._timeout = timeout
        self._session = open_session(url)
        self._silent_until = 0.0
        self._limit, self._limits = "", 0
        self._said_until = 0.0
        self._ids = itertools.count(1)

    def request(self, method: str, *parameters: Any, parse: Callable[[Any], _Parsed] = anything) -> _Parsed:
        """Send one request and return its result, parsed; as it comes (hex strings) unless told otherwise."""
        now = time.monotonic()
        if now < self._silent_until:
            raise self._silent()
        if now < self.limited_until:
            raise RateLimited(self.name, self._limit)
        try:
            result = self._ask(method, parameters)
        except RateLimited as error:
            self._leave_alone(error)
            raise
        self._limits = 0
        try:
            return parse(result)
        except OddAnswer as odd:
            raise ChainUnavailable(
                f"The RPC endpoint {self.name} answered {method} with {odd}: give another, or wait until it is mended."
            ) from None

    def _ask(self, method: str, parameters: tuple[Any, ...]) -> Any:
        question = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": parameters}
        self.asked += 1
        try:
            status, headers, body = self._post(method, json.dumps(question))
        except (requests.Timeout, ReadTimeoutError):
            self._silent_until = time.monotonic() + PAUSE
            raise self._silent() from None
        except requests.exceptions.SSLError:
            raise ChainUnavailable(
                f"There is no trusted TLS connection to the RPC endpoint {self.name}: check its certificate, this "
                "machine's date, and whether something in between replaces certificates."
            ) from None
        except (requests.exceptions.ContentDecodingError, DecodeError):
            raise self._no_json_rpc() from None
        except (requests.RequestException, HTTPError, OSError):
            raise self._unreachable() from None
        answer = _parsed(body)
        wait = retry_after(headers)
        if answer is not None and answer.get("error") is not None:
            raise refusal(self.name, method, answer["error"], status, wait)
        if status == TOO_MANY_REQUESTS or (status == SERVICE_UNAVAILABLE and "Retry-After" in headers):
            raise RateLimited(self.name, f"HTTP {status}", wait)
        if status != requests.codes.ok:
            raise ChainUnavailable(f"The RPC endpoint {self.name} answered HTTP {status} to {method}.")
        if answer is None or "result" not in answer:
            raise self._no_json_rpc()
        # Some give the number back as a text.
        if str(answer.get("id")) != str(question["id"]):
            raise ChainUnavailable(
                f"The RPC endpoint {self.name} answered another question than {method}: does something in between "
                "keep old answers?"
            )
        return answer["result"]

    def _post(self, method: str, question: str) -> tuple[int, requests.structures.CaseInsensitiveDict[str], bytes]:
        """The answer's status, headers and bytes; what drips in for longer than the timeout is as good as silence."""
        headers = {"Content-Type": "application/json"}
        deadline = time.monotonic() + self._timeout
        answer = bytearray()
        with self._session.post(
            self._url, data=question, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
        ) as response:
            # Not iter_content: that waits for a whole chunk, however slowly it comes.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                answer += chunk
                if len(answer) > ANSWER_LIMIT:
                    raise TooMuch(method, 0, f"its answer has more than {ANSWER_LIMIT} bytes: ask for less", None)
                if time.monotonic() > deadline:
                    raise requests.Timeout
        return response.status_code, response.headers, bytes(answer)

    def _leave_alone(self, error: RateLimited) -> None:
        """Ask it nothing for as long as it says, else each time for longer; never all nodes at the same moment."""
        self._limit, wait = error.words, error.wait
        seconds = min(FIRST_WAIT * 2**self._limits, LONGEST_WAIT) if wait is None else max(wait, FIRST_WAIT)
        self._limits = min(self._limits + 1, 10)
        now = time.monotonic()
        self.limited_until = now + seconds * random.uniform(1.0, 1.5)
        if now >= self._said_until:
            self._said_until = now + _SAID_FOR
            log.info("%s limits how often it is asked: waiting for it where no other endpoint answers", self.name)

    def _silent(self) -> ChainUnavailable:
        return ChainUnavailable(f"The RPC endpoint {self.name} is silent: give another, or wait until it answers.")

    def _no_json_rpc(self) -> ChainUnavailable:
        return ChainUnavailable(f"{self.name} does not speak JSON-RPC: check the address.")

    def _unreachable(self) -> ChainUnavailable:
        proxy = proxy_of(self._url)
        if proxy is None:
            return ChainUnavailable(f"The RPC endpoint {self.name} does not answer: is the chain running?")
        return ChainUnavailable(
            f"The RPC endpoint {self.name} cannot be reached by the proxy {proxy}, which the environment names "
            "(http_proxy, https_proxy or all_proxy): correct that, or name the endpoint's host in no_proxy."
        )


def _parsed(body: bytes) -> dict[str, Any] | None:
    """A JSON object, or None."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
