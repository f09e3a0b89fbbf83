# SPDX-License-Identifier: Apache-2.0
"""From a plan document to the numbers that its publication puts on chain."""

from __future__ import annotations

from node.errors import DataError, UsageError
from node.plan import LOSSES, TrainingPlan
from node.proofs.commitments import weights_root
from node.types import Circuit, CircuitKind, Deployment, PlanTerms


def plan_terms(plan: TrainingPlan, deployment: Deployment) -> PlanTerms:
    """The terms that agree with a plan; raises `UsageError` for a circuit that the deployment lacks."""
    return PlanTerms(
        document_digest=plan.digest(),
        initial_root=weights_root(plan.model.initial),
        document_size=len(plan.canonical()),
        training_circuit=_circuit(deployment, plan.training.circuit),
        aggregation_circuit=_circuit(deployment, plan.aggregation.circuit),
        epochs=plan.training.epochs,
        learning_rate=plan.training.learning_rate,
        confirmations=plan.phases.confirmations,
        update_bound=plan.training.update_bound,
        threshold=plan.encryption.threshold,
        minimum=plan.participation.minimum,
        maximum=plan.participation.maximum,
        attempts=plan.encryption.attempts,
        unopened_rounds=plan.money.unopened_rounds,
        rounds=plan.participation.rounds,
        batch_rounds=plan.participation.batch_rounds,
        enrol_length=plan.phases.enrol,
        ceremony_step_length=plan.phases.ceremony_step,
        submit_length=plan.phases.submit,
        attest_length=plan.phases.attest,
        open_length=plan.phases.open,
        verified_share_bps=plan.money.verified_share_bps,
        bond=int(plan.money.bond),
        reward_per_round=int(plan.money.reward_per_round),
        privacy_budget=plan.privacy.budget,
        privacy_cost=plan.privacy.cost,
        noise_bound=plan.privacy.noise_bound,
    )


def check_circuits(plan: TrainingPlan, training: Circuit, aggregation: Circuit) -> None:
    """Refuse a plan that its circuits do not prove; raises `DataError` naming each number.

    The contracts take a circuit's shape from the circuit: they would publish it, and no hospital would enrol.
    """
    numbers: dict[str, tuple[object, object]] = {
        "training.circuit (what it proves)": (CircuitKind.TRAINING.name.lower(), training.kind.name.lower()),
        "aggregation.circuit (what it proves)": (CircuitKind.AGGREGATION.name.lower(), aggregation.kind.name.lower()),
        "model.features (their number)": (len(plan.model.features), training.features),
        "model.loss": (LOSSES[plan.model.loss], training.loss),
        "training.batch_size": (plan.training.batch_size, training.batch_size),
        "training.rows_maximum": (plan.training.rows_maximum, training.capacity),
        "quantisation.value_bits": (plan.quantisation.value_bits, training.value_bits),
        # An aggregation circuit counts its coordinates: the features and the bias.
        "aggregation.circuit (its coordinates)": (aggregation.features, training.features + 1),
    }
    wrong = [f"{key} is {has}, not {needs}" for key, (has, needs) in numbers.items() if has != needs]
    if plan.training.epochs > training.max_epochs:
        wrong.append(f"training.epochs is {plan.training.epochs}, above {training.max_epochs}")
    if wrong:
        raise DataError(
            f"The plan does not fit its circuits {training.name} and {aggregation.name}: {'; '.join(wrong)}."
        )


def _circuit(deployment: Deployment, name: str) -> int:
    listed = deployment.circuits.get(name)
    if listed is None:
        known = ", ".join(sorted(deployment.circuits)) or "none"
        raise UsageError(f"The deployment lists no circuit {name} (listed: {known}): change the plan.")
    return listed.id
