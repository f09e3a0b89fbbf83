# SPDX-License-Identifier: Apache-2.0
"""A hostile gateway costs time and nothing else; the file comes from the next one."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from node.errors import ContentMismatch, ContentNotFound
from node.storage import remote
from node.storage.cid import LEAF_SIZE, Address, address
from node.storage.gateway import Gateway
from node.storage.local import LocalStore
from node.storage.remote import PeerReader

LARGE = os.urandom(2 * LEAF_SIZE + 17)
WANTED = address(LARGE)[0]
SILENCE = 0.6

# The slowest rate that is put up with, raised so that a test of slowness does not last.
RATE = 1 << 21

Behaviour = Callable[[socket.socket, bytes], None]


class RawServer:
    """A TCP server that hands every connection, with the first request's bytes, to `behave`."""

    def __init__(self, behave: Behaviour) -> None:
        self.requests: list[bytes] = []
        self._behave = behave
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=[client], daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with client:
            try:
                request = client.recv(4096)
                self.requests.append(request)
                self._behave(client, request)
            except OSError:
                return

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(autouse=True)
def faster_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BYTES_PER_SECOND_MIN", RATE)


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], RawServer]]:
    servers: list[RawServer] = []

    def start(behave: Behaviour) -> RawServer:
        servers.append(RawServer(behave))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def honest(tmp_path: Path) -> Iterator[Gateway]:
    store = LocalStore(tmp_path / "honest")
    store.put(LARGE)
    gateway = Gateway(store)
    yield gateway
    gateway.close()


def answer(status: str, body: bytes, *headers: str) -> Behaviour:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return lambda client, _: client.sendall("\r\n".join(lines).encode() + body)


