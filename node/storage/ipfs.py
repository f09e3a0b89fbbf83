# SPDX-License-Identifier: Apache-2.0
"""Files through an IPFS daemon of the hospital's own (kubo, or any with its HTTP RPC), which is not trusted.

What is released goes to the daemon, with every option of the layout spelled out, since newer profiles change
the defaults; the CID that it answers with must be ours. A daemon serves at once whatever it holds, so a file
that is not released yet stays in the local store alone. Reads go block by block, each checked.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import ipfshttpclient
import requests
from ipfshttpclient import exceptions
from ipfshttpclient.http_common import multiaddr_to_url_data
from urllib3.exceptions import HTTPError

from node.errors import ContentMismatch, ContentNotFound, StorageError, StorageUnavailable
from node.storage.cid import LEAF_SIZE, LINKS_MAX, Address, assemble, encode, parse
from node.storage.local import LocalStore
from node.storage.transfer import (
    BYTES_PER_SECOND_MIN,
    Lied,
    Place,
    Refused,
    TooSlow,
    TransferFailed,
    Visit,
)

# A daemon looks for a missing block until it is told to stop.
TIMEOUT_SECONDS = 30.0
ADD_OPTIONS = {
    "cid-version": 1,
    "raw-leaves": "true",
    "pin": "true",
    "cid-base": "base32",
    "hash": "sha2-256",
    "chunker": f"size-{LEAF_SIZE}",
    "max-file-links": str(LINKS_MAX),
    "trickle": "false",
    "wrap-with-directory": "false",
}


class IpfsStore:
    """A store behind the daemon at `api` (a multiaddress), with `local` for its own and unreleased files."""

    # Other nodes find the content by its CID through IPFS and need no address of this node.
    endpoint = ""

    def __init__(self, api: str, local: LocalStore, *, timeout: float = TIMEOUT_SECONDS) -> None:
        self._api = api
        self._local = local
        self._timeout = timeout
        with _translated(api), warnings.catch_warnings():
            # The client passes urllib3 a parameter that is on its way out.
            warnings.simplefilter("ignore", FutureWarning)
            base_url, socket_path, _, _ = multiaddr_to_url_data(api, "api/v0")
            self._client: Any = ipfshttpclient.Client(api, session=True, timeout=timeout)
        parts = urlsplit(base_url)
        secure = parts.scheme.startswith("https")
        self._place = Place(
            parts.hostname or "localhost", parts.port or (443 if secure else 80), secure, socket_path or ""
        )
        self._prefix = parts.path

    def put(self, content: bytes, *, release: bool = True) -> Address:
        """Stores a file here and, if it is released, with the daemon."""
        stored = self._local.put(content, release=release)
        if release:
            self._add(stored, content)
        return stored

    def release(self, digest: bytes, size: int) -> None:
        """Hands a stored file to the daemon; raises ContentNotFound if it is not here."""
        content = self._local.get(digest, size)
        self._add(Address(digest, size), content)
        self._local.release(digest, size)

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a file, from the local store or through the daemon.

        Raises ContentNotFound when the daemon finds no provider in time, ContentMismatch when it answers with
        other bytes, StorageUnavailable when it does not answer.
        """
        wanted = Address(digest, size)
        try:
            return self._local.get(digest, size)
        except (ContentNotFound, ContentMismatch):
            return self._read(wanted)

    def holds(self, digest: bytes, size: int) -> bool:
        """Whether the complete file is here and, once it is released, pinned by the daemon for the others."""
        if not self._local.holds(digest, size):
            return False
        if not self._local.released(digest, size):
            return True
        wanted = Address(digest, size)
        with _translated(self._api):
            try:
                pinned = self._client.pin.ls(wanted.cid, type="recursive")["Keys"]
                return any(parse(str(cid)) == (wanted.codec, digest) for cid in pinned)
            except exceptions.ErrorResponse:
                # "… is not pinned" is an error to the daemon.
                return False

    def check(self) -> None:
        """Raises StorageUnavailable where no daemon answers."""
        with _translated(self._api):
            self._client.version()

    def close(self) -> None:
        """Lets go of the daemon."""
        self._client.close()

    def _add(self, wanted: Address, content: bytes) -> None:
        with _translated(self._api):
            answer = str(self._client.add_bytes(content, opts=ADD_OPTIONS))
        if parse(answer) != (wanted.codec, wanted.digest):
            raise ContentMismatch(
                f"The IPFS daemon at {self._api} stored a file under another CID. "
                "Check that it is a kubo daemon that honours chunker and max-file-links."
            )

    def _read(self, wanted: Address) -> bytes:
        """A file through the daemon, block by block.

        Not through the client, which reads a body to its end before it hands over the first byte.
        """
        seconds = self._timeout + wanted.size / BYTES_PER_SECOND_MIN
        with Visit(self._place, self._timeout, seconds) as visit:

            def fetch(codec: int, digest: bytes, size: int) -> bytes:
                path = f"{self._prefix}block/get?arg={encode(codec, digest)}"
                return visit.block("POST", path, digest, size)

            try:
                return assemble(wanted, fetch)
            except Lied as error:
                raise ContentMismatch(f"The IPFS daemon at {self._api} {error} ({wanted.cid}).") from None
            except (TooSlow, Refused) as error:
                # A daemon looks for a missing block until its time is over, or reports 500 at once.
                if isinstance(error, Refused) and error.status != 500:
                    raise _unavailable(self._api) from None
                raise ContentNotFound(
                    f"The IPFS daemon found nobody who has {wanted.cid} within {seconds:.0f} s."
                ) from None
            except TransferFailed:
                raise _unavailable(self._api) from None


def _unavailable(api: str) -> StorageUnavailable:
    return StorageUnavailable(f"No IPFS daemon answers at {api}. Start it, or correct storage.ipfs_api.")


@contextmanager
def _translated(api: str) -> Iterator[None]:
    try:
        yield
    except exceptions.AddressError:
        raise StorageError(f"{api!r} is no address of an IPFS daemon, such as /ip4/127.0.0.1/tcp/5001/http.") from None
    except exceptions.ErrorResponse as error:
        raise StorageError(f"The IPFS daemon at {api} refused: {str(error)[:200]}.") from None
    except (exceptions.Error, requests.RequestException, HTTPError, KeyError, TypeError, AttributeError):
        # The client translates what goes wrong before a body, but neither what goes wrong within one nor a
        # body of another form than it expects.
        raise _unavailable(api) from None
