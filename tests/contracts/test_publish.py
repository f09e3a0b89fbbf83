# SPDX-License-Identifier: Apache-2.0
"""What a plan must fulfil, circuits' listing, pausing."""

from __future__ import annotations

import json
from typing import Any

import ape
import pytest

from node.cli.drafting import complete
from node.errors import DataError
from node.steps.plan_rules import Venue, rules_of_network
from node.types import StudyState
from tests.support.plans import small_plan
from tests.support.stage import Stage
from tests.support.suite import BOND, FIELD_ORDER, REWARD, SERVICE_BUDGET, make_circuit

DAY = 86_400
SLICE = BOND // 4
#: Two of these in a row take 2 · (300 + 200 + 2 · 100) seconds.
ROUND = {"unopenedRounds": 2, "submitLength": 300, "attestLength": 200, "openLength": 100}
REFUSED: list[tuple[dict[str, Any], str, dict[str, Any]]] = [
    ({"documentDigest": bytes(32)}, "StudyRegistryPlanDocumentMissing", {"size": 2000}),
    ({"documentSize": 0}, "StudyRegistryPlanDocumentMissing", {"size": 0}),
    ({"initialRoot": FIELD_ORDER}, "StudyRegistryNotInField", {"value": FIELD_ORDER}),
    ({"threshold": 1}, "StudyRegistryThresholdTooLow", {"threshold": 1, "minimum": 2}),
    ({"minimum": 2}, "StudyRegistryMinimumTooLow", {"minimum": 2, "needed": 3}),
    ({"threshold": 3}, "StudyRegistryMinimumTooLow", {"minimum": 3, "needed": 4}),
    ({"threshold": 255}, "StudyRegistryMinimumTooLow", {"minimum": 3, "needed": 256}),
    ({"threshold": 4, "minimum": 5, "maximum": 6}, "StudyRegistryMaximumOutOfRange", {"maximum": 6, "needed": 7}),
    ({"minimum": 4, "maximum": 3}, "StudyRegistryMaximumOutOfRange", {"maximum": 3, "needed": 4}),
    ({"maximum": 65}, "StudyRegistryMaximumOutOfRange", {"maximum": 65, "limit": 64}),
    ({"rounds": 0}, "StudyRegistryRoundsOutOfRange", {"rounds": 0}),
    ({"batchRounds": 0}, "StudyRegistryBatchOutOfRange", {"batchRounds": 0, "rounds": 3}),
    ({"batchRounds": 4}, "StudyRegistryBatchOutOfRange", {"batchRounds": 4, "rounds": 3}),
    ({"unopenedRounds": 0}, "StudyRegistryFewerFailuresThanThreshold", {"unopenedRounds": 0, "threshold": 2}),
    ({"unopenedRounds": 1}, "StudyRegistryFewerFailuresThanThreshold", {"unopenedRounds": 1, "threshold": 2}),
    ({**ROUND, "patience": 1_399}, "StudyRegistryPatienceOutOfRange", {"patience": 1_399, "least": 1_400}),
    ({"patience": 360 * DAY + 1}, "StudyRegistryPatienceOutOfRange", {"most": 360 * DAY}),
    ({**ROUND, "recovery": 299}, "StudyRegistryRecoveryOutOfRange", {"recovery": 299, "least": 300}),
    ({"recovery": 360 * DAY + 1}, "StudyRegistryRecoveryOutOfRange", {"most": 360 * DAY}),
    ({"enrolLength": 2}, "StudyRegistryPhaseTooShort", {"length": 2, "needed": 3}),
    ({"ceremonyStepLength": 2}, "StudyRegistryPhaseTooShort", {"length": 2}),
    ({"submitLength": 2}, "StudyRegistryPhaseTooShort", {"length": 2}),
    ({"attestLength": 2}, "StudyRegistryPhaseTooShort", {"length": 2}),
    ({"openLength": 9, "confirmations": 8}, "StudyRegistryPhaseTooShort", {"length": 9, "needed": 10}),
    ({"absenceFine": 2, "absenceCap": 1}, "StudyRegistryFineOutOfRange", {"fine": 2, "cap": 1, "slice": SLICE}),
    ({"absenceCap": SLICE}, "StudyRegistryFineOutOfRange", {"cap": SLICE, "slice": SLICE}),
    ({"bond": 3, "absenceFine": 0, "absenceCap": 0}, "StudyRegistryFineOutOfRange", {"cap": 0, "slice": 0}),
    ({"serviceFee": 3, "serviceBudget": 2}, "StudyRegistryServiceOutOfRange", {"fee": 3, "budget": 2}),
    ({"serviceFee": 0}, "StudyRegistryServiceOutOfRange", {"fee": 0}),
    ({"privacyBudget": 1}, "StudyRegistryPrivacyCostOutOfRange", {"cost": 0, "budget": 1}),
    ({"privacyCost": 1}, "StudyRegistryPrivacyCostOutOfRange", {"cost": 1, "budget": 0}),
    ({"privacyCost": 3, "privacyBudget": 2}, "StudyRegistryPrivacyCostOutOfRange", {"cost": 3, "budget": 2}),
    ({"updateBound": 1}, "StudyRegistryUpdateBoundWrong", {"updateBound": 1, "kind": 1}),
    ({"noiseBound": 1}, "StudyRegistryNoiseNotProved", {"noiseBound": 1}),
    ({"bond": 0}, "StudyRegistryBondMissing", {}),
    ({"epochs": 0}, "StudyRegistryEpochsOutOfRange", {"epochs": 0, "maximum": 2}),
    ({"epochs": 3}, "StudyRegistryEpochsOutOfRange", {"epochs": 3, "maximum": 2}),
    ({"learningRate": 0}, "StudyRegistryLearningRateOutOfRange", {"learningRate": 0}),
    ({"learningRate": 1024}, "StudyRegistryLearningRateOutOfRange", {"learningRate": 1024, "maximum": 1023}),
    ({"trainingCircuit": 2}, "StudyRegistryWrongCircuitKind", {"circuitId": 2, "kind": 2}),
    ({"aggregationCircuit": 1}, "StudyRegistryWrongCircuitKind", {"circuitId": 1, "kind": 1}),
    ({"trainingCircuit": 99}, "CircuitCatalogueCircuitNotListed", {"circuitId": 99}),
    ({"aggregationCircuit": 99}, "CircuitCatalogueCircuitNotListed", {"circuitId": 99}),
    ({"ceremonyStepLength": 30 * DAY + 1}, "StudyRegistryPhaseTooLong", {"length": 30 * DAY + 1, "maximum": 30 * DAY}),
    ({"submitLength": 30 * DAY + 1}, "StudyRegistryPhaseTooLong", {"length": 30 * DAY + 1, "maximum": 30 * DAY}),
    ({"attestLength": 30 * DAY + 1}, "StudyRegistryPhaseTooLong", {"length": 30 * DAY + 1, "maximum": 30 * DAY}),
    ({"openLength": 30 * DAY + 1}, "StudyRegistryPhaseTooLong", {"length": 30 * DAY + 1, "maximum": 30 * DAY}),
    ({"enrolLength": 180 * DAY + 1}, "StudyRegistryPhaseTooLong", {"length": 180 * DAY + 1, "maximum": 180 * DAY}),
]


