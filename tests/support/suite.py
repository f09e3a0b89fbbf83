# SPDX-License-Identifier: Apache-2.0
"""The deployed suite as contract tests use it: actors, plans, and shortcuts through a study's phases."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import ape
from ape.api import AccountAPI, ReceiptAPI

from scripts.deployment import SUITE, Parameters, load_parameters
from scripts.deployment import deploy as deploy_suite

UNIT = 10**18
BOND = 100 * UNIT
REWARD = 1_000_000_007  # a prime: it never splits evenly
FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
NO_PROOF = ((0, 0), ((0, 0), (0, 0)), (0, 0))
DIGEST = b"\x11" * 32


class Step(IntEnum):
    """Steps of the key ceremony."""

    KEY = 0
    DEALING = 1
    TEST_COMMITMENT = 2
    TEST_KEY = 3
    TEST_SHARES = 4
    ACKNOWLEDGEMENT = 5


class Phase(IntEnum):
    """Phases of a round."""

    NONE = 0
    SUBMIT = 1
    ATTEST = 2
    INCLUDE = 3
    OPEN = 4
    FINALISED = 5
    FAILED = 6


class State(IntEnum):
    """States of a study."""

    NONE = 0
    PUBLISHED = 1
    ENROLLING = 2
    CEREMONY = 3
    RUNNING = 4
    COMPLETED = 5
    CANCELLED = 6


@dataclass(frozen=True)
class Hospital:
    """A hospital's number and its two wallets."""

    id: int
    owner: AccountAPI
    operator: AccountAPI


@dataclass(frozen=True)
class Suite:
    """Every contract, and who deployed them (the council)."""

    token: Any
    registry: Any
    vault: Any
    studies: Any
    rounds: Any
    rewards: Any
    council: AccountAPI
    record: dict[str, Any]


