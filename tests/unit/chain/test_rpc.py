# SPDX-License-Identifier: Apache-2.0
"""An endpoint that is silent, drips, or answers without end holds nobody up."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from node.chain import rpc
from node.chain.limits import RpcError
from node.chain.rpc import Rpc
from node.errors import ChainUnavailable

TIMEOUT = 0.5
Serve = Callable[[socket.socket], None]


@pytest.fixture
def endpoint() -> Iterator[Callable[[Serve], Rpc]]:
    """An endpoint whose server does with each connection what a test says."""
    listeners: list[socket.socket] = []

    def make(serve: Serve) -> Rpc:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(connection: socket.socket) -> None:
            with connection:
                asked = b""
                # What is left unread would reset the connection when it is closed.
                while not asked.endswith(b"}"):
                    asked += connection.recv(65_536)
                try:
                    serve(connection)
                except OSError:
                    # The client has heard enough.
                    return

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return Rpc(f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=TIMEOUT)

    yield make
    for listener in listeners:
        listener.close()


def head(length: int) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


def say_nothing(connection: socket.socket) -> None:
    time.sleep(30)


def drip(connection: socket.socket) -> None:
    connection.sendall(head(1_000_000))
    while True:
        connection.sendall(b" ")
        time.sleep(0.05)


@pytest.mark.parametrize("serve", [say_nothing, drip])
def test_request__silent_or_dripping_endpoint__ends_in_time_and_is_left_alone_for_a_while(
    endpoint: Callable[[Serve], Rpc], serve: Serve
) -> None:
    silent = endpoint(serve)
    started = time.monotonic()
    with pytest.raises(ChainUnavailable, match="is silent"):
        silent.request("eth_chainId")
    assert time.monotonic() - started < 10 * TIMEOUT
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(ChainUnavailable, match="is silent"):
            silent.request("eth_chainId")
    assert time.monotonic() - started < TIMEOUT


def test_request__after_the_pause__is_asked_again(
    endpoint: Callable[[Serve], Rpc], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([say_nothing, lambda c: c.sendall(head(9) + b'{"result"')])
    monkeypatch.setattr(rpc, "PAUSE", 0.0)
    recovering = endpoint(lambda connection: next(turns)(connection))
    with pytest.raises(ChainUnavailable, match="is silent"):
        recovering.request("eth_chainId")
    with pytest.raises(ChainUnavailable, match="does not speak JSON-RPC"):
        recovering.request("eth_chainId")


def test_request__answer_without_end__is_cut_off(
    endpoint: Callable[[Serve], Rpc], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "ANSWER_LIMIT", 100_000)

    def flood(connection: socket.socket) -> None:
        connection.sendall(head(10**12))
        while True:
            connection.sendall(b" " * 65_536)

    with pytest.raises(RpcError, match="ask for less"):
        endpoint(flood).request("eth_getLogs", {})


@pytest.mark.parametrize("body", [b"", b"nonsense", b"[]", b"7", b"[" * 200_000, b"{}"])
def test_request__answer_that_is_none__says_so(endpoint: Callable[[Serve], Rpc], body: bytes) -> None:
    with pytest.raises(ChainUnavailable, match="does not speak JSON-RPC"):
        endpoint(lambda connection: connection.sendall(head(len(body)) + body)).request("eth_chainId")


def test_request__result__is_returned_as_it_comes(endpoint: Callable[[Serve], Rpc]) -> None:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "result": "0x539"}).encode()
    answering = endpoint(lambda connection: connection.sendall(head(len(body)) + body))
    assert answering.request("eth_chainId") == "0x539"
