# SPDX-License-Identifier: Apache-2.0
"""What a plan must fulfil, circuits' listing, pausing."""

from __future__ import annotations

from typing import Any

import ape
import pytest

from tests.support.suite import FIELD_ORDER, REWARD, Stage, State, make_circuit

REFUSED: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"documentDigest": bytes(32)}, "PlanDocumentMissing", {"size": 2000}),
    ({"documentSize": 0}, "PlanDocumentMissing", {"size": 0}),
    ({"initialRoot": FIELD_ORDER}, "NotInField", {"value": FIELD_ORDER}),
    ({"threshold": 1}, "ThresholdTooLow", {"threshold": 1, "minimum": 2}),
    ({"minimum": 2}, "MinimumTooLow", {"minimum": 2, "needed": 3}),
    ({"threshold": 3}, "MinimumTooLow", {"minimum": 3, "needed": 4}),
    ({"threshold": 255}, "MinimumTooLow", {"minimum": 3, "needed": 256}),
    ({"threshold": 4, "minimum": 5, "maximum": 6}, "MaximumOutOfRange", {"maximum": 6, "needed": 7}),
    ({"minimum": 4, "maximum": 3}, "MaximumOutOfRange", {"maximum": 3, "needed": 4}),
    ({"maximum": 65}, "MaximumOutOfRange", {"maximum": 65, "limit": 64}),
    ({"attempts": 0}, "AttemptsOutOfRange", {"attempts": 0, "limit": 16}),
    ({"attempts": 17}, "AttemptsOutOfRange", {"attempts": 17, "limit": 16}),
    ({"rounds": 0}, "RoundsOutOfRange", {"rounds": 0}),
    ({"batchRounds": 0}, "BatchOutOfRange", {"batchRounds": 0, "rounds": 3}),
    ({"batchRounds": 4}, "BatchOutOfRange", {"batchRounds": 4, "rounds": 3}),
    ({"unopenedRounds": 0}, "RoundsOutOfRange", {"unopenedRounds": 0}),
    ({"enrolLength": 2}, "PhaseTooShort", {"length": 2, "needed": 3}),
    ({"ceremonyStepLength": 2}, "PhaseTooShort", {"length": 2}),
    ({"submitLength": 2}, "PhaseTooShort", {"length": 2}),
    ({"attestLength": 2}, "PhaseTooShort", {"length": 2}),
    ({"openLength": 9, "confirmations": 8}, "PhaseTooShort", {"length": 9, "needed": 10}),
    ({"verifiedShareBps": 10_001}, "ShareOutOfRange", {"basisPoints": 10_001}),
    ({"privacyBudget": 1}, "PrivacyBudgetUnsupported", {"budget": 1}),
    ({"epochs": 0}, "EpochsOutOfRange", {"epochs": 0, "maximum": 2}),
    ({"epochs": 3}, "EpochsOutOfRange", {"epochs": 3, "maximum": 2}),
    ({"learningRate": 0}, "LearningRateOutOfRange", {"learningRate": 0}),
    ({"learningRate": 1024}, "LearningRateOutOfRange", {"learningRate": 1024, "maximum": 1023}),
    ({"trainingCircuit": 2}, "WrongCircuitKind", {"circuitId": 2, "kind": 2}),
    ({"aggregationCircuit": 1}, "WrongCircuitKind", {"circuitId": 1, "kind": 1}),
    ({"trainingCircuit": 99}, "CircuitNotListed", {"circuitId": 99}),
    ({"aggregationCircuit": 99}, "CircuitNotListed", {"circuitId": 99}),
]


