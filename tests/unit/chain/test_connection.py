# SPDX-License-Identifier: Apache-2.0
"""Endpoints that are down, of another chain, behind, or lying."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain.connection import Connection
from node.chain.rpc import Rpc
from node.errors import ChainMismatch, ChainUnavailable, ConfigError
from scripts.children import free_port
from tests.support.chain import Anvil, Notebook, running_anvil


@pytest.fixture
def other_anvil(tmp_path: Path) -> Iterator[Anvil]:
    folder = tmp_path / "other"
    folder.mkdir()
    with running_anvil(folder) as chain:
        yield chain


def test_request__nothing_listens__says_that_the_endpoint_is_silent(notebook: Notebook) -> None:
    with pytest.raises(ChainUnavailable, match="does not answer"):
        notebook.connect(f"http://127.0.0.1:{free_port()}").head()


def test_request__first_endpoint_down__uses_the_second(anvil: Anvil, notebook: Notebook) -> None:
    connection = notebook.connect(f"http://127.0.0.1:{free_port()}", anvil.url)
    assert connection.head().number >= notebook.deployment.start_block


def test_request__other_chain__is_a_mismatch(anvil: Anvil, notebook: Notebook) -> None:
    deployment = dataclasses.replace(notebook.deployment, chain_id=1)
    with pytest.raises(ChainMismatch, match="serves chain 31337"):
        Connection([anvil.url], deployment, notebook.interfaces).head()


def test_verify__contracts_not_there__is_a_mismatch(other_anvil: Anvil, notebook: Notebook) -> None:
    with pytest.raises(ChainMismatch, match="no contract Notebook"):
        notebook.connect(other_anvil.url).verify()


def test_call__contracts_not_there__is_a_mismatch(other_anvil: Anvil, notebook: Notebook) -> None:
    with pytest.raises(ChainMismatch, match="do not fit its interface"):
        notebook.connect(other_anvil.url).call("Notebook", "count")


def test_identity__same_addresses_on_a_new_chain__differs(anvil: Anvil, other_anvil: Anvil, notebook: Notebook) -> None:
    other_anvil.mine(notebook.deployment.start_block)
    assert notebook.connect(anvil.url).identity() != notebook.connect(other_anvil.url).identity()


def test_is_confirmed__needs_so_many_blocks_after_it(anvil: Anvil, notebook: Notebook) -> None:
    connection = notebook.connect(anvil.url)
    number = connection.head().number
    assert connection.is_confirmed(number, 0)
    assert not connection.is_confirmed(number, 2)
    anvil.mine(2)
    assert connection.is_confirmed(number, 2)


def test_is_confirmed__second_endpoint_behind__waits(anvil: Anvil, other_anvil: Anvil, notebook: Notebook) -> None:
    anvil.mine(10)
    assert not notebook.connect(anvil.url, other_anvil.url).is_confirmed(1, 5)


def test_is_confirmed__endpoints_on_different_branches__refuses_to_say(
    anvil: Anvil, other_anvil: Anvil, notebook: Notebook
) -> None:
    anvil.mine(10)
    other_anvil.mine(10)
    with pytest.raises(ChainUnavailable, match="disagree about block 1"):
        notebook.connect(anvil.url, other_anvil.url).is_confirmed(1, 5)


def test_agreed__endpoints_answer_differently__refuses_to_say(
    anvil: Anvil, other_anvil: Anvil, notebook: Notebook
) -> None:
    both = notebook.connect(anvil.url, other_anvil.url)
    assert both.agreed(lambda one: one.deployment.chain_id) == 31337
    with pytest.raises(ChainUnavailable, match="different answers"):
        both.agreed(lambda one: one.block(0).hash + str(one.head().number))


def test_agreed__one_endpoint_silent__refuses_to_say(anvil: Anvil, notebook: Notebook) -> None:
    both = notebook.connect(anvil.url, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ChainUnavailable):
        both.agreed(lambda one: one.head().number)


def test_events__indexed_argument__narrows_the_search(anvil: Anvil, notebook: Notebook) -> None:
    connection = notebook.connect(anvil.url)
    assert connection.events("Notebook", "Written", number=7) == ()
    with pytest.raises(ConfigError, match="not indexed by count"):
        connection.events("Notebook", "Written", count=1)


def test_rpc__address_with_an_access_key__is_never_shown() -> None:
    with pytest.raises(ConfigError) as refused:
        Rpc("ws://rpc.example/accesskey")
    assert "accesskey" not in str(refused.value)


def test_rpc__no_json_rpc_there__says_so(tmp_path: Path) -> None:
    import http.server
    import threading

    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(ChainUnavailable, match="answered HTTP 501"):
            Rpc(f"http://127.0.0.1:{server.server_port}").request("eth_chainId")
    finally:
        server.shutdown()
        server.server_close()
