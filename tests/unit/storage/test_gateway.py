# SPDX-License-Identifier: Apache-2.0
"""The gateway serves released blocks to anyone, and nothing else to anybody."""

from __future__ import annotations

import http.client
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from node.errors import StorageError
from node.storage import gateway as gateway_module
from node.storage.cid import LEAF_SIZE, address
from node.storage.gateway import Gateway
from node.storage.local import LocalStore

LARGE = os.urandom(2 * LEAF_SIZE + 17)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def gateway(store: LocalStore) -> Iterator[Gateway]:
    served = Gateway(store)
    yield served
    served.close()


def ask(gateway: Gateway, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), answer.read()
    finally:
        connection.close()


def test_gateway__block_and_file__are_served_with_length_and_type(store: LocalStore, gateway: Gateway) -> None:
    cid = store.put(LARGE).cid
    for block in address(LARGE)[1]:
        status, headers, body = ask(gateway, f"/ipfs/{block.cid}?format=raw")
        assert (status, body) == (200, block.data)
        assert headers["Content-Length"] == str(len(block.data))
        assert headers["Content-Type"] == "application/vnd.ipld.raw"
    assert ask(gateway, f"/ipfs/{cid}")[2] == LARGE
    assert ask(gateway, f"/ipfs/{cid}", Accept="application/vnd.ipld.raw")[2] == address(LARGE)[1][-1].data
    status, headers, body = ask(gateway, f"/ipfs/{cid}", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(len(LARGE)), b"")
    assert "Python" not in headers["Server"]


def test_gateway__unreleased_file__is_not_there_until_it_is_released(store: LocalStore, gateway: Gateway) -> None:
    stored = store.put(LARGE, release=False)
    paths = [f"/ipfs/{stored.cid}", *(f"/ipfs/{block.cid}?format=raw" for block in address(LARGE)[1])]
    assert {ask(gateway, path)[0] for path in paths} == {404}
    assert {ask(gateway, path, "HEAD")[0] for path in paths} == {404}
    store.release(stored.digest, stored.size)
    assert {ask(gateway, path)[0] for path in paths} == {200}


def test_gateway__other_paths_and_methods__are_refused(store: LocalStore, gateway: Gateway) -> None:
    cid = store.put(b"x").cid
    (store.folder / "secret").write_text("key")
    for path in (
        "/",
        "/ipfs/",
        f"/ipfs/{cid}/",
        f"/ipfs/{cid}/..",
        "/ipfs/../secret",
        "/ipfs/..%2fsecret",
        "/secret",
        f"/ipfs/{cid}?format=car",
        f"/ipfs/{cid.upper()}",
        "/ipfs/QmdeoacqroE1mWhJSYwXtEHfzZQ2AbKXadXxA6E261BSJS",
        f"/ipfs/{'b' * 10_000}",
    ):
        status, _, body = ask(gateway, path)
        assert status == 400 and b"key" not in body, path
    for method in ("POST", "PUT", "DELETE"):
        assert ask(gateway, f"/ipfs/{cid}", method)[0] == 501


def test_gateway__damaged_block__is_not_served(store: LocalStore, gateway: Gateway) -> None:
    cid = store.put(b"good bytes").cid
    next(path for path in store.folder.rglob(cid)).write_bytes(b"evil bytes")
    assert ask(gateway, f"/ipfs/{cid}")[0] == 404


def test_gateway__missing_leaf__ends_the_file_short_of_its_length(store: LocalStore, gateway: Gateway) -> None:
    cid = store.put(LARGE).cid
    next(path for path in store.folder.rglob(address(LARGE)[1][1].cid)).unlink()
    with pytest.raises(http.client.IncompleteRead):
        ask(gateway, f"/ipfs/{cid}")


def test_gateway__request_with_a_body__is_answered_and_cut(store: LocalStore, gateway: Gateway) -> None:
    cid = store.put(b"x").cid
    with socket.create_connection(("127.0.0.1", int(gateway.url.rsplit(":", 1)[1])), timeout=5) as client:
        smuggled = f"GET /ipfs/{cid} HTTP/1.1\r\n\r\n"
        client.sendall(f"GET /ipfs/{cid} HTTP/1.1\r\nContent-Length: {len(smuggled)}\r\n\r\n{smuggled}".encode())
        answers = b""
        while part := client.recv(4096):
            answers += part
    assert answers.count(b"200 OK") == 1


def test_gateway__silent_and_numerous_clients__are_let_go(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_module, "CONNECTIONS_MAX", 2)
    monkeypatch.setattr(gateway_module, "CONNECTION_SECONDS", 0.5)
    cid = store.put(b"x").cid
    gateway = Gateway(store)
    try:
        place = ("127.0.0.1", int(gateway.url.rsplit(":", 1)[1]))
        silent = [socket.create_connection(place, timeout=5) for _ in range(2)]
        time.sleep(0.2)
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(gateway, f"/ipfs/{cid}")
        assert [client.recv(1) for client in silent] == [b"", b""]
        time.sleep(0.2)
        assert ask(gateway, f"/ipfs/{cid}")[0] == 200
    finally:
        for client in silent:
            client.close()
        gateway.close()


def test_gateway__name_whose_first_address_is_not_here__listens_on_the_next(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve = socket.getaddrinfo

    def two(host: str, port: int, **settings: Any) -> list[Any]:
        return [*resolve("192.0.2.1", port, **settings), *resolve("127.0.0.1", port, **settings)]

    monkeypatch.setattr(socket, "getaddrinfo", two)
    served = Gateway(store, "gateway.hospital.example")
    monkeypatch.undo()
    try:
        assert served.url.startswith("http://gateway.hospital.example:")
        with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), timeout=5):
            pass
    finally:
        served.close()


def test_gateway__name_or_address_that_is_not_here__says_what_it_has_to_be(store: LocalStore) -> None:
    for host in ("nowhere.invalid", "192.0.2.1"):
        with pytest.raises(StorageError, match=r"storage\.gateway_host has to be"):
            Gateway(store, host)


def test_gateway__port_that_is_taken__says_what_to_change(store: LocalStore, gateway: Gateway) -> None:
    with pytest.raises(StorageError, match=r"storage\.gateway_port"):
        Gateway(store, port=int(gateway.url.rsplit(":", 1)[1]))


def test_gateway__closed__no_longer_answers_and_its_port_is_free(store: LocalStore) -> None:
    first = Gateway(store)
    first.close()
    with pytest.raises(OSError):
        ask(first, "/ipfs/x")
    Gateway(store, port=int(first.url.rsplit(":", 1)[1])).close()
