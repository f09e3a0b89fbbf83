# SPDX-License-Identifier: Apache-2.0
"""The suite as contract tests deploy it, with circuits and plans for it; transactions in a hurry; points."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import ape
from ape.api import AccountAPI
from eth_utils import keccak

from node.chain.deployment import CONTRACTS
from scripts.deployment import Parameters, load_parameters
from scripts.deployment import deploy as deploy_suite

UNIT = 10**18
BOND = 100 * UNIT
REWARD = 1_000_000_007  # a prime: it never splits evenly
SERVICE_FEE, SERVICE_BUDGET = 10_001, 1_000_003
ABSENCE_FINE = UNIT // 7
FIELD_ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617
NO_PROOF = ((0, 0), ((0, 0), (0, 0)), (0, 0))
DIGEST = b"\x11" * 32


@dataclass(frozen=True)
class Suite:
    """Every contract, and who deployed them (the council)."""

    token: Any
    registry: Any
    catalogue: Any
    vault: Any
    studies: Any
    ceremony: Any
    rounds: Any
    openings: Any
    court: Any
    rewards: Any
    blocks: Any
    council: AccountAPI
    record: dict[str, Any]


def rapidly(method: Any, *arguments: Any, sender: Any) -> int:
    """Send a transaction in two requests instead of a dozen, the chain signing for the sender; its gas."""
    sent = send(method, *arguments, sender=sender)
    assert sent.ok, f"{method} reverted for {sender}"
    return sent.gas_used


@dataclass(frozen=True)
class Call:
    """A transaction to be mined with others; the higher `tip` goes first."""

    method: Any
    arguments: tuple[Any, ...]
    sender: Any
    tip: int = 1


def in_one_block(*calls: Call) -> list[bool]:
    """Let transactions wait for each other and mine them together: which of them succeeded."""
    request = ape.chain.provider.make_request
    request("evm_setAutomine", [False])
    try:
        waiting = [_begin(one.method, one.arguments, one.sender, 5_000_000, one.tip) for one in calls]
        request("evm_mine", [])
    finally:
        request("evm_setAutomine", [True])
    receipts = [_end(transaction) for transaction in waiting]
    assert len({receipt["blockNumber"] for receipt in receipts}) == 1
    order = [int(receipt["transactionIndex"], 16) for receipt in receipts]
    assert order == [sorted(calls, key=lambda one: -one.tip).index(one) for one in calls]
    return [int(receipt["status"], 16) == 1 for receipt in receipts]


@dataclass(frozen=True)
class Sent:
    """How a transaction ended."""

    ok: bool
    gas_used: int


def send(method: Any, *arguments: Any, sender: Any, gas: int = 20_000_000) -> Sent:
    """As `rapidly`, with a limit of gas, whether it reverts or not."""
    receipt = _end(_begin(method, arguments, sender, gas))
    return Sent(int(receipt["status"], 16) == 1, int(receipt["gasUsed"], 16))


def _begin(method: Any, arguments: tuple[Any, ...], sender: Any, gas: int, tip: int | None = None) -> str:
    request = ape.chain.provider.make_request
    request("anvil_impersonateAccount", [str(sender)])
    call = {
        "from": str(sender),
        "to": method.contract.address,
        "data": "0x" + method.encode_input(*arguments).hex().removeprefix("0x"),
        "gas": hex(gas),
    }
    if tip is not None:
        call |= {"maxPriorityFeePerGas": hex(tip * 10**9), "maxFeePerGas": hex((tip + 100) * 10**9)}
    transaction: str = request("eth_sendTransaction", [call])
    return transaction


def _end(transaction: str) -> dict[str, Any]:
    """The receipt: the chain mines at once, and answers a moment before it has."""
    deadline = time.monotonic() + 20
    while (receipt := ape.chain.provider.make_request("eth_getTransactionReceipt", [transaction])) is None:
        assert time.monotonic() < deadline, f"{transaction} was never mined"
        time.sleep(0.002)
    found: dict[str, Any] = receipt
    return found


def make_suite(deployer: AccountAPI, **changes: Any) -> Suite:
    """Deploy the suite as `scripts/deploy.py` does, without circuits."""
    parameters = Parameters(**{**load_parameters("local").__dict__, **changes})
    record = deploy_suite(deployer, parameters, [], True, say=lambda _: None)
    return contracts_of(record, deployer)


def contracts_of(record: dict[str, Any], council: AccountAPI) -> Suite:
    """The contracts of a deployment record."""
    contracts = [getattr(ape.project, name).at(record["contracts"][name]) for name in CONTRACTS]
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
        "noisy": False,
        "verifyingKeyDigest": b"\x22" * 32,
    }
    return {**circuit, **changes}


def make_plan(training: int, aggregation: int, **changes: Any) -> dict[str, Any]:
    """A plan for 3 to 5 hospitals with t = 2, that opens by CKKS and then by pads."""
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
        "padsOnly": False,
        "approvedJoining": False,
        "unopenedRounds": 2,
        "rounds": 3,
        "batchRounds": changes.get("rounds", 3),
        "confirmations": 1,
        "enrolLength": 1000,
        "ceremonyStepLength": 200,
        "submitLength": 300,
        "attestLength": 200,
        "openLength": 100,
        "patience": 2_000,
        "recovery": 400,
        "bond": BOND,
        "rewardPerRound": REWARD,
        "serviceBudget": SERVICE_BUDGET,
        "serviceFee": SERVICE_FEE,
        "absenceFine": ABSENCE_FINE,
        "absenceCap": 3 * ABSENCE_FINE,
        "updateBound": 0,
        "privacyBudget": 0,
        "privacyCost": 0,
        "noiseBound": 0,
    }
    unknown = changes.keys() - plan.keys()
    assert not unknown, f"no such fields of a plan: {unknown}"
    return {**plan, **changes}


def mine(count: int = 1) -> None:
    """Add empty blocks."""
    ape.chain.provider.make_request("anvil_mine", [hex(count)])


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


def payout_commitment(payout: str, salt: bytes) -> bytes:
    """What a hospital gives at enrolment: SHA-256 of the address (20 bytes) and a salt (32 bytes)."""
    return hashlib.sha256(bytes.fromhex(payout.removeprefix("0x")) + salt).digest()


def salt_commitment(salt: bytes) -> bytes:
    """What a hospital commits to its salt (32 bytes) by: keccak256(abi.encode(salt))."""
    return bytes(keccak(salt))
