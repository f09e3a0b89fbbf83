# SPDX-License-Identifier: Apache-2.0
"""Machines behind one address that are not equally far: no reorganisation, nothing lost, nothing twice."""

from __future__ import annotations

from itertools import count

import pytest

from node.chain.connection import Connection
from node.chain.events import EventScanner
from node.chain.limits import Behind
from node.state import NodeState
from node.types import Deployment
from tests.support.chain import Anvil, Notebook
from tests.support.endpoint import Endpoint, Question, Reply, refused, result, running_endpoint
from tests.unit.chain.test_events import write

LAG = 3


def every_second_behind(endpoint: Endpoint, *, refuses: bool) -> None:
    """Every second request meets a machine that is three blocks behind; of logs beyond, it refuses or gives fewer."""
    turns = count()

    def answer(question: Question) -> Reply | None:
        if next(turns) % 2:
            return None
        newest = endpoint.forward({**question, "method": "eth_blockNumber", "params": []}).body["result"]
        old = max(0, int(newest, 16) - LAG)
        method, parameters = question["method"], question["params"]
        if method == "eth_getBlockByNumber":
            if parameters[0] == "latest":
                return endpoint.forward({**question, "params": [hex(old), False]})
            return result(None) if int(parameters[0], 16) > old else None
        if method == "eth_getLogs" and int(parameters[0]["toBlock"], 16) > old:
            if refuses:
                return refused(-32000, "One of the blocks specified in filter (toBlock) cannot be found.")
            return endpoint.forward({**question, "params": [{**parameters[0], "toBlock": hex(old)}]})
        return None

    endpoint.answer = answer


@pytest.mark.parametrize("refuses", [False, True])
def test_scan__machines_not_equally_far__tells_no_reorganisation_and_every_event_once(
    anvil: Anvil, notebook: Notebook, state: NodeState, refuses: bool
) -> None:
    with running_endpoint(anvil.url) as endpoint:
        every_second_behind(endpoint, refuses=refuses)
        scanner = EventScanner(notebook.connect(endpoint.url), state)
        told: list[int] = []
        cursors: list[int] = []
        for number in range(21, 45):
            write(anvil, notebook, number)
            for _ in range(1 + number % 3):
                passed = scanner.scan()
                assert not passed.reorganised
                told += [event.arguments["number"] for event in passed.events]
                cursors += [checkpoint.number for checkpoint in state.checkpoints("events")[:1]]
        endpoint.answer = lambda _question: None
        # What the other machine did not have yet is told with the next block.
        anvil.mine()
        told += [event.arguments["number"] for event in scanner.scan().events]
        assert sorted(told) == list(range(21, 45)), "all of them, each once"
        assert cursors == sorted(cursors), "the cursor does not move back"


def test_scan__reorganised_while_machines_differ__says_so_once(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    with running_endpoint(anvil.url) as endpoint:
        every_second_behind(endpoint, refuses=False)
        scanner = EventScanner(notebook.connect(endpoint.url), state, window=0)
        write(anvil, notebook, 1)
        for _ in range(6):
            anvil.mine()
            assert not scanner.scan().reorganised
        anvil.request("anvil_reorg", 4, [])
        write(anvil, notebook, 2)
        passes = []
        for _ in range(8):
            anvil.mine()
            passes.append(scanner.scan())
        assert [passed.reorganised for passed in passes].count(True) == 1
        assert 2 in [event.arguments["number"] for passed in passes for event in passed.events]


@pytest.mark.parametrize(
    "words",
    [
        "header not found",
        "unknown block",
        "block not found: 0x5",
        "block 7 not found",
        "block range extends beyond head",
        "BlockOutOfRangeError: block height is 5 but requested was 9",
    ],
)
def test_call__at_a_block_that_is_not_there_yet__is_worth_trying_again(words: str) -> None:
    def answer(question: Question) -> Reply:
        return result("0x7a69") if question["method"] == "eth_chainId" else refused(-32000, words)

    deployment = Deployment(31337, 0, True, {"RoundManager": "0x" + "11" * 20}, {})
    with running_endpoint(answer=answer) as endpoint, pytest.raises(Behind, match="does not have the block"):
        Connection([endpoint.url], deployment).call("RoundManager", "currentRound", 1, at=9)
