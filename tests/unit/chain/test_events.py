# SPDX-License-Identifier: Apache-2.0
"""A scan misses nothing and repeats little, whatever the chain does under it."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from node.chain.abi import Abi
from node.chain.activity import ActivityWatcher
from node.chain.events import EventScanner
from node.state import NodeState
from tests.support.chain import Anvil, Notebook, development_wallet, running_anvil


def write(anvil: Anvil, notebook: Notebook, number: int) -> None:
    data = notebook.interfaces.encode_call("Notebook", "write", [number])
    anvil.transact(
        {
            "from": development_wallet(1).address,
            "to": notebook.deployment.contracts["Notebook"],
            "data": "0x" + data.hex(),
            "gas": "0x30000",
        },
    )


def numbers(scanner: EventScanner) -> list[int]:
    return [event.arguments["number"] for event in scanner.scan().events]


def test_scan__new_events__are_delivered_once(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    scanner = EventScanner(notebook.connect(anvil.url), state)
    write(anvil, notebook, 1)
    write(anvil, notebook, 2)
    assert numbers(scanner) == [1, 2]
    write(anvil, notebook, 3)
    assert numbers(scanner) == [3]
    assert numbers(scanner) == []


def test_scan__after_a_restart__goes_on_from_the_cursor(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    write(anvil, notebook, 1)
    anvil.mine(3)
    EventScanner(notebook.connect(anvil.url), state, window=2).scan()
    anvil.mine(50)
    write(anvil, notebook, 2)
    restarted = EventScanner(notebook.connect(anvil.url), state, window=2).scan()
    assert [event.arguments["number"] for event in restarted.events] == [2]
    assert restarted.first_block > notebook.deployment.start_block and not restarted.reorganised


def test_scan__confirmations_asked__waits_for_them(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    scanner = EventScanner(notebook.connect(anvil.url), state, confirmations=2)
    write(anvil, notebook, 1)
    assert numbers(scanner) == []
    anvil.mine()
    assert numbers(scanner) == []
    anvil.mine()
    assert numbers(scanner) == [1]


def test_scan__block_replaced__delivers_what_the_new_chain_has(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    scanner = EventScanner(notebook.connect(anvil.url), state, window=0)
    snapshot = anvil.request("evm_snapshot")
    write(anvil, notebook, 1)
    assert numbers(scanner) == [1]
    anvil.request("evm_revert", snapshot)
    write(anvil, notebook, 2)
    write(anvil, notebook, 3)
    found = scanner.scan()
    assert [event.arguments["number"] for event in found.events] == [2, 3]
    assert found.reorganised


def test_scan__anvil_reorganises__delivers_the_moved_event_again(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    scanner = EventScanner(notebook.connect(anvil.url), state, window=0)
    write(anvil, notebook, 1)
    anvil.mine(3)
    before = scanner.scan()
    anvil.request("anvil_reorg", 4, [])
    write(anvil, notebook, 2)
    after = scanner.scan()
    assert after.reorganised
    # Every delivered event is one of the chain as it is now; none of the dropped block's comes back.
    current = {e.identity for e in notebook.connect(anvil.url).events("Notebook", "Written")}
    assert {event.identity for event in after.events} == current - {event.identity for event in before.events}
    assert 2 in [event.arguments["number"] for event in after.events]


def test_scan__head_went_back__reads_on_and_says_so_once_other_blocks_are_there(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    """A shorter chain alone may be an endpoint that is behind."""
    scanner = EventScanner(notebook.connect(anvil.url), state)
    snapshot = anvil.request("evm_snapshot")
    anvil.mine(20)
    cursor = scanner.scan().last_block
    anvil.request("evm_revert", snapshot)
    assert not scanner.scan().reorganised
    write(anvil, notebook, 1)
    passed = scanner.scan()
    assert [event.arguments["number"] for event in passed.events] == [1] and not passed.reorganised
    anvil.mine(30)
    passed = scanner.scan()
    assert passed.reorganised and passed.last_block > cursor
    assert not scanner.scan().reorganised


def test_scan__chain_killed_and_restarted__sees_the_different_block_of_the_same_number(
    tmp_path: Path, compiled_notebook: tuple[Abi, str], state: NodeState
) -> None:
    with running_anvil(tmp_path, state=tmp_path / "chain.json") as anvil:
        notebook = Notebook(anvil, compiled_notebook)
        anvil.stop()
        anvil.start()
        scanner = EventScanner(notebook.connect(anvil.url), state)
        write(anvil, notebook, 1)
        assert numbers(scanner) == [1]
        anvil.kill()
        anvil.start()
        write(anvil, notebook, 2)
        found = scanner.scan()
        assert [event.arguments["number"] for event in found.events] == [2]
        assert found.reorganised


def test_wait__new_block_heard_over_the_websocket__wakes_before_the_next_poll(anvil: Anvil, notebook: Notebook) -> None:
    with ActivityWatcher(notebook.connect(anvil.url), anvil.websocket_url, poll_interval=30) as watcher:
        assert watcher.wait_for_activity(5)
        time.sleep(1.5)  # The subscription is made in the background.
        threading.Timer(0.3, anvil.mine).start()
        started = time.monotonic()
        assert watcher.wait_for_activity(20)
        assert time.monotonic() - started < 5


def test_wait__no_websocket__polls_and_gives_up_in_time(anvil: Anvil, notebook: Notebook) -> None:
    with ActivityWatcher(notebook.connect(anvil.url), poll_interval=0.1) as watcher:
        assert watcher.wait_for_activity(1)
        assert not watcher.wait_for_activity(0.3)
        anvil.mine()
        assert watcher.wait_for_activity(5)


def test_wait__websocket_refused__falls_back_to_polling(anvil: Anvil, notebook: Notebook) -> None:
    with ActivityWatcher(notebook.connect(anvil.url), "ws://127.0.0.1:9", poll_interval=0.1) as watcher:
        assert watcher.wait_for_activity(2)
        anvil.mine()
        assert watcher.wait_for_activity(5)
