# SPDX-License-Identifier: Apache-2.0
"""The embedded backend: own blocks first, then the others', and everybody sees the same addresses."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from node.config import StorageConfig
from node.errors import ContentNotFound, StorageError, StorageUnavailable
from node.storage.cid import LEAF_SIZE
from node.storage.store import Store, open_store

LARGE = os.urandom(LEAF_SIZE + 17)


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[list[Store]]:
    """Three hospitals that know each other's gateways."""
    opened: list[Store] = []
    with ExitStack() as stack:
        for number in range(3):

            def peers(own: int = number) -> list[str]:
                return [store.endpoint for index, store in enumerate(opened) if index != own]

            store = open_store(StorageConfig(), tmp_path / str(number), peers, local_chain=True)
            opened.append(stack.enter_context(closing(store)))
        yield opened


def test_get__file_of_another_hospital__comes_from_its_gateway(stores: list[Store]) -> None:
    for content in (b"", b"small", LARGE):
        stored = stores[0].put(content)
        assert stores[1].get(stored.digest, stored.size) == content
        assert not stores[1].holds(stored.digest, stored.size)


def test_get__unreleased_ciphertext__is_only_the_owner_s_until_release(stores: list[Store]) -> None:
    stored = stores[0].put(LARGE, release=False)
    assert stores[0].get(stored.digest, stored.size) == LARGE
    assert stores[0].holds(stored.digest, stored.size)
    with pytest.raises(ContentNotFound):
        stores[1].get(stored.digest, stored.size)
    stores[0].release(stored.digest, stored.size)
    assert stores[1].get(stored.digest, stored.size) == LARGE


def test_get__owner_away__comes_from_whoever_kept_a_copy(stores: list[Store]) -> None:
    stored = stores[0].put(LARGE)
    stores[1].put(stores[1].get(stored.digest, stored.size))
    stores[0].close()
    assert stores[2].get(stored.digest, stored.size) == LARGE


def test_get__own_copy_damaged__comes_from_the_others(stores: list[Store], tmp_path: Path) -> None:
    stored = stores[0].put(b"kept twice")
    stores[1].put(b"kept twice")
    next((tmp_path / "0").rglob(stored.cid)).write_bytes(b"damaged")
    assert stores[0].get(stored.digest, stored.size) == b"kept twice"


def test_open_store__beside_a_running_node__opens_no_gateway(stores: list[Store], tmp_path: Path) -> None:
    with closing(open_store(StorageConfig(), tmp_path / "0", lambda: [], serve=False)) as beside:
        assert beside.endpoint == ""
        stored = beside.put(b"posted by a command")
    assert stores[1].get(stored.digest, stored.size) == b"posted by a command"


def test_endpoint__on_every_address__is_not_announced(tmp_path: Path) -> None:
    settings = StorageConfig(gateway_host="0.0.0.0")
    with closing(open_store(settings, tmp_path, lambda: [])) as store:
        assert store.endpoint == ""


def test_endpoint__advertised__is_announced_instead_of_where_the_gateway_listens(tmp_path: Path) -> None:
    settings = StorageConfig(gateway_host="localhost", advertise="https://blocks.hospital.example/consilium")
    with closing(open_store(settings, tmp_path, lambda: [])) as store:
        assert store.endpoint == "https://blocks.hospital.example/consilium"
    with closing(open_store(settings, tmp_path, lambda: [], serve=False)) as beside:
        assert beside.endpoint == ""


def test_get__gateway_within_the_network__is_asked_on_local_chains_or_where_the_configuration_says_so(
    tmp_path: Path, stores: list[Store]
) -> None:
    stored = stores[0].put(b"on this machine")
    local = {"elsewhere": (False, False), "local": (True, False), "told": (False, True)}
    found = {}
    for name, (local_chain, private) in local.items():
        settings = StorageConfig(private_gateways=private)
        reader = open_store(settings, tmp_path / name, lambda: [stores[0].endpoint], local_chain=local_chain)
        with closing(reader):
            try:
                found[name] = reader.get(stored.digest, stored.size)
            except ContentNotFound as error:
                assert "within a private network" in str(error)
    assert found == {"local": b"on this machine", "told": b"on this machine"}


def test_open_store__ipfs_without_a_daemon__says_so_and_keeps_own_files(tmp_path: Path) -> None:
    settings = StorageConfig(backend="ipfs", ipfs_api="/ip4/127.0.0.1/tcp/9/http")
    with closing(open_store(settings, tmp_path, lambda: [])) as store:
        with pytest.raises(StorageUnavailable, match=r"/ip4/127\.0\.0\.1/tcp/9/http"):
            store.put(b"x")
        hidden = store.put(b"hidden", release=False)
        assert store.get(hidden.digest, hidden.size) == b"hidden"
        assert store.holds(hidden.digest, hidden.size)
        with pytest.raises(StorageUnavailable):
            store.get(bytes(32), 1)


def test_open_store__ipfs_at_no_address__is_refused(tmp_path: Path) -> None:
    for api in ("", "http://127.0.0.1:5001", "/ip4/127.0.0.1", "/ip4/999.0.0.1/tcp/5001/http"):
        with pytest.raises(StorageError):
            open_store(StorageConfig(backend="ipfs", ipfs_api=api), tmp_path, lambda: [])