@pytest.mark.parametrize(
    ("changes", "error", "values"), REFUSED, ids=[f"{[*c][-1]}-{e}-{n}" for n, (c, e, _) in enumerate(REFUSED)]
)
def test_publish__plan_that_does_not_hold__reverts(
    stage: Stage, changes: dict[str, Any], error: str, values: dict[str, Any]
) -> None:
    contract = stage.suite.studies if error.startswith("StudyRegistry") else stage.suite.catalogue
    with ape.reverts(getattr(contract, error), **values):
        stage.publish(**changes)


#: Where a plan's document says what the contract holds; the rest follows from the document's bytes.
PATHS = {
    "threshold": "encryption.threshold",
    "minimum": "participation.minimum",
    "maximum": "participation.maximum",
    "rounds": "participation.rounds",
    "batchRounds": "participation.batch_rounds",
    "unopenedRounds": "money.unopened_rounds",
    "serviceBudget": "money.service_budget",
    "serviceFee": "money.service_fee",
    "absenceFine": "money.absence_fine",
    "absenceCap": "money.absence_cap",
    "patience": "phases.patience",
    "recovery": "phases.recovery",
    "bond": "money.bond",
    "confirmations": "phases.confirmations",
    "enrolLength": "phases.enrol",
    "ceremonyStepLength": "phases.ceremony_step",
    "submitLength": "phases.submit",
    "attestLength": "phases.attest",
    "openLength": "phases.open",
    "privacyBudget": "privacy.budget",
    "privacyCost": "privacy.cost",
    "noiseBound": "privacy.noise_bound",
    "updateBound": "training.update_bound",
    "epochs": "training.epochs",
    "learningRate": "training.learning_rate",
    "trainingCircuit": "training.circuit",
    "aggregationCircuit": "aggregation.circuit",
}
#: In token units, which a plan writes as text.
MONEY = {"bond", "serviceBudget", "serviceFee", "absenceFine", "absenceCap"}
CIRCUITS = {1: "training_8x4", 2: "aggregation_5", 99: "training_1x1"}
#: The stage's network: a block each second, and two seconds more.
NETWORK = Venue(Venue.anywhere().circuits, rules_of_network(1, 2))


