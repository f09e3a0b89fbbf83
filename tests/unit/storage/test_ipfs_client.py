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

from node.errors import ConfigError, ContentMismatch, ContentNotFound, StorageError, StorageUnavailable
from node.storage.cid import address
from node.storage.ipfs import IpfsStore
from node.storage.local import LocalStore
from scripts.localnet import free_port

SECONDS = 0.6
WANTED = address(b"what was asked for")[0]

Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Callable[..., IpfsStore]]:
    """Makes a store behind a daemon that answers every call in one way."""
    servers: list[ThreadingHTTPServer] = []

    def start(answer: Answer, token_file: Path | None = None) -> IpfsStore:
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
        return IpfsStore(api, LocalStore(tmp_path / str(len(servers))), token_file=token_file, timeout=SECONDS)

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


KUBO = (
    b"Kubo RPC Access Denied: Please provide a valid authorization token as defined in the API.Authorizations "
    b"configuration."
)


def guarded(expected: str) -> Answer:
    """As kubo does with API.Authorizations in its configuration."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if handler.headers.get("Authorization") != expected:
            body(KUBO, status=403)(handler)
        elif handler.path.startswith("/api/v0/block/get"):
            body(b"what was asked for")(handler)
        elif handler.path.startswith("/api/v0/version"):
            body(b'{"Version": "0.38.1"}')(handler)
        elif handler.path.startswith("/api/v0/pin/ls"):
            body(json.dumps({"Keys": {address(b"x")[0].cid: {"Type": "recursive"}}}).encode())(handler)
        else:
            body(json.dumps({"Name": "x", "Hash": address(b"x")[0].cid, "Size": "1"}).encode())(handler)

    return answer


def every_call(store: IpfsStore) -> Iterator[Callable[[], object]]:
    """Each of a store's methods that asks the daemon."""
    stored = _stored(store)
    yield store.check
    yield lambda: store.put(b"x")
    yield lambda: store.get(WANTED.digest, WANTED.size)
    # Its `put` got no further than the local folder.
    yield lambda: store.holds(*stored)


@pytest.mark.parametrize("status", [401, 403])
def test_every_call__daemon_that_asks_for_a_token__names_the_setting(
    daemon: Callable[[Answer], IpfsStore], status: int
) -> None:
    with closing(daemon(body(KUBO, status=status))) as store:
        for call in every_call(store):
            with pytest.raises(StorageUnavailable, match=rf"status {status}.*API\.Authorizations.*ipfs_token_file"):
                call()


@pytest.mark.parametrize(
    ("secret", "header"),
    [
        ("bearer:a-secret-token\n", "Bearer a-secret-token"),
        ("a-secret-token", "Bearer a-secret-token"),
        ("basic:anna:a:secret", "Basic YW5uYTphOnNlY3JldA=="),
        ("basic:YW5uYTphOnNlY3JldA==\n", "Basic YW5uYTphOnNlY3JldA=="),
    ],
)
def test_every_call__token_in_a_file__is_given(
    daemon: Callable[..., IpfsStore], tmp_path: Path, secret: str, header: str
) -> None:
    token = tmp_path / "token"
    token.write_text(secret)
    token.chmod(0o600)
    with closing(daemon(guarded(header), token)) as store:
        for call in every_call(store):
            call()
        assert store.holds(*_stored(store))


def test_every_call__token_that_the_daemon_does_not_know__names_the_file_and_not_the_token(
    daemon: Callable[..., IpfsStore], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text("bearer:an-old-token")
    token.chmod(0o600)
    with closing(daemon(guarded("Bearer a-new-one"), token)) as store:
        for call in every_call(store):
            with pytest.raises(StorageUnavailable) as refusal:
                call()
            assert str(token) in str(refusal.value) and "an-old-token" not in str(refusal.value)


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        ("bearer:a-token", 0o644, "chmod 600"),
        ("", 0o600, "must hold one line"),
        ("bearer:", 0o600, "must hold one line"),
        ("one\ntwo", 0o600, "must hold one line"),
        ("tökén", 0o600, "must hold one line"),
        (None, 0o600, "cannot be read"),
    ],
)
def test_token_file__unusable__is_refused_at_the_start_without_its_content(
    tmp_path: Path, content: str | None, mode: int, said: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content)
        token.chmod(mode)
    with pytest.raises(ConfigError, match=said) as refusal:
        IpfsStore("/ip4/127.0.0.1/tcp/9/http", LocalStore(tmp_path / "store"), token_file=token)
    assert str(token) in str(refusal.value) and "a-token" not in str(refusal.value)


def redirect(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "/login")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


@pytest.mark.parametrize(
    "answer",
    [body(b"<html>log in</html>"), body(b"[]"), body(b"{}"), body(b"404 page not found", status=404), redirect],
    ids=["html", "list", "empty", "404", "redirect"],
)
def test_check_and_put__something_else_in_the_daemon_s_place__is_said_and_not_that_nothing_answers(
    daemon: Callable[[Answer], IpfsStore], answer: Answer
) -> None:
    with closing(daemon(answer)) as store:
        for call in (store.check, lambda: store.put(b"x")):
            with pytest.raises(StorageUnavailable, match="not as an IPFS daemon does"):
                call()


def test_check_and_put__daemon_that_hangs__is_said_to_and_not_to_be_absent(
    daemon: Callable[[Answer], IpfsStore],
) -> None:
    with closing(daemon(silent)) as store:
        for call in (store.check, lambda: store.put(b"x")):
            with pytest.raises(StorageUnavailable, match="did not answer within"):
                call()


def test_get__daemon_that_gives_a_reason__is_quoted_harmlessly(daemon: Callable[[Answer], IpfsStore]) -> None:
    with closing(daemon(refusing("no space left\x1b[2J on device"))) as store:
        with pytest.raises(ContentNotFound, match=r"no space left\\x1b\[2J") as refusal:
            store.get(WANTED.digest, WANTED.size)
        assert str(refusal.value).isprintable()
        with pytest.raises(StorageError, match=r"refused: no space left\\x1b\[2J"):
            store.put(b"x")


def test_every_call__proxy_and_passwords_in_the_environment__are_not_for_the_daemon(
    daemon: Callable[[Answer], IpfsStore], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login anna password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[str | None] = []

    def note(handler: BaseHTTPRequestHandler) -> None:
        seen.append(handler.headers.get("Authorization"))
        body(b'{"Version": "0.38.1"}')(handler)

    with closing(daemon(note)) as store:
        store.check()
    assert seen == [None]


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
