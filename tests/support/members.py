# SPDX-License-Identifier: Apache-2.0
"""Hospitals with keys of their own, in any number, and a suite on real verifiers that admits them."""

from __future__ import annotations

import random
from typing import Any

import ape
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak

from scripts.deployment import catalogue, deploy, load_parameters
from tests.support.proving import CIRCUITS, EPOCHS, LEARNING_RATE, WEIGHTS, Work, records_of, root_of
from tests.support.suite import BASE, Suite, contracts_of, make_plan, multiply, salt_commitment

Entry = tuple[bytes, int, int, int]


class Member:
    """A hospital: its number, its wallets, its records and the ciphertext that it serves in every round."""

    def __init__(self, number: int) -> None:
        rng = random.Random(f"member {number}")
        self.id, self.records = number, records_of(number)
        self.owner = Account.from_key(rng.randbytes(32)).address
        self.key = Account.from_key(rng.randbytes(32))
        self.ciphertext, self.payout_salt, self.salt = rng.randbytes(32), rng.randbytes(32), rng.randbytes(32)
        endow(self.owner)
        endow(self.operator)

    @property
    def operator(self) -> str:
        """The wallet that acts for it."""
        return str(self.key.address)

    def terms(self, payout: bytes = bytes(32)) -> tuple[int, int, bytes, bytes]:
        """What it enrols with."""
        return self.records.root, len(self.records.rows), payout, salt_commitment(self.salt)

    def ceremony_keys(self) -> tuple[int, int, bytes, bytes]:
        """What it posts in a ceremony's first step."""
        return *multiply(BASE, 7_000 + self.id), self.id.to_bytes(32), self.salt

    def register(self, suite: Suite) -> tuple[str, bytes, str, str]:
        """What its owner registers it with; the operator agrees."""
        return *self._agreed(suite, self.key), f"Hospital of town {self.id}", "https://node.example:8443"

    def successor(self, suite: Suite) -> tuple[str, bytes]:
        """Another operator, which agrees to act for it."""
        return self._agreed(suite, Account.from_key(keccak(self.key.key)))

    def _agreed(self, suite: Suite, key: LocalAccount) -> tuple[str, bytes]:
        asked = bytes(suite.registry.operatorHash(self.owner, key.address))
        return str(key.address), bytes(key.unsafe_sign_hash(asked).signature)

    def sign(self, digest: bytes) -> bytes:
        """The operator's signature: r, s and v."""
        return bytes(self.key.unsafe_sign_hash(digest).signature)

    def entry(self, work: Work) -> Entry:
        """An update as the contract takes it."""
        return self.ciphertext, 300_000, *work.commitment


def endow(wallet: str) -> None:
    """Enough to pay for any number of transactions."""
    ape.chain.provider.make_request("anvil_setBalance", [wallet, hex(10**21)])


def deploy_proving(council: Any) -> Suite:
    """The suite as the deployment makes it, with the small circuits' verifiers; the council's tokens are at hand."""
    listings = [one for one in catalogue(with_test_circuits=True)[0] if one.name in CIRCUITS]
    suite = contracts_of(deploy(council, load_parameters("local"), listings, True, say=lambda _: None), council)
    for spender in (suite.vault, suite.rewards):
        suite.token.approve(spender, 10**30, sender=council)
    return suite


def provable_plan(suite: Suite, **changes: Any) -> dict[str, Any]:
    """A plan for which `proving` makes proofs."""
    circuits = (suite.record["circuits"][name]["id"] for name in CIRCUITS)
    terms = {"initialRoot": root_of(WEIGHTS), "epochs": EPOCHS, "learningRate": LEARNING_RATE}
    return make_plan(*circuits, **terms, **changes)
