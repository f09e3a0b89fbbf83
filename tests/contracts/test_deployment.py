# SPDX-License-Identifier: Apache-2.0
"""What the deployment refuses, and that what it deploys is wired as it says."""

from __future__ import annotations

from typing import Any

import pytest

from node.proofs.artefacts import circuits
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

#: EIP-170: bytes of code that a contract may have.
MOST_CODE = 24_576


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


def test_suite__fits_what_a_network_accepts(project: Any) -> None:
    sizes = {
        name: len(bytes.fromhex(getattr(project, name).contract_type.runtime_bytecode.bytecode.removeprefix("0x")))
        for name in CONTRACTS
    }
    assert {name: size for name, size in sizes.items() if size > MOST_CODE} == {}


def test_deploy__everything__knows_each_other_and_lists_the_circuits(accounts: Any, project: Any) -> None:
    listings, development = catalogue()
    record = deploy(accounts[23], load_parameters("local"), listings, development, say=lambda _: None)
    at = record["contracts"]
    studies = project.StudyRegistry.at(at["StudyRegistry"])
    circuits = project.CircuitCatalogue.at(at["CircuitCatalogue"])
    court = project.EquivocationCourt.at(at["EquivocationCourt"])
    rounds = project.RoundManager.at(at["RoundManager"])
    vault = project.StakeVault.at(at["StakeVault"])
    rewards = project.RewardPool.at(at["RewardPool"])
    blocks = project.BlockDraws.at(at["BlockDraws"])
    assert (studies.HOSPITALS(), studies.VAULT()) == (at["HospitalRegistry"], at["StakeVault"])
    assert (studies.ROUNDS(), studies.REWARDS()) == (at["RoundManager"], at["RewardPool"])
    assert (rounds.STUDIES(), rounds.VAULT()) == (at["StudyRegistry"], at["StakeVault"])
    assert (vault.STUDIES(), vault.ROUND_MANAGER(), vault.COURT()) == tuple(
        at[name] for name in ("StudyRegistry", "RoundManager", "EquivocationCourt")
    )
    assert (studies.CATALOGUE(), circuits.HOSPITALS()) == (at["CircuitCatalogue"], at["HospitalRegistry"])
    assert (court.STUDIES(), court.ROUNDS(), court.VAULT()) == (studies, rounds, vault)
    assert (vault.TOKEN(), rewards.TOKEN()) == (at["ConsiliumToken"], at["ConsiliumToken"])
    assert (studies.BLOCKS(), blocks.STUDIES()) == (blocks, studies)
    assert (rewards.STUDIES(), rewards.ROUNDS()) == (at["StudyRegistry"], at["RoundManager"])
    assert record["development_keys"] is development
    for listing in listings:
        entry = record["circuits"][listing.name]
        listed = circuits.circuit(entry["id"])
        assert (listed.name, listed.verifier) == (listing.name, entry["verifier"])
        assert "0x" + listed.verifyingKeyDigest.hex().removeprefix("0x") == entry["verifying_key_digest"]
