# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC to one endpoint: raw results in, the project's errors out; bounded in bytes and in time."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from node.errors import ChainError, ChainUnavailable, ConfigError

TIMEOUT = 30.0
"""Seconds until an endpoint counts as silent."""
PAUSE = 20.0
"""Seconds for which a silent endpoint is not asked again, so that the others need not wait for it each time."""
ANSWER_LIMIT = 64 * 1024 * 1024
"""The most bytes that an answer can have."""
_CHUNK = 64 * 1024


class RpcError(ChainError):
    """An endpoint answered with an error; `data` is what a contract reverted with, where it did."""

    def __init__(self, method: str, code: int, message: str, data: bytes | None) -> None:
        self.method = method
        self.code = code
        self.message = message
        self.data = data
        super().__init__(f"{method} was refused by the RPC endpoint: {message}")


class Rpc:
    """One endpoint. Raises `ChainUnavailable` when it does not answer and `RpcError` when it refuses."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigError(f"{shown(url)!r} is no RPC endpoint: give an http:// or https:// address.")
        self.name = shown(url)
        self._url = url
        self._timeout = timeout
        self._session = requests.Session()
        self._silent_until = 0.0

    def request(self, method: str, *parameters: Any) -> Any:
        """Send one request and return its raw result (hex strings as they come)."""
        if time.monotonic() < self._silent_until:
            raise self._silent()
        question = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            response = json.loads(self._post(method, json.dumps(question)))
        except (requests.Timeout, ReadTimeoutError):
            self._silent_until = time.monotonic() + PAUSE
            raise self._silent() from None
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "an error"
            raise ChainUnavailable(f"The RPC endpoint {self.name} answered HTTP {status} to {method}.") from None
        except (requests.RequestException, HTTPError, OSError):
            raise ChainUnavailable(f"The RPC endpoint {self.name} does not answer: is the chain running?") from None
        except (ValueError, RecursionError):
            response = None
        if not isinstance(response, dict):
            raise ChainUnavailable(f"{self.name} does not speak JSON-RPC: check the address.")
        if "error" in response:
            raise _error(method, response["error"])
        if "result" not in response:
            raise ChainUnavailable(f"{self.name} does not speak JSON-RPC: check the address.")
        return response["result"]

    def _post(self, method: str, question: str) -> bytes:
        """The answer's bytes; what drips in for longer than the timeout is as good as silence."""
        headers = {"Content-Type": "application/json"}
        deadline = time.monotonic() + self._timeout
        answer = bytearray()
        with self._session.post(
            self._url, data=question, headers=headers, timeout=self._timeout, stream=True, allow_redirects=False
        ) as response:
            response.raise_for_status()
            # Not iter_content: that waits for a whole chunk, however slowly it comes.
            while chunk := response.raw.read1(_CHUNK, decode_content=True):
                answer += chunk
                if len(answer) > ANSWER_LIMIT:
                    raise RpcError(method, 0, f"its answer has more than {ANSWER_LIMIT} bytes: ask for less", None)
                if time.monotonic() > deadline:
                    raise requests.Timeout
        return bytes(answer)

    def _silent(self) -> ChainUnavailable:
        return ChainUnavailable(f"The RPC endpoint {self.name} is silent: give another, or wait until it answers.")


def shown(url: str) -> str:
    """An endpoint's address as it may be shown: paths and user parts often hold an access key."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{parts.hostname or ''}{port}"
    except ValueError:
        return "(malformed address)"


def _error(method: str, error: Any) -> RpcError:
    if not isinstance(error, dict):
        return RpcError(method, 0, str(error), None)
    return RpcError(method, int(error.get("code", 0)), str(error.get("message", "")), _revert_data(error.get("data")))


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
