# SPDX-License-Identifier: Apache-2.0
"""Intents are carried out once, through crashes, reorganisations, slow chains and empty purses."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from node.chain.abi import Abi
from node.chain.journal import SendingPolicy
from node.chain.wallet import create_keyfile
from node.errors import ChainError, ChainUnavailable, ContractReverted, SpendingCapReached
from node.state import NodeState
from node.types import TransactionStatus
from tests.support.chain import Anvil, Notebook, development_wallet, running_anvil

IMPATIENT = SendingPolicy(poll_interval=0.05, timeout=0.3)
SENDER = development_wallet(0).address


def count(notebook: Notebook, anvil: Anvil) -> int:
    return int(notebook.connect(anvil.url).call("Notebook", "count"))


def test_send__new_intent__is_mined_and_its_event_decoded(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    receipt = notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    assert receipt.event("Written").arguments == {"writer": SENDER, "number": 7, "count": 1}
    assert receipt.gas_used > 21_000 and receipt.fee == receipt.gas_used * receipt.effective_gas_price
    assert state.fees_paid(SENDER) == receipt.fee


def test_send__same_intent_twice__is_sent_once(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    sender = notebook.sender(anvil.url, state)
    first = sender.send("write/7", "Notebook", "write", 7)
    assert sender.send("write/7", "Notebook", "write", 7) == first
    assert count(notebook, anvil) == 1


def test_send__process_died_before_broadcast__sends_the_same_bytes(
    anvil: Anvil, notebook: Notebook, state: NodeState, monkeypatch: pytest.MonkeyPatch
) -> None:
    dying = notebook.sender(anvil.url, state)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dying._delivery, "_broadcast", die)
    with pytest.raises(KeyboardInterrupt):
        dying.send("write/7", "Notebook", "write", 7)
    written = state.transaction(SENDER, "write/7")
    assert written is not None and count(notebook, anvil) == 0

    receipt = notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    assert receipt.tx_hash == written.attempts[0].tx_hash
    assert count(notebook, anvil) == 1


def test_send__process_died_after_broadcast__finds_the_mined_transaction(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.set_automine(False)
    with pytest.raises(ChainUnavailable):
        notebook.sender(anvil.url, state, policy=IMPATIENT).send("write/7", "Notebook", "write", 7)
    anvil.mine()
    anvil.set_automine(True)

    notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    assert count(notebook, anvil) == 1


def test_send__earlier_intent_still_open__is_settled_first(anvil: Anvil, notebook: Notebook, state: NodeState) -> None:
    anvil.set_automine(False)
    with pytest.raises(ChainUnavailable):
        notebook.sender(anvil.url, state, policy=IMPATIENT).send("write/7", "Notebook", "write", 7)
    anvil.request("anvil_dropAllTransactions")
    anvil.set_automine(True)

    notebook.sender(anvil.url, state).send("write/8", "Notebook", "write", 8)
    assert count(notebook, anvil) == 2


def test_send__fee_too_low_for_the_block__is_raised_under_the_same_nonce(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.set_automine(False)
    policy = SendingPolicy(poll_interval=0.05, bump_after=0.3, timeout=20)
    sender = notebook.sender(anvil.url, state, policy=policy)
    receipts: list[str] = []
    thread = threading.Thread(target=lambda: receipts.append(sender.send("write/7", "Notebook", "write", 7).tx_hash))
    thread.start()
    wait_for(lambda: len(attempts(state)) == 1)
    # The base fee jumps above what the first attempt offers, so that only a raised one can be mined.
    anvil.request("anvil_setNextBlockBaseFeePerGas", hex(state.transaction(SENDER, "write/7").attempts[0].max_fee * 2))
    anvil.mine()
    wait_for(lambda: len(attempts(state)) >= 2)
    while thread.is_alive():
        anvil.mine()
        thread.join(0.2)
    record = state.transaction(SENDER, "write/7")
    assert record is not None and record.status is TransactionStatus.MINED
    assert record.attempts[-1].max_fee > record.attempts[0].max_fee
    assert receipts[0] in [attempt.tx_hash for attempt in record.attempts[1:]]
    assert count(notebook, anvil) == 1


def attempts(state: NodeState) -> tuple[object, ...]:
    record = state.transaction(SENDER, "write/7")
    return record.attempts if record else ()


def wait_for(condition: object, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.02)


def test_send__reorganisation_dropped_it__is_sent_again_with_the_same_bytes(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    snapshot = anvil.request("evm_snapshot")
    sender = notebook.sender(anvil.url, state)
    first = sender.send("write/7", "Notebook", "write", 7)
    anvil.request("evm_revert", snapshot)
    anvil.mine(3)
    assert count(notebook, anvil) == 0

    second = sender.send("write/8", "Notebook", "write", 8)
    assert count(notebook, anvil) == 2
    again = sender.send("write/7", "Notebook", "write", 7)
    assert again.tx_hash == first.tx_hash and again.block_hash != first.block_hash
    assert again.block_number < second.block_number


def test_send__chain_rolled_back_by_a_crash__repeats_what_was_lost(
    tmp_path: Path, compiled_notebook: tuple[Abi, str], state: NodeState
) -> None:
    with running_anvil(tmp_path, state=tmp_path / "chain.json") as anvil:
        notebook = Notebook(anvil, compiled_notebook)
        anvil.stop()
        anvil.start()
        sender = notebook.sender(anvil.url, state)
        sender.send("write/7", "Notebook", "write", 7)
        anvil.kill()
        anvil.start()
        assert count(notebook, anvil) == 0
        sender.send("write/8", "Notebook", "write", 8)
        assert count(notebook, anvil) == 2


def test_send__contract_refuses__names_the_error_and_spends_nothing(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    with pytest.raises(ContractReverted) as refused:
        notebook.sender(anvil.url, state).send("write/13", "Notebook", "write", 13)
    assert refused.value.name == "NotebookRefused"
    assert refused.value.values == {"number": 13, "caller": SENDER}
    assert state.transaction(SENDER, "write/13") is None and state.fees_paid(SENDER) == 0


@pytest.mark.parametrize(
    ("function", "arguments", "name", "values"),
    [
        ("divide", (1, 0), "Panic", {"code": 0x12, "meaning": "division by zero"}),
        ("complain", (), "Error", {"reason": "not today"}),
    ],
)
def test_call__panic_or_reason__is_named(
    anvil: Anvil, notebook: Notebook, function: str, arguments: tuple[int, ...], name: str, values: object
) -> None:
    with pytest.raises(ContractReverted) as refused:
        notebook.connect(anvil.url).call("Notebook", function, *arguments)
    assert (refused.value.name, refused.value.values) == (name, values)


def test_send__refused_in_the_block__names_the_error_and_counts_the_fee(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    anvil.set_automine(False)
    with pytest.raises(ChainUnavailable):
        notebook.sender(anvil.url, state, policy=IMPATIENT).send("write/7", "Notebook", "write", 7)
    record = state.transaction(SENDER, "write/7")
    assert record is not None
    anvil.request("anvil_dropAllTransactions")
    # The rules change between the estimate and the block.
    anvil.set_automine(True)
    with NodeState(Path(state_path(state)).with_name("other.sqlite")) as other:
        notebook.sender(anvil.url, other, index=1).send("limit", "Notebook", "setLimit", 5)
    with pytest.raises(ContractReverted) as refused:
        notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    assert refused.value.name == "NotebookRefused"
    record = state.transaction(SENDER, "write/7")
    assert record is not None and record.status is TransactionStatus.REVERTED
    assert state.fees_paid(SENDER) > 0


def state_path(state: NodeState) -> Path:
    return state._path


def test_send__past_the_spending_cap__is_refused_before_it_leaves(
    anvil: Anvil, notebook: Notebook, state: NodeState
) -> None:
    notebook.sender(anvil.url, state).send("write/7", "Notebook", "write", 7)
    policy = SendingPolicy(spending_cap=state.fees_paid(SENDER) + 1, poll_interval=0.05)
    with pytest.raises(SpendingCapReached, match="spending_cap_wei"):
        notebook.sender(anvil.url, state, policy=policy).send("write/8", "Notebook", "write", 8)
    assert count(notebook, anvil) == 1


def test_send__account_without_ether__says_so_and_frees_the_nonce(
    anvil: Anvil, notebook: Notebook, state: NodeState, tmp_path: Path
) -> None:
    from node.chain.sender import TransactionSender
    from node.chain.wallet import Wallet

    create_keyfile(tmp_path / "poor.json", "words", work_factor=2)
    poor = Wallet.load(tmp_path / "poor.json", "words")
    sender = TransactionSender(notebook.connect(anvil.url), poor, state)
    with pytest.raises(ChainError, match="holds 0 wei"):
        sender.send("write/7", "Notebook", "write", 7)
    anvil.request("anvil_setBalance", poor.address, hex(10**18))
    assert sender.send("write/8", "Notebook", "write", 8).block_number > 0
    assert count(notebook, anvil) == 1
