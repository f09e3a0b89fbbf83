# SPDX-License-Identifier: Apache-2.0
"""A local network for demos, benchmarks and tests: anvil on a free port, and the suite deployed on it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from node.programs import how_it_ended
from scripts.children import ROOT, end_with_parent, find_foundry, free_port, public_environment

CHAIN_ID = 1337
ETHER = 10**18
_START_SECONDS = 30.0


class LocalnetError(Exception):
    """The local network could not be started; the message says what to do."""


class Anvil:
    """One anvil process in a folder of its own; its chain is saved to `chain.json` when it is stopped.

    It mines each transaction at once until `mine_every` sets a pace.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_file = folder / "chain.json"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        try:
            program = find_foundry("anvil")
        except FileNotFoundError as error:
            raise LocalnetError(str(error)) from None
        folder.mkdir(parents=True, exist_ok=True)
        command = [str(program), "--port", str(self.port), "--chain-id", str(CHAIN_ID), "--silent"]
        command += ["--dump-state", str(self.state_file)]
        with (folder / "anvil.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env=public_environment(), preexec_fn=end_with_parent
            )
        self._wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it in good order, so that it writes its state."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def request(self, method: str, *parameters: Any) -> Any:
        """One JSON-RPC request; raises `LocalnetError` with the chain's own words."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}).encode()
        call = urllib.request.Request(self.url, body, {"Content-Type": "application/json"})
        # A proxy that the environment names is for other machines.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(call, timeout=30) as response:
            answer = json.load(response)
        if "error" in answer:
            raise LocalnetError(f"{method}: {answer['error'].get('message', answer['error'])}")
        return answer["result"]

    def give_ether(self, address: str, ether: int = 100) -> None:
        """Set an account's balance; only a local chain can do that."""
        self.request("anvil_setBalance", address, hex(ether * ETHER))

    def pass_time(self, seconds: int) -> None:
        """Put the clock of the next block forward; only a local chain can do that."""
        self.request("evm_increaseTime", seconds)

    def mine_every(self, seconds: int) -> None:
        """From now on, a block every so many seconds, as on a real network."""
        self.request("evm_setAutomine", False)
        self.request("evm_setIntervalMining", seconds)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.request("eth_chainId")
                return
            except (OSError, urllib.error.URLError):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = self.folder / "anvil.log"
                    raise LocalnetError(f"anvil did not start; its last words are in {log}.") from None
                time.sleep(0.05)


def deploy(
    anvil: Anvil,
    keyfile: Path,
    passphrase: str,
    record: Path,
    *,
    with_test_circuits: bool = False,
    also: Sequence[str] = (),
) -> dict[str, Any]:
    """Deploy the suite with ape from a keyfile; returns the deployment record, which lies at `record`.

    `also`: circuits to list that are built on demand.
    """
    log = anvil.folder / "deploy.log"
    command = [str(ROOT / ".venv" / "bin" / "ape"), "run", "deploy"]
    command += ["--network", f"ethereum:local:{anvil.url}"]
    command += ["--keyfile", str(keyfile), "--out", str(record)]
    if with_test_circuits:
        command.append("--with-test-circuits")
    for circuit in also:
        command += ["--also", circuit]
    with log.open("wb") as stream:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, "CONSILIUM_PASSPHRASE": passphrase},
            preexec_fn=end_with_parent,
        )
    if done.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LocalnetError(f"The deployment {how_it_ended(done.returncode)}. The last lines of {log}:\n{tail}")
    value: dict[str, Any] = json.loads(record.read_text())
    return value


def spawn(command: list[str], log: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """A child process with its output in a log, that ends with this process."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=stream,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **environment},
            preexec_fn=end_with_parent,
        )
