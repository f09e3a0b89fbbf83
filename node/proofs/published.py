# SPDX-License-Identifier: Apache-2.0
"""What a plan's publication puts on chain: said once, for whoever publishes, enrols or audits."""

from __future__ import annotations

from node.plan import TrainingPlan
from node.proofs.commitments import weights_root
from node.types import PlanTerms

#: What each of a plan's terms is called; the circuits are compared by what they are, not by their numbers.
_NAMES = {
    "document_digest": "document digest",
    "document_size": "document size",
    "initial_root": "root of the starting model",
    "epochs": "epochs",
    "learning_rate": "learning rate",
    "threshold": "threshold",
    "minimum": "minimum",
    "maximum": "maximum",
    "rounds": "rounds",
    "batch_rounds": "rounds of a key ceremony",
    "unopened_rounds": "unopened rounds",
    "confirmations": "confirmations",
    "enrol_length": "length of enrolment",
    "ceremony_step_length": "length of a ceremony step",
    "submit_length": "length of submission",
    "attest_length": "length of attestation",
    "open_length": "length of an opening's window",
    "patience": "patience with a round that does not open",
    "recovery": "time to recover the last model",
    "bond": "bond",
    "reward_per_round": "reward per round",
    "pads_only": "opening by pads alone",
    "approved_joining": "joining by approval",
    "service_budget": "budget for services",
    "service_fee": "fee of a service",
    "absence_fine": "fine for an absence",
    "absence_cap": "most that absences cost in a batch",
    "privacy_budget": "privacy budget",
    "privacy_cost": "privacy cost of a round",
    "noise_bound": "bound of the noise",
    "update_bound": "bound of an update",
}


def published_terms(plan: TrainingPlan, training_circuit: int, aggregation_circuit: int) -> PlanTerms:
    """The terms that agree with a plan; the circuits by their numbers on chain, which no plan knows."""
    return PlanTerms(
        document_digest=plan.digest(),
        initial_root=weights_root(plan.model.initial),
        document_size=len(plan.canonical()),
        training_circuit=training_circuit,
        aggregation_circuit=aggregation_circuit,
        epochs=plan.training.epochs,
        learning_rate=plan.training.learning_rate,
        confirmations=plan.phases.confirmations,
        update_bound=plan.training.update_bound,
        threshold=plan.encryption.threshold,
        minimum=plan.participation.minimum,
        maximum=plan.participation.maximum,
        pads_only=plan.encryption.pads_only,
        approved_joining=plan.participation.joining == "approved",
        unopened_rounds=plan.money.unopened_rounds,
        rounds=plan.participation.rounds,
        batch_rounds=plan.participation.batch_rounds,
        enrol_length=plan.phases.enrol,
        ceremony_step_length=plan.phases.ceremony_step,
        submit_length=plan.phases.submit,
        attest_length=plan.phases.attest,
        open_length=plan.phases.open,
        patience=plan.phases.patience,
        recovery=plan.phases.recovery,
        bond=int(plan.money.bond),
        reward_per_round=int(plan.money.reward_per_round),
        service_budget=int(plan.money.service_budget),
        service_fee=int(plan.money.service_fee),
        absence_fine=int(plan.money.absence_fine),
        absence_cap=int(plan.money.absence_cap),
        privacy_budget=plan.privacy.budget,
        privacy_cost=plan.privacy.cost,
        noise_bound=plan.privacy.noise_bound,
    )


def compared(plan: TrainingPlan, terms: PlanTerms) -> dict[str, tuple[object, object]]:
    """What the document says and what the chain holds of each term, by what it is called."""
    told = published_terms(plan, terms.training_circuit, terms.aggregation_circuit)
    return {name: (getattr(told, field), getattr(terms, field)) for field, name in _NAMES.items()}
