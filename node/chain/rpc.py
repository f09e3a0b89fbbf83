# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC to one endpoint: raw results in, the project's errors out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests
from web3 import HTTPProvider
from web3.types import RPCEndpoint

from node.errors import ChainError, ChainUnavailable, ConfigError

TIMEOUT = 30.0
"""Seconds until an endpoint counts as silent."""


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
        self._provider = HTTPProvider(url, request_kwargs={"timeout": timeout}, exception_retry_configuration=None)

    def request(self, method: str, *parameters: Any) -> Any:
        """Send one request and return its raw result (hex strings as they come)."""
        try:
            response = self._provider.make_request(RPCEndpoint(method), list(parameters))
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else "an error"
            raise ChainUnavailable(f"The RPC endpoint {self.name} answered HTTP {status} to {method}.") from None
        except (requests.RequestException, OSError):
            raise ChainUnavailable(f"The RPC endpoint {self.name} does not answer: is the chain running?") from None
        except ValueError:
            raise ChainUnavailable(f"{self.name} does not speak JSON-RPC: check the address.") from None
        if "error" in response:
            raise _error(method, response["error"])
        if "result" not in response:
            raise ChainUnavailable(f"{self.name} does not speak JSON-RPC: check the address.")
        return response["result"]


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