def endless(client: socket.socket, _: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        client.sendall(b"10000\r\n" + b"x" * 65536 + b"\r\n")


def without_length(client: socket.socket, _: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        client.sendall(b"x" * 65536)


def dripping_body(client: socket.socket, _: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
    while True:
        client.sendall(b"x")
        time.sleep(0.1)


def dripping_headers(client: socket.socket, _: bytes) -> None:
    client.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    while True:
        client.sendall(b"x")
        time.sleep(0.1)


def always_continue(client: socket.socket, _: bytes) -> None:
    while True:
        client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def silent(client: socket.socket, _: bytes) -> None:
    time.sleep(30)


def root_then_lies(client: socket.socket, request: bytes) -> None:
    """Serves the true root, and wrong leaves of the right size."""
    for block in address(LARGE)[1]:
        if block.cid.encode() in request:
            body = block.data if block.codec != 0x55 else bytes(len(block.data))
            answer("200 OK", body, "Connection: close")(client, request)


HOSTILE: dict[str, Behaviour] = {
    "wrong bytes": answer("200 OK", bytes(118)),
    "short": answer("200 OK", b"x"),
    "cut off": lambda client, _: client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nx"),
    "empty": answer("200 OK", b""),
    "huge": answer("200 OK", b"x" * 100_000),
    "huge by header": lambda client, _: client.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"9" * 20 + b"\r\n\r\nx"
    ),
    "endless": endless,
    "endless without a length": without_length,
    "dripping body": dripping_body,
    "dripping headers": dripping_headers,
    "always continue": always_continue,
    "silent": silent,
    "closes at once": lambda client, _: None,
    "no HTTP": lambda client, _: client.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "endless header line": lambda client, _: client.sendall(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000),
    "negative length": lambda client, _: client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx"),
    "server error": answer("500 Internal Server Error", b"oops"),
    "partial": answer("206 Partial Content", b"x"),
    "compressed": answer("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"),
    "root then lies": root_then_lies,
}


def read(*urls: str, wanted: Address = WANTED) -> bytes:
    return PeerReader(lambda: urls, silence_seconds=SILENCE).get(wanted.digest, wanted.size)


def test_get__honest_gateway__gives_the_file(honest: Gateway) -> None:
    assert read(honest.url) == LARGE
    assert read(honest.url + "/") == LARGE


@pytest.mark.parametrize("kind", HOSTILE)
def test_get__hostile_gateway_first__the_next_gives_the_file_in_bounded_time(
    kind: str, honest: Gateway, serve: Callable[[Behaviour], RawServer]
) -> None:
    started = time.monotonic()
    assert read(serve(HOSTILE[kind]).url, honest.url) == LARGE
    assert time.monotonic() - started < SILENCE + WANTED.size / RATE + 3


@pytest.mark.parametrize("kind", HOSTILE)
def test_get__hostile_gateway_alone__is_a_typed_error(kind: str, serve: Callable[[Behaviour], RawServer]) -> None:
    lies = {"wrong bytes", "huge", "endless", "endless without a length", "root then lies"}
    small = address(b"a small file")[0]
    wanted = WANTED if kind == "root then lies" else small
    with pytest.raises(ContentMismatch if kind in lies else ContentNotFound, match=r"127\.0\.0\.1"):
        read(serve(HOSTILE[kind]).url, wanted=wanted)


def test_get__redirect__is_not_followed(honest: Gateway, serve: Callable[[Behaviour], RawServer]) -> None:
    inside = serve(answer("200 OK", b"internal"))
    redirect = serve(answer("302 Found", b"", f"Location: {inside.url}/admin"))
    with pytest.raises(ContentNotFound, match="status 302"):
        read(redirect.url)
    assert inside.requests == []


def test_get__blocks_from_one_gateway__are_kept_when_the_next_goes_on(
    tmp_path: Path, serve: Callable[[Behaviour], RawServer]
) -> None:
    blocks = address(LARGE)[1]
    first, second = LocalStore(tmp_path / "first"), LocalStore(tmp_path / "second")
    for store in (first, second):
        store.put(LARGE)
    for store, missing in ((first, blocks[1]), (second, blocks[0])):
        next(store.folder.rglob(missing.cid)).unlink()
    gateways = [Gateway(first), Gateway(second)]
    try:
        assert read(gateways[0].url, gateways[1].url) == LARGE
        with pytest.raises(ContentNotFound, match="does not have it"):
            read(gateways[0].url)
    finally:
        for gateway in gateways:
            gateway.close()


def test_get__nobody_has_it_or_nobody_is_known__is_not_found(honest: Gateway) -> None:
    with pytest.raises(ContentNotFound, match="does not have it"):
        read(honest.url, wanted=Address(bytes(32), 9))
    with pytest.raises(ContentNotFound, match="no other hospital"):
        read()


def test_get__unreachable_gateway__is_passed_over(honest: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert read(f"http://127.0.0.1:{port}", honest.url) == LARGE
    with pytest.raises(ContentNotFound, match="cannot be reached"):
        read(f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "http://",
        "http://user:word@127.0.0.1/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:x/",
        "http://127.0.0.1/?a=b",
        "http://127.0.0.1/#a",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\r\nX: y",
        "http://127.0.0.1\r\n.example/",
        "http://[::1",
        "http://hospital.example\x1b[31m/",
        "http://" + "a" * 600,
        "javascript:alert(1)",
    ],
)
def test_get__address_that_is_no_gateway__is_passed_over_and_shown_harmlessly(url: str, honest: Gateway) -> None:
    assert read(url, honest.url) == LARGE
    with pytest.raises(ContentNotFound, match="not the address of a gateway") as caught:
        read(url)
    assert str(caught.value).isprintable()


def test_get__file_of_another_layout_on_record__is_refused_at_once(honest: Gateway, tmp_path: Path) -> None:
    # The digest of an existing raw block under the size of a file that would need a tree.
    wanted = Address(address(LARGE)[1][0].digest, LEAF_SIZE + 1)
    with pytest.raises((ContentMismatch, ContentNotFound)):
        read(honest.url, wanted=wanted)
    with pytest.raises(ContentMismatch, match="the most is"):
        PeerReader(lambda: [honest.url]).get(bytes(32), 1 << 60)


def test_get__silent_gateways__cost_their_time_once_and_not_for_every_file(
    honest: Gateway, serve: Callable[[Behaviour], RawServer]
) -> None:
    """Liars that answer slowly would otherwise use up a step's time, and the honest be absent from it."""
    lying = [serve(silent), serve(silent)]
    reader = PeerReader(lambda: [*(server.url for server in lying), honest.url], silence_seconds=SILENCE)
    missing = [address(bytes([number]) * 10)[0] for number in range(5)]
    started = time.monotonic()
    for each in missing:
        assert reader.get(WANTED.digest, WANTED.size) == LARGE
        with pytest.raises(ContentNotFound, match="not asked just now"):
            reader.get(each.digest, each.size)
    assert time.monotonic() - started < 2 * (SILENCE + WANTED.size / RATE) + 1
    assert [len(server.requests) for server in lying] == [1, 1]


def test_get__gateway_that_was_slow_once__is_asked_again_after_a_while(
    honest: Gateway, serve: Callable[[Behaviour], RawServer]
) -> None:
    calls: list[bytes] = []

    def slow_at_first(client: socket.socket, request: bytes) -> None:
        calls.append(request)
        if len(calls) == 1:
            time.sleep(2 * SILENCE)
        answer("200 OK", b"a small file")(client, request)

    small = address(b"a small file")[0]
    reader = PeerReader(lambda: [serve_url], silence_seconds=SILENCE)
    serve_url = serve(slow_at_first).url
    with pytest.raises(ContentNotFound):
        reader.get(small.digest, small.size)
    time.sleep(1.5 * SILENCE)
    assert reader.get(small.digest, small.size) == b"a small file"
