# SPDX-License-Identifier: Apache-2.0
"""From a plan document to the numbers that its publication puts on chain."""

from __future__ import annotations

from pathlib import Path

from node.errors import DataError, UsageError
from node.plan import LOSSES, TrainingPlan
from node.proofs.published import published_terms
from node.steps.enrolment import circuit_kind
from node.steps.extractors import extractor_file, extractor_weights
from node.types import Circuit, CircuitKind, Deployment, PlanTerms


def plan_terms(plan: TrainingPlan, deployment: Deployment) -> PlanTerms:
    """The terms that agree with a plan; raises `UsageError` for a circuit that the deployment lacks."""
    return published_terms(
        plan, _circuit(deployment, plan.training.circuit), _circuit(deployment, plan.aggregation.circuit)
    )


def check_circuits(plan: TrainingPlan, training: Circuit, aggregation: Circuit) -> None:
    """Refuse a plan that its circuits do not prove; raises `DataError` naming each number.

    The contracts take a circuit's shape from the circuit: they would publish it, and no hospital would enrol.
    """
    numbers: dict[str, tuple[object, object]] = {
        "training.circuit (what it proves)": (circuit_kind(plan).name.lower(), training.kind.name.lower()),
        "aggregation.circuit (what it proves)": (CircuitKind.AGGREGATION.name.lower(), aggregation.kind.name.lower()),
        "model.initial (features and bias)": (len(plan.model.initial), training.features + 1),
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


def check_extractor(plan: TrainingPlan, file: Path | None) -> None:
    """Refuse to publish a plan whose extractor the sponsor does not have: nobody could enrol.

    Raises `UsageError` where a file is missing, `DataError` for another than the plan's.
    """
    extractor_weights(plan, extractor_file(plan, file))


def _circuit(deployment: Deployment, name: str) -> int:
    listed = deployment.circuits.get(name)
    if listed is None:
        known = ", ".join(sorted(deployment.circuits)) or "none"
        raise UsageError(f"The deployment lists no circuit {name} (listed: {known}): change the plan.")
    return listed.id
