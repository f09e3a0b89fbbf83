# SPDX-License-Identifier: Apache-2.0
"""Files through an IPFS daemon of the hospital's own (kubo, or any with its HTTP RPC), which is not trusted.

What is released goes to the daemon, with every option of the layout spelled out, since newer profiles change
the defaults; the CID that it answers with must be ours. A daemon serves at once whatever it holds, so a file
that is not released yet stays in the local store alone. Reads go block by block, each checked.
"""

from __future__ import annotations

import base64
import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ipfshttpclient
import requests
from ipfshttpclient import exceptions
from ipfshttpclient.http_common import multiaddr_to_url_data
from urllib3.exceptions import HTTPError

from node.errors import ConfigError, ContentMismatch, ContentNotFound, StorageError, StorageUnavailable
from node.files import refuse_if_shared
from node.storage.cid import LEAF_SIZE, LINKS_MAX, Address, assemble, encode, parse
from node.storage.local import LocalStore
from node.storage.transfer import (
    AUTHORITIES_VARIABLE,
    BYTES_PER_SECOND_MIN,
    Lied,
    Place,
    Refused,
    TooSlow,
    TransferFailed,
    Visit,
)
from node.words import plain

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
    """A store behind the daemon at `api` (a multiaddress), with `local` for its own and unreleased files.

    `token_file`: where the daemon's API asks for authorization, the file with the secret for it.
    """

    # Other nodes find the content by its CID through IPFS and need no address of this node.
    endpoint = ""

    def __init__(
        self, api: str, local: LocalStore, *, token_file: Path | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._api = api
        self._local = local
        self._timeout = timeout
        self._token_file = token_file
        authorization = None if token_file is None else read_authorization(token_file)
        with self._translated(), warnings.catch_warnings():
            # The client passes urllib3 a parameter that is on its way out.
            warnings.simplefilter("ignore", FutureWarning)
            base_url, socket_path, _, _ = multiaddr_to_url_data(api, "api/v0")
            headers = {} if authorization is None else {"Authorization": authorization}
            self._client: Any = ipfshttpclient.Client(api, session=True, timeout=timeout, headers=headers)
        _keep_direct(self._client._client._session)
        parts = urlsplit(base_url)
        secure = parts.scheme.startswith("https")
        self._place = Place(
            parts.hostname or "localhost",
            parts.port or (443 if secure else 80),
            secure,
            socket_path or "",
            authorization=authorization,
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
        with self._translated():
            try:
                pinned = self._client.pin.ls(wanted.cid, type="recursive")["Keys"]
                return any(parse(str(cid)) == (wanted.codec, digest) for cid in pinned)
            except exceptions.ErrorResponse:
                # "… is not pinned" is an error to the daemon.
                return False

    def check(self) -> None:
        """Raises StorageUnavailable where no daemon answers."""
        with self._translated():
            # A daemon, and not whatever else answers there.
            self._client.version()["Version"]

    def close(self) -> None:
        """Lets go of the daemon."""
        self._client.close()

    def _add(self, wanted: Address, content: bytes) -> None:
        with self._translated():
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
            except TooSlow:
                # A daemon looks for a missing block until its time is over.
                raise ContentNotFound(
                    f"The IPFS daemon found nobody who has {wanted.cid} within {seconds:.0f} s."
                ) from None
            except Refused as error:
                if error.status != 500:
                    raise self._refused(error.status) from None
                raise ContentNotFound(
                    f"The IPFS daemon at {self._api} gave no block of {wanted.cid}: {_message(error.said)}."
                ) from None
            except TransferFailed as error:
                raise StorageUnavailable(
                    f"The IPFS daemon at {self._api} {error}. Start it, or correct storage.ipfs_api."
                ) from None

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Each way in which a daemon, or what is in its place, fails to answer, as the cause that it has."""
        try:
            yield
        except exceptions.AddressError:
            raise StorageError(
                f"{self._api!r} is no address of an IPFS daemon, such as /ip4/127.0.0.1/tcp/5001/http."
            ) from None
        except exceptions.StatusError as error:
            # With or without a daemon's own words; a proxy in front of it refuses in words of its own.
            status = getattr(getattr(error.original, "response", None), "status_code", 0)
            if status in (401, 403) or not isinstance(error, exceptions.ErrorResponse):
                raise self._refused(status) from None
            raise StorageError(f"The IPFS daemon at {self._api} refused: {_shown(str(error))}.") from None
        except (exceptions.TimeoutError, requests.Timeout):
            raise StorageUnavailable(
                f"The IPFS daemon at {self._api} did not answer within {self._timeout:.0f} s: is it overloaded?"
            ) from None
        except (exceptions.DecodingError, requests.TooManyRedirects, KeyError, TypeError, AttributeError):
            raise self._something_else() from None
        except (exceptions.Error, requests.RequestException, HTTPError):
            # The client translates what goes wrong before a body, but not what goes wrong within one.
            raise self._unavailable() from None

    def _refused(self, status: int) -> StorageUnavailable:
        if status not in (401, 403):
            return self._something_else(f" (status {status})")
        if self._token_file is None:
            return StorageUnavailable(
                f"The IPFS daemon at {self._api} asks for authorization (status {status}): put the secret that its "
                "configuration has under API.Authorizations into a file, and name that with storage.ipfs_token_file."
            )
        return StorageUnavailable(
            f"The IPFS daemon at {self._api} does not let in whoever has the secret in {self._token_file} (status "
            f"{status}): compare it with API.Authorizations in the daemon's configuration, AllowedPaths included."
        )

    def _something_else(self, how: str = "") -> StorageUnavailable:
        return StorageUnavailable(
            f"Something answers at {self._api}, but not as an IPFS daemon does{how}. Correct storage.ipfs_api."
        )

    def _unavailable(self) -> StorageUnavailable:
        return StorageUnavailable(f"No IPFS daemon answers at {self._api}. Start it, or correct storage.ipfs_api.")


def read_authorization(file: Path) -> str:
    """The header Authorization for the secret in a file, which is as in kubo's AuthSecret; raises `ConfigError`.

    That is `bearer:TOKEN`, `basic:USER:PASSWORD`, `basic:BASE64`, or a token alone.
    """
    try:
        secret = file.read_bytes().strip()
        refuse_if_shared(file)
    except OSError as error:
        raise ConfigError(f"storage.ipfs_token_file: {file} cannot be read ({error.strerror}).") from None
    kind, _, rest = secret.partition(b":")
    value = rest if kind in (b"bearer", b"basic") else secret
    if not value or any(not 32 <= byte < 127 for byte in value):
        raise ConfigError(
            f"storage.ipfs_token_file: {file} must hold one line, such as bearer:TOKEN or basic:USER:PASSWORD."
        )
    if kind != b"basic":
        return f"Bearer {value.decode()}"
    return "Basic " + (base64.b64encode(value) if b":" in value else value).decode()


def _keep_direct(session: requests.Session) -> None:
    """The daemon is the hospital's own: no proxy or password of the environment is for it, and it sends nobody on."""
    session.trust_env = False
    session.verify = os.environ.get(AUTHORITIES_VARIABLE) or True
    session.max_redirects = 0


def _message(said: bytes) -> str:
    """What a daemon says of an error."""
    try:
        return _shown(str(json.loads(said)["Message"]))
    except (ValueError, KeyError, TypeError):
        return "it does not say why"


def _shown(text: str) -> str:
    return plain(text[:200])
