# SPDX-License-Identifier: Apache-2.0
"""Files for the audit: from any place that has them, changed by none."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from node.audit.basics import Verdict
from node.audit.contents import FirstOf, ReleasedBlocks, open_contents, verdict_on
from node.errors import ContentMismatch, ContentNotFound, DataError, StorageUnavailable
from node.proofs.model_document import read_model_document
from node.storage.gateway import Gateway
from node.storage.local import LocalStore

CONTENT = bytes(range(256)) * 2_000


class Broken:
    """A place that always fails in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, digest: bytes, size: int) -> bytes:
        raise self.error


def test_read__of_a_released_file__gives_its_bytes(tmp_path: Path) -> None:
    stored = LocalStore(tmp_path / "store").put(CONTENT)
    assert open_contents([tmp_path / "store"], []).get(stored.digest, stored.size) == CONTENT


def test_read__of_a_file_that_is_not_released__finds_nothing(tmp_path: Path) -> None:
    stored = LocalStore(tmp_path / "store").put(CONTENT, release=False)
    with pytest.raises(ContentNotFound):
        open_contents([tmp_path / "store"], []).get(stored.digest, stored.size)


def test_read__of_a_folder__changes_nothing_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o755)
    with pytest.raises(ContentNotFound):
        ReleasedBlocks(folder).get(bytes(32), 5)
    assert list(folder.iterdir()) == []
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


def test_read__from_a_gateway__gives_the_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    stored = store.put(CONTENT)
    gateway = Gateway(store)
    try:
        assert open_contents([tmp_path / "none"], [gateway.url]).get(stored.digest, stored.size) == CONTENT
    finally:
        gateway.close()


def test_read__where_one_place_has_other_bytes_and_another_is_away__is_a_mismatch() -> None:
    reader = FirstOf([Broken(ContentMismatch("other bytes")), Broken(StorageUnavailable("away"))])
    with pytest.raises(ContentMismatch):
        reader.get(bytes(32), 5)


def test_read__where_no_place_has_it__says_how_to_name_one() -> None:
    with pytest.raises(ContentNotFound, match="--store"):
        FirstOf([]).get(bytes(32), 5)


def test_verdict__on_an_error__tells_wrong_from_away() -> None:
    assert verdict_on(ContentNotFound("")) is Verdict.UNREACHABLE
    assert verdict_on(ContentMismatch("")) is Verdict.FAILED
    assert verdict_on(DataError("")) is Verdict.FAILED


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"[]",
        b'{"consilium":"plan/2","weights":[1]}',
        b'{"consilium":"model/1"}',
        b'{"consilium":"model/1","weights":[1.5]}',
        b'{"consilium":"model/1","weights":[true]}',
        b"[" * 100_000,
    ],
)
def test_read_model_document__of_anything_else__is_refused(document: bytes) -> None:
    with pytest.raises(DataError):
        read_model_document(document)
