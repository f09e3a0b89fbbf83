# SPDX-License-Identifier: Apache-2.0
"""The one interface to stored files, and its two backends.

`local`: blocks in a folder, served by a gateway of this node, and the others' gateways for what is not here.
`ipfs`: a daemon of the hospital's own. Both give the same addresses and check every byte they read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from node.config import StorageConfig
from node.endpoint import Reach, reach
from node.errors import ContentMismatch, ContentNotFound
from node.storage.cid import Address
from node.storage.gateway import Gateway
from node.storage.ipfs import IpfsStore
from node.storage.local import LocalStore
from node.storage.remote import PeerReader, Peers


class Store(Protocol):
    """Files by digest and size; a method that cannot do its work raises a StorageError."""

    @property
    def endpoint(self) -> str:
        """Where the other hospitals reach this store's gateway; empty where they need no address."""

    def put(self, content: bytes, *, release: bool = True) -> Address:
        """Stores a file durably; with `release` False nobody else can read it before `release`."""

    def release(self, digest: bytes, size: int) -> None:
        """Lets the others read a stored file from now on; repeating it does no harm."""

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a file, from here or from the others, checked block by block."""

    def holds(self, digest: bytes, size: int) -> bool:
        """Whether the complete file is here, undamaged."""

    def check(self) -> None:
        """Raises StorageUnavailable where what the store relies on does not answer."""

    def close(self) -> None:
        """Stops serving and lets go of connections."""


class EmbeddedStore:
    """The backend `local`: a block folder, a gateway (unless `serve` is off) and the peers' gateways."""

    def __init__(self, local: LocalStore, peers: PeerReader, gateway: Gateway | None, advertise: str | None) -> None:
        self._local = local
        self._peers = peers
        self._gateway = gateway
        self._advertise = advertise

    @property
    def endpoint(self) -> str:
        """The address given for the gateway, or its URL; empty where there is none or it listens on every address."""
        if self._gateway is None:
            return ""
        if self._advertise is not None:
            return self._advertise
        return "" if reach(self._gateway.host) is Reach.NOWHERE else self._gateway.url

    def put(self, content: bytes, *, release: bool = True) -> Address:
        """See Store."""
        return self._local.put(content, release=release)

    def release(self, digest: bytes, size: int) -> None:
        """See Store."""
        self._local.release(digest, size)

    def get(self, digest: bytes, size: int) -> bytes:
        """See Store. A damaged block of this store is as good as none."""
        try:
            return self._local.get(digest, size)
        except (ContentNotFound, ContentMismatch):
            return self._peers.get(digest, size)

    def holds(self, digest: bytes, size: int) -> bool:
        """See Store."""
        return self._local.holds(digest, size)

    def check(self) -> None:
        """See Store. A folder needs nobody."""

    def close(self) -> None:
        """See Store."""
        if self._gateway is not None:
            self._gateway.close()


def open_store(
    settings: StorageConfig, folder: Path, peers: Peers, *, serve: bool = True, local_chain: bool = False
) -> Store:
    """The store that a node's configuration asks for.

    `folder`: where its blocks lie; `peers()`: the URLs of the other hospitals' gateways, asked at every read;
    `serve` False opens no gateway, for a command that runs beside the node; `local_chain`: all hospitals are on
    this machine, or on one that may be this one's neighbour.
    """
    local = LocalStore(folder)
    if settings.backend == "ipfs":
        return IpfsStore(settings.ipfs_api, local, token_file=settings.ipfs_token_file)
    reader = PeerReader(peers, public_only=not (local_chain or settings.private_gateways))
    gateway = Gateway(local, settings.gateway_host, settings.gateway_port) if serve else None
    return EmbeddedStore(local, reader, gateway, settings.advertise)
