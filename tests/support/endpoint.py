# SPDX-License-Identifier: Apache-2.0
"""An RPC endpoint with the habits of public ones, over HTTP: in front of a real chain, or with answers of its own."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Question = dict[str, Any]


@dataclass
class Reply:
    """An HTTP answer."""

    body: Any
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def result(value: Any, **more: Any) -> Reply:
    """A good answer with this result."""
    return Reply({"jsonrpc": "2.0", "result": value, **more})


def refused(code: Any, message: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON-RPC error; `Retry_After` for Retry-After."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply({"jsonrpc": "2.0", "error": {"code": code, "message": message}}, status, named)


def empty_chain(question: Question, chain_id: int = 31337, head: int = 1000, block_seconds: int = 12) -> Reply:
    """The answers of a chain of so many empty blocks, the last of them made now."""
    method, parameters = question["method"], question["params"]
    if method == "eth_getBlockByNumber":
        number = head if parameters[0] == "latest" else int(parameters[0], 16)
        made = int(time.time()) - (head - number) * block_seconds
        block = {"number": hex(number), "hash": f"0x{number:064x}", "timestamp": hex(made), "baseFeePerGas": "0x7"}
        return result(block if number <= head else None)
    return result({"eth_chainId": hex(chain_id), "eth_getLogs": [], "eth_getBalance": "0x0"}[method])


@dataclass
class Endpoint:
    """What a test says of an endpoint. `answer` gets each question, and forwards it by returning None."""

    upstream: str
    answer: Callable[[Question], Reply | None] = lambda _question: None
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def forward(self, question: Question) -> Reply:
        """The chain's own answer."""
        call = urllib.request.Request(
            self.upstream, json.dumps(question).encode(), {"Content-Type": "application/json"}
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(call, timeout=30) as response:
            return Reply(json.load(response))

    def reply(self, question: Question) -> Reply:
        """What is answered; an answer without an id gets the question's."""
        self.asked[question["method"]] += 1
        made = self.answer(question) or self.forward(question)
        if isinstance(made.body, dict):
            made.body = {"id": question["id"], **made.body}
        return made


@contextmanager
def running_endpoint(
    upstream: str = "", answer: Callable[[Question], Reply | None] = lambda _question: None
) -> Iterator[Endpoint]:
    """An endpoint that listens until the block ends."""
    endpoint = Endpoint(upstream, answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the second would wait for the first one's acknowledgement.
        wbufsize = -1

        def do_POST(self) -> None:
            made = endpoint.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response_only(made.status)
            for name, value in {"Content-Length": str(len(made.content)), **made.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(made.content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        endpoint.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield endpoint
        server.shutdown()
