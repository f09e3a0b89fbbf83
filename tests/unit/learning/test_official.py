# SPDX-License-Identifier: Apache-2.0
"""Fetching a public file over real HTTPS from a server of this test: whole and with its MD5, or not at all."""

from __future__ import annotations

import datetime
import hashlib
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node.errors import DataError, StorageUnavailable, UsageError
from node.learning.datasets import official
from node.learning.datasets.official import Official, fetch, take

CONTENT = bytes(range(256)) * 1000
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


@dataclass
class Server:
    """Where it listens, and what it answers: status, headers, body."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = CONTENT
    asked: int = 0

    def file(self, md5: str = MD5) -> Official:
        return Official(self.url, md5, "a test's")


def certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    answer = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer.asked += 1
            self.send_response(answer.status)
            for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_: object) -> None: ...

    folder = tmp_path / "certificate"
    folder.mkdir()
    pem = certificate(folder)
    listening = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    listening.socket = context.wrap_socket(listening.socket, server_side=True)
    answer.url = f"https://127.0.0.1:{listening.server_address[1]}/file.npz?download=1"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pem))
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield answer
    listening.shutdown()
    thread.join()
    listening.server_close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "file.npz"


def assert_nothing_left(out: Path) -> None:
    assert list(out.parent.iterdir()) == []


def test_fetch__official_file__is_written_whole_with_progress_and_not_fetched_twice(server: Server, out: Path) -> None:
    told: list[tuple[int, int]] = []
    assert fetch(server.file(), out, lambda done, total: told.append((done, total)))
    assert out.read_bytes() == CONTENT and [path.name for path in out.parent.iterdir()] == ["file.npz"]
    assert told[-1] == (len(CONTENT), len(CONTENT)) and len(told) > 1
    assert not fetch(server.file(), out) and server.asked == 1


def test_fetch__another_md5__is_refused_and_nothing_kept(server: Server, out: Path) -> None:
    with pytest.raises(DataError, match="not the official"):
        fetch(server.file("0" * 32), out)
    assert_nothing_left(out)


def test_fetch__cut_off_on_the_way__leaves_nothing(server: Server, out: Path) -> None:
    server.headers = {"Content-Length": str(len(CONTENT) + 1)}
    with pytest.raises(StorageUnavailable, match="--from FILE"):
        fetch(server.file(), out)
    assert_nothing_left(out)


def test_fetch__endless_answer__is_left_at_the_limit(
    server: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "SIZE_LIMIT", 100_000)
    with pytest.raises(DataError, match="sends more than"):
        fetch(server.file(), out)
    assert_nothing_left(out)


@pytest.mark.parametrize("status", [403, 404, 500])
def test_fetch__server_refuses__says_what_to_do(server: Server, out: Path, status: int) -> None:
    server.status = status
    with pytest.raises(StorageUnavailable, match="--from FILE"):
        fetch(server.file(), out)
    assert_nothing_left(out)


def test_fetch__led_to_plain_http__does_not_follow(server: Server, out: Path) -> None:
    server.status, server.headers = 302, {"Location": server.url.replace("https:", "http:")}
    with pytest.raises(StorageUnavailable, match="InvalidSchema"):
        fetch(server.file(), out)
    assert server.asked == 1
    assert_nothing_left(out)


def test_fetch__server_that_nobody_vouches_for__is_not_believed(
    server: Server, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(StorageUnavailable, match="SSLError"):
        fetch(server.file(), out)
    assert_nothing_left(out)


def test_fetch__nobody_there__names_the_exit(server: Server, out: Path) -> None:
    with pytest.raises(StorageUnavailable, match="Without a network") as caught:
        fetch(Official("https://127.0.0.1:9/file", MD5, ""), out)
    assert caught.value.exit_code == 5
    assert_nothing_left(out)


def test_fetch__progress_fails_or_is_interrupted__leaves_nothing(server: Server, out: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(server.file(), out, interrupt)
    assert_nothing_left(out)


def test_fetch__another_file_in_its_place__is_not_replaced(server: Server, out: Path) -> None:
    out.write_bytes(b"mine")
    with pytest.raises(UsageError, match="exists already"):
        fetch(server.file(), out)
    assert out.read_bytes() == b"mine" and server.asked == 0


def test_take__official_file__is_copied_and_any_other_refused(tmp_path: Path, out: Path) -> None:
    source = Official("https://127.0.0.1:9/", MD5, "")
    (tmp_path / "good").write_bytes(CONTENT)
    (tmp_path / "bad").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match="not the official"):
        take(source, tmp_path / "bad", out)
    with pytest.raises(DataError, match="cannot be read"):
        take(source, tmp_path / "absent", out)
    assert_nothing_left(out)
    assert take(source, tmp_path / "good", out) and out.read_bytes() == CONTENT
    assert not take(source, out, out)


def test_sources__only_https__and_an_md5() -> None:
    for source in official.SOURCES.values():
        assert source.url.startswith("https://") and len(bytes.fromhex(source.md5)) == 16
