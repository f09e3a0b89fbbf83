# SPDX-License-Identifier: Apache-2.0
"""A local network with the suite on it, as the command line meets it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.chain.abi import load_interfaces
from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.wallet import keyfile_address
from scripts.localnet import Anvil

PASSPHRASE = "a passphrase of tests"


@dataclass(frozen=True)
class Network:
    """A chain with the suite on it, and the council's keyfile."""

    anvil: Anvil
    deployment: Path
    council: Path

    def fund(self, keyfile: Path) -> str:
        """Give a keyfile's address some ether."""
        address = keyfile_address(keyfile)
        self.anvil.give_ether(address)
        return address

    def act(self, sender: str, contract: str, function: str, *arguments: Any) -> None:
        """Send what no command sends alone, in the name of an address; fails the test where it reverts."""
        data = load_interfaces().encode_call(contract, function, arguments)
        to = load_deployment(self.deployment).contracts[contract]
        self.anvil.request("anvil_impersonateAccount", sender)
        sent = self.anvil.request("eth_sendTransaction", {"from": sender, "to": to, "data": "0x" + data.hex()})
        # Mining takes a moment.
        while (receipt := self.anvil.request("eth_getTransactionReceipt", sent)) is None:
            time.sleep(0.02)
        assert receipt["status"] == "0x1", f"{contract}.{function} reverted"

    def reader(self) -> ChainReader:
        """Read it."""
        return ChainReader([self.anvil.url], load_deployment(self.deployment))


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """What it printed, as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error it printed, as JSON."""
        assert self.code != 0, self.out
        return json.loads(self.err)


Run = Callable[..., Ended]
