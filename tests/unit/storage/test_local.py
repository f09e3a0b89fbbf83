# SPDX-License-Identifier: Apache-2.0
"""The folder keeps what it is given, hides what is not released, and does not believe its own files."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from node.errors import ContentMismatch, ContentNotFound, StorageError
from node.storage.cid import LEAF_SIZE, RAW, Address, address
from node.storage.local import LocalStore

SMALL = b"a dealing"
LARGE = os.urandom(2 * LEAF_SIZE + 17)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def files(store: LocalStore) -> list[Path]:
    return [path for path in store.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("content", [b"", SMALL, LARGE])
@pytest.mark.parametrize("release", [True, False])
def test_put__any_size__is_got_back_also_by_another_process(store: LocalStore, content: bytes, release: bool) -> None:
    stored = store.put(content, release=release)
    assert stored == address(content)[0]
    again = LocalStore(store.folder)
    assert again.get(stored.digest, stored.size) == content
    assert again.holds(stored.digest, stored.size)
    assert again.released(stored.digest, stored.size) is release


def test_put__files_and_folders__are_the_owner_s_alone(store: LocalStore) -> None:
    store.put(LARGE)
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files(store))
    folders = [store.folder, *(path for path in store.folder.rglob("*") if path.is_dir())]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o700 for path in folders)


@pytest.mark.parametrize("content", [SMALL, LARGE])
def test_public_block__before_release__is_not_found(store: LocalStore, content: bytes) -> None:
    stored = store.put(content, release=False)
    blocks = address(content)[1]
    for block in blocks:
        with pytest.raises(ContentNotFound):
            store.public_block(block.codec, block.digest)
    store.release(stored.digest, stored.size)
    assert [store.public_block(block.codec, block.digest) for block in blocks] == [b.data for b in blocks]
    store.release(stored.digest, stored.size)
    assert len(files(store)) == len(blocks)


def test_put__of_a_released_file_without_release__stays_released(store: LocalStore) -> None:
    stored = store.put(SMALL)
    store.put(SMALL, release=False)
    assert store.released(stored.digest, stored.size)


def test_put__of_an_unreleased_file_with_release__releases_it(store: LocalStore) -> None:
    store.put(LARGE, release=False)
    stored = store.put(LARGE)
    assert store.released(stored.digest, stored.size)
    assert len(files(store)) == 4


def test_release__of_a_file_that_shares_a_block__leaves_the_other_hidden_and_whole(store: LocalStore) -> None:
    first, second = LARGE[: 2 * LEAF_SIZE], LARGE[:LEAF_SIZE] + os.urandom(LEAF_SIZE)
    kept, opened = store.put(first, release=False), store.put(second, release=False)
    store.release(opened.digest, opened.size)
    assert store.get(kept.digest, kept.size) == first
    assert not store.released(kept.digest, kept.size)
    with pytest.raises(ContentNotFound):
        store.public_block(address(first)[0].codec, kept.digest)


def test_release__stopped_half_way__is_completed_by_the_next(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = store.put(LARGE, release=False)
    moved: list[str] = []
    replace = os.replace

    def stop_at_second(source: Path, target: Path) -> None:
        if moved:
            raise OSError(28, "No space left on device")
        moved.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "replace", stop_at_second)
    with pytest.raises(StorageError, match="No space left"):
        store.release(stored.digest, stored.size)
    monkeypatch.undo()
    assert not store.released(stored.digest, stored.size)
    assert store.get(stored.digest, stored.size) == LARGE
    store.release(stored.digest, stored.size)
    assert store.released(stored.digest, stored.size)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"y" + d[1:], lambda d: b""])
def test_get__damaged_block__is_noticed_and_mended_by_storing_again(store: LocalStore, damage) -> None:  # type: ignore[no-untyped-def]
    stored = store.put(LARGE)
    block = address(LARGE)[1][1]
    path = next(path for path in files(store) if path.name == block.cid)
    path.write_bytes(damage(block.data))
    with pytest.raises(ContentMismatch, match="damaged"):
        store.get(stored.digest, stored.size)
    with pytest.raises(ContentMismatch):
        store.public_block(RAW, block.digest)
    assert not store.holds(stored.digest, stored.size)
    store.put(LARGE)
    assert store.get(stored.digest, stored.size) == LARGE


def test_get__absent_file_or_block__is_not_found(store: LocalStore) -> None:
    with pytest.raises(ContentNotFound, match="bafkrei"):
        store.get(bytes(32), 5)
    with pytest.raises(ContentNotFound):
        store.release(bytes(32), 5)
    assert not store.holds(bytes(32), 5)
    stored = store.put(LARGE)
    next(path for path in files(store) if path.stat().st_size == 17).unlink()
    with pytest.raises(ContentNotFound):
        store.get(stored.digest, stored.size)


def test_get__size_from_the_chain_that_is_wrong_or_huge__is_refused(store: LocalStore) -> None:
    stored = store.put(SMALL)
    with pytest.raises(ContentMismatch):
        store.get(stored.digest, stored.size + 1)
    with pytest.raises(ContentMismatch):
        store.get(stored.digest, 1 << 63)
    assert isinstance(Address(stored.digest, stored.size).cid, str)


def test_local_store__folder_that_is_a_file__is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        LocalStore(tmp_path / "store")
