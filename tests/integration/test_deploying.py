# SPDX-License-Identifier: Apache-2.0
"""`scripts/deploy.py` as it is run: twice, cut off and gone on with, and on a chain with Sepolia's number."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node.chain.client import ChainReader
from node.chain.deployment import CONTRACTS, load_deployment
from node.chain.wallet import create_keyfile, keyfile_address
from node.cli import main
from scripts.children import ROOT, end_with_parent
from scripts.localnet import CHAIN_ID, Anvil
from tests.support.listed_keys import make_listed_keys
from tests.support.network import PASSPHRASE

SEPOLIA = 11155111
TEST_CIRCUITS = ("training_8x4", "aggregation_5")
#: The suite, and for each of two circuits a verifier and its listing.
TRANSACTIONS = len(CONTRACTS) + 4


@dataclass(frozen=True)
class Deployer:
    """A chain, an account that nothing else uses, and where the record goes."""

    anvil: Anvil
    keyfile: Path
    out: Path

    @property
    def journal(self) -> Path:
        """What remembers a deployment that is going on."""
        return self.out.with_name("deployment.json.begun")

    def start(self, *options: object, network: str = "") -> subprocess.Popen[str]:
        """Begin a deployment."""
        command = [str(ROOT / ".venv" / "bin" / "ape"), "run", "deploy"]
        command += ["--network", network or f"ethereum:local:{self.anvil.url}"]
        command += ["--keyfile", str(self.keyfile), "--out", str(self.out), *map(str, options)]
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "CONSILIUM_PASSPHRASE": PASSPHRASE, "SEPOLIA_RPC_URL": self.anvil.url},
            preexec_fn=end_with_parent,
        )

    def deploy(self, *options: object, network: str = "") -> tuple[int, str]:
        """Run a deployment to its end; its status and what it said."""
        process = self.start(*options, network=network)
        said, _ = process.communicate(timeout=300)
        return process.returncode, said

    def sent(self) -> int:
        """How many transactions the account has sent."""
        return int(self.anvil.request("eth_getTransactionCount", keyfile_address(self.keyfile), "latest"), 16)

    def transfer(self) -> None:
        """Send something else from the account."""
        address = keyfile_address(self.keyfile)
        self.anvil.request("anvil_impersonateAccount", address)
        self.anvil.request("eth_sendTransaction", {"from": address, "to": address, "value": "0x1"})
        self.anvil.request("evm_mine")

    def reader(self) -> ChainReader:
        """Read what the record says was deployed."""
        return ChainReader([self.anvil.url], load_deployment(self.out))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("chain")) as anvil:
        yield anvil


@pytest.fixture
def deployer(chain: Anvil, tmp_path: Path) -> Iterator[Deployer]:
    keyfile = tmp_path / "deployer.json"
    create_keyfile(keyfile, PASSPHRASE, work_factor=2)
    chain.give_ether(keyfile_address(keyfile))
    yield Deployer(chain, keyfile, tmp_path / "deployment.json")
    chain.request("anvil_setChainId", CHAIN_ID)


@pytest.fixture
def cut_off(deployer: Deployer) -> Deployer:
    """A deployment that was killed after some of its transactions, one of them unmined."""
    deployer.anvil.request("evm_setAutomine", False)
    process = deployer.start("--with-test-circuits")
    try:
        deadline = time.monotonic() + 200
        while deployer.sent() < 4:
            assert process.poll() is None and time.monotonic() < deadline
            deployer.anvil.request("evm_mine")
            time.sleep(0.1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        deployer.anvil.request("evm_setAutomine", True)
    assert deployer.journal.exists() and not deployer.out.exists()
    return deployer


def test_deploy__twice__changes_nothing_the_second_time(deployer: Deployer) -> None:
    status, said = deployer.deploy()
    assert status == 0, said
    record, sent = deployer.out.read_bytes(), deployer.sent()
    again = deployer.deploy()
    assert again[0] == 0 and "nothing was sent" in again[1]
    assert (deployer.out.read_bytes(), deployer.sent()) == (record, sent) and not deployer.journal.exists()

    other = deployer.deploy("--with-test-circuits")
    assert other[0] != 0 and "another deployment is recorded" in other[1] and deployer.sent() == sent


def test_deploy__cut_off__is_gone_on_with_and_sends_nothing_twice(cut_off: Deployer) -> None:
    status, said = cut_off.deploy("--with-test-circuits")
    assert status == 0, said
    assert "going on with" in said and "found    ConsiliumToken" in said and "deployed RewardPool" in said
    circuits = len(cut_off.reader().deployment.circuits)
    assert cut_off.sent() == len(CONTRACTS) + 2 * circuits and cut_off.reader().circuit_count() == circuits
    assert not cut_off.journal.exists()
    assert checked(cut_off) == 0


def test_deploy__cut_off_and_the_account_used_elsewhere__is_refused(cut_off: Deployer) -> None:
    other = cut_off.deploy()
    assert other[0] != 0 and "another plan" in other[1].replace("\n", " ")
    cut_off.transfer()
    before = cut_off.sent()
    status, said = cut_off.deploy("--with-test-circuits")
    words = " ".join(said.split())
    assert status != 0 and "was another one than this deployment's" in words and "remove" in words
    assert cut_off.sent() == before and not cut_off.out.exists()


def test_deploy__development_keys_on_sepolia__are_refused(deployer: Deployer) -> None:
    deployer.anvil.request("anvil_setChainId", SEPOLIA)
    status, said = deployer.deploy("--params", "sepolia", network="ethereum:sepolia:node")
    assert status != 0 and "development keys" in said and deployer.sent() == 0


@pytest.mark.slow
def test_deploy__keys_of_a_set_up_on_sepolia__pass_the_check_with_their_transcripts(
    deployer: Deployer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deployer.anvil.request("anvil_setChainId", SEPOLIA)
    keys = make_listed_keys(tmp_path / "keys", TEST_CIRCUITS)
    stop = threading.Event()
    # A public network's blocks come by themselves, and ape waits for two of them.
    miner = threading.Thread(
        target=lambda: [deployer.anvil.request("evm_mine") for _ in iter(lambda: stop.wait(0.2), True)]
    )
    miner.start()
    try:
        options = ("--params", "sepolia", "--keys", keys)
        status, said = deployer.deploy(*options, network="ethereum:sepolia:node")
        assert status == 0, said
        again = deployer.deploy(*options, network="ethereum:sepolia:node")
        assert again[0] == 0 and "nothing was sent" in again[1] and deployer.sent() == TRANSACTIONS
    finally:
        stop.set()
        miner.join()
    assert json.loads(deployer.out.read_text())["development_keys"] is False
    transcripts = [part for name in TEST_CIRCUITS for part in ("--transcript", str(keys / name / "transcript.json"))]
    assert checked(deployer, *transcripts) == 0
    capsys.readouterr()
    assert checked(deployer) == 8, "without transcripts nobody vouches for these keys"
    assert "trust-keys" in capsys.readouterr().out


def test_deploy__verifier_that_does_not_hold_the_transcripts_key__is_refused(
    deployer: Deployer, tmp_path: Path
) -> None:
    keys = make_listed_keys(tmp_path / "keys", ("aggregation_5",))
    source = keys / "aggregation_5" / "Aggregation5Verifier.sol"
    source.write_text((ROOT / "contracts" / "verifiers" / source.name).read_text())
    status, said = deployer.deploy("--keys", keys)
    assert status != 0 and "is not the verifier of the key" in " ".join(said.split()) and deployer.sent() == 0


def checked(deployer: Deployer, *options: str) -> int:
    """The exit code of `consilium network check`."""
    given = ["--home", str(deployer.out.parent / "nobody"), "--rpc", deployer.anvil.url]
    return main([*given, "--deployment", str(deployer.out), "network", "check", "--json", *options])
