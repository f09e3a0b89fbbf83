# SPDX-License-Identifier: Apache-2.0
"""A hospital's own blocks in a folder, named by their CIDs and hashed again on every read.

`public/` holds what the gateway may serve, `private/` what is not released yet: releasing a file moves its
blocks from one to the other, the root last, so a crash in between leaves a file that is not served as a
whole and that the next `release` completes. Folders are 0700, files 0600, writes atomic and durable.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from node.errors import ContentMismatch, ContentNotFound, StorageError
from node.files import make_private_folder, sync_folder, write_private
from node.storage.cid import LEAF_SIZE, Address, Block, Span, address, assemble, children_of, encode

PRIVATE, PUBLIC = "private", "public"


class LocalStore:
    """Content-addressed blocks below `folder`. Raises StorageError where the folder cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _translated(folder):
            for name in ("", PRIVATE, PUBLIC):
                make_private_folder(folder / name)

    def put(self, content: bytes, *, release: bool = True) -> Address:
        """Stores a file and returns its address; with `release` False the gateway does not serve it yet.

        A file that was released before stays so.
        """
        stored, blocks = address(content)
        with _translated(self.folder):
            for block in blocks:
                self._write(block, PUBLIC if release else PRIVATE)
        return stored

    def release(self, digest: bytes, size: int) -> None:
        """Lets the gateway serve a stored file; raises ContentNotFound if a block of it is not here."""
        wanted = Address(digest, size)
        blocks = list(self._walk(wanted))
        with _translated(self.folder):
            for block in blocks:
                self._write(block, PUBLIC)

    def get(self, digest: bytes, size: int) -> bytes:
        """The content of a stored file; raises ContentNotFound if absent, ContentMismatch if damaged."""
        return assemble(Address(digest, size), lambda codec, name, _: self._read(codec, name))

    def holds(self, digest: bytes, size: int) -> bool:
        """Whether the complete file is here and undamaged."""
        return self._complete(digest, size, (PRIVATE, PUBLIC))

    def released(self, digest: bytes, size: int) -> bool:
        """Whether the complete file is here, undamaged, and served by the gateway."""
        return self._complete(digest, size, (PUBLIC,))

    def public_block(self, codec: int, digest: bytes) -> bytes:
        """A released block, checked; raises ContentNotFound for any other."""
        return self._read(codec, digest, (PUBLIC,))

    def _complete(self, digest: bytes, size: int, places: tuple[str, ...]) -> bool:
        try:
            for _ in self._walk(Address(digest, size), places):
                pass
        except (ContentNotFound, ContentMismatch):
            return False
        return True

    def _walk(self, wanted: Address, places: tuple[str, ...] = (PRIVATE, PUBLIC)) -> Iterator[Block]:
        """All blocks of a file, checked, children before parents."""

        def below(digest: bytes, span: Span) -> Iterator[Block]:
            data = self._read(span.codec, digest, places)
            if span.height:
                for name, child in zip(children_of(data, span), span.children(), strict=True):
                    yield from below(name, child)
            elif len(data) != span.size:
                raise ContentMismatch(f"A stored block of {wanted.cid} has another size.")
            yield Block(span.codec, digest, data)

        yield from below(wanted.digest, Span.of(wanted.size))

    def _read(self, codec: int, digest: bytes, places: tuple[str, ...] = (PRIVATE, PUBLIC)) -> bytes:
        # Private first: a block that another thread releases in between is then found in public.
        for place in places:
            path = self._path(place, codec, digest)
            try:
                with path.open("rb") as stream:
                    data = stream.read(LEAF_SIZE + 1)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise StorageError(f"{path} cannot be read: {error.strerror}. Check the store.") from None
            if hashlib.sha256(data).digest() != digest:
                raise ContentMismatch(f"{path} is damaged. Remove it; it can be stored or fetched again.")
            return data
        raise ContentNotFound(f"The block {encode(codec, digest)} is not in the store.")

    def _write(self, block: Block, place: str) -> None:
        """Brings a block to its place, whatever is there; a released block is never taken back."""
        private = self._path(PRIVATE, block.codec, block.digest)
        target = self._path(place, block.codec, block.digest)
        if self._intact(block, PUBLIC):
            private.unlink(missing_ok=True)
        elif place == PUBLIC and self._intact(block, PRIVATE):
            make_private_folder(target.parent)
            os.replace(private, target)
            sync_folder(target.parent)
            sync_folder(private.parent)
        elif not self._intact(block, place):
            make_private_folder(target.parent)
            write_private(target, block.data)

    def _intact(self, block: Block, place: str) -> bool:
        try:
            return self._read(block.codec, block.digest, (place,)) == block.data
        except (ContentNotFound, ContentMismatch):
            return False

    def _path(self, place: str, codec: int, digest: bytes) -> Path:
        name = encode(codec, digest)
        return self.folder / place / name[-2:] / name


@contextlib.contextmanager
def _translated(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"The block store {folder} cannot be written: {error.strerror}. Check its space and rights."
        ) from None
