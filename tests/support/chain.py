# SPDX-License-Identifier: Apache-2.0
"""A real local chain for tests: started on a free port in a folder of its own, ended with the test run."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eth_account import Account
from web3 import Web3

from node.chain.abi import Abi, Interfaces
from node.chain.connection import Connection
from node.chain.journal import SendingPolicy
from node.chain.rpc import Rpc
from node.chain.sender import TransactionSender
from node.chain.wallet import Wallet
from node.errors import ChainUnavailable
from node.state import NodeState
from node.types import Deployment
from scripts.children import ROOT, end_with_parent, find_foundry, free_port

CHAIN_ID = 31337
_MNEMONIC = "test test test test test test test test test test test junk"


class Anvil:
    """One anvil process. Its chain outlives `stop` (and, in part, `kill`) when `state` names a file."""

    def __init__(self, folder: Path, *options: str, state: Path | None = None, port: int | None = None) -> None:
        self._folder = folder
        self._options = [*options, *(["--state", str(state)] if state else [])]
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.websocket_url = f"ws://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start (again) on the same port and wait until it answers."""
        command = [str(find_foundry("anvil")), "--port", str(self.port), "--chain-id", str(CHAIN_ID), *self._options]
        with (self._folder / "anvil.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=log, preexec_fn=end_with_parent
            )
        deadline = time.monotonic() + 20
        while True:
            try:
                self.request("eth_chainId")
                return
            except ChainUnavailable:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> None:
        """End it in good order: a state file is written."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without warning."""
        self._end(signal.SIGKILL)

    def request(self, method: str, *parameters: Any) -> Any:
        """One raw request."""
        return Rpc(self.url).request(method, *parameters)

    def transact(self, transaction: dict[str, str]) -> dict[str, Any]:
        """Send from one of anvil's own accounts and wait for the receipt: mining takes a moment."""
        tx_hash = self.request("eth_sendTransaction", transaction)
        while (receipt := self.request("eth_getTransactionReceipt", tx_hash)) is None:
            time.sleep(0.02)
        mined: dict[str, Any] = receipt
        return mined

    def mine(self, blocks: int = 1) -> None:
        """Add empty blocks."""
        self.request("anvil_mine", hex(blocks))

    def warp(self, seconds: int) -> None:
        """Move the clock forward and add a block at the new time."""
        self.request("evm_increaseTime", seconds)
        self.mine()

    def set_automine(self, on: bool) -> None:
        """Mine each transaction at once, or only on demand."""
        self.request("evm_setAutomine", on)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(timeout=30)
            self._process = None


@contextmanager
def running_anvil(folder: Path, *options: str, state: Path | None = None) -> Iterator[Anvil]:
    """A chain that ends with the block, whatever happens in it."""
    anvil = Anvil(folder, *options, state=state)
    try:
        yield anvil
    finally:
        anvil.kill()


def development_key(index: int) -> bytes:
    """The private key of anvil's funded account number `index`: known to everybody."""
    Account.enable_unaudited_hdwallet_features()
    return bytes(Account.from_mnemonic(_MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}").key)


def development_wallet(index: int) -> Wallet:
    """A wallet with ether on every fresh local chain."""
    return Wallet(development_key(index))


def compile_contract(source: Path) -> tuple[Abi, str]:
    """ABI and creation code of the one contract in a file, named like it."""
    settings = {
        "language": "Solidity",
        "sources": {source.name: {"content": source.read_text()}},
        "settings": {
            "evmVersion": "cancun",
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object"]}},
        },
    }
    ran = subprocess.run(
        ["node", str(ROOT / "scripts" / "solc.js"), "--standard-json"],
        input=json.dumps(settings).encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=120,
        check=True,
    )
    output = json.loads(ran.stdout)
    contract = output["contracts"][source.name][source.stem]
    return contract["abi"], "0x" + contract["evm"]["bytecode"]["object"]


class Notebook:
    """A chain's deployment with the one contract of `contracts/Notebook.sol`."""

    def __init__(self, anvil: Anvil, compiled: tuple[Abi, str]) -> None:
        abi, code = compiled
        self.interfaces = Interfaces({"Notebook": abi})
        wallet = development_wallet(9)
        receipt = anvil.transact({"from": wallet.address, "data": code, "gas": "0x200000"})
        self.deployment = Deployment(
            chain_id=CHAIN_ID,
            start_block=int(receipt["blockNumber"], 16),
            development_keys=True,
            contracts={"Notebook": Web3.to_checksum_address(receipt["contractAddress"])},
            circuits={},
        )

    def connect(self, *urls: str) -> Connection:
        """Read this deployment through these endpoints."""
        return Connection(urls, self.deployment, self.interfaces)

    def sender(
        self, url: str, state: NodeState, index: int = 0, policy: SendingPolicy | None = None
    ) -> TransactionSender:
        """Send to this deployment with the funded account number `index`."""
        quick = SendingPolicy(poll_interval=0.05, timeout=20)
        return TransactionSender(self.connect(url), development_wallet(index), state, policy or quick)
