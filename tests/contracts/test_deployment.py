# SPDX-License-Identifier: Apache-2.0
"""What the deployment refuses, and that what it deploys is wired as it says."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

import pytest

from node.proofs.artefacts import circuits
from scripts.bytecode import CREATED, compiler_settings
from scripts.deployment import (
    CONTRACTS,
    VERIFIERS,
    DeploymentRefused,
    catalogue,
    deploy,
    load_parameters,
    require_fit_for,
    require_unforgeable,
    verifier_name,
)

#: EIP-170: bytes of code that a contract may have, and what each is to leave of them for what may still come.
MOST_CODE, ROOM = 24_576, 4_000
#: By contract and immutable: whom it knows.
WIRING = {
    "CircuitCatalogue": {"HOSPITALS": "HospitalRegistry"},
    "StakeVault": {
        "TOKEN": "ConsiliumToken",
        "HOSPITALS": "HospitalRegistry",
        "STUDIES": "StudyRegistry",
        "CEREMONY": "KeyCeremony",
        "ROUNDS": "RoundManager",
        "OPENINGS": "Openings",
        "COURT": "Court",
        "REWARD_POOL": "RewardPool",
    },
    "StudyRegistry": {
        "HOSPITALS": "HospitalRegistry",
        "CATALOGUE": "CircuitCatalogue",
        "VAULT": "StakeVault",
        "CEREMONY": "KeyCeremony",
        "ROUNDS": "RoundManager",
        "REWARDS": "RewardPool",
        "BLOCKS": "BlockDraws",
    },
    "KeyCeremony": {
        "STUDIES": "StudyRegistry",
        "ROUNDS": "RoundManager",
        "VAULT": "StakeVault",
        "REWARDS": "RewardPool",
    },
    "RoundManager": {
        "STUDIES": "StudyRegistry",
        "KEYS": "KeyCeremony",
        "VAULT": "StakeVault",
        "REWARDS": "RewardPool",
        "COURT": "Court",
    },
    "Openings": {
        "STUDIES": "StudyRegistry",
        "ROUNDS": "RoundManager",
        "KEYS": "KeyCeremony",
        "VAULT": "StakeVault",
    },
    "Court": {
        "STUDIES": "StudyRegistry",
        "ROUNDS": "RoundManager",
        "OPENINGS": "Openings",
        "VAULT": "StakeVault",
    },
    "RewardPool": {
        "TOKEN": "ConsiliumToken",
        "HOSPITALS": "HospitalRegistry",
        "STUDIES": "StudyRegistry",
        "ROUNDS": "RoundManager",
        "CEREMONY": "KeyCeremony",
        "VAULT": "StakeVault",
    },
    "BlockDraws": {"STUDIES": "StudyRegistry", "CEREMONY": "KeyCeremony"},
}


def test_committed_verifiers__are_all_unforgeable_this_way() -> None:
    names = {circuit.contract_name for circuit in circuits().values()}
    assert {f"{name}.sol" for name in names} == {path.name for path in VERIFIERS.glob("*.sol")}
    for name in names:
        require_unforgeable((VERIFIERS / f"{name}.sol").read_text(), name)


def test_source_without_a_key__is_refused() -> None:
    with pytest.raises(DeploymentRefused, match="no verifying key"):
        require_unforgeable("contract Empty {}", "Empty")


@pytest.mark.parametrize("chain_id", [1, 11155111, 8453])
def test_development_keys__on_a_public_chain__are_refused(chain_id: int) -> None:
    with pytest.raises(DeploymentRefused, match="development keys"):
        require_fit_for(chain_id, development_keys=True)
    require_fit_for(chain_id, development_keys=False)


@pytest.mark.parametrize("chain_id", [1337, 31337])
def test_development_keys__on_a_local_chain__are_fine(chain_id: int) -> None:
    require_fit_for(chain_id, development_keys=True)


def test_parameters__of_an_unknown_network__say_which_there_are() -> None:
    with pytest.raises(DeploymentRefused, match="local"):
        load_parameters("nowhere")


def test_verifier_name__of_a_circuit() -> None:
    assert verifier_name("training_192x30") == "Training192x30Verifier"


def test_suite__leaves_room_below_what_a_network_accepts(project: Any) -> None:
    created = [PurePath(path).stem for path in CREATED.values()]
    sizes = {
        name: len(bytes.fromhex(getattr(project, name).contract_type.runtime_bytecode.bytecode.removeprefix("0x")))
        for name in (*CONTRACTS, *created)
    }
    assert all(sizes.values())
    assert {name: size for name, size in sizes.items() if size > MOST_CODE - ROOM} == {}
    assert not compiler_settings()["viaIR"]


def test_wiring__names_every_address_that_a_contract_keeps(project: Any) -> None:
    """What is not compared below would be wired by nobody's check."""
    kept = {
        name: {
            method.name
            for method in getattr(project, name).contract_type.view_methods
            if method.name.isupper() and [str(one.type) for one in method.outputs] == ["address"]
        }
        for name in CONTRACTS
    }
    assert {name: found for name, found in kept.items() if found} == {name: {*known} for name, known in WIRING.items()}


def test_deploy__everything__knows_each_other_and_lists_the_circuits(accounts: Any, project: Any) -> None:
    listings, development = catalogue()
    record = deploy(accounts[23], load_parameters("local"), listings, development, say=lambda _: None)
    at = record["contracts"]
    for name, immutables in WIRING.items():
        contract = getattr(project, name).at(at[name])
        found = {immutable: getattr(contract, immutable)() for immutable in immutables}
        assert found == {immutable: at[known] for immutable, known in immutables.items()}, name
    circuits = project.CircuitCatalogue.at(at["CircuitCatalogue"])
    assert record["development_keys"] is development
    for listing in listings:
        entry = record["circuits"][listing.name]
        listed = circuits.circuit(entry["id"])
        assert (listed.name, listed.verifier) == (listing.name, entry["verifier"])
        assert "0x" + listed.verifyingKeyDigest.hex().removeprefix("0x") == entry["verifying_key_digest"]
