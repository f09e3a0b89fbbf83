# SPDX-License-Identifier: Apache-2.0
"""The suite on a local chain, deployed once as a council would, and the command line pointed at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain.wallet import create_keyfile, keyfile_address
from node.cli import main
from scripts.demo_plan import table_cast
from scripts.localnet import Anvil, deploy
from tests.support.network import PASSPHRASE, Ended, Network, Run


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    folder = tmp_path_factory.mktemp("network")
    council = folder / "council.json"
    create_keyfile(council, PASSPHRASE, work_factor=2)
    with Anvil(folder / "chain") as anvil:
        anvil.give_ether(keyfile_address(council))
        deploy(anvil, council, PASSPHRASE, folder / "deployment.json")
        yield Network(anvil, folder / "deployment.json", council)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the command line takes as its home; no option or variable of the machine gets in."""
    for name in ("RPC", "DEPLOYMENT", "KEYFILE"):
        monkeypatch.delenv(f"CONSILIUM_{name}", raising=False)
    monkeypatch.setenv("CONSILIUM_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("CONSILIUM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def offline(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that finds no network unless it is told of one."""

    def run(*arguments: object) -> Ended:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return run


@pytest.fixture
def run(network: Network, offline: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the network."""
    monkeypatch.setenv("CONSILIUM_RPC", network.anvil.url)
    monkeypatch.setenv("CONSILIUM_DEPLOYMENT", str(network.deployment))
    return offline


@pytest.fixture
def registered(run: Run, network: Network, home: Path) -> int:
    """A hospital of one's own, admitted, with 500 tokens; its number."""
    for role in ("owner", "operator"):
        create_keyfile(home / f"{role}.json", PASSPHRASE, work_factor=2)
        network.fund(home / f"{role}.json")
    owner = run("wallet", "show", "--json").value["address"]
    council = ("--keyfile", network.council)
    assert run("wallet", "send", owner, "500", *council).code == 0
    number = int(run("hospital", "register", "--name", "St. Anna", "--json").value["hospital"])
    assert run("council", "admit", number, *council).code == 0
    return number


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    players = table_cast(3, 2, 0)
    players.write(tmp_path / "data")
    (tmp_path / "plan.json").write_bytes(players.plan.canonical())
    return tmp_path / "plan.json"