@dataclass
class Stage:
    """A suite with actors: what a test plays on."""

    suite: Suite
    sponsor: AccountAPI
    stranger: AccountAPI
    hospitals: list[Hospital]
    training: int
    aggregation: int
    double: Any
    study: int = 0
    members: list[Hospital] = field(default_factory=list)
    plan: dict[str, Any] = field(default_factory=dict)

    def publish(self, funded: bool = True, **changes: Any) -> int:
        """Publish (and fund) a study; `changes` replace fields of `make_plan`."""
        self.plan = make_plan(self.training, self.aggregation, **changes)
        self.suite.studies.publish(self.plan, sender=self.sponsor)
        self.study = self.suite.studies.studyCount()
        if funded:
            self.fund()
        return self.study

    def fund(self, amount: int | None = None) -> None:
        """Escrow what the study requires, or `amount`."""
        suite = self.suite
        wanted = suite.studies.requiredFunding(self.study) if amount is None else amount
        suite.token.approve(suite.rewards, wanted, sender=self.sponsor)
        suite.rewards.fund(self.study, wanted, sender=self.sponsor)

    def enrol_all(self, hospitals: list[Hospital]) -> None:
        """Enrol several, in order, with their own rows and data roots."""
        enrol = self.suite.studies.enrol
        for hospital in hospitals:
            rapidly(enrol, self.study, hospital.id, rows_of(hospital), bytes(32), sender=hospital.operator)

    def enrol(self, hospital: Hospital, rows: int | None = None, root: int | None = None) -> ReceiptAPI:
        """Enrol with the hospital's own rows and data root, unless told otherwise."""
        return self.suite.studies.enrol(
            self.study,
            hospital.id if root is None else root,
            rows_of(hospital) if rows is None else rows,
            bytes(32),
            sender=hospital.operator,
        )

    def end_enrolment(self) -> None:
        """Let the enrolment's deadline pass."""
        pass_until(self.suite.studies.enrolmentEnd(self.study))

    def post(self, hospital: Hospital, step: Step, digest: bytes = DIGEST, ceremony: int = 1) -> ReceiptAPI:
        """Post one file of the ceremony."""
        return self.suite.studies.postCeremony(self.study, ceremony, int(step), digest, 32, sender=hospital.operator)

    def hold_ceremony(
        self, hospitals: Iterable[Hospital], ceremony: int = 1, until: Step = Step.ACKNOWLEDGEMENT
    ) -> None:
        """Play a ceremony up to and with step `until`."""
        everyone, post = list(hospitals), self.suite.studies.postCeremony
        for step in Step:
            if step <= until:
                for hospital in everyone:
                    rapidly(post, self.study, ceremony, int(step), DIGEST, 32, sender=hospital.operator)

    def run(self, count: int = 4, **changes: Any) -> list[Hospital]:
        """A study with `count` hospitals, its members from now on, at the beginning of round 1."""
        self.publish(**{"maximum": count, **changes})
        self.members = self.hospitals[:count]
        self.enrol_all(self.members)
        self.hold_ceremony(self.members)
        return self.members

    def submit(self, hospital: Hospital, round_: int = 1, **changes: Any) -> ReceiptAPI:
        """Submit an update; the commitment is a point of the hospital's own."""
        x, y = commitment(hospital)
        given = {"digest": update_digest(hospital, round_), "size": 1000, "cx": x, "cy": y, "proof": NO_PROOF}
        given.update(changes)
        return self.suite.rounds.submitUpdate(
            self.study,
            round_,
            given["digest"],
            given["size"],
            given["cx"],
            given["cy"],
            given["proof"],
            sender=hospital.operator,
        )

    def attest(self, hospital: Hospital, bitmap: int, round_: int = 1) -> ReceiptAPI:
        """Say which ciphertexts the hospital holds."""
        return self.suite.rounds.attest(self.study, round_, bitmap, sender=hospital.operator)

    def include(self, round_: int = 1) -> ReceiptAPI:
        """Fix the included set; a stranger does it."""
        return self.suite.rounds.includeUpdates(self.study, round_, sender=self.stranger)

    def share(self, hospital_id: int, attempt: int = 0, round_: int = 1) -> ReceiptAPI:
        """Post an opening share."""
        operator = next(h.operator for h in self.hospitals if h.id == hospital_id)
        return self.suite.rounds.postShare(self.study, round_, attempt, DIGEST, 500, sender=operator)

    def finalise(self, root: int = 777, round_: int = 1) -> ReceiptAPI:
        """Set a new model; a stranger does it."""
        return self.suite.rounds.finalise(self.study, round_, root, NO_PROOF, sender=self.stranger)

    def submit_all(self, members: list[Hospital] | None = None, round_: int = 1) -> None:
        """Everybody (or those named) submits."""
        submit = self.suite.rounds.submitUpdate
        for hospital in members or self.members:
            digest, point = update_digest(hospital, round_), commitment(hospital)
            rapidly(submit, self.study, round_, digest, 1000, *point, NO_PROOF, sender=hospital.operator)

    def reach_open(self, round_: int = 1) -> None:
        """Everybody submits and attests everything, and the set is fixed."""
        self.submit_all(round_=round_)
        everything, attest = (1 << len(self.members)) - 1, self.suite.rounds.attest
        for hospital in self.members:
            rapidly(attest, self.study, round_, everything, sender=hospital.operator)
        self.include(round_)

    def fail_round(self, round_: int = 1) -> ReceiptAPI:
        """Record a round as failed; a stranger does it."""
        return self.suite.rounds.failRound(self.study, round_, sender=self.stranger)

    def index(self, hospital: Hospital) -> int:
        """Enrolment index."""
        return int(self.suite.studies.enrolment(self.study, hospital.id).index)

    def phase(self, round_: int = 1) -> Phase:
        """A round's phase now."""
        return Phase(self.suite.rounds.phase(self.study, round_)[0])

    def end_phase(self, round_: int = 1) -> None:
        """Let the deadline of a round's phase pass."""
        pass_until(self.suite.rounds.phase(self.study, round_)[1])

    def state(self) -> State:
        """The study's state now."""
        return State(self.suite.studies.studyState(self.study))

    def quorum(self, attempt: int = 0, round_: int = 1) -> list[int]:
        """Hospital numbers of an attempt's quorum."""
        return [int(number) for number in self.suite.rounds.quorum(self.study, round_, attempt)]


def rapidly(method: Any, *arguments: Any, sender: Any) -> int:
    """Send a transaction in two requests instead of a dozen, the chain signing for the sender; its gas."""
    request = ape.chain.provider.make_request
    request("anvil_impersonateAccount", [str(sender)])
    call = {
        "from": str(sender),
        "to": method.contract.address,
        "data": "0x" + method.encode_input(*arguments).hex().removeprefix("0x"),
        "gas": hex(20_000_000),
    }
    transaction = request("eth_sendTransaction", [call])
    # The chain mines at once, and answers a moment before it has.
    deadline = time.monotonic() + 20
    while (receipt := request("eth_getTransactionReceipt", [transaction])) is None:
        assert time.monotonic() < deadline, f"{method} of {sender} was never mined"
        time.sleep(0.002)
    assert int(receipt["status"], 16) == 1, f"{method} reverted for {sender}"
    return int(receipt["gasUsed"], 16)


