# SPDX-License-Identifier: Apache-2.0
"""What `scripts/deploy.py` and the contract tests deploy: the suite, verifiers, the circuits' listing.

The contracts know each other by immutable addresses, predicted from the deployer's nonce. A verifying key
with γ = δ, which anyone can forge proofs for, is refused, and so are development keys on a public chain: there,
keys come from a set-up of the hospitals, whose folder holds transcripts and verifiers (`scripts/ceremony.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ape
import yaml
from ape.api import AccountAPI
from ape.contracts import ContractContainer

from node.bytecode import is_verifier_of
from node.chain.deployment import CONTRACTS
from node.errors import ConsiliumError
from node.proofs.artefacts import verifier_contract as verifier_name
from node.proofs.transcript import Transcript, read_transcript
from node.types import LOCAL_CHAINS as DEVELOPMENT_CHAINS
from scripts import solc
from scripts.resumable import DeploymentRefused, TransactionRow, is_code_of
from scripts.verifiers import compile_verifier

PARAMETERS = solc.ROOT / "scripts" / "params"
CATALOGUE = solc.ROOT / "circuits" / "circuits.json"
VERIFIERS = solc.ROOT / "contracts" / "verifiers"
KINDS = {"training": 1, "aggregation": 2, "bounded": 3}
_POINT = re.compile(r"\b(gamma|delta)(x1|x2|y1|y2)\s*=\s*(\d+)")


@dataclass(frozen=True)
class Parameters:
    """Numbers and addresses of one network, from `scripts/params/<network>.yaml`."""

    chain_ids: list[int]
    council: str | None
    token: str | None
    token_supply: str
    admin_delay: int
    unbonding_delay: int
    block_time: int
    phase_margin: int


@dataclass(frozen=True)
class Listing:
    """A circuit to list: its catalogue entry and its verifier's contract.

    `folder`: where a set-up's transcript and verifier are; None for the committed development keys.
    """

    name: str
    kind: str
    verifier: str
    digest: str
    parameters: dict[str, int]
    folder: Path | None = None

    def circuit(self, verifier_address: str) -> dict[str, Any]:
        """The `Circuit` struct of the CircuitCatalogue."""
        training, aggregation = self.kind == "training", self.kind == "aggregation"
        features = self.parameters["features"]
        return {
            "name": self.name,
            "kind": KINDS[self.kind],
            "verifier": verifier_address,
            "features": features + 1 if aggregation else features,
            "batchSize": self.parameters["batch_size"] if training else 0,
            "maxEpochs": self.parameters["epochs"] if training else 0,
            "capacity": 0 if aggregation else self.parameters["capacity"],
            "valueBits": self.parameters["value_bits"],
            "loss": 0 if aggregation else self.parameters["loss"],
            "noisy": not aggregation,
            "verifyingKeyDigest": bytes.fromhex(self.digest),
        }


def load_parameters(network: str) -> Parameters:
    """Read a network's parameters; DeploymentRefused where there are none."""
    path = PARAMETERS / f"{network}.yaml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in PARAMETERS.glob("*.yaml")))
        raise DeploymentRefused(f"{path.relative_to(solc.ROOT)} does not exist; there is: {known}")
    return Parameters(**yaml.safe_load(path.read_text()))


def catalogue(with_test_circuits: bool = False, also: Sequence[str] = ()) -> tuple[list[Listing], bool]:
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
        if (with_test_circuits or not entry["test"])
        and (entry["name"] in also or not entry["on_demand"])
        and entry["kind"] in KINDS
    ]
    return listings, bool(content.get("development_seed"))


def set_up_catalogue(folder: Path) -> list[Listing]:
    """Circuits with keys from a set-up: those of `circuits.json` with `<folder>/<circuit>/transcript.json`."""
    listings = []
    for listing in catalogue(with_test_circuits=True)[0]:
        place = folder / listing.name
        if (place / "transcript.json").exists():
            digest = _transcript(place).verifying_key_digest
            listings.append(Listing(listing.name, listing.kind, listing.verifier, digest, listing.parameters, place))
    if not listings:
        raise DeploymentRefused(f"{folder} has no <circuit>/transcript.json of a finished set-up")
    return listings


def verifier_source(listing: Listing) -> str:
    """Solidity source of a circuit's verifier; DeploymentRefused where it was never generated."""
    path = (listing.folder or VERIFIERS) / f"{listing.verifier}.sol"
    if not path.exists() or not listing.digest:
        raise DeploymentRefused(f"{listing.name} has no verifier at {path}: generate it (`make generate`, or a set-up)")
    return path.read_text()


def verifier(listing: Listing) -> ContractContainer:
    """A circuit's verifier, compiled; DeploymentRefused where a set-up's does not hold the transcript's key."""
    if listing.folder is None:
        container: ContractContainer = getattr(ape.project, listing.verifier)
        return container
    container = compile_verifier(verifier_source(listing), listing.verifier)
    code = bytes.fromhex(str(container.contract_type.runtime_bytecode.bytecode).removeprefix("0x"))
    if not is_verifier_of(code, _transcript(listing.folder).verifying_key):
        raise DeploymentRefused(
            f"{listing.folder / listing.verifier}.sol is not the verifier of the key in the transcript beside it: "
            "run `scripts/ceremony.py verify`, and export it again"
        )
    return container


def _transcript(folder: Path) -> Transcript:
    try:
        return read_transcript(folder / "transcript.json")
    except ConsiliumError as error:
        raise DeploymentRefused(str(error)) from None


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


