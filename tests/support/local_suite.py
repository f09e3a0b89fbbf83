# SPDX-License-Identifier: Apache-2.0
"""The suite on a local chain with registered hospitals, for tests of what reads it: a verifier that says yes to all."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from eth_utils.crypto import keccak

from node.chain.abi import load_interfaces
from node.chain.client import ChainReader
from node.chain.deployment import CONTRACTS, load_deployment
from node.chain.operators import consent
from node.plan import Label, Money, TrainingPlan
from node.storage.local import LocalStore
from node.types import Deployment
from scripts.children import ROOT
from tests.support.chain import CHAIN_ID, Anvil
from tests.support.plans import small_plan

UNIT = 10**18
NAMES = ("St. Anna University Hospital", "Klinikum Nord", "Hospital San Rafael")
ROWS = (8, 6, 5)
SERVICE_FEE, SERVICE_BUDGET, ABSENCE_FINE = UNIT // 2, 20 * UNIT, UNIT
_KEY_DIGEST = bytes(range(32))


@dataclass(frozen=True)
class Texts:
    """What a sponsor and hospitals write in their own words; the label is its name and its two values."""

    title: str = "Benign or malignant?"
    question: str = "Can four measurements of cell nuclei tell malignant tumours from benign ones?"
    features: tuple[str, ...] = ("radius", "texture", "smoothness", "concavity")
    label: tuple[str, str, str] | None = None
    names: tuple[str, ...] = NAMES
    aggregation: str = "aggregation_5"


HONEST = Texts()


@dataclass(frozen=True)
class Played:
    """A network with studies on it: where it listens, its record, and the folder with the files' blocks."""

    anvil: Anvil
    deployment: Path
    store: Path

    def reader(self) -> ChainReader:
        """Reads this network."""
        return ChainReader([self.anvil.url], load_deployment(self.deployment))


