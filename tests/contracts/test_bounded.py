# SPDX-License-Identifier: Apache-2.0
"""Circuits that prove an update's bound, not its training: their listing, the plans that name them, enrolment."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.support.stage import Stage
from tests.support.suite import REWARD, make_circuit

BOUND, NOISE = (1 << 63) + 12345, (1 << 31) + 7
LISTING = {"name": "bounded_4", "kind": 3, "batchSize": 0, "maxEpochs": 0, "capacity": 1, "noisy": True}


@pytest.fixture
def bounded(stage: Stage) -> Stage:
    """Circuit 3 of the catalogue is a bounded one."""
    listing = make_circuit(stage.double.address, **LISTING)
    stage.suite.catalogue.listCircuit(listing, sender=stage.suite.council)
    assert stage.suite.catalogue.circuitCount() == 3
    return stage


def plan(**changes: Any) -> dict[str, Any]:
    return {"trainingCircuit": 3, "epochs": 0, "learningRate": 0, "updateBound": BOUND, **changes}


@pytest.mark.parametrize(
    "changes", [{"batchSize": 4}, {"maxEpochs": 1}, {"capacity": 2}, {"capacity": 0}, {"noisy": False}, {"loss": 0}]
)
def test_list_circuit__bounded_with_numbers_of_training__reverts(stage: Stage, changes: dict[str, Any]) -> None:
    catalogue, listing = stage.suite.catalogue, make_circuit(stage.double.address, **{**LISTING, **changes})
    with ape.reverts(catalogue.CircuitCatalogueCircuitMalformed, name="bounded_4"):
        catalogue.listCircuit(listing, sender=stage.suite.council)


def test_list_circuit__noisy_aggregation__reverts(stage: Stage) -> None:
    catalogue, listing = stage.suite.catalogue, make_circuit(stage.double.address, False, noisy=True)
    with ape.reverts(catalogue.CircuitCatalogueCircuitMalformed, name="aggregation_5"):
        catalogue.listCircuit(listing, sender=stage.suite.council)


def test_plan_root__packs_bound_and_noise_above_the_numbers_of_training(bounded: Stage) -> None:
    bounded.publish(**plan(noiseBound=NOISE))
    expected = 4 | 26 << 80 | 1 << 88 | BOUND << 96 | NOISE << 160
    assert bounded.suite.studies.planRoot(bounded.study) == expected


@pytest.mark.parametrize(
    ("changes", "error", "values"),
    [
        ({"updateBound": 0}, "StudyRegistryUpdateBoundWrong", {"updateBound": 0, "kind": 3}),
        ({"epochs": 1}, "StudyRegistryEpochsOutOfRange", {"epochs": 1, "maximum": 0}),
        ({"learningRate": 1}, "StudyRegistryLearningRateOutOfRange", {"learningRate": 1, "maximum": 0}),
        ({"trainingCircuit": 2}, "StudyRegistryWrongCircuitKind", {"circuitId": 2, "kind": 2}),
        ({"aggregationCircuit": 3}, "StudyRegistryWrongCircuitKind", {"circuitId": 3, "kind": 3}),
    ],
)
def test_publish__bounded_plan_that_does_not_hold__reverts(
    bounded: Stage, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    with ape.reverts(getattr(bounded.suite.studies, error), **values):
        bounded.publish(**plan(**changes))


def test_publish__noise_with_a_training_circuit__only_where_it_proves_it(bounded: Stage) -> None:
    catalogue, studies = bounded.suite.catalogue, bounded.suite.studies
    with ape.reverts(studies.StudyRegistryNoiseNotProved, noiseBound=NOISE):
        bounded.publish(noiseBound=NOISE)
    with ape.reverts(studies.StudyRegistryUpdateBoundWrong, updateBound=BOUND, kind=1):
        bounded.publish(updateBound=BOUND)
    catalogue.listCircuit(make_circuit(bounded.double.address, noisy=True), sender=bounded.suite.council)
    bounded.publish(trainingCircuit=4, updateBound=BOUND, noiseBound=NOISE)
    assert studies.planRoot(bounded.study) >> 96 == BOUND | NOISE << 64
    bounded.publish(trainingCircuit=4, updateBound=BOUND)
    assert studies.planRoot(bounded.study) >> 96 == BOUND


def test_publish__noise_on_training_without_a_bound_of_the_update__reverts(bounded: Stage) -> None:
    """It would hide nothing: one update could be as long as the circuit's range."""
    noisy = make_circuit(bounded.double.address, noisy=True)
    bounded.suite.catalogue.listCircuit(noisy, sender=bounded.suite.council)
    with ape.reverts(bounded.suite.studies.StudyRegistryUpdateBoundWrong, updateBound=0, kind=1):
        bounded.publish(trainingCircuit=4, noiseBound=NOISE)
    bounded.publish(trainingCircuit=4)
    assert bounded.suite.studies.planRoot(bounded.study) >> 96 == 0


def test_bounded_study__everybody_has_one_row_and_the_same_reward(bounded: Stage) -> None:
    bounded.publish(**plan(maximum=4))
    bounded.members = bounded.hospitals[:4]
    with ape.reverts(bounded.suite.studies.StudyRegistryRowsOutOfRange, rows=2, capacity=1):
        bounded.enrol(bounded.members[0], rows=2)
    for hospital in bounded.members:
        bounded.enrol(hospital, rows=1)
    bounded.hold_ceremony(bounded.members)
    bounded.finish(1)
    earned = [bounded.suite.rewards.earned(bounded.study, 1, hospital.id) for hospital in bounded.members]
    assert sum(earned) == REWARD
    assert max(earned) - min(earned) <= 2
    assert bounded.suite.rounds.roundState(bounded.study, 1).sumRows == 4