def drafted(changes: dict[str, Any]) -> bytes:
    """The small plan's draft with the same changes as a plan for the contract."""
    draft = json.loads(small_plan().canonical())
    for name, value in changes.items():
        section, key = PATHS[name].split(".")
        value = str(value) if name in MONEY else CIRCUITS[value] if key == "circuit" else value
        draft[section][key] = value
    return json.dumps(draft).encode()


@pytest.mark.parametrize(
    "changes", [changes for changes, *_ in REFUSED if changes.keys() <= PATHS.keys()], ids=lambda changes: str(changes)
)
def test_draft__of_a_plan_that_the_contract_refuses__is_refused_naming_the_key(changes: dict[str, Any]) -> None:
    with pytest.raises(DataError) as refused:
        complete(drafted(changes), None, venue=NETWORK)
    assert any(PATHS[name] in str(refused.value) for name in changes)


#: As far as each can go.
FURTHEST: dict[str, Any] = {
    "maximum": 64,
    "rounds": 65_535,
    "batchRounds": 1,
    "enrolLength": 180 * DAY,
    "ceremonyStepLength": 30 * DAY,
    "submitLength": 30 * DAY,
    "attestLength": 30 * DAY,
    "openLength": 4,
    "confirmations": 2,
    "unopenedRounds": 5,
    "patience": 360 * DAY,
    "recovery": 360 * DAY,
    "epochs": 2,
    "learningRate": 1023,
    "bond": (1 << 128) - 1,
    "absenceFine": (1 << 126) - 2,
    "absenceCap": (1 << 126) - 2,
    "serviceFee": (1 << 128) - 1,
    "serviceBudget": (1 << 128) - 1,
}


def test_publish__plan_at_every_limit__is_taken_by_contract_and_draft(stage: Stage) -> None:
    stage.publish(funded=False, **FURTHEST)
    assert stage.state() is StudyState.PUBLISHED
    assert complete(drafted(FURTHEST), None, venue=NETWORK).participation.rounds == 65_535