class LocalSuite:
    """Deploys the suite, registers three hospitals, and sends for everybody with anvil's unlocked accounts."""

    def __init__(self, anvil: Anvil, folder: Path, texts: Texts = HONEST) -> None:
        self.anvil = anvil
        self.texts = texts
        self.interfaces = load_interfaces()
        self.accounts: list[str] = anvil.request("eth_accounts")
        self.sponsor, self.owners, self.operators = self.accounts[0], self.accounts[1:4], self.accounts[4:7]
        self.store_folder = folder / "store"
        self._store = LocalStore(self.store_folder)
        self.random = random.Random(20)
        self.contracts: dict[str, str] = {}
        self.plan = self._plan()
        self._deploy()
        self.deployment = folder / "deployment.json"
        self.deployment.write_text(json.dumps(self._record()))

    def played(self) -> Played:
        """What was played so far."""
        return Played(self.anvil, self.deployment, self.store_folder)

    def send(self, sender: str, contract: str, function: str, *arguments: Any) -> None:
        """One transaction, mined at once; fails the test where it reverts."""
        data = self.interfaces.encode_call(contract, function, arguments)
        self._transact({"from": sender, "to": self.contracts[contract], "data": "0x" + data.hex()}, function)

    def store(self, content: bytes) -> tuple[bytes, int]:
        """Keeps a file; its digest and size."""
        stored = self._store.put(content)
        return stored.digest, stored.size

    def _plan(self) -> TrainingPlan:
        plan = small_plan()
        return replace(
            plan,
            title=self.texts.title,
            question=self.texts.question,
            model=replace(
                plan.model,
                features=self.texts.features,
                label=Label(*self.texts.label) if self.texts.label else plan.model.label,
            ),
            aggregation=replace(plan.aggregation, circuit=self.texts.aggregation),
            money=Money(
                bond=str(40 * UNIT),
                reward_per_round=str(100 * UNIT),
                unopened_rounds=2,
                service_budget=str(SERVICE_BUDGET),
                service_fee=str(SERVICE_FEE),
                absence_fine=str(ABSENCE_FINE),
                absence_cap=str(3 * ABSENCE_FINE),
            ),
            participation=replace(plan.participation, maximum=3),
        )

    def _deploy(self) -> None:
        deployer, code = self.sponsor, compile_suite()
        nonce = int(self.anvil.request("eth_getTransactionCount", deployer, "latest"), 16)
        order = (*CONTRACTS, "VerifierDouble")
        at = {name: _created(deployer, nonce + place) for place, name in enumerate(order)}
        words: dict[str, list[Any]] = {
            "ConsiliumToken": [10**9 * UNIT],
            "HospitalRegistry": [deployer, 0],
            "CircuitCatalogue": [at["HospitalRegistry"]],
            "StakeVault": [
                at["ConsiliumToken"], at["HospitalRegistry"], at["StudyRegistry"], at["RoundManager"],
                at["KeyCeremony"], at["Openings"], at["Court"], at["RewardPool"], 604_801
            ],
            "StudyRegistry": [
                at["HospitalRegistry"], at["CircuitCatalogue"], at["StakeVault"], at["KeyCeremony"],
                at["RoundManager"], at["RewardPool"], at["BlockDraws"], 1, 1
            ],
            "KeyCeremony": [at["StudyRegistry"], at["RoundManager"], at["StakeVault"], at["RewardPool"]],
            "RoundManager": [
                at["StudyRegistry"], at["KeyCeremony"], at["StakeVault"], at["RewardPool"], at["Court"]
            ],
            "Openings": [at["StudyRegistry"], at["RoundManager"], at["KeyCeremony"], at["StakeVault"]],
            "Court": [at["StudyRegistry"], at["RoundManager"], at["Openings"], at["StakeVault"]],
            "RewardPool": [
                at["HospitalRegistry"], at["StudyRegistry"], at["RoundManager"], at["KeyCeremony"], at["StakeVault"]
            ],
            "BlockDraws": [at["StudyRegistry"], at["KeyCeremony"]],
            "VerifierDouble": [],
        }  # fmt: skip
        for name in order:
            self._transact({"from": deployer, "data": code[name] + b"".join(map(_word, words[name])).hex()}, name)
        self.contracts = at
        training = ("training_8x4", 1, at["VerifierDouble"], 4, 4, 2, 8, 26, 1, False, _KEY_DIGEST)
        aggregation = (self.texts.aggregation, 2, at["VerifierDouble"], 5, 0, 0, 0, 26, 0, False, _KEY_DIGEST)
        names = (
            "name", "kind", "verifier", "features", "batchSize", "maxEpochs", "capacity", "valueBits", "loss", "noisy",
            "verifyingKeyDigest",
        )  # fmt: skip
        for circuit in (training, aggregation):
            self.send(deployer, "CircuitCatalogue", "listCircuit", dict(zip(names, circuit, strict=True)))
        agreeing = Deployment(CHAIN_ID, 0, True, at, {}, None)
        for number, (owner, operator) in enumerate(zip(self.owners, self.operators, strict=True)):
            agreed = self.sign(operator, consent(agreeing, owner, operator))
            name, endpoint = self.texts.names[number], "http://127.0.0.1:1"
            self.send(owner, "HospitalRegistry", "register", operator, agreed, name, endpoint)
            self.send(deployer, "HospitalRegistry", "admit", number + 1)
            self.send(deployer, "ConsiliumToken", "approve", at["StakeVault"], 500 * UNIT)
            self.send(deployer, "StakeVault", "deposit", number + 1, 500 * UNIT)

    def sign(self, signer: str, message: Mapping[str, Any]) -> bytes:
        readable = json.loads(json.dumps(message, default=lambda value: "0x" + bytes(value).hex()))
        signature = self.anvil.request("eth_signTypedData_v4", signer, readable)
        return bytes.fromhex(signature[2:])

    def _record(self) -> dict[str, Any]:
        circuit = {"verifier": self.contracts["VerifierDouble"], "verifying_key_digest": "0x" + _KEY_DIGEST.hex()}
        return {
            "chain_id": CHAIN_ID,
            "start_block": 0,
            "development_keys": True,
            "contracts": {name: self.contracts[name] for name in CONTRACTS},
            "circuits": {"training_8x4": {"id": 1, **circuit}, self.texts.aggregation: {"id": 2, **circuit}},
        }

    def _transact(self, transaction: dict[str, str], what: str) -> None:
        tx_hash = self.anvil.request("eth_sendTransaction", transaction | {"gas": hex(12_000_000)})
        while (receipt := self.anvil.request("eth_getTransactionReceipt", tx_hash)) is None:
            time.sleep(0.005)
        assert int(receipt["status"], 16) == 1, f"{what} reverted"


@lru_cache(maxsize=1)
def compile_suite() -> dict[str, str]:
    """Creation code of every contract, as hex with 0x; takes about ten seconds."""
    paths = {name: f"contracts/{name}.sol" for name in CONTRACTS} | {
        "VerifierDouble": "contracts/mocks/VerifierDouble.sol"
    }
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (ROOT / path).read_text()} for path in paths.values()},
        "settings": {
            "optimizer": {"enabled": True, "runs": 200},
            "evmVersion": "cancun",
            "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
            "outputSelection": {"*": {"*": ["evm.bytecode.object"]}},
        },
    }
    ran = subprocess.run(
        ["node", str(ROOT / "scripts" / "solc.js"), "--standard-json", "--base-path", str(ROOT)],
        input=json.dumps(request).encode(),
        capture_output=True,
        cwd=ROOT,
        timeout=300,
        check=True,
    )
    contracts = json.loads(ran.stdout)["contracts"]
    return {name: "0x" + contracts[path][name]["evm"]["bytecode"]["object"] for name, path in paths.items()}


def _created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with a small nonce: keccak(rlp([sender, nonce]))."""
    number = b"\x80" if nonce == 0 else bytes([nonce])
    assert nonce < 128
    payload = b"\x94" + bytes.fromhex(sender[2:]) + number
    return "0x" + keccak(bytes([0xC0 + len(payload)]) + payload)[12:].hex()


def _word(value: Any) -> bytes:
    return (int(value, 16) if isinstance(value, str) else int(value)).to_bytes(32, "big")