def make_suite(council: AccountAPI, **changes: Any) -> Suite:
    """Deploy the suite as `scripts/deploy.py` does, without circuits."""
    parameters = Parameters(**{**load_parameters("local").__dict__, **changes})
    record = deploy_suite(council, parameters, [], True, say=lambda _: None)
    return contracts_of(record, council)


def contracts_of(record: dict[str, Any], council: AccountAPI) -> Suite:
    """The contracts of a deployment record."""
    contracts = [getattr(ape.project, name).at(record["contracts"][name]) for name in SUITE]
    return Suite(*contracts, council, record)


def make_circuit(verifier: str, training: bool = True, **changes: Any) -> dict[str, Any]:
    """A listing that fits `make_plan`."""
    circuit = {
        "name": "training_8x4" if training else "aggregation_5",
        "kind": 1 if training else 2,
        "verifier": verifier,
        "features": 4 if training else 5,
        "batchSize": 4 if training else 0,
        "maxEpochs": 2 if training else 0,
        "capacity": 1000 if training else 0,
        "valueBits": 26,
        "loss": 1 if training else 0,
        "verifyingKeyDigest": b"\x22" * 32,
    }
    return {**circuit, **changes}


def make_plan(training: int, aggregation: int, **changes: Any) -> dict[str, Any]:
    """A plan for 3 to 5 hospitals with t = 2 and two opening attempts."""
    plan = {
        "documentDigest": b"\x33" * 32,
        "documentSize": 2000,
        "initialRoot": 42,
        "trainingCircuit": training,
        "aggregationCircuit": aggregation,
        "epochs": 2,
        "learningRate": 128,
        "threshold": 2,
        "minimum": 3,
        "maximum": 5,
        "attempts": 2,
        "unopenedRounds": 2,
        "rounds": 3,
        "batchRounds": changes.get("rounds", 3),
        "confirmations": 1,
        "enrolLength": 1000,
        "ceremonyStepLength": 200,
        "submitLength": 300,
        "attestLength": 200,
        "openLength": 100,
        "bond": BOND,
        "rewardPerRound": REWARD,
        "verifiedShareBps": 3_333,
        "privacyBudget": 0,
    }
    unknown = changes.keys() - plan.keys()
    assert not unknown, f"no such fields of a plan: {unknown}"
    return {**plan, **changes}


def rows_of(hospital: Hospital) -> int:
    """Rows that differ by hospital, so that rewards do too."""
    return 100 + 37 * hospital.id


def update_digest(hospital: Hospital, round_: int) -> bytes:
    """A ciphertext's digest of this hospital and round."""
    return hashlib.sha256(f"{hospital.id}/{round_}".encode()).digest()


def pass_until(timestamp: int) -> None:
    """Mine a block at `timestamp`, or now if that has passed."""
    latest = ape.chain.blocks.head.timestamp
    ape.chain.mine(timestamp=max(timestamp, latest + 1))


# Baby Jubjub in affine coordinates, independent of the contract's projective ones.
_A, _D = 168700, 168696
BASE = (
    5299619240641551281634865583518297030282874472190772894086521144482721001553,
    16950150798460657717958625567821834550301663161624707787222815936182638968203,
)


def add_points(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    """Sum of two points of Baby Jubjub (EIP-2494)."""
    (x1, y1), (x2, y2) = p, q
    product = _D * x1 * x2 * y1 * y2
    x = (x1 * y2 + y1 * x2) * pow(1 + product, -1, FIELD_ORDER)
    y = (y1 * y2 - _A * x1 * x2) * pow(1 - product, -1, FIELD_ORDER)
    return x % FIELD_ORDER, y % FIELD_ORDER


def multiply(point: tuple[int, int], factor: int) -> tuple[int, int]:
    """`factor` times a point, factor not negative."""
    result = (0, 1)
    while factor:
        if factor & 1:
            result = add_points(result, point)
        point = add_points(point, point)
        factor >>= 1
    return result


def commitment(hospital: Hospital) -> tuple[int, int]:
    """A point of the hospital's own, in the prime-order subgroup."""
    return multiply(BASE, 1000 + hospital.id)
