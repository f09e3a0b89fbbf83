# SPDX-License-Identifier: Apache-2.0
"""The contracts against the golden vectors that circuits and nodes are held to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ape
import pytest

from node.group.pedersen import commit
from tests.support.stage import Stage
from tests.support.suite import make_circuit

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
CONTEXT = json.loads((VECTORS / "context.json").read_text())
PEDERSEN = json.loads((VECTORS / "pedersen.json").read_text())


@pytest.fixture
def placed(stage: Stage, project: Any) -> Iterator[Any]:
    """The RoundManager's code at the address, and on the chain, that the vectors name."""
    vector, request = CONTEXT["training"], ape.chain.provider.make_request
    assert {(one["chain_id"], one["round_manager"]) for one in (vector, CONTEXT["aggregation"])} == {
        (vector["chain_id"], vector["round_manager"])
    }
    code, own = ape.chain.provider.get_code(stage.suite.rounds.address), ape.chain.chain_id
    request("anvil_setCode", [vector["round_manager"], "0x" + bytes(code).hex()])
    request("anvil_setChainId", [vector["chain_id"]])
    yield project.RoundManager.at(vector["round_manager"])
    request("anvil_setChainId", [own])


def test_training_context__is_the_vectors(placed: Any) -> None:
    vector = CONTEXT["training"]
    digest = bytes.fromhex(vector["ciphertext_digest"].removeprefix("0x"))
    place = (vector["study_id"], vector["round_number"], vector["hospital_id"])
    assert placed.trainingContext(*place, digest) == int(vector["context"])


def test_aggregation_context__is_the_vectors(placed: Any) -> None:
    vector = CONTEXT["aggregation"]
    place = (vector["study_id"], vector["round_number"], vector["included_bitmap"])
    assert placed.aggregationContext(*place) == int(vector["context"])


def test_plan_root__is_the_vectors(stage: Stage) -> None:
    vector, catalogue, studies = CONTEXT["plan"], stage.suite.catalogue, stage.suite.studies
    shape = {"features": vector["features"], "valueBits": vector["value_bits"]}
    training = {"batchSize": vector["batch_size"], "maxEpochs": vector["epochs"], "loss": vector["loss"]}
    for circuit in (
        make_circuit(stage.double.address, **shape, **training),
        make_circuit(stage.double.address, False, **{**shape, "features": vector["features"] + 1}),
    ):
        catalogue.listCircuit(circuit, sender=stage.suite.council)
    newest = catalogue.circuitCount()
    stage.publish(
        trainingCircuit=newest - 1,
        aggregationCircuit=newest,
        epochs=vector["epochs"],
        learningRate=vector["learning_rate"],
    )
    assert studies.planRoot(stage.study) == int(vector["plan_root"])


def test_commitments__add_up_on_chain_as_their_values_do(accounts: Any, project: Any) -> None:
    library = accounts[0].deploy(project.LibraryHarness)
    generators = [(int(one["x"]), int(one["y"])) for one in PEDERSEN["G"]]
    for entry in PEDERSEN["commitments"]:
        assert library.isOnCurve(int(entry["point"]["x"]), int(entry["point"]["y"]))
    # A commitment to (1, 1, …) without blinding is the plain sum of the generators.
    x, y = library.sum([point[0] for point in generators], [point[1] for point in generators])
    assert (x, y) == tuple(commit([1] * len(generators), 0))
