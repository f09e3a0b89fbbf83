# SPDX-License-Identifier: Apache-2.0
"""A small read-only HTTP gateway to the released blocks of this node, for the other hospitals.

`GET /ipfs/CID?format=raw` answers with one block, `GET /ipfs/CID` with the whole file, as IPFS gateways do.
It serves nothing that is not released, takes no other path or method, reads no body, and bounds connections
and time. It speaks plain HTTP, on a loopback address unless told otherwise: TLS is for a reverse proxy in front of
it, and `advertise` in the configuration says where that is.
"""

from __future__ import annotations

import logging
import re
import socket
import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from socketserver import TCPServer
from typing import Any
from urllib.parse import urlsplit

from node.endpoint import listening_url
from node.errors import ContentMismatch, StorageError
from node.storage.cid import RAW, Address, leaves, parse, root_size
from node.storage.local import LocalStore

PATH = re.compile(r"/ipfs/([a-zA-Z0-9]{1,64})")
#: What it says of a file that it does not serve.
NOT_HERE = "Not here, or not released."
CONNECTIONS_MAX = 32
# How long a silent client is waited for, and how long any connection may last.
IDLE_SECONDS = 15.0
CONNECTION_SECONDS = 300.0

log = logging.getLogger(__name__)


class Gateway:
    """Serves `store` from the moment it is made until `close`; `port` 0 takes a free one."""

    def __init__(self, store: LocalStore, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        try:
            self._server = _Server(store, host, port)
        except OSError as error:
            raise StorageError(
                f"The gateway cannot listen on {host} port {port}: {error.strerror}. storage.gateway_host has to be an "
                "address or name of this machine, and storage.gateway_port free, or 0 for any that is."
            ) from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="gateway", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the gateway listens, for example "http://127.0.0.1:40123"."""
        return listening_url(self.host, self._server.server_port)

    def close(self) -> None:
        """Stops listening and cuts open connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # A restarted node takes its port again at once.
    allow_reuse_address = True

    def __init__(self, store: LocalStore, host: str, port: int) -> None:
        self.store = store
        self._slots = threading.BoundedSemaphore(CONNECTIONS_MAX)
        self._open: set[socket.socket] = set()
        # Of a name's addresses the first that this machine has: "localhost" may stand for ::1 where there is no IPv6.
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for left, (family, *_, address) in zip(reversed(range(len(found))), found, strict=True):
            self.address_family = family
            try:
                super().__init__((str(address[0]), port), _Handler)
                return
            except OSError:
                if not left:
                    raise

    def server_bind(self) -> None:
        # Without the base class's look-up of the host's full name, which can hang for seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def process_request(self, request: socket.socket, client_address: Any) -> None:  # type: ignore[override]
        if not self._slots.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._open.add(request)
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._open.discard(request)
            self._slots.release()
            raise

    def process_request_thread(self, request: socket.socket, client_address: Any) -> None:  # type: ignore[override]
        timer = threading.Timer(CONNECTION_SECONDS, _cut, [request])
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._open.discard(request)
            self._slots.release()

    def handle_error(self, request: object, client_address: object) -> None:
        log.debug("A gateway connection ended early.", exc_info=True)

    def server_close(self) -> None:
        super().server_close()
        for request in list(self._open):
            _cut(request)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version = "consilium"
    sys_version = ""
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            # No body is read, so what follows must not be taken for another request.
            self.close_connection = True
        asked = urlsplit(self.path)
        found = PATH.fullmatch(asked.path)
        raw = asked.query == "format=raw" or self.headers.get("Accept") == "application/vnd.ipld.raw"
        try:
            if found is None or asked.query not in ("", "format=raw"):
                raise ContentMismatch("not a path of this gateway")
            codec, digest = parse(found[1])
        except ContentMismatch:
            self._refuse(HTTPStatus.BAD_REQUEST, "Ask for /ipfs/CID or /ipfs/CID?format=raw.")
            return
        try:
            block = self.server.store.public_block(codec, digest)
            size, content = (len(block), iter([block])) if raw or codec == RAW else self._file(digest, block)
        except StorageError:
            self._refuse(HTTPStatus.NOT_FOUND, NOT_HERE)
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/vnd.ipld.raw" if raw else "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.send_header("Cache-Control", "public, max-age=29030400, immutable")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            try:
                for part in content:
                    self.wfile.write(part)
            except StorageError:
                # The length is promised already: a cut connection is the only honest answer.
                self.close_connection = True

    def _file(self, digest: bytes, root: bytes) -> tuple[int, Iterator[bytes]]:
        """Size and leaves of a file; the first leaf is read at once, so that its absence is a plain 404."""
        size = root_size(root)
        parts = leaves(Address(digest, size), lambda codec, name, _: self.server.store.public_block(codec, name))
        return size, chain([next(parts)], parts)

    def _refuse(self, status: HTTPStatus, message: str) -> None:
        body = (message + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        log.debug("%s %s", self.client_address[0], format % args)


def _cut(request: socket.socket) -> None:
    try:
        request.shutdown(socket.SHUT_RDWR)
    except OSError:
        # It ended by itself.
        return
