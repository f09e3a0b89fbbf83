# SPDX-License-Identifier: Apache-2.0
"""A nonce is lost only where the chain shows who has it; a receipt that does not come shows nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from node.chain.journal import SendingPolicy
from node.chain.sender import TransactionSender
from node.errors import ChainError, ChainUnavailable, NonceLost
from node.state import NodeState
from node.types import TransactionStatus
from tests.support.chain import Anvil, Notebook, development_wallet
from tests.support.endpoint import Endpoint, Question, Reply, refused, result, running_endpoint

SENDER = development_wallet(0).address
DEPTH = 3
QUICK = SendingPolicy(poll_interval=0.05, timeout=20, look_after=0.2, depth=DEPTH)
IMPATIENT = SendingPolicy(poll_interval=0.05, timeout=0.8, look_after=0.2, depth=DEPTH)
Answer = Callable[[Question], Reply | None]


def count(notebook: Notebook, anvil: Anvil) -> int:
    return int(notebook.connect(anvil.url).call("Notebook", "count"))


def late_receipts(seconds: float) -> Answer:
    """A receipt is null for so long after it was first asked for."""
    first: dict[str, float] = {}

    def answer(question: Question) -> Reply | None:
        if question["method"] != "eth_getTransactionReceipt":
            return None
        asked = first.setdefault(question["params"][0], time.monotonic())
        return result(None) if time.monotonic() < asked + seconds else None

    return answer


@contextmanager
def sending_through(
    notebook: Notebook, anvil: Anvil, state: NodeState, policy: SendingPolicy, *answers: Answer
) -> Iterator[TransactionSender]:
    """A sender whose endpoints, all in front of one chain, answer some questions by themselves."""
    with ExitStack() as stack:
        urls = [stack.enter_context(running_endpoint(anvil.url, answer)).url for answer in answers]
        yield TransactionSender(notebook.connect(*urls), development_wallet(0), state, policy)


def test_send__receipt_comes_late__is_waited_for(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    with sending_through(notebook, anvil, state, QUICK, late_receipts(1.0)) as sender:
        sender.send("write/7", "Notebook", "write", 7, repeatable=True)
    assert count(notebook, anvil) == 1
    assert int(anvil.request("eth_getTransactionCount", SENDER, "latest"), 16) == 1


def test_send__receipt_never_comes__says_that_it_is_not_sent_twice(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    with sending_through(notebook, anvil, state, IMPATIENT, late_receipts(60)) as sender:
        with pytest.raises(ChainUnavailable, match=r"no receipt has come although it is in block .* not sent twice"):
            sender.send("write/7", "Notebook", "write", 7, repeatable=True)
        anvil.mine(DEPTH + 1)
        with pytest.raises(ChainUnavailable, match="not sent twice"):
            sender.send("write/7", "Notebook", "write", 7, repeatable=True)
    receipt = notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    assert receipt.event("Written").arguments["count"] == 1
    assert count(notebook, anvil) == 1


def nonce_taken_by_another(anvil: Anvil, notebook: Notebook, state: NodeState) -> str:
    """Sign and lose a transaction, and use its nonce for another one, whose hash is returned."""
    anvil.set_automine(False)
    with pytest.raises(ChainUnavailable):
        notebook.sender(anvil.url, state, policy=IMPATIENT).send("write/7", "Notebook", "write", 7)
    anvil.request("anvil_dropAllTransactions")
    anvil.set_automine(True)
    return str(anvil.transact({"from": SENDER, "to": SENDER, "value": "0x1"})["transactionHash"])


def status(state: NodeState) -> TransactionStatus:
    record = state.transaction(SENDER, "write/7")
    assert record is not None
    return record.status


def test_send__nonce_used_in_a_block_that_may_go__is_not_signed_anew(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    other = nonce_taken_by_another(anvil, notebook, state)
    anvil.mine(DEPTH - 1)
    sender = notebook.sender(anvil.url, state, policy=IMPATIENT)
    with pytest.raises(ChainUnavailable, match=f"{other} has it, in block .*: not {DEPTH} blocks deep"):
        sender.send("write/7", "Notebook", "write", 7, repeatable=True)
    assert count(notebook, anvil) == 0 and status(state) is TransactionStatus.PENDING


def test_send__nonce_lost_for_good_and_contract_refuses_twice__is_signed_anew(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    nonce_taken_by_another(anvil, notebook, state)
    anvil.mine(DEPTH)
    receipt = notebook.sender(anvil.url, state, policy=QUICK).send("write/7", "Notebook", "write", 7, repeatable=True)
    record = state.transaction(SENDER, "write/7")
    assert record is not None and record.nonce == 1 and record.tx_hash == receipt.tx_hash
    assert count(notebook, anvil) == 1


def test_send__payment_whose_nonce_is_lost__is_left_to_a_person(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    other = nonce_taken_by_another(anvil, notebook, state)
    anvil.mine(DEPTH)
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    for _ in range(2):
        with pytest.raises(NonceLost, match=other):
            sender.send("write/7", "Notebook", "write", 7)
    assert count(notebook, anvil) == 0 and status(state) is TransactionStatus.DISPLACED
    # Whoever looked at it can order anew.
    assert sender.intent("write/7") == "write/7/0"
    sender.send("write/7/0", "Notebook", "write", 7)
    assert count(notebook, anvil) == 1


def test_send__endpoints_disagree_who_has_the_nonce__is_not_signed_anew(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    nonce_taken_by_another(anvil, notebook, state)
    anvil.mine(DEPTH)
    liar = Endpoint(anvil.url)

    def other_transaction(question: Question) -> Reply | None:
        if question["method"] != "eth_getBlockByNumber" or not question["params"][1]:
            return None
        reply = liar.forward(question)
        for transaction in reply.body["result"]["transactions"]:
            transaction["hash"] = "0x" + "ab" * 32
        return reply

    with (
        sending_through(notebook, anvil, state, IMPATIENT, lambda _: None, other_transaction) as sender,
        pytest.raises(ChainUnavailable, match="give different answers"),
    ):
        sender.send("write/7", "Notebook", "write", 7, repeatable=True)
    assert count(notebook, anvil) == 0 and status(state) is TransactionStatus.PENDING


def test_send__endpoint_without_older_state__says_so_and_is_not_signed_anew(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    nonce_taken_by_another(anvil, notebook, state)
    anvil.mine(20)

    def pruned(question: Question) -> Reply | None:
        if question["method"] == "eth_getTransactionCount" and question["params"][1] != "latest":
            return refused(-32000, "missing trie node")
        return None

    with (
        sending_through(notebook, anvil, state, IMPATIENT, pruned) as sender,
        pytest.raises(ChainUnavailable, match=r"missing trie node.*keeps older state.*not sent twice"),
    ):
        sender.send("write/7", "Notebook", "write", 7, repeatable=True)
    assert count(notebook, anvil) == 0 and status(state) is TransactionStatus.PENDING


def behind_every_second_time(anvil: Anvil, blocks: int) -> Answer:
    """Every second question is answered by a machine that is so many blocks behind."""
    chain, turn = Endpoint(anvil.url), [0]

    def answer(question: Question) -> Reply | None:
        turn[0] += 1
        if turn[0] % 2:
            return None
        old = max(0, int(anvil.request("eth_blockNumber"), 16) - blocks)
        parameters = [hex(old) if given == "latest" else given for given in question["params"]]
        reply = chain.forward({**question, "params": parameters})
        found: Any = reply.body.get("result")
        if question["method"] == "eth_getTransactionReceipt" and found and int(found["blockNumber"], 16) > old:
            return result(None)
        return reply

    return answer


def test_send__some_machines_behind_the_endpoint_lag__each_intent_is_carried_out_once(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.request("evm_setAutomine", False)
    anvil.request("evm_setIntervalMining", 1)
    with sending_through(notebook, anvil, state, QUICK, behind_every_second_time(anvil, 2)) as sender:
        for number in range(2):
            sender.send(f"write/{number}", "Notebook", "write", number, repeatable=True)
    written = notebook.connect(anvil.url).events("Notebook", "Written")
    assert [event.arguments["number"] for event in written] == [0, 1]


def test_send__endpoint_takes_a_payment_and_says_that_it_refuses__is_found_and_not_made_again(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    chain = Endpoint(anvil.url)

    def unsure(question: Question) -> Reply | None:
        if question["method"] != "eth_sendRawTransaction":
            return None
        chain.forward(question)
        return refused(-32000, "internal error")

    with (
        sending_through(notebook, anvil, state, QUICK, unsure) as sender,
        pytest.raises(ChainError, match="internal error"),
    ):
        sender.send("write/7", "Notebook", "write", 7)
    assert status(state) is TransactionStatus.REFUSED
    notebook.sender(anvil.url, state, policy=QUICK).send("write/7", "Notebook", "write", 7)
    assert count(notebook, anvil) == 1 and status(state) is TransactionStatus.MINED


def test_send__refused_one_gave_its_nonce_to_another__is_signed_anew(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    def refuse(question: Question) -> Reply | None:
        return refused(-32000, "internal error") if question["method"] == "eth_sendRawTransaction" else None

    with sending_through(notebook, anvil, state, QUICK, refuse) as sender, pytest.raises(ChainError):
        sender.send("write/7", "Notebook", "write", 7)
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    sender.send("write/8", "Notebook", "write", 8)
    sender.send("write/7", "Notebook", "write", 7)
    written = notebook.connect(anvil.url).events("Notebook", "Written")
    assert [event.arguments["number"] for event in written] == [8, 7]


def test_intent__repeated_until_its_end_was_seen__is_the_same_one(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    sender = notebook.sender(anvil.url, state, policy=QUICK)
    first = sender.intent("order")
    assert sender.intent("order") == first
    sender.send(first, "Notebook", "write", 7)
    # Mined, but whoever ordered it may have been cut off before the receipt came.
    assert sender.intent("order") == first
    sender.finish(first)
    assert sender.intent("order") != first
