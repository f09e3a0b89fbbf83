# SPDX-License-Identifier: Apache-2.0
"""Reading files from other hospitals' gateways, none of which is trusted.

http.client and not requests or urllib: it follows no redirect, reads no proxy from the environment, unpacks
no encoding, and leaves the socket in reach, so that one clock bounds a whole visit however slowly a gateway
answers. Each block is checked before the next is asked for; checked blocks are kept from one gateway to the
next. The addresses come from the chain, where anyone may have written them.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from urllib.parse import urlsplit

from node.errors import ContentMismatch, ContentNotFound
from node.storage.cid import Address, assemble, check_block, encode

Peers = Callable[[], Sequence[str]]

# A gateway that sends nothing for so long is left; and the slowest rate at which reading a file goes on.
SILENCE_SECONDS = 10.0
BYTES_PER_SECOND_MIN = 64 * 1024
ADDRESSES_MAX = 4
URL_LENGTH_MAX = 512
PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class _PeerFailed(Exception):
    """This gateway is of no use for this file; the message says why."""


class _PeerLied(_PeerFailed):
    """This gateway answered with other bytes than were asked for."""


class PeerReader:
    """Files from the gateways that `peers()` names when a file is asked for, in that order."""

    def __init__(self, peers: Peers, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._peers = peers
        self._silence = silence_seconds

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a file, every block checked.

        Raises ContentNotFound where no gateway has it, ContentMismatch where all that answered were wrong.
        """
        wanted = Address(digest, size)
        checked: dict[tuple[int, bytes], bytes] = {}
        failures: list[str] = []
        lied = False
        for url in dict.fromkeys(self._peers()):
            try:
                with _Visit(url, self._silence, self._silence + size / BYTES_PER_SECOND_MIN) as visit:
                    return assemble(wanted, _keeping(checked, visit.block))
            except _PeerFailed as error:
                lied = lied or isinstance(error, _PeerLied)
                failures.append(f"{url[:100]!a}: {error}")
        reasons = "; ".join(failures) if failures else "no other hospital has named its gateway"
        if lied:
            raise ContentMismatch(f"No gateway served the file {wanted.cid} as it is recorded ({reasons}).")
        raise ContentNotFound(f"No gateway has the file {wanted.cid} ({reasons}).")


def _keeping(
    checked: dict[tuple[int, bytes], bytes], fetch: Callable[[int, bytes, int], bytes]
) -> Callable[[int, bytes, int], bytes]:
    """`fetch`, but what it once returned with the right digest is not fetched again."""

    def get(codec: int, digest: bytes, size: int) -> bytes:
        if (codec, digest) not in checked:
            checked[codec, digest] = fetch(codec, digest, size)
        return checked[codec, digest]

    return get


class _Visit:
    """One connection to one gateway, all of it within `seconds`."""

    def __init__(self, url: str, silence: float, seconds: float) -> None:
        self._secure, self._host, self._port, self._prefix = _parsed(url)
        self._silence = silence
        self._connection: http.client.HTTPConnection | None = None
        # A second handle on the socket: cutting it ends whatever this thread waits for, a TLS handshake too.
        self._handle: socket.socket | None = None
        self._late = threading.Event()
        self._clock = threading.Timer(seconds, self._cut)
        self._clock.daemon = True

    def __enter__(self) -> _Visit:
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.cancel()
        self._close()

    def block(self, codec: int, digest: bytes, size: int) -> bytes:
        """One block of a known size, checked."""
        try:
            data = self._request(f"{self._prefix}/ipfs/{encode(codec, digest)}?format=raw", size)
            check_block(data, digest)
            return data
        except ContentMismatch:
            self._close()
            raise _PeerLied("sent other bytes than were asked for") from None
        except _PeerFailed:
            self._close()
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            raise _PeerFailed("was too slow" if self._is_slow(error) else "did not answer") from None

    def _request(self, path: str, size: int) -> bytes:
        connection = self._connected()
        connection.request("GET", path, headers={"Accept": "application/vnd.ipld.raw"})
        response = connection.getresponse()
        if response.status == http.client.NOT_FOUND:
            raise _PeerFailed("does not have it")
        if response.status != http.client.OK:
            raise _PeerFailed(f"answered with status {response.status}")
        # One byte more than there should be shows a body that goes on; no more is ever read.
        data = response.read(size + 1)
        if len(data) < size:
            raise _PeerFailed("was too slow" if self._late.is_set() else "broke off")
        if len(data) > size:
            raise _PeerLied("sent more bytes than were asked for")
        # Reading up to the end closes the response, so that the connection serves the next block.
        response.read(1)
        return data

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is not None and self._connection.sock is not None:
            return self._connection
        self._close()
        raw = self._reached()
        self._handle = raw.dup()
        if self._late.is_set():
            self._cut()
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        self._connection = kind(self._host, self._port, timeout=self._silence)
        self._connection.sock = raw
        if self._secure:
            context = ssl.create_default_context()
            self._connection.sock = context.wrap_socket(raw, server_hostname=self._host)
        return self._connection

    def _reached(self) -> socket.socket:
        """A socket to the first of the host's addresses that answers; a name may stand for very many."""
        found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)[:ADDRESSES_MAX]
        for *_, address in found:
            if self._late.is_set():
                raise _PeerFailed("was too slow")
            try:
                return socket.create_connection((str(address[0]), self._port), timeout=self._silence / len(found))
            except OSError:
                continue
        raise _PeerFailed("cannot be reached")

    def _is_slow(self, error: Exception) -> bool:
        return self._late.is_set() or isinstance(error, TimeoutError)

    def _cut(self) -> None:
        self._late.set()
        handle = self._handle
        if handle is not None:
            try:
                handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The connection ended by itself.
                return

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._handle is not None:
            self._handle.close()
        self._connection = self._handle = None


def _parsed(url: str) -> tuple[bool, str, int, str]:
    """Whether to use TLS, host, port and path prefix of a gateway's address; refuses every other kind."""
    problem = _PeerFailed("is not the address of a gateway, such as https://hospital.example:8080")
    # The parser below silently drops line breaks, so they are refused before it.
    if len(url) > URL_LENGTH_MAX or not (url.isascii() and url.isprintable()):
        raise problem
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise problem from None
    plain = not (parts.username or parts.password or parts.query or parts.fragment)
    if parts.scheme not in ("http", "https") or not host or not plain:
        raise problem
    if not HOST.fullmatch(host) or not PATH_PREFIX.fullmatch(parts.path):
        raise problem
    secure = parts.scheme == "https"
    return secure, host, port or (443 if secure else 80), parts.path.rstrip("/")
