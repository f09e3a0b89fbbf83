# SPDX-License-Identifier: Apache-2.0
"""Studies on a local chain for tests of what reads them: the real contracts, with a verifier that says yes.

What hospitals would post is made up here (random payloads and dealings, points on the curve); the contracts' rules,
the plan document, transcripts of ceremonies, the roots and the money are real.
"""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from eth_utils.crypto import keccak

from node.chain.abi import load_interfaces
from node.chain.client import ChainReader
from node.chain.deployment import CONTRACTS, load_deployment
from node.chain.evidence import opening_share
from node.chain.operators import consent
from node.chain.records import to_struct
from node.cli.publishing import plan_terms
from node.group.pedersen import commit, hash_to_curve
from node.plan import Label, Money, TrainingPlan
from node.proofs.commitments import weights_root
from node.storage.local import LocalStore
from node.transcript import CountedComplaint, CountedDealing, transcript_digest
from node.types import Deployment, indices
from scripts.children import ROOT
from tests.support.chain import CHAIN_ID, Anvil, running_anvil
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


class Stage:
    """Deploys the suite and acts for everybody in it, with anvil's unlocked accounts."""

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

    # Acting

    def send(self, sender: str, contract: str, function: str, *arguments: Any) -> None:
        """One transaction, mined at once; fails the test where it reverts."""
        data = self.interfaces.encode_call(contract, function, arguments)
        self._transact({"from": sender, "to": self.contracts[contract], "data": "0x" + data.hex()}, function)

    def store(self, content: bytes) -> tuple[bytes, int]:
        """Keeps a file; its digest and size."""
        stored = self._store.put(content)
        return stored.digest, stored.size

    def publish(self) -> int:
        """Publishes and funds the plan; hospitals can enrol."""
        self.store(self.plan.canonical())
        reader = self.played().reader()
        terms = to_struct(plan_terms(self.plan, reader.deployment))
        self.send(self.sponsor, "StudyRegistry", "publish", terms)
        study = reader.study_count()
        total = reader.required_funding(study)
        self.send(self.sponsor, "ConsiliumToken", "approve", self.contracts["RewardPool"], total)
        self.send(self.sponsor, "RewardPool", "fund", study, total)
        return study

    def enrol(self, study: int) -> None:
        """All hospitals enrol."""
        for number, operator in enumerate(self.operators):
            commitment = keccak(self.salt(number))
            arguments = (study, 1000 + number, ROWS[number], bytes(32), commitment)
            self.send(operator, "StudyRegistry", "enrol", *arguments)

    def salt(self, number: int) -> bytes:
        """What a hospital commits to when it enrols, and reveals with its keys."""
        return bytes([number + 1] * 32)

    def hold_ceremony(self, study: int, number: int = 1) -> None:
        """All hospitals post keys and dealings, hold all of them, and acknowledge what came of it."""
        self.post_keys(study, number)
        self.deal(study, number)
        self.hold(study, number)
        self.acknowledge(study, number)

    def post_keys(self, study: int, number: int) -> None:
        """All hospitals post new keys."""
        for place, operator in enumerate(self.operators):
            point = hash_to_curve(f"key {study}/{number}/{place}")
            box_key = self.random.randbytes(32)
            self.send(operator, "KeyCeremony", "postKeys", study, number, *point, box_key, self.salt(place))

    def deal(self, study: int, number: int) -> None:
        """All hospitals deal."""
        keys_hash = self.played().reader().ceremony_state(study).keys_hash
        for operator in self.operators:
            digest, size = self.store(self.random.randbytes(600))
            self.send(operator, "KeyCeremony", "postDealing", study, number, keys_hash, digest, size)

    def hold(self, study: int, number: int, *, satisfied: bool = True) -> None:
        """All hospitals hold all dealings."""
        for operator in self.operators:
            self.send(operator, "KeyCeremony", "postHolding", study, number, 0b111, satisfied)

    def complain(self, study: int, number: int, by: int, dealer: int) -> None:
        """A hospital complains of a dealer (places from 0), with numbers that prove nothing."""
        numbers = (*hash_to_curve("shown"), 5, 6)
        self.send(self.operators[by], "KeyCeremony", "complain", study, number, dealer, 1, *numbers)

    def acknowledge(self, study: int, number: int, guilty: int = 0, by: tuple[int, ...] = (0, 1, 2)) -> None:
        """Some hospitals acknowledge the ceremony's true transcript, with this bitmap of the guilty."""
        digest = self.transcript(study, number, guilty)
        for place in by:
            self.send(self.operators[place], "KeyCeremony", "acknowledge", study, number, digest, guilty)

    def transcript(self, study: int, number: int, guilty: int) -> bytes:
        """The digest of the ceremony as the chain has it, all dealings counting."""
        reader = self.played().reader()
        posts = sorted(reader.dealings(study, number).values(), key=lambda post: post.index)
        complaints = sorted(reader.complaints(study, number), key=lambda post: (post.hospital_id, post.dealer))
        identity = (CHAIN_ID, bytes.fromhex(self.contracts["KeyCeremony"][2:]), study, number)
        return transcript_digest(
            identity,
            reader.ceremony_state(study).keys_hash,
            [CountedDealing(post.hospital_id, post.digest, post.size) for post in posts],
            [
                CountedComplaint(
                    post.hospital_id, post.dealer + 1, post.round, post.dx, post.dy, post.challenge, post.response
                )
                for post in complaints
            ],
            guilty,
        )

    def submit(self, study: int, number: int, members: tuple[int, ...] = (0, 1, 2)) -> None:
        """Some hospitals submit updates."""
        for member in members:
            digest, size = self.store(self.random.randbytes(300_000))
            point = commit([self.random.randrange(-99, 99) for _ in range(5)], self.random.randrange(1 << 240))
            self.send(
                self.operators[member], "RoundManager", "submitUpdate", study, number, digest, size, *point, _PROOF
            )

    def include(self, study: int, number: int) -> None:
        """All attest that they hold everything, and the sponsor has the set fixed."""
        for operator in self.operators:
            self.send(operator, "RoundManager", "attest", study, number, 0b111)
        reader = self.played().reader()
        chosen = [index + 1 for index in indices(reader.includable(study, number))]
        told = reader.submissions(study, number, chosen)
        given = [to_struct(told[hospital]) for hospital in chosen]
        self.send(self.sponsor, "RoundManager", "includeUpdates", study, number, given)

    def post_shares(self, study: int, number: int) -> None:
        """The quorum posts its CKKS shares."""
        reader = self.played().reader()
        included = reader.round_state(study, number).included_bitmap
        for hospital in reader.quorum(study, number):
            digest, size = self.store(self.random.randbytes(5_000))
            signature = self.sign_share(hospital, study, number, included, digest)
            self.send(
                self.operators[hospital - 1], "Openings", "postShare", study, number, digest, size, signature
            )

    def post_pad_shares(self, study: int, number: int, members: tuple[int, ...] = (0, 1)) -> None:
        """Some hospitals post pad shares: the first in the event, the others as files."""
        for member in members:
            share = self.random.randbytes(192)
            if member == members[0]:
                self.send(self.operators[member], "Openings", "postPadShare", study, number, share)
                continue
            digest, size = self.store(share)
            self.send(self.operators[member], "Openings", "postPadShareFile", study, number, digest, size)

    def sign_share(self, hospital: int, study: int, number: int, included: int, digest: bytes) -> bytes:
        """A hospital's signature over a CKKS share."""
        return self._sign(
            self.operators[hospital - 1],
            opening_share(load_deployment(self.deployment), study, number, included, digest),
        )

    def finalise(self, study: int, number: int, weights: tuple[int, ...]) -> None:
        """A new model is set by the sponsor, and its file posted."""
        reader = self.played().reader()
        total = reader.included_sum(study, number, reader.round_state(study, number))
        self.send(self.sponsor, "RoundManager", "finalise", study, number, *total, weights_root(weights), _PROOF)
        value = {"consilium": "model/1", "round": number, "study": study, "weights": list(weights)}
        digest, size = self.store(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())
        self.send(self.sponsor, "RoundManager", "postModel", study, number, digest, size)

    def play_round(self, study: int, number: int, weights: tuple[int, ...], *, by_pads: bool = False) -> None:
        """A whole round that gives a new model, opened by CKKS or, where that is silent, by pads."""
        self.submit(study, number)
        self.include(study, number)
        if by_pads:
            self.anvil.warp(self.plan.phases.open)
            self.post_pad_shares(study, number)
        else:
            self.post_shares(study, number)
        self.finalise(study, number, weights)

    def fail_round(self, study: int, number: int) -> None:
        """Only two hospitals submit, and the deadline passes."""
        self.submit(study, number, members=(0, 1))
        self.anvil.warp(self.plan.phases.submit + 1)
        self.send(self.sponsor, "RoundManager", "failRound", study, number)

    def claim(self, study: int, hospital: int, rounds: list[int]) -> None:
        """A hospital's rewards are paid to its owner."""
        self.send(self.sponsor, "RewardPool", "claim", study, hospital, rounds, self.owners[hospital - 1])

    # Setting up

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
            agreed = self._sign(operator, consent(agreeing, owner, operator))
            name, endpoint = self.texts.names[number], "http://127.0.0.1:1"
            self.send(owner, "HospitalRegistry", "register", operator, agreed, name, endpoint)
            self.send(deployer, "HospitalRegistry", "admit", number + 1)
            self.send(deployer, "ConsiliumToken", "approve", at["StakeVault"], 500 * UNIT)
            self.send(deployer, "StakeVault", "deposit", number + 1, 500 * UNIT)

    def _sign(self, signer: str, message: Mapping[str, Any]) -> bytes:
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


