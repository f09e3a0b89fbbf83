# SPDX-License-Identifier: Apache-2.0
"""Stored files as an auditor gets them: from whoever has them, believed only if they fit digest and size."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from node.audit.basics import Verdict
from node.errors import ConsiliumError, ContentMismatch, ContentNotFound, StorageError
from node.storage.cid import Address, assemble
from node.storage.local import LocalStore
from node.storage.remote import PeerReader


class ContentReader(Protocol):
    """Where the audit reads files; the stores of `node.storage` are such."""

    def get(self, digest: bytes, size: int) -> bytes:
        """The file's bytes; raises StorageError where no store has it or the bytes are others."""


class ReleasedBlocks(LocalStore):
    """A hospital's block folder, read only: what its gateway would serve, and nothing is made or changed."""

    def __init__(self, folder: Path) -> None:
        # The store's own set-up makes folders and closes them to others; a reader must not.
        self.folder = folder

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a released file; raises ContentNotFound if it is not here."""
        return assemble(Address(digest, size), lambda codec, name, _: self.public_block(codec, name))


class FirstOf:
    """Files from the first of several readers that has them as they were recorded."""

    def __init__(self, readers: Sequence[ContentReader]) -> None:
        self._readers = tuple(readers)

    def get(self, digest: bytes, size: int) -> bytes:
        """The file's bytes.

        Raises ContentMismatch where every reader that has the file has other bytes, ContentNotFound where
        none has it or can be asked.
        """
        wrong: ContentMismatch | None = None
        for reader in self._readers:
            try:
                return reader.get(digest, size)
            except ContentMismatch as error:
                wrong = error
            except StorageError:
                continue
        if wrong is not None:
            raise wrong
        asked = f"{len(self._readers)} place{'' if len(self._readers) == 1 else 's'} asked"
        raise ContentNotFound(
            f"No store holds {Address(digest, size).cid} ({asked}). Name a folder that does with --store, "
            "or a gateway with --gateway."
        )


def open_contents(stores: Sequence[Path], gateways: Sequence[str], *, public_only: bool = False) -> ContentReader:
    """Reads files from block folders, then from gateways; `public_only`: from none within a private network."""
    readers: list[ContentReader] = [ReleasedBlocks(folder) for folder in stores]
    # Each gateway by itself, so that one that lies does not hide that another is away.
    readers += [PeerReader(partial(list, (url,)), public_only=public_only) for url in gateways]
    return FirstOf(readers)


def verdict_on(error: ConsiliumError) -> Verdict:
    """What an error while reading a file says about the file: wrong, or only away."""
    away = isinstance(error, StorageError) and not isinstance(error, ContentMismatch)
    return Verdict.UNREACHABLE if away else Verdict.FAILED