def test_publish__sound_plan__is_published_until_funded(stage: Stage) -> None:
    studies = stage.suite.studies
    stage.publish(funded=False)
    assert stage.state() is StudyState.PUBLISHED
    assert studies.requiredFunding(stage.study) == 3 * REWARD + SERVICE_BUDGET
    assert tuple(studies.serviceTerms(stage.study)) == (SERVICE_BUDGET, stage.plan["serviceFee"])
    assert tuple(studies.fineTerms(stage.study)) == (stage.plan["absenceFine"], stage.plan["absenceCap"])
    assert (studies.slice(stage.study), studies.rewardPerRound(stage.study)) == (SLICE, REWARD)
    assert studies.sponsorOf(stage.study) == stage.sponsor
    stage.fund(3 * REWARD + SERVICE_BUDGET - 1)
    assert stage.state() is StudyState.PUBLISHED
    stage.fund(1)
    assert stage.state() is StudyState.ENROLLING


def test_plan_root__of_a_study__packs_the_proved_numbers(stage: Stage) -> None:
    stage.publish()
    expected = 4 | 4 << 16 | 2 << 32 | 128 << 48 | 26 << 80 | 1 << 88
    assert stage.suite.studies.planRoot(stage.study) == expected


def test_unfunded__at_the_deadline__is_cancelled(stage: Stage) -> None:
    stage.publish(funded=False)
    stage.end_enrolment()
    assert stage.state() is StudyState.CANCELLED


def test_publish__circuits_that_do_not_fit__reverts(stage: Stage) -> None:
    studies, catalogue, council = stage.suite.studies, stage.suite.catalogue, stage.suite.council
    for number, changes in enumerate(({"features": 6}, {"valueBits": 25})):
        catalogue.listCircuit(make_circuit(stage.double.address, False, **changes), sender=council)
        with ape.reverts(studies.StudyRegistryCircuitsDiffer, trainingCircuit=1, aggregationCircuit=3 + number):
            stage.publish(aggregationCircuit=3 + number)


def test_publish__more_rows_than_the_aggregation_divides_by__reverts(stage: Stage) -> None:
    studies, catalogue = stage.suite.studies, stage.suite.catalogue
    big = make_circuit(stage.double.address, capacity=1 << 20)
    catalogue.listCircuit(big, sender=stage.suite.council)
    with ape.reverts(studies.StudyRegistryTooManyRows, rows=5 << 20, limit=(1 << 22) - 1):
        stage.publish(trainingCircuit=3)


def test_delist__council__stops_new_studies_only(stage: Stage) -> None:
    studies, catalogue, council = stage.suite.studies, stage.suite.catalogue, stage.suite.council
    stage.publish()
    catalogue.delistCircuit(1, sender=council)
    stage.enrol(stage.hospitals[0])
    assert studies.trainingTerms(stage.study, 0).verifier == stage.double
    with ape.reverts(catalogue.CircuitCatalogueCircuitNotListed, circuitId=1):
        stage.publish()
    with ape.reverts(catalogue.CircuitCatalogueCircuitNotListed, circuitId=1):
        catalogue.delistCircuit(1, sender=council)


def test_circuits_and_pause__stranger__reverts(stage: Stage) -> None:
    studies, catalogue, caller = stage.suite.studies, stage.suite.catalogue, stage.stranger.address
    with ape.reverts(catalogue.CircuitCatalogueNotCouncil, caller=caller):
        catalogue.listCircuit(make_circuit(stage.double.address), sender=stage.stranger)
    with ape.reverts(catalogue.CircuitCatalogueNotCouncil, caller=caller):
        catalogue.delistCircuit(1, sender=stage.stranger)
    with ape.reverts(studies.StudyRegistryNotCouncil, caller=caller):
        studies.setPaused(True, sender=stage.stranger)


def test_list_circuit__malformed__reverts(stage: Stage) -> None:
    catalogue, council = stage.suite.catalogue, stage.suite.council
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
        with ape.reverts(catalogue.CircuitCatalogueCircuitMalformed, name=circuit["name"]):
            catalogue.listCircuit(circuit, sender=council)


def test_circuit__unknown__reverts(stage: Stage) -> None:
    with ape.reverts(stage.suite.catalogue.CircuitCatalogueUnknownCircuit, circuitId=99):
        stage.suite.catalogue.circuit(99)


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
