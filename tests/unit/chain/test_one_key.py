# SPDX-License-Identifier: Apache-2.0
"""Two memories that sign with one key: whichever comes second notices before it sends anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain.journal import SendingPolicy
from node.chain.sender import TransactionSender
from node.errors import ChainUnavailable, ContractReverted, KeyInUse
from node.state import NodeState
from tests.support.chain import Anvil, Notebook, development_wallet
from tests.support.endpoint import Question, Reply, refused, result, running_endpoint

SENDER = development_wallet(0).address
QUICK = SendingPolicy(poll_interval=0.05, timeout=20, look_after=0.2, depth=3)
IMPATIENT = SendingPolicy(poll_interval=0.05, timeout=0.5, look_after=0.2, depth=3)


def sent(anvil: Anvil) -> int:
    return int(anvil.request("eth_getTransactionCount", SENDER, "latest"), 16)


def taken_over(sender: TransactionSender) -> int:
    """Have a sender take the key over, and tell how many transactions it did not know."""
    unknown: list[int] = []
    sender.take_over(unknown.append)
    return sum(unknown)


@pytest.fixture
def copied(tmp_path: Path, anvil: Anvil, notebook: Notebook) -> Iterator[tuple[NodeState, NodeState]]:
    """A memory that has sent something, and a copy of it."""
    with NodeState(tmp_path / "one.sqlite") as first:
        notebook.sender(anvil.url, first).send("write/1", "Notebook", "write", 1)
    shutil.copy(tmp_path / "one.sqlite", tmp_path / "two.sqlite")
    with NodeState(tmp_path / "one.sqlite") as first, NodeState(tmp_path / "two.sqlite") as second:
        yield first, second


@pytest.fixture
def twins(anvil: Anvil, notebook: Notebook, copied: tuple[NodeState, NodeState]) -> list[TransactionSender]:
    """Two nodes that started at the same instant, neither of which has sent anything since."""
    senders = [notebook.sender(anvil.url, state, policy=QUICK) for state in copied]
    for sender in senders:
        assert taken_over(sender) == 0
    return senders


def test_twins__one_sends__the_other_stops_before_it_sends_anything(
    anvil: Anvil, notebook: Notebook, twins: list[TransactionSender]
) -> None:
    first, second = twins
    first.send("write/2", "Notebook", "write", 2)
    for attempt in (second.check_alone, lambda: second.send("write/3", "Notebook", "write", 3)):
        with pytest.raises(KeyInUse, match=f"Another node uses this key: .*{SENDER}"):
            attempt()
    assert sent(anvil) == 2
    first.check_alone()
    first.send("write/4", "Notebook", "write", 4)


def test_twins__both_send_in_one_block__one_of_them_stops(
    anvil: Anvil, notebook: Notebook, copied: tuple[NodeState, NodeState]
) -> None:
    anvil.set_automine(False)
    senders = [notebook.sender(anvil.url, state, policy=IMPATIENT) for state in copied]
    for number, sender in enumerate(senders, start=5):
        taken_over(sender)
        with pytest.raises(ChainUnavailable):
            sender.send(f"write/{number}", "Notebook", "write", number)
    anvil.mine()
    # The second replaced the first in the pool, by a higher fee.
    senders[1].send("write/6", "Notebook", "write", 6)
    with pytest.raises(KeyInUse):
        senders[0].send("write/5", "Notebook", "write", 5, repeatable=True)
    assert sent(anvil) == 2


def test_take_over__memory_older_than_the_chain__counts_what_it_does_not_know(
    anvil: Anvil, notebook: Notebook, copied: tuple[NodeState, NodeState]
) -> None:
    newer, older = copied
    original = notebook.sender(anvil.url, newer)
    for number in (2, 3):
        original.send(f"write/{number}", "Notebook", "write", number)
    restored = notebook.sender(anvil.url, older, policy=QUICK)
    assert taken_over(restored) == 2
    # What was there before the start is no reason to stop, nor is it found anew at the next start.
    restored.send("write/4", "Notebook", "write", 4)
    assert taken_over(notebook.sender(anvil.url, older)) == 0


def test_take_over__backup_from_before_a_fee_was_raised__counts_the_lost_attempt(
    anvil: Anvil, notebook: Notebook, copied: tuple[NodeState, NodeState]
) -> None:
    newer, older = copied
    anvil.set_automine(False)
    with pytest.raises(ChainUnavailable):
        notebook.sender(anvil.url, older, policy=IMPATIENT).send("write/2", "Notebook", "write", 2)
    anvil.request("anvil_dropAllTransactions")
    anvil.set_automine(True)
    notebook.sender(anvil.url, newer).send("write/3", "Notebook", "write", 3)
    anvil.mine(QUICK.depth)
    restored = notebook.sender(anvil.url, older, policy=QUICK)
    assert taken_over(restored) == 1
    restored.send("write/2", "Notebook", "write", 2, repeatable=True)


def test_take_over__what_a_refusing_endpoint_took_after_all__is_no_other_node(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    def unsure(question: Question) -> Reply | None:
        if question["method"] != "eth_sendRawTransaction":
            return None
        endpoint.forward(question)
        return refused(-32000, "internal error")

    with running_endpoint(anvil.url, unsure) as endpoint:
        sender = notebook.sender(endpoint.url, state, policy=QUICK)
        taken_over(sender)
        with pytest.raises(Exception, match="internal error"):
            sender.send("write/7", "Notebook", "write", 7)
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    assert taken_over(sender) == 0
    sender.check_alone()


def test_take_over__key_with_a_history_in_a_new_memory__knows_none_of_it_and_begins_there(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.transact({"from": SENDER, "to": SENDER, "value": "0x1"})
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    assert taken_over(sender) == 1
    sender.send("write/7", "Notebook", "write", 7)
    anvil.transact({"from": SENDER, "to": SENDER, "value": "0x1"})
    with pytest.raises(KeyInUse):
        sender.check_alone()


def test_check_alone__one_endpoint_of_two_tells_of_more__stops_nothing_and_sends_nothing(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    def more(question: Question) -> Reply | None:
        return result("0x7") if question["method"] == "eth_getTransactionCount" else None

    with running_endpoint(anvil.url) as endpoint:
        sender = TransactionSender(notebook.connect(endpoint.url, anvil.url), development_wallet(0), state, QUICK)
        taken_over(sender)
        endpoint.answer = more
        for attempt in (sender.check_alone, lambda: sender.send("write/7", "Notebook", "write", 7)):
            with pytest.raises(ChainUnavailable, match="disagree about how many"):
                attempt()
    assert sent(anvil) == 0


def test_take_over__refused_by_whoever_is_told__finds_the_same_at_the_next_start(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.transact({"from": SENDER, "to": SENDER, "value": "0x1"})

    def refuse(_unknown: int) -> None:
        raise KeyInUse("another one answers")

    with pytest.raises(KeyInUse):
        notebook.sender(anvil.url, state).take_over(refuse)
    assert taken_over(notebook.sender(anvil.url, state)) == 1


def test_shared_key__other_programs_may_use_it(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    sender.send("write/7", "Notebook", "write", 7)
    anvil.transact({"from": SENDER, "to": SENDER, "value": "0x1"})
    sender.check_alone()
    sender.send("write/8", "Notebook", "write", 8)
    with pytest.raises(ContractReverted):
        sender.send("write/13", "Notebook", "write", 13)
