# SPDX-License-Identifier: Apache-2.0
"""A gateway behind a reverse proxy: TLS whose certificate is checked, a host name, a base path."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from node.errors import ContentNotFound
from node.storage.cid import LEAF_SIZE, address
from node.storage.gateway import Gateway
from node.storage.local import LocalStore
from node.storage.remote import PeerReader
from node.storage.transfer import AUTHORITIES_VARIABLE

LARGE = os.urandom(LEAF_SIZE + 17)
WANTED = address(LARGE)[0]
BASE = "/consilium"


def certificate(folder: Path, *names: str) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
    alternatives.append(x509.IPAddress(ipaddress.ip_address("127.0.0.2")))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return file


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    store = LocalStore(tmp_path / "store")
    store.put(LARGE)
    served = Gateway(store)
    yield served
    served.close()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    return certificate(tmp_path, "localhost")


@pytest.fixture
def proxy(gateway: Gateway, authority: Path) -> Iterator[int]:
    """The port of a reverse proxy that ends TLS and serves the gateway below a base path."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if not self.path.startswith(f"{BASE}/"):
                self.send_error(404)
                return
            inside = HTTPConnection(gateway.url.removeprefix("http://"), timeout=5)
            inside.request("GET", self.path.removeprefix(BASE))
            answer = inside.getresponse()
            body = answer.read()
            inside.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            # A client that does not trust the certificate hangs up.
            pass

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


def read(url: str) -> bytes:
    return PeerReader(lambda: [url], silence_seconds=2).get(WANTED.digest, WANTED.size)


def test_get__behind_tls_and_a_base_path__is_read_where_the_environment_trusts_the_authority(
    proxy: int, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(AUTHORITIES_VARIABLE, str(authority))
    assert read(f"https://localhost:{proxy}{BASE}") == LARGE
    assert read(f"https://localhost:{proxy}{BASE}/") == LARGE
    with pytest.raises(ContentNotFound, match="does not have it"):
        read(f"https://localhost:{proxy}")


def test_get__certificate_nobody_vouches_for_or_of_another_name__is_refused_with_the_reason(
    proxy: int, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(AUTHORITIES_VARIABLE, raising=False)
    with pytest.raises(ContentNotFound, match="certificate that is not trusted here"):
        read(f"https://localhost:{proxy}{BASE}")
    monkeypatch.setenv(AUTHORITIES_VARIABLE, str(authority))
    with pytest.raises(ContentNotFound, match=r"not trusted here \(.*127\.0\.0\.1"):
        read(f"https://127.0.0.1:{proxy}{BASE}")


def test_get__authorities_that_cannot_be_read__names_the_variable(
    proxy: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_text("")
    for file in ("empty.pem", "none.pem"):
        monkeypatch.setenv(AUTHORITIES_VARIABLE, str(tmp_path / file))
        with pytest.raises(ContentNotFound, match=AUTHORITIES_VARIABLE):
            read(f"https://localhost:{proxy}{BASE}")


def test_get__plain_http_where_tls_is_announced__is_said(gateway: Gateway) -> None:
    with pytest.raises(ContentNotFound, match="does not speak TLS"):
        read(gateway.url.replace("http:", "https:"))


def test_get__name_that_stands_for_nothing__is_said() -> None:
    with pytest.raises(ContentNotFound, match="name that stands for no address"):
        read("http://nowhere.invalid:8080")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_gateway__on_a_host_name__listens_and_says_so(tmp_path: Path, host: str) -> None:
    store = LocalStore(tmp_path / "named")
    store.put(LARGE)
    served = Gateway(store, host)
    try:
        assert served.url.startswith(f"http://{host}:")
        assert read(served.url) == LARGE
    finally:
        served.close()


@pytest.mark.skipif(not socket.has_ipv6 or not Path("/proc/net/if_inet6").is_file(), reason="no IPv6 on this machine")
def test_gateway__on_an_ipv6_address__is_read_at_it(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "six")
    store.put(LARGE)
    served = Gateway(store, "::1")
    try:
        assert served.url.startswith("http://[::1]:")
        assert read(served.url) == LARGE
    finally:
        served.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", "127.1", "::ffff:127.0.0.1"])
def test_get__machine_of_ones_own_network__is_not_asked_where_hospitals_are_elsewhere(
    host: str, tmp_path: Path
) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as inside:
        inside.settimeout(0.5)
        port = inside.getsockname()[1]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        reader = PeerReader(lambda: [url], public_only=True, silence_seconds=0.5)
        with pytest.raises(ContentNotFound, match=r"within a private network|not the address of a gateway"):
            reader.get(WANTED.digest, WANTED.size)
        with pytest.raises(TimeoutError):
            asked.append(inside.accept()[0].recv(1))
    assert asked == []
