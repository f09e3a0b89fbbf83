# SPDX-License-Identifier: Apache-2.0
"""The ipfs backend against real daemons: same CIDs, nothing before release, and typed errors when they fail."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.errors import ContentNotFound, StorageUnavailable
from node.storage.cid import LEAF_SIZE, address
from node.storage.ipfs import IpfsStore
from node.storage.local import LocalStore
from tests.support.ipfs import REQUIRE, Daemon, install_js_ipfs, ipfs_daemon, is_installed

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "unixfs_cids.json").read_text())["cases"]
LARGE = os.urandom(5 * LEAF_SIZE + 17)
# Long enough for two daemons to talk on a busy machine, short enough to wait for what nobody has.
SHORT_SECONDS = 12.0


@pytest.fixture(scope="module")
def daemons(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Daemon, Daemon]]:
    """Two daemons that know each other. Without js-ipfs the tests are skipped, except where CI requires it."""
    if os.environ.get(REQUIRE) == "1":
        install_js_ipfs()
    elif not is_installed():
        pytest.skip("js-ipfs is not installed: run `python tests/support/ipfs.py`")
    folder = tmp_path_factory.mktemp("ipfs")
    with ipfs_daemon(folder / "a") as first, ipfs_daemon(folder / "b", bootstrap=[first.swarm]) as second:
        yield first, second


@pytest.fixture
def stores(daemons: tuple[Daemon, Daemon], tmp_path: Path) -> Iterator[tuple[IpfsStore, IpfsStore]]:
    """A hospital's store behind each daemon, with local folders of their own."""
    first = IpfsStore(daemons[0].api, LocalStore(tmp_path / "a"))
    second = IpfsStore(daemons[1].api, LocalStore(tmp_path / "b"), timeout=SHORT_SECONDS)
    with closing(first), closing(second):
        yield first, second


@pytest.mark.parametrize("case", VECTORS, ids=[str(case["size"]) for case in VECTORS])
def test_put__every_vector__gets_the_same_cid_from_the_daemon(
    case: dict[str, int], stores: tuple[IpfsStore, IpfsStore]
) -> None:
    content = hashlib.shake_256(b"feas").digest(case["size"])
    assert stores[0].put(content).cid == case["cidv1_raw_leaves"]


@pytest.mark.parametrize("content", [b"a small file", LARGE], ids=["block", "tree"])
def test_get__file_of_another_hospital__arrives_through_both_daemons(
    content: bytes, stores: tuple[IpfsStore, IpfsStore]
) -> None:
    stored = stores[0].put(content)
    assert stores[0].holds(stored.digest, stored.size)
    assert not stores[1].holds(stored.digest, stored.size)
    assert stores[1].get(stored.digest, stored.size) == content


def test_get__own_folder_lost__comes_back_from_the_daemon(stores: tuple[IpfsStore, IpfsStore], tmp_path: Path) -> None:
    stored = stores[0].put(LARGE)
    shutil.rmtree(tmp_path / "a" / "public")
    assert stores[0].get(stored.digest, stored.size) == LARGE


def test_get__unreleased_file__is_unknown_to_the_daemons_until_release(
    stores: tuple[IpfsStore, IpfsStore],
) -> None:
    secret = os.urandom(LEAF_SIZE + 5)
    stored = stores[0].put(secret, release=False)
    assert stores[0].get(stored.digest, stored.size) == secret
    with pytest.raises(ContentNotFound):
        stores[1].get(stored.digest, stored.size)
    stores[0].release(stored.digest, stored.size)
    stores[0].release(stored.digest, stored.size)
    assert stores[1].get(stored.digest, stored.size) == secret


def test_get__file_that_nobody_has__is_not_found_in_bounded_time(stores: tuple[IpfsStore, IpfsStore]) -> None:
    absent = address(os.urandom(40))[0]
    started = time.monotonic()
    with pytest.raises(ContentNotFound, match=absent.cid):
        stores[1].get(absent.digest, absent.size)
    assert time.monotonic() - started < 4 * SHORT_SECONDS


def test_holds__file_that_the_daemon_dropped__is_false(
    stores: tuple[IpfsStore, IpfsStore], daemons: tuple[Daemon, Daemon]
) -> None:
    stored = stores[0].put(b"to be unpinned")
    assert stores[0].holds(stored.digest, stored.size)
    stores[0]._client.pin.rm(stored.cid)
    assert not stores[0].holds(stored.digest, stored.size)


def test_daemon__stopped__is_unavailable_and_works_again_when_it_is_back(
    daemons: tuple[Daemon, Daemon], tmp_path: Path
) -> None:
    with ipfs_daemon(tmp_path / "daemon") as daemon:
        store = IpfsStore(daemon.api, LocalStore(tmp_path / "store"), timeout=SHORT_SECONDS)
        stored = store.put(b"before")
    with closing(store):
        with pytest.raises(StorageUnavailable, match="Start it"):
            store.put(b"while it is away")
        with pytest.raises(StorageUnavailable):
            store.get(bytes(32), 9)
        with pytest.raises(StorageUnavailable):
            store.holds(stored.digest, stored.size)
        assert store.get(stored.digest, stored.size) == b"before"
