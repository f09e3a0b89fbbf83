# SPDX-License-Identifier: Apache-2.0
"""A daemon that lies, stalls or floods is noticed; tests/integration/test_ipfs.py meets an honest one."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from node.errors import ContentMismatch, ContentNotFound, StorageError, StorageUnavailable
from node.storage.cid import address
from node.storage.ipfs import IpfsStore
from node.storage.local import LocalStore
from scripts.localnet import free_port

SECONDS = 0.6
WANTED = address(b"what was asked for")[0]

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[[Answer], IpfsStore]]:
    """Makes a store behind a daemon that gives one answer to every call."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer) -> IpfsStore:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if "Transfer-Encoding" in self.headers:
                    self.rfile.read1(1 << 20)
                try:
                    answer(self)
                except OSError:
                    # The client has hung up, as it should.
                    return

            def log_message(self, format: str, *args: object) -> None:
                return

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        servers.append(server)
        api = f"/ip4/127.0.0.1/tcp/{server.server_port}/http"
        return IpfsStore(api, LocalStore(tmp_path / str(len(servers))), timeout=SECONDS)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def body(content: bytes, status: int = 200, length: int | None = None) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json" if status != 200 else "text/plain")
        handler.send_header("Content-Length", str(len(content) if length is None else length))
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.2)


def silent(handler: BaseHTTPRequestHandler) -> None:
    time.sleep(5)


def refusing(message: str) -> Answer:
    return body(json.dumps({"Message": message, "Code": 0, "Type": "error"}).encode(), status=500)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (body(b"something else ..."), ContentMismatch),
        (body(b"x" * 1000), ContentMismatch),
        (endless, ContentMismatch),
        (body(b"short"), StorageUnavailable),
        (body(b"cut off", length=18), StorageUnavailable),
        (dripping, ContentNotFound),
        (silent, ContentNotFound),
        (refusing("block was not found locally (offline)"), ContentNotFound),
        (body(b"", status=403), StorageUnavailable),
        (body(b"", status=404), StorageUnavailable),
    ],
)
def test_get__daemon_that_misbehaves__is_a_typed_error_in_bounded_time(
    daemon: Callable[[Answer], IpfsStore], answer: Answer, error: type[StorageError]
) -> None:
    started = time.monotonic()
    with closing(daemon(answer)) as store, pytest.raises(error):
        store.get(WANTED.digest, WANTED.size)
    assert time.monotonic() - started < 4


def test_put__daemon_with_another_layout__is_refused(daemon: Callable[[Answer], IpfsStore]) -> None:
    other = address(b"another file")[0].cid
    for claimed in (other, "QmdeoacqroE1mWhJSYwXtEHfzZQ2AbKXadXxA6E261BSJS", "nonsense"):
        answer = body(json.dumps({"Name": "x", "Hash": claimed, "Size": "1"}).encode())
        with closing(daemon(answer)) as store, pytest.raises(ContentMismatch):
            store.put(b"one file")


def test_put_and_holds__daemon_that_refuses_or_babbles__are_storage_errors(
    daemon: Callable[[Answer], IpfsStore],
) -> None:
    with closing(daemon(refusing("disk quota exceeded"))) as store:
        with pytest.raises(StorageError, match="disk quota exceeded"):
            store.put(b"x")
        assert not store.holds(*_stored(store))
    for answer in (body(b"<html>"), body(b"[]"), body(b"{}"), body(b'{"Keys": 7}')):
        with closing(daemon(answer)) as store:
            with pytest.raises(StorageError):
                store.put(b"x")
            with pytest.raises(StorageError):
                store.holds(*_stored(store))


def _stored(store: IpfsStore) -> tuple[bytes, int]:
    """Digest and size of the file whose `put` got no further than the local folder."""
    stored = address(b"x")[0]
    return stored.digest, stored.size


def test_check__daemon_that_is_absent_or_no_daemon__says_so(
    daemon: Callable[[Answer], IpfsStore], tmp_path: Path
) -> None:
    absent = IpfsStore(f"/ip4/127.0.0.1/tcp/{free_port()}/http", LocalStore(tmp_path))
    with closing(absent), pytest.raises(StorageUnavailable, match="No IPFS daemon answers"):
        absent.check()
    with closing(daemon(body(b'{"Version": "0.32.1"}'))) as store:
        store.check()
