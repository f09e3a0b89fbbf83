# SPDX-License-Identifier: Apache-2.0
"""A command beside a running node: two processes with one key and one memory send in turn, each intent once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from node.state import NodeState
from node.types import Receipt
from tests.support.chain import Anvil, Notebook

EACH = 8


def test_send__by_a_node_and_a_command_at_once__takes_every_nonce_once(
    tmp_path: Path, anvil: Anvil, notebook: Notebook
) -> None:
    """Two open files are to each other what two processes are: nothing is shared but what lies on the disk."""
    path = tmp_path / "shared.sqlite"

    def send_all(name: str, state: NodeState) -> list[Receipt]:
        sender = notebook.sender(anvil.url, state)
        return [sender.send(f"{name}/{number}", "Notebook", "write", number) for number in range(EACH)]

    with NodeState(path) as node, NodeState(path, beside=True) as command, ThreadPoolExecutor(2) as pool:
        both = pool.map(send_all, ("node", "command"), (node, command))
        hashes = {receipt.tx_hash for receipts in both for receipt in receipts}
        sender = notebook.sender(anvil.url, node).address
        known = [node.transaction(sender, f"{name}/{n}") for name in ("node", "command") for n in range(EACH)]
    assert len(hashes) == 2 * EACH
    assert sorted(record.nonce for record in known if record is not None) == list(range(2 * EACH))
    assert len(notebook.connect(anvil.url).events("Notebook", "Written")) == 2 * EACH
