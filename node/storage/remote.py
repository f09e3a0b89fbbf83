# SPDX-License-Identifier: Apache-2.0
"""Reading files from other hospitals' gateways, none of which is trusted.

Each block is checked before the next is asked for; checked blocks are kept from one gateway to the next. The
addresses come from the chain, where anyone may have written them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from node.errors import ContentMismatch, ContentNotFound
from node.storage.cid import Address, assemble, encode
from node.storage.transfer import BYTES_PER_SECOND_MIN, Lied, Place, Refused, TransferFailed, Visit

Peers = Callable[[], Sequence[str]]

# A gateway that sends nothing for so long is left.
SILENCE_SECONDS = 10.0
URL_LENGTH_MAX = 512
PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")
HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|[0-9A-Fa-f:.]{2,45}")


class PeerReader:
    """Files from the gateways that `peers()` names when a file is asked for, in that order."""

    def __init__(self, peers: Peers, *, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._peers = peers
        self._silence = silence_seconds

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a file, every block checked.

        Raises ContentNotFound where no gateway has it, and ContentMismatch where none has it and one sent
        other bytes instead.
        """
        wanted = Address(digest, size)
        checked: dict[tuple[int, bytes], bytes] = {}
        failures: list[str] = []
        lied = False
        for url in dict.fromkeys(self._peers()):
            try:
                return self._read(url, wanted, checked)
            except TransferFailed as error:
                lied = lied or isinstance(error, Lied)
                absent = isinstance(error, Refused) and error.status == 404
                failures.append(f"{url[:100]!a} {'does not have it' if absent else error}")
        reasons = "; ".join(failures) if failures else "no other hospital has named its gateway"
        if lied:
            raise ContentMismatch(f"No gateway served the file {wanted.cid} as it is recorded: {reasons}.")
        raise ContentNotFound(f"No gateway has the file {wanted.cid}: {reasons}.")

    def _read(self, url: str, wanted: Address, checked: dict[tuple[int, bytes], bytes]) -> bytes:
        """The file from one gateway, except for the blocks in `checked`, to which the new ones are added."""
        place, prefix = _parsed(url)
        with Visit(place, self._silence, self._silence + wanted.size / BYTES_PER_SECOND_MIN) as visit:

            def fetch(codec: int, digest: bytes, size: int) -> bytes:
                if (codec, digest) not in checked:
                    path = f"{prefix}/ipfs/{encode(codec, digest)}?format=raw"
                    checked[codec, digest] = visit.block("GET", path, digest, size)
                return checked[codec, digest]

            return assemble(wanted, fetch)


def _parsed(url: str) -> tuple[Place, str]:
    """The place and path prefix of a gateway's address; refuses what is none."""
    problem = TransferFailed("is not the address of a gateway, such as https://hospital.example:8080")
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
    return Place(host, port or (443 if secure else 80), secure), parts.path.rstrip("/")
