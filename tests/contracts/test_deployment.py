# SPDX-License-Identifier: Apache-2.0
"""What the deployment refuses, and that what it deploys is wired as it says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from node.proofs.artefacts import circuits
from scripts.deployment import (
    VERIFIERS,
    DeploymentRefused,
    catalogue,
    deploy,
    load_parameters,
    require_fit_for,
    require_unforgeable,
    verifier_name,
)
from tests.support.bn254 import add, multiply, negate
from tests.support.solidity import compile_text
from tests.support.suite import Stage

SOURCE = (VERIFIERS / "Aggregation5Verifier.sol").read_text()


def constants_of(source: str) -> dict[str, int]:
    return {name: int(value) for name, value in re.findall(r"uint256 constant (\w+)\s*=\s*(\d+);", source)}


@pytest.fixture(scope="module")
def forgeable() -> str:
    """A verifier whose key has γ = δ, as some published ones have."""
    source = SOURCE.replace("Aggregation5Verifier", "ForgeableVerifier")
    for coordinate in ("x1", "x2", "y1", "y2"):
        gamma = constants_of(SOURCE)[f"gamma{coordinate}"]
        source = re.sub(rf"(delta{coordinate}\s*=\s*)\d+", rf"\g<1>{gamma}", source)
    return source


def forge(source: str, signals: list[int]) -> tuple[Any, Any, Any]:
    """A "proof" made of the key alone: A = α, B = β, C = −(IC0 + Σ sᵢ·ICᵢ)."""
    key = constants_of(source)
    total = (key["IC0x"], key["IC0y"])
    for number, signal in enumerate(signals, start=1):
        total = add(total, multiply((key[f"IC{number}x"], key[f"IC{number}y"]), signal))
    beta = ((key["betax1"], key["betax2"]), (key["betay1"], key["betay2"]))
    return (key["alphax"], key["alphay"]), beta, negate(total)


def test_key_with_gamma_equal_delta__passes_a_forgery_and_is_refused(
    stage: Stage, accounts: Any, forgeable: str
) -> None:
    signals = [1, 2, 3, 4, 5, 6]
    weak = accounts[0].deploy(compile_text(forgeable, "ForgeableVerifier"))
    assert weak.verifyProof(*forge(forgeable, signals), signals), "the forgery works where γ = δ"
    with pytest.raises(DeploymentRefused, match="forge"):
        require_unforgeable(forgeable, "ForgeableVerifier")

    sound = accounts[0].deploy(compile_text(SOURCE, "Aggregation5Verifier"))
    assert not sound.verifyProof(*forge(SOURCE, signals), signals)


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


def test_deploy__everything__knows_each_other_and_lists_the_circuits(accounts: Any, project: Any) -> None:
    listings, development = catalogue()
    record = deploy(accounts[23], load_parameters("local"), listings, development, say=lambda _: None)
    at = record["contracts"]
    studies = project.StudyRegistry.at(at["StudyRegistry"])
    rounds = project.RoundManager.at(at["RoundManager"])
    vault = project.StakeVault.at(at["StakeVault"])
    rewards = project.RewardPool.at(at["RewardPool"])
    assert (studies.HOSPITALS(), studies.VAULT()) == (at["HospitalRegistry"], at["StakeVault"])
    assert (studies.ROUNDS(), studies.REWARDS()) == (at["RoundManager"], at["RewardPool"])
    assert (rounds.STUDIES(), rounds.VAULT()) == (at["StudyRegistry"], at["StakeVault"])
    assert (vault.STUDY_REGISTRY(), vault.ROUND_MANAGER()) == (at["StudyRegistry"], at["RoundManager"])
    assert (vault.TOKEN(), rewards.TOKEN()) == (at["ConsiliumToken"], at["ConsiliumToken"])
    assert (rewards.STUDIES(), rewards.ROUNDS()) == (at["StudyRegistry"], at["RoundManager"])
    assert record["development_keys"] is development
    for listing in listings:
        entry = record["circuits"][listing.name]
        listed = studies.circuit(entry["id"])
        assert (listed.name, listed.verifier) == (listing.name, entry["verifier"])
        assert "0x" + listed.verifyingKeyDigest.hex().removeprefix("0x") == entry["verifying_key_digest"]