@pytest.mark.parametrize(("changes", "error", "values"), REFUSED, ids=[f"{next(iter(c))}-{e}" for c, e, _ in REFUSED])
def test_publish__plan_that_does_not_hold__reverts(
    stage: Stage, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    with ape.reverts(getattr(stage.suite.studies, f"StudyRegistry{error}"), **values):
        stage.publish(**changes)


def test_publish__sound_plan__is_published_until_funded(stage: Stage) -> None:
    studies = stage.suite.studies
    stage.publish(funded=False)
    assert stage.state() is State.PUBLISHED
    assert studies.requiredFunding(stage.study) == 3 * REWARD
    assert studies.sponsorOf(stage.study) == stage.sponsor
    stage.fund(3 * REWARD - 1)
    assert stage.state() is State.PUBLISHED
    stage.fund(1)
    assert stage.state() is State.ENROLLING


def test_plan_root__of_a_study__packs_the_proved_numbers(stage: Stage) -> None:
    stage.publish()
    expected = 4 | 4 << 16 | 2 << 32 | 128 << 48 | 26 << 80 | 1 << 88
    assert stage.suite.studies.planRoot(stage.study) == expected


def test_unfunded__at_the_deadline__is_cancelled(stage: Stage) -> None:
    stage.publish(funded=False)
    stage.end_enrolment()
    assert stage.state() is State.CANCELLED


def test_publish__circuits_that_do_not_fit__reverts(stage: Stage) -> None:
    studies, council = stage.suite.studies, stage.suite.council
    for number, changes in enumerate(({"features": 6}, {"valueBits": 25})):
        studies.listCircuit(make_circuit(stage.double.address, False, **changes), sender=council)
        with ape.reverts(studies.StudyRegistryCircuitsDiffer, trainingCircuit=1, aggregationCircuit=3 + number):
            stage.publish(aggregationCircuit=3 + number)


def test_publish__more_rows_than_the_aggregation_divides_by__reverts(stage: Stage) -> None:
    studies = stage.suite.studies
    big = make_circuit(stage.double.address, capacity=1 << 20)
    studies.listCircuit(big, sender=stage.suite.council)
    with ape.reverts(studies.StudyRegistryTooManyRows, rows=5 << 20, limit=(1 << 22) - 1):
        stage.publish(trainingCircuit=3)


def test_delist__council__stops_new_studies_only(stage: Stage) -> None:
    studies, council = stage.suite.studies, stage.suite.council
    stage.publish()
    studies.delistCircuit(1, sender=council)
    stage.enrol(stage.hospitals[0])
    assert studies.trainingTerms(stage.study).verifier == stage.double
    with ape.reverts(studies.StudyRegistryCircuitNotListed, circuitId=1):
        stage.publish()
    with ape.reverts(studies.StudyRegistryCircuitNotListed, circuitId=1):
        studies.delistCircuit(1, sender=council)


def test_circuits_and_pause__stranger__reverts(stage: Stage) -> None:
    studies = stage.suite.studies
    circuit = make_circuit(stage.double.address)
    for call in (
        lambda: studies.listCircuit(circuit, sender=stage.stranger),
        lambda: studies.delistCircuit(1, sender=stage.stranger),
        lambda: studies.setPaused(True, sender=stage.stranger),
    ):
        with ape.reverts(studies.StudyRegistryNotCouncil, caller=stage.stranger.address):
            call()


def test_list_circuit__malformed__reverts(stage: Stage) -> None:
    studies, council = stage.suite.studies, stage.suite.council
    wrong: list[dict[str, Any]] = [
        {"verifier": stage.stranger.address},
        {"kind": 0},
        {"name": ""},
        {"features": 0},
        {"capacity": 0},
        {"loss": 0},
        {"verifyingKeyDigest": bytes(32)},
    ]
    for changes in wrong:
        circuit = {**make_circuit(stage.double.address), **changes}
        with ape.reverts(studies.StudyRegistryCircuitMalformed, name=circuit["name"]):
            studies.listCircuit(circuit, sender=council)


def test_circuit__unknown__reverts(stage: Stage) -> None:
    with ape.reverts(stage.suite.studies.StudyRegistryUnknownCircuit, circuitId=99):
        stage.suite.studies.circuit(99)


def test_paused__publish_and_enrol_stop_and_nothing_else(stage: Stage) -> None:
    studies, council = stage.suite.studies, stage.suite.council
    members = stage.run(3)
    running = stage.study
    stage.publish()
    studies.setPaused(True, sender=council)
    with ape.reverts(studies.StudyRegistryPaused):
        stage.enrol(stage.hospitals[0])
    with ape.reverts(studies.StudyRegistryPaused):
        stage.publish()
    stage.study = running
    stage.submit(members[0])
