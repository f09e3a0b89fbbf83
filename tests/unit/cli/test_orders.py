# SPDX-License-Identifier: Apache-2.0
"""What a person orders is paid for once, however the command ended, and no key pays fees without end."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from node.chain.journal import SendingPolicy
from node.chain.wallet import create_keyfile, keyfile_address
from node.cli import session
from node.config import load_config
from node.config_file import save_config
from tests.support.network import PASSPHRASE, Ended, Network, Run

UNIT = 10**18
RECIPIENT = "0x" + "22" * 20


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands give up after a moment."""
    monkeypatch.setattr(session, "SendingPolicy", partial(SendingPolicy, timeout=0.5, poll_interval=0.05))


@pytest.fixture
def blocks(network: Network) -> Iterator[Callable[[bool], None]]:
    """Whether the chain makes a block for each transaction."""

    def make(on: bool) -> None:
        network.anvil.request("evm_setAutomine", on)

    yield make
    make(True)
    network.anvil.request("evm_mine")


def received(network: Network, before: int = 0) -> int:
    return network.reader().token_balance(RECIPIENT) // UNIT - before


def test_send__cut_off_and_settled_by_another_command__is_not_paid_twice_without_saying_so(
    run: Run, network: Network, impatient: None, blocks: Callable[[bool], None]
) -> None:
    council, before = ("--keyfile", network.council), received(network)

    def order(amount: str) -> Ended:
        return run("wallet", "send", RECIPIENT, amount, *council)

    blocks(False)
    cut_off = order("10")
    assert cut_off.code == 4 and "not sent twice" in cut_off.err
    blocks(True)
    network.anvil.request("evm_mine")
    assert order("7").code == 0
    assert received(network, before) == 17
    repeated = order("10")
    assert repeated.code == 0 and "This order was given before" in repeated.err
    assert received(network, before) == 17
    # Its end was seen now: whoever gives it once more means it.
    assert order("10").code == 0
    assert received(network, before) == 27


def test_deposit__cut_off_between_approval_and_payment__is_made_once(
    run: Run, network: Network, registered: int, impatient: None, blocks: Callable[[bool], None]
) -> None:
    blocks(False)
    assert run("stake", "deposit", "50").code == 4
    blocks(True)
    network.anvil.request("evm_mine")
    assert run("stake", "deposit", "50").code == 0
    assert run("stake", "show", "--json").value["available"] == str(50 * UNIT)


def test_fees__key_without_a_home__are_capped_too(run: Run, network: Network) -> None:
    order = ("wallet", "send", RECIPIENT, "1", "--keyfile", network.council)
    refused = run(*order, "--fee-cap", "0.000000000000000001", "--json").error
    assert refused["error"] == "SpendingCapReached" and "--fee-cap" in refused["message"]
    assert run(*order).code == 0


def test_fees__owner_of_a_node__are_capped_by_its_configuration_over_all_commands(
    run: Run, network: Network, home: Path, tmp_path: Path
) -> None:
    (tmp_path / "records.csv").write_text("a\n")
    assert run("node", "init", "--data", "records.csv", "--light-kdf", "--owner-spending-cap", "0.5").code == 0
    config = load_config(home)
    assert config.owner_spending_cap_wei == UNIT // 2 and config.spending_cap_wei == UNIT
    assert config.owner_keyfile is not None
    owner = network.fund(config.owner_keyfile)
    assert run("wallet", "send", owner, "5", "--keyfile", network.council).code == 0
    first = run("wallet", "send", RECIPIENT, "1", "--json").value["transaction"]["fee_wei"]
    save_config(dataclasses.replace(config, owner_spending_cap_wei=first + 1))
    refused = run("wallet", "send", RECIPIENT, "1", "--json").error
    assert refused["error"] == "SpendingCapReached" and "owner_spending_cap_wei" in refused["message"]
    assert f"has paid {first} wei" in refused["message"]


def test_operator_key__named_by_another_path__is_remembered_by_its_node(
    run: Run, network: Network, home: Path, tmp_path: Path
) -> None:
    """Else its node would take what it sends for another node's."""
    (tmp_path / "records.csv").write_text("a\n")
    assert run("node", "init", "--data", "records.csv", "--light-kdf").code == 0
    copy = tmp_path / "copy.json"
    shutil.copy(home / "operator.json", copy)
    operator = network.fund(copy)
    assert run("wallet", "send", operator, "5", "--keyfile", network.council).code == 0
    assert run("wallet", "send", RECIPIENT, "1", "--keyfile", copy).code == 0
    assert (home / "state.sqlite").exists() and not copy.with_suffix(".transactions.sqlite").exists()


def test_memory__keyfile_behind_a_link__is_one(run: Run, network: Network, tmp_path: Path) -> None:
    create_keyfile(tmp_path / "keys" / "mine.json", PASSPHRASE, work_factor=2)
    (tmp_path / "link.json").symlink_to(tmp_path / "keys" / "mine.json")
    address = network.fund(tmp_path / "link.json")
    assert address == keyfile_address(tmp_path / "keys" / "mine.json")
    assert run("wallet", "send", address, "5", "--keyfile", network.council).code == 0
    assert run("wallet", "send", RECIPIENT, "1", "--keyfile", tmp_path / "link.json").code == 0
    assert [path.name for path in tmp_path.rglob("*.sqlite")] == ["mine.transactions.sqlite"]
