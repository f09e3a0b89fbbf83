# SPDX-License-Identifier: Apache-2.0
"""What `scripts/deploy.py` and the contract tests deploy: the suite, verifiers, the circuits' listing.

The contracts know each other by immutable addresses, predicted from the deployer's nonce. A verifying key
with γ = δ, which anyone can forge proofs for, is refused, and so are development keys on a public chain.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ape
import click
import yaml
from ape.api import AccountAPI
from web3.utils import get_create_address

from scripts import solc

PARAMETERS = solc.ROOT / "scripts" / "params"
CATALOGUE = solc.ROOT / "circuits" / "circuits.json"
VERIFIERS = solc.ROOT / "contracts" / "verifiers"
DEVELOPMENT_CHAINS = (1337, 31337)
SUITE = ("ConsiliumToken", "HospitalRegistry", "StakeVault", "StudyRegistry", "RoundManager", "RewardPool")
KINDS = {"training": 1, "aggregation": 2}
_POINT = re.compile(r"\b(gamma|delta)(x1|x2|y1|y2)\s*=\s*(\d+)")


class DeploymentRefused(click.ClickException):
    """What was asked for must not be deployed; the message says why."""


@dataclass(frozen=True)
class Parameters:
    """Numbers and addresses of one network, from `scripts/params/<network>.yaml`."""

    council: str | None
    treasury: str | None
    token: str | None
    token_supply: str
    admin_delay: int
    unbonding_delay: int
    block_time: int
    phase_margin: int


@dataclass(frozen=True)
class Listing:
    """A circuit to list: its catalogue entry and its verifier's contract."""

    name: str
    kind: str
    verifier: str
    digest: str
    parameters: dict[str, int]

    def circuit(self, verifier_address: str) -> dict[str, Any]:
        """The `Circuit` struct of the StudyRegistry."""
        training = self.kind == "training"
        features = self.parameters["features"]
        return {
            "name": self.name,
            "kind": KINDS[self.kind],
            "verifier": verifier_address,
            "features": features if training else features + 1,
            "batchSize": self.parameters["batch_size"] if training else 0,
            "maxEpochs": self.parameters["epochs"] if training else 0,
            "capacity": self.parameters["capacity"] if training else 0,
            "valueBits": self.parameters["value_bits"],
            "loss": self.parameters["loss"] if training else 0,
            "verifyingKeyDigest": bytes.fromhex(self.digest),
        }


def load_parameters(network: str) -> Parameters:
    """Read a network's parameters; DeploymentRefused where there are none."""
    path = PARAMETERS / f"{network}.yaml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in PARAMETERS.glob("*.yaml")))
        raise DeploymentRefused(f"{path.relative_to(solc.ROOT)} does not exist; there is: {known}")
    return Parameters(**yaml.safe_load(path.read_text()))


def verifier_name(circuit: str) -> str:
    """Contract that verifies a circuit: `training_192x30` gives `Training192x30Verifier`."""
    return "".join(part[:1].upper() + part[1:] for part in circuit.split("_")) + "Verifier"


def catalogue(with_test_circuits: bool = False) -> tuple[list[Listing], bool]:
    """Circuits of `circuits/circuits.json` to list, and whether their keys are development keys."""
    content = json.loads(CATALOGUE.read_text())
    listings = [
        Listing(
            entry["name"],
            entry["kind"],
            verifier_name(entry["name"]),
            entry["verifying_key_digest"].removeprefix("0x"),
            entry["parameters"],
        )
        for entry in content["circuits"]
        if with_test_circuits or not entry["test"]
    ]
    return listings, bool(content.get("development_seed"))


def verifier_source(listing: Listing) -> str:
    """Solidity source of a circuit's verifier; DeploymentRefused where it was never generated."""
    path = VERIFIERS / f"{listing.verifier}.sol"
    if not path.exists() or not listing.digest:
        raise DeploymentRefused(f"{listing.name} has no verifier: run `python scripts/generate.py`")
    return path.read_text()