def plan_digest(deployer: str, parameters: Parameters, listings: list[Listing]) -> str:
    """SHA-256 (hex) of all that a deployment depends on: who, code, parameters, circuits."""
    code = {name: str(getattr(ape.project, name).contract_type.deployment_bytecode.bytecode) for name in CONTRACTS}
    code |= {listing.name: verifier_source(listing) for listing in listings}
    circuits = [(listing.name, listing.digest) for listing in listings]
    content = json.dumps([deployer, asdict(parameters), circuits, code], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def deploy(
    account: AccountAPI,
    parameters: Parameters,
    listings: list[Listing],
    development_keys: bool,
    say: Callable[[str], None] = print,
    journal: Path | None = None,
) -> dict[str, Any]:
    """Deploy everything on the connected chain and return the deployment record (chain_id, contracts, …).

    `journal`: remembers what was sent, so that a deployment that was cut off is gone on with; the caller
    removes it once the record is written.
    """
    solc.prepare()
    chain_id = ape.chain.chain_id
    require_fit_for(chain_id, development_keys)
    if chain_id not in parameters.chain_ids:
        raise DeploymentRefused(f"these parameters are for {parameters.chain_ids}, this is chain {chain_id}")
    for listing in listings:
        require_unforgeable(verifier_source(listing), listing.verifier)
    verifiers = {listing.name: verifier(listing) for listing in listings}
    plan = plan_digest(account.address, parameters, listings)
    row = TransactionRow(account, plan, journal, say)
    contracts = _deploy_suite(account, row, parameters)
    circuit_catalogue = contracts["CircuitCatalogue"]
    circuits = {}
    for number, listing in enumerate(listings, start=1):
        made = row.deploy(listing.verifier, verifiers[listing.name])
        if parameters.council is None:
            _list_circuit(account, row, circuit_catalogue, number, listing, made.address)
        circuits[listing.name] = {
            "id": number,
            "verifier": made.address,
            "verifying_key_digest": "0x" + listing.digest,
        }
    if parameters.council is not None and listings:
        say(f"the council ({parameters.council}) has to list the circuits, in this order")
    return {
        "chain_id": chain_id,
        "start_block": row.start_block,
        "development_keys": development_keys,
        "deployer": account.address,
        "plan": plan,
        "contracts": {name: contract.address for name, contract in contracts.items()},
        "circuits": circuits,
    }


def stands(record: dict[str, Any], account: AccountAPI, parameters: Parameters, listings: list[Listing]) -> bool:
    """Whether a recorded deployment is on the connected chain and is the one that is asked for.

    False where a local chain was started anew; DeploymentRefused where another deployment is recorded.
    """
    solc.prepare()
    chain_id = ape.chain.chain_id
    if record.get("chain_id") != chain_id:
        raise DeploymentRefused(f"the record there is of chain {record.get('chain_id')}: name another file with --out")
    addresses = [*record["contracts"].values(), *(entry["verifier"] for entry in record["circuits"].values())]
    missing = [address for address in addresses if not ape.chain.provider.get_code(address)]
    if missing and chain_id in DEVELOPMENT_CHAINS:
        return False
    if missing:
        raise DeploymentRefused(f"the record there names {missing[0]}, where chain {chain_id} has no contract")
    if record.get("plan") != plan_digest(account.address, parameters, listings):
        raise DeploymentRefused(
            "another deployment is recorded there (by another account, or of other contracts, parameters or "
            "circuits): name another file with --out"
        )
    # A token of the network's own may be anything.
    own = [name for name in CONTRACTS if parameters.token is None or name != CONTRACTS[0]]
    changed = [name for name in own if not is_code_of(record["contracts"][name], getattr(ape.project, name))]
    if changed:
        raise DeploymentRefused(f"what the record there calls {', '.join(changed)} is other code on this chain")
    return True


def _list_circuit(
    account: AccountAPI, row: TransactionRow, contract: Any, number: int, listing: Listing, verifier_address: str
) -> None:
    entry = listing.circuit(verifier_address)

    def is_listed() -> bool:
        return int(contract.circuitCount()) >= number and contract.circuit(number).verifier == verifier_address

    row.call(
        f"listed   {listing.name} as circuit {number}", lambda: contract.listCircuit(entry, sender=account), is_listed
    )


def _deploy_suite(account: AccountAPI, row: TransactionRow, parameters: Parameters) -> dict[str, Any]:
    """The contracts that know each other, by name."""
    council = parameters.council or account.address
    names = CONTRACTS if parameters.token is None else CONTRACTS[1:]
    at: dict[str, Any] = {name: row.address(place) for place, name in enumerate(names)}
    at.setdefault("ConsiliumToken", parameters.token)
    token, hospitals, circuits, vault, studies, keys, rounds, openings, court, rewards, blocks = (
        at[name] for name in CONTRACTS
    )
    arguments: dict[str, tuple[Any, ...]] = {
        "ConsiliumToken": (int(parameters.token_supply),),
        "HospitalRegistry": (council, parameters.admin_delay),
        "CircuitCatalogue": (hospitals,),
        "StakeVault": (token, hospitals, studies, rounds, (keys, openings, court), rewards, parameters.unbonding_delay),
        "StudyRegistry": (
            (
                *(hospitals, circuits, vault, keys, rounds, rewards, blocks),
                *(parameters.block_time, parameters.phase_margin),
            ),
        ),
        "KeyCeremony": (studies, rounds, vault, rewards),
        "RoundManager": (studies, keys, vault, rewards, court),
        "Openings": (studies, rounds, keys, vault),
        "Court": (studies, rounds, openings, vault),
        "RewardPool": (hospitals, studies, rounds, keys, vault),
        "BlockDraws": (studies, keys),
    }
    contracts = {name: row.deploy(name, getattr(ape.project, name), *arguments[name]) for name in names}
    if parameters.token is not None:
        contracts = {"ConsiliumToken": ape.Contract(parameters.token), **contracts}
    return contracts
