# SPDX-License-Identifier: Apache-2.0
"""One HTTP connection to a server that is not trusted: bounded in bytes and in time, whatever it answers.

http.client and not requests, urllib or ipfshttpclient's own reads: it follows no redirect, reads no proxy from
the environment, unpacks no encoding and never reads ahead, and it leaves the socket in reach, so that one clock
bounds the whole visit, from a slow handshake to a body that drips or does not end.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from node.endpoint import Reach, reach
from node.errors import ContentMismatch
from node.storage.cid import check_block

# The slowest rate at which reading a file goes on, beyond the silence that is allowed.
BYTES_PER_SECOND_MIN = 64 * 1024
# A name may stand for very many addresses.
ADDRESSES_MAX = 4
#: Of what comes with a refusal, bytes.
SAID_MAX = 1000
#: The environment's own certificate authorities: the variable that the chain's connection reads too.
AUTHORITIES_VARIABLE = "REQUESTS_CA_BUNDLE"


class TransferFailed(Exception):
    """The server gave nothing of use; the message says why, to be put after its address."""


class Unreachable(TransferFailed):
    """Nothing listens there, or what does broke the connection."""


class TooSlow(TransferFailed):
    """The server was silent for too long, or the visit took too long."""


class Refused(TransferFailed):
    """The server answered with a status other than 200; `said`: the beginning of what came with it."""

    def __init__(self, status: int, said: bytes = b"") -> None:
        self.status = status
        self.said = said
        super().__init__(f"answered with status {status}")


class Lied(TransferFailed):
    """The server sent other bytes than were asked for."""


@dataclass(frozen=True)
class Place:
    """Where a server listens: host and port, or the path of a Unix socket.

    `public_only`: connect to no address of this machine or of a private network, whatever the name stands for.
    `authorization`: the header of that name, a secret.
    """

    host: str
    port: int
    secure: bool = False
    socket_path: str = ""
    public_only: bool = False
    authorization: str | None = field(default=None, repr=False)


class Visit:
    """A connection to `place`; all that happens within the `with` block ends `seconds` after it began."""

    def __init__(self, place: Place, silence: float, seconds: float) -> None:
        self._place = place
        self._silence = silence
        self._connection: http.client.HTTPConnection | None = None
        # A second handle on the socket: cutting it ends whatever this thread waits for, a TLS handshake too.
        self._handle: socket.socket | None = None
        self._late = threading.Event()
        self._clock = threading.Timer(seconds, self._cut)
        self._clock.daemon = True

    def __enter__(self) -> Visit:
        self._clock.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.cancel()
        self._close()

    def block(self, method: str, path: str, digest: bytes, size: int) -> bytes:
        """The answer to one request, which must be `size` bytes with this SHA-256; raises TransferFailed."""
        try:
            data = self._request(method, path, size)
            check_block(data, digest)
            return data
        except TransferFailed:
            self._close()
            raise
        except ContentMismatch:
            self._close()
            raise Lied("sent other bytes than were asked for") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._close()
            if self._late.is_set() or isinstance(error, TimeoutError):
                raise TooSlow("was too slow") from None
            if isinstance(error, ssl.SSLCertVerificationError):
                raise Unreachable(f"has a certificate that is not trusted here ({error.verify_message})") from None
            if isinstance(error, ssl.SSLError):
                raise Unreachable("does not speak TLS") from None
            raise Unreachable("did not answer") from None

    def _request(self, method: str, path: str, size: int) -> bytes:
        connection = self._connected()
        headers = {"Accept": "application/vnd.ipld.raw"}
        if self._place.authorization is not None:
            headers["Authorization"] = self._place.authorization
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        if response.status != http.client.OK:
            raise Refused(response.status, response.read(SAID_MAX))
        # One byte more than there should be shows a body that goes on; no more is ever read.
        data = response.read(size + 1)
        if len(data) < size:
            raise TooSlow("was too slow") if self._late.is_set() else Unreachable("broke off")
        if len(data) > size:
            raise Lied("sent more bytes than were asked for")
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
        place = self._place
        kind = http.client.HTTPSConnection if place.secure else http.client.HTTPConnection
        self._connection = kind(place.host, place.port, timeout=self._silence)
        self._connection.sock = raw
        if place.secure:
            self._connection.sock = _tls().wrap_socket(raw, server_hostname=place.host)
        return self._connection

    def _reached(self) -> socket.socket:
        """A socket to the first of the place's addresses that answers."""
        place = self._place
        if place.socket_path:
            connected = socket.socket(socket.AF_UNIX)
            connected.settimeout(self._silence)
            connected.connect(place.socket_path)
            return connected
        try:
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[:ADDRESSES_MAX]
        except (socket.gaierror, UnicodeError):
            raise Unreachable("has a name that stands for no address") from None
        if place.public_only:
            # What is asked is where the name leads, and the connection goes to that very address.
            found = [one for one in found if reach(str(one[4][0])) is Reach.PUBLIC]
            if not found:
                raise Unreachable("is within a private network, where this node fetches nothing")
        for *_, address in found:
            if self._late.is_set():
                raise TooSlow("was too slow")
            try:
                timeout = self._silence / len(found)
                return socket.create_connection((str(address[0]), place.port), timeout)
            except OSError:
                continue
        raise Unreachable("cannot be reached")

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


def _tls() -> ssl.SSLContext:
    """Certificates are checked, against the machine's authorities or the environment's own."""
    own = os.environ.get(AUTHORITIES_VARIABLE) or None
    folder = own if own and Path(own).is_dir() else None
    try:
        return ssl.create_default_context(cafile=None if folder else own, capath=folder)
    except (OSError, ssl.SSLError):
        raise Unreachable(f"cannot be checked: {AUTHORITIES_VARIABLE} names no file of certificates") from None
