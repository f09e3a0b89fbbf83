# SPDX-License-Identifier: Apache-2.0
"""Reading files from other hospitals' gateways, none of which is trusted.

A slow one costs little of a node's time: it is asked after those that were quick, and one that took long and gave
nothing is left alone for so many times as long as there are gateways.

Each block is checked before the next is asked for; checked blocks are kept from one gateway to the next. The
addresses come from the chain, where strangers wrote them: what a node sends there is a GET of a block's path and
nothing else, and unless it is told that hospitals are there, nothing at all to machines of its own network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from node.endpoint import EXAMPLE, parse_endpoint
from node.errors import ContentMismatch, ContentNotFound, UsageError
from node.storage.cid import Address, assemble, encode
from node.storage.transfer import BYTES_PER_SECOND_MIN, Lied, Place, Refused, TransferFailed, Visit

Peers = Callable[[], Sequence[str]]

# A gateway that sends nothing for so long is left.
SILENCE_SECONDS = 10.0
# A visit without a file took long where it took more than this share of that.
LONG = 0.1


class PeerReader:
    """Files from the gateways that `peers()` names when a file is asked for, in that order as far as they are known.

    `public_only`: pass over those whose address, once resolved, is of this machine or of a private network.
    """

    def __init__(self, peers: Peers, *, public_only: bool = False, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._peers = peers
        self._public_only = public_only
        self._silence = silence_seconds
        # By URL: how long the last visit took, and until when none is made (seconds of a clock that nobody sets).
        self._took: dict[str, float] = {}
        self._left_until: dict[str, float] = {}

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a file, every block checked.

        Raises ContentNotFound where no gateway has it, and ContentMismatch where none has it and one sent
        other bytes instead.
        """
        wanted = Address(digest, size)
        checked: dict[tuple[int, bytes], bytes] = {}
        failures: list[str] = []
        lied = False
        urls = list(dict.fromkeys(self._peers()))
        for url in sorted(urls, key=lambda known: self._took.get(known, 0.0)):
            started = time.monotonic()
            if started < self._left_until.get(url, started):
                failures.append(f"{url[:100]!a} took long and gave nothing, and is not asked just now")
                continue
            try:
                return self._read(url, wanted, checked)
            except TransferFailed as error:
                took = time.monotonic() - started
                if took > LONG * self._silence:
                    self._left_until[url] = time.monotonic() + took * len(urls)
                lied = lied or isinstance(error, Lied)
                absent = isinstance(error, Refused) and error.status == 404
                failures.append(f"{url[:100]!a} {'does not have it' if absent else error}")
            finally:
                self._took[url] = time.monotonic() - started
        reasons = "; ".join(failures) if failures else "no other hospital has named its gateway"
        if lied:
            raise ContentMismatch(f"No gateway served the file {wanted.cid} as it is recorded: {reasons}.")
        raise ContentNotFound(f"No gateway has the file {wanted.cid}: {reasons}.")

    def _read(self, url: str, wanted: Address, checked: dict[tuple[int, bytes], bytes]) -> bytes:
        """The file from one gateway, except for the blocks in `checked`, to which the new ones are added."""
        try:
            found = parse_endpoint(url)
        except UsageError:
            raise TransferFailed(f"is not the address of a gateway, such as {EXAMPLE}") from None
        place = Place(found.host, found.port, found.secure, public_only=self._public_only)
        with Visit(place, self._silence, self._silence + wanted.size / BYTES_PER_SECOND_MIN) as visit:

            def fetch(codec: int, digest: bytes, size: int) -> bytes:
                if (codec, digest) not in checked:
                    path = f"{found.path}/ipfs/{encode(codec, digest)}?format=raw"
                    checked[codec, digest] = visit.block("GET", path, digest, size)
                return checked[codec, digest]

            return assemble(wanted, fetch)