def play_study(anvil: Anvil, folder: Path, texts: Texts = HONEST) -> Played:
    """Three rounds of three hospitals: opened by CKKS, failed for want of updates, opened by pads; one was paid."""
    stage = Stage(anvil, folder, texts)
    study = stage.publish()
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.play_round(study, 1, (9_000, -52_000, 31_000, 77_000, -4_000))
    stage.fail_round(study, 2)
    stage.hold_ceremony(study, 2)
    stage.play_round(study, 3, (12_500, -71_000, 22_000, 90_000, -6_500), by_pads=True)
    stage.claim(study, 1, [1, 3])
    return stage.played()


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


_PROOF = {"a": (1, 2), "b": ((3, 4), (5, 6)), "c": (7, 8)}


def _created(sender: str, nonce: int) -> str:
    """The address of the contract that `sender` creates with a small nonce: keccak(rlp([sender, nonce]))."""
    number = b"\x80" if nonce == 0 else bytes([nonce])
    assert nonce < 128
    payload = b"\x94" + bytes.fromhex(sender[2:]) + number
    return "0x" + keccak(bytes([0xC0 + len(payload)]) + payload)[12:].hex()


def _word(value: Any) -> bytes:
    return (int(value, 16) if isinstance(value, str) else int(value)).to_bytes(32, "big")


@pytest.fixture(scope="session")
def played_study(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The finished study of `play_study`; tests leave the chain as they find it."""
    folder = tmp_path_factory.mktemp("played")
    with running_anvil(folder) as anvil:
        yield play_study(anvil, folder)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A deployed suite with registered hospitals and no study, on a chain of its own."""
    with running_anvil(tmp_path) as anvil:
        yield Stage(anvil, tmp_path)
