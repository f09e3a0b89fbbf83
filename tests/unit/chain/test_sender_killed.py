# SPDX-License-Identifier: Apache-2.0
"""A process that is killed again and again still sends each of its transactions exactly once."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from node.chain.abi import Abi
from scripts.children import ROOT
from tests.support.chain import Anvil, Notebook

INTENTS = 6
PROGRAM = """
    import json, sys
    from pathlib import Path
    from node.chain.abi import Interfaces
    from node.chain.connection import Connection
    from node.chain.journal import SendingPolicy
    from node.chain.sender import TransactionSender
    from node.chain.wallet import Wallet
    from node.state import NodeState
    from node.types import Deployment

    given = json.loads(sys.argv[1])
    deployment = Deployment(given["chain_id"], given["start"], True, {"Notebook": given["address"]}, {})
    connection = Connection([given["url"]], deployment, Interfaces({"Notebook": given["abi"]}))
    with NodeState(Path(given["state"])) as state:
        policy = SendingPolicy(poll_interval=0.02, timeout=30)
        sender = TransactionSender(connection, Wallet(bytes.fromhex(given["key"])), state, policy)
        print("ready", flush=True)
        for number in range(given["intents"]):
            sender.send(f"write/{number}", "Notebook", "write", number)
            print(number, flush=True)
"""


def test_send__killed_at_any_moment__sends_each_intent_once(
    tmp_path: Path, anvil: Anvil, notebook: Notebook, compiled_notebook: tuple[Abi, str]
) -> None:
    from tests.support.chain import development_key

    given = {
        "chain_id": notebook.deployment.chain_id,
        "start": notebook.deployment.start_block,
        "address": notebook.deployment.contracts["Notebook"],
        "url": anvil.url,
        "abi": compiled_notebook[0],
        "state": str(tmp_path / "killed.sqlite"),
        "key": development_key(2).hex(),
        "intents": INTENTS,
    }
    # Blocks come at their own pace, so that some kills fall between sending and mining.
    anvil.request("evm_setAutomine", False)
    anvil.request("evm_setIntervalMining", 1)
    moments = random.Random(7)
    for _ in range(5):
        with start(given) as child:
            assert child.stdout is not None and child.stdout.readline() == b"ready\n"
            time.sleep(moments.uniform(0.0, 1.2))
            child.kill()
    with start(given) as child:
        assert child.wait(timeout=60) == 0
    written = notebook.connect(anvil.url).events("Notebook", "Written")
    assert [event.arguments["number"] for event in written] == list(range(INTENTS))


def start(given: dict[str, object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), json.dumps(given)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