def require_unforgeable(source: str, name: str) -> None:
    """Refuse a verifier whose key has γ = δ: A = α, B = β, C = −vk_x would pass for any statement."""
    points: dict[str, dict[str, str]] = {"gamma": {}, "delta": {}}
    for point, coordinate, value in _POINT.findall(source):
        points[point][coordinate] = value
    if len(points["gamma"]) != 4 or len(points["delta"]) != 4:
        raise DeploymentRefused(f"{name}: no verifying key found in its source; generate the verifier again")
    if points["gamma"] == points["delta"]:
        raise DeploymentRefused(f"{name}: its verifying key has γ = δ, so anyone can forge proofs for it")


def require_fit_for(chain_id: int, development_keys: bool) -> None:
    """Refuse keys whose secrets are public anywhere but on a development chain."""
    if development_keys and chain_id not in DEVELOPMENT_CHAINS:
        raise DeploymentRefused(
            f"the proving keys are development keys, insecure by design: chain {chain_id} is refused "
            f"(only {', '.join(map(str, DEVELOPMENT_CHAINS))}); hold a ceremony and generate verifiers anew"
        )


def deploy(
    account: AccountAPI,
    parameters: Parameters,
    listings: list[Listing],
    development_keys: bool,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Deploy everything on the connected chain and return the deployment record (chain_id, contracts, …)."""
    solc.prepare()
    chain_id = ape.chain.chain_id
    require_fit_for(chain_id, development_keys)
    for listing in listings:
        require_unforgeable(verifier_source(listing), listing.verifier)
    start_block = ape.chain.blocks.height
    contracts = _deploy_suite(account, parameters, say)
    studies = contracts["StudyRegistry"]
    circuits = {}
    for number, listing in enumerate(listings, start=1):
        verifier = _deploy_one(account, listing.verifier, (), say)
        if parameters.council is None:
            studies.listCircuit(listing.circuit(verifier.address), sender=account)
            say(f"listed   {listing.name} as circuit {number}")
        circuits[listing.name] = {
            "id": number,
            "verifier": verifier.address,
            "verifying_key_digest": "0x" + listing.digest,
        }
    if parameters.council is not None and listings:
        say(f"the council ({parameters.council}) has to list the circuits, in this order")
    return {
        "chain_id": chain_id,
        "start_block": start_block,
        "development_keys": development_keys,
        "contracts": {name: contract.address for name, contract in contracts.items()},
        "circuits": circuits,
    }


def _deploy_suite(account: AccountAPI, parameters: Parameters, say: Callable[[str], None]) -> dict[str, Any]:
    """The contracts that know each other, by name."""
    council = parameters.council or account.address
    treasury = parameters.treasury or council
    first = account.nonce
    names = SUITE if parameters.token is None else SUITE[1:]
    at: dict[str, Any] = {name: get_create_address(account.address, first + step) for step, name in enumerate(names)}
    at.setdefault("ConsiliumToken", parameters.token)
    token, hospitals, vault, studies, rounds, rewards = (at[name] for name in SUITE)
    arguments: dict[str, tuple[Any, ...]] = {
        "ConsiliumToken": (int(parameters.token_supply),),
        "HospitalRegistry": (council, parameters.admin_delay),
        "StakeVault": (token, hospitals, studies, rounds, treasury, parameters.unbonding_delay),
        "StudyRegistry": (hospitals, vault, rounds, rewards, parameters.block_time, parameters.phase_margin),
        "RoundManager": (studies, vault),
        "RewardPool": (token, hospitals, studies, rounds),
    }
    contracts = {name: _deploy_one(account, name, arguments[name], say) for name in names}
    for name, contract in contracts.items():
        if contract.address != at[name]:
            raise DeploymentRefused(
                f"{name} is at {contract.address}, not at {at[name]} where the others expect it: "
                "the deployer sent another transaction meanwhile; deploy again"
            )
    if parameters.token is not None:
        contracts = {"ConsiliumToken": ape.Contract(parameters.token), **contracts}
    return contracts


def _deploy_one(account: AccountAPI, name: str, arguments: tuple[Any, ...], say: Callable[[str], None]) -> Any:
    contract = account.deploy(getattr(ape.project, name), *arguments)
    say(f"deployed {name} at {contract.address}")
    return contract
