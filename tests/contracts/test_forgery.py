# SPDX-License-Identifier: Apache-2.0
"""A verifying key with γ = δ: what anybody can do with it, and everything that refuses it before that."""

from __future__ import annotations

import re
from typing import Any

import ape
import pytest

from node.bytecode import key_in, verifier_code
from node.errors import ProofError
from node.proofs.artefacts import find_artefacts
from node.proofs.verifying_key import load_verifying_key, refuse_forgeable
from scripts.deployment import VERIFIERS, DeploymentRefused, require_unforgeable
from tests.support.bn254 import add, multiply, negate
from tests.support.proving import CIRCUITS
from tests.support.solidity import compile_text
from tests.support.stage import Stage
from tests.support.suite import make_circuit

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


@pytest.fixture(scope="module")
def weak(accounts: Any, forgeable: str) -> Any:
    return accounts[0].deploy(compile_text(forgeable, "ForgeableVerifier"))


@pytest.fixture(scope="module")
def sound(accounts: Any) -> Any:
    return accounts[0].deploy(compile_text(SOURCE, "Aggregation5Verifier"))


def test_forgery__of_any_statement__passes_where_gamma_is_delta_and_nowhere_else(
    weak: Any, sound: Any, forgeable: str
) -> None:
    for signals in ([1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 0, 7]):
        assert weak.verifyProof(*forge(forgeable, signals), signals), "the forgery works where γ = δ"
        assert not sound.verifyProof(*forge(SOURCE, signals), signals)


def test_forged_model__by_a_stranger_who_knows_nothing__is_what_such_a_key_allows(
    stage: Stage, weak: Any, sound: Any, forgeable: str
) -> None:
    suite, invented = stage.suite, 666
    for verifier, source, passes in ((sound, SOURCE, False), (weak, forgeable, True)):
        suite.catalogue.listCircuit(make_circuit(verifier.address, False), sender=suite.council)
        stage.run(3, aggregationCircuit=suite.catalogue.circuitCount())
        stage.reach_open()
        point, state = stage.sum(), suite.rounds.roundState(stage.study, 1)
        context = suite.rounds.aggregationContext(stage.study, 1, state.includedBitmap)
        proof = forge(source, [context, *point, state.sumRows, state.rootBefore, invented])
        call = (stage.study, 1, *point, invented, proof)
        if passes:
            suite.rounds.finalise(*call, sender=stage.stranger)
            assert suite.rounds.roundState(stage.study, 1).rootAfter == invented
        else:
            with ape.reverts(suite.rounds.RoundManagerProofInvalid, studyId=stage.study, round=1):
                suite.rounds.finalise(*call, sender=stage.stranger)


def test_such_a_key__is_refused_by_deployment_set_up_and_whoever_reads_the_deployed_code(
    weak: Any, sound: Any, forgeable: str
) -> None:
    with pytest.raises(DeploymentRefused, match="forge"):
        require_unforgeable(forgeable, "ForgeableVerifier")
    require_unforgeable(SOURCE, "Aggregation5Verifier")

    key = dict(load_verifying_key(find_artefacts(CIRCUITS[1]).verifying_key))
    refuse_forgeable(key)
    with pytest.raises(ProofError, match="gamma = delta"):
        refuse_forgeable({**key, "vk_delta_2": key["vk_gamma_2"]})

    # What `consilium network check` reads out of a listed verifier.
    def pair(verifier: Any) -> tuple[list[int], list[int]]:
        numbers = key_in(bytes(ape.chain.provider.get_code(verifier.address)))
        assert numbers is not None
        gamma, delta = (
            [numbers[f"{point}{part}"] for part in ("x1", "x2", "y1", "y2")] for point in ("gamma", "delta")
        )
        return gamma, delta

    gamma, delta = pair(weak)
    assert gamma == delta
    gamma, delta = pair(sound)
    assert gamma != delta
    assert bytes(ape.chain.provider.get_code(sound.address)).startswith(verifier_code(key))
