# SPDX-License-Identifier: Apache-2.0
"""What an endpoint means by a refusal: too many requests, too much at once, a block to come, or this request.

There is no standard: services say each of them by HTTP statuses, by codes of their own, and in words. One code,
-32005, stands for the first two. The words below are those of public endpoints and of the common clients.
"""

from __future__ import annotations

import email.utils
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from node.errors import ChainError, ChainUnavailable
from node.words import plain

LONGEST_WAIT = 10.0
"""The most seconds for which an endpoint is believed that it wants to be left alone."""
TOO_MANY_REQUESTS, CONTENT_TOO_LARGE, SERVICE_UNAVAILABLE = 429, 413, 503

_RATE_CODES = {TOO_MANY_REQUESTS, 1015, -32005, -32007, -32016, -32029}
_RATE = re.compile(
    r"rate ?limit|too many requests|request count exceeded|(request|rps) limit|requests (per|a) (second|minute)"
    r"|compute units|throttl|capacity exceeded|over capacity|quota"
)
# Of logs alone: how wide a range of blocks, how many results, how long a search may be.
_TOO_MUCH = re.compile(
    r"\brange|results|\bblocks\b|response size|(too|more) (large|big|wide|many logs|much)|larger|bigger|more than"
    r"|time(d)? ?out|duration|took too long"
)
_BEHIND = re.compile(
    r"header not found|unknown block|block (\S+ )?not found|blocks? .*cannot be found|beyond (the )?(current )?head"
    r"|block ?out ?of ?range"
)
_PERHAPS_TOO_MUCH = re.compile(r"limit|exceed|maximum|\bmax\b|at most")
_WORDS_MAX = 300


class RpcError(ChainError):
    """An endpoint answered with an error; `data` is what a contract reverted with, where it did."""

    def __init__(self, method: str, code: int, message: str, data: bytes | None) -> None:
        self.method = method
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{method} was refused by the RPC endpoint: {message}")


class TooMuch(RpcError):
    """It would be too much at once: ask for less."""


class RateLimited(ChainUnavailable):
    """An endpoint was asked too often; `words` are its own, `wait` how many seconds it wants to be left alone, where
    it says so."""

    def __init__(self, endpoint: str, words: str, wait: float | None = None) -> None:
        self.words = words
        self.wait = wait
        super().__init__(
            f"The RPC endpoint {endpoint} limits how often it is asked ({words}): wait, or give one that allows more."
        )


class Behind(ChainUnavailable):
    """An endpoint, or one of the machines behind its address, does not have a block yet that another one named."""

    def __init__(self, endpoint: str, method: str) -> None:
        super().__init__(f"The RPC endpoint {endpoint} does not have the block (yet) that {method} is about.")


def refusal(endpoint: str, method: str, error: Any, status: int = 200, wait: float | None = None) -> ChainError:
    """What a JSON-RPC error means, whatever the types of its members; `status` and `wait` are those of its answer."""
    if not isinstance(error, dict):
        error = {"message": error}
    code, message = _code(error.get("code")), _message(error)
    reverted = _revert_data(error.get("data"))
    words = f"{message} {_text(error.get('data'))}".lower().replace("_", " ").replace("-", " ")
    if reverted or "revert" in words:
        return RpcError(method, code, message, reverted)
    if _BEHIND.search(words):
        return Behind(endpoint, method)
    of_logs = method == "eth_getLogs"
    if status == CONTENT_TOO_LARGE or (of_logs and _TOO_MUCH.search(words)):
        return TooMuch(method, code, message, None)
    if status == TOO_MANY_REQUESTS or code in _RATE_CODES or _RATE.search(words):
        return RateLimited(endpoint, message or f"code {code}", wait)
    if of_logs and _PERHAPS_TOO_MUCH.search(words):
        return TooMuch(method, code, message, None)
    return RpcError(method, code, message, reverted)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header, at most `LONGEST_WAIT`; None where there is none that can be understood."""
    given = headers.get("Retry-After", "").strip()
    try:
        seconds = float(given)
    except ValueError:
        try:
            # Both times are the server's: this machine's clock has no part in it.
            until = email.utils.parsedate_to_datetime(given)
            seconds = (until - email.utils.parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
        except (ValueError, TypeError, OverflowError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.0), LONGEST_WAIT)


def _code(value: Any) -> int:
    """A code as a number; 0 for what is none."""
    try:
        return int(value) if isinstance(value, (int, float, str)) else 0
    except (ValueError, OverflowError):
        return 0


def _message(error: Mapping[str, Any]) -> str:
    """The error in its own words, on one line; a code that is a text is one of them."""
    code, words = error.get("code"), _text(error.get("message"))
    if isinstance(code, str) and not _code(code):
        words = f"{code[:_WORDS_MAX]}: {words}" if words else code
    return plain(words[:_WORDS_MAX]) or "without a reason"


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value[:_WORDS_MAX] if isinstance(value, str) else json.dumps(value)[:_WORDS_MAX]


def _revert_data(data: Any) -> bytes | None:
    """Find revert data where the common clients put it: a hex string, or nested under `data`."""
    if isinstance(data, dict):
        data = data.get("data")
    if isinstance(data, str):
        text = data.removeprefix("Reverted ").strip()
        if text.startswith("0x"):
            try:
                return bytes.fromhex(text[2:])
            except ValueError:
                return None
    return None
