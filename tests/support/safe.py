# SPDX-License-Identifier: Apache-2.0
"""A real Safe as the council: the contracts that Safe publishes, and owners who sign for it by EIP-712."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ape
from ape.api import AccountAPI, ReceiptAPI
from ape.contracts import ContractContainer
from eth_account.messages import encode_typed_data
from ethpm_types import ContractType

from scripts import solc

#: Built by Safe with the compiler they release with: the code that stands on public networks.
ARTEFACTS = solc.ROOT / "node_modules" / "@safe-global" / "safe-smart-account" / "build" / "artifacts" / "contracts"
NOBODY = "0x" + "00" * 20
_TRANSACTION = [
    ("to", "address"),
    ("value", "uint256"),
    ("data", "bytes"),
    ("operation", "uint8"),
    ("safeTxGas", "uint256"),
    ("baseGas", "uint256"),
    ("gasPrice", "uint256"),
    ("gasToken", "address"),
    ("refundReceiver", "address"),
    ("nonce", "uint256"),
]


@dataclass(frozen=True)
class Order:
    """A call that the Safe is to make, with its number."""

    to: str
    data: bytes
    nonce: int


@dataclass(frozen=True)
class Council:
    """A Safe, and the owners of whom some must sign."""

    safe: Any
    owners: Sequence[AccountAPI]

    @property
    def address(self) -> str:
        """Where the Safe is."""
        return str(self.safe.address)

    def order(self, method: Any, *arguments: Any) -> Order:
        """A call to a contract's method, next in the Safe's order."""
        data = bytes.fromhex(method.encode_input(*arguments).hex().removeprefix("0x"))
        return Order(method.contract.address, data, int(self.safe.call_view_method("nonce")))

    def sign(self, order: Order, signers: Sequence[AccountAPI]) -> bytes:
        """What the signers' wallets sign, in the order of addresses that the Safe asks for."""
        values = (order.to, 0, order.data, 0, 0, 0, 0, NOBODY, NOBODY, order.nonce)
        message = encode_typed_data(
            {"chainId": ape.chain.chain_id, "verifyingContract": self.address},
            {"SafeTx": [{"name": name, "type": kind} for name, kind in _TRANSACTION]},
            {name: value for (name, _), value in zip(_TRANSACTION, values, strict=True)},
        )
        signatures = b""
        for signer in sorted(signers, key=lambda account: int(account.address, 16)):
            made = signer.sign_message(message)
            assert made is not None
            signatures += made.encode_rsv()
        return signatures

    def send(self, order: Order, signatures: bytes, sender: AccountAPI) -> ReceiptAPI:
        """Have the Safe make the call; anyone may send it, the signatures decide."""
        return self.safe.execTransaction(order.to, 0, order.data, 0, 0, 0, 0, NOBODY, NOBODY, signatures, sender=sender)

    def decide(self, signers: Sequence[AccountAPI], method: Any, *arguments: Any) -> ReceiptAPI:
        """Sign and send a call at once; the first signer pays for it."""
        order = self.order(method, *arguments)
        return self.send(order, self.sign(order, signers), signers[0])


def make_council(deployer: AccountAPI, owners: Sequence[AccountAPI], threshold: int) -> Council:
    """A Safe of these owners, made by Safe's factory as a proxy of its singleton."""
    singleton = deployer.deploy(_container("Safe.sol", "Safe"))
    factory = deployer.deploy(_container("proxies/SafeProxyFactory.sol", "SafeProxyFactory"))
    setup = singleton.setup.encode_input(
        [owner.address for owner in owners], threshold, NOBODY, b"", NOBODY, NOBODY, 0, NOBODY
    )
    receipt = factory.createProxyWithNonce(singleton, setup, 0, sender=deployer)
    (created,) = [event for event in receipt.events if event.event_name == "ProxyCreation"]
    return Council(_container("Safe.sol", "Safe").at(created.proxy), owners)


def _container(place: str, name: str) -> ContractContainer:
    made = json.loads((ARTEFACTS / place / f"{name}.json").read_text())
    return ContractContainer(
        ContractType(
            contractName=name,
            abi=made["abi"],
            deploymentBytecode={"bytecode": made["bytecode"]},
            runtimeBytecode={"bytecode": made["deployedBytecode"]},
        )
    )
