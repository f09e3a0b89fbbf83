# SPDX-License-Identifier: Apache-2.0
"""From a plan document to the numbers that its publication puts on chain."""

from __future__ import annotations

from node.errors import UsageError
from node.plan import TrainingPlan
from node.proofs.commitments import weights_root
from node.types import Deployment, PlanTerms


def plan_terms(plan: TrainingPlan, deployment: Deployment) -> PlanTerms:
    """The terms that agree with a plan; raises `UsageError` for a circuit that the deployment lacks."""
    return PlanTerms(
        document_digest=plan.digest(),
        document_size=len(plan.canonical()),
        initial_root=weights_root(plan.model.initial),
        training_circuit=_circuit(deployment, plan.training.circuit),
        aggregation_circuit=_circuit(deployment, plan.aggregation.circuit),
        epochs=plan.training.epochs,
        learning_rate=plan.training.learning_rate,
        threshold=plan.encryption.threshold,
        minimum=plan.participation.minimum,
        maximum=plan.participation.maximum,
        attempts=plan.encryption.attempts,
        unopened_rounds=plan.money.unopened_rounds,
        rounds=plan.participation.rounds,
        batch_rounds=plan.participation.batch_rounds,
        confirmations=plan.phases.confirmations,
        enrol_length=plan.phases.enrol,
        ceremony_step_length=plan.phases.ceremony_step,
        submit_length=plan.phases.submit,
        attest_length=plan.phases.attest,
        open_length=plan.phases.open,
        bond=int(plan.money.bond),
        reward_per_round=int(plan.money.reward_per_round),
        verified_share_bps=plan.money.verified_share_bps,
        privacy_budget=plan.privacy.budget,
    )


def _circuit(deployment: Deployment, name: str) -> int:
    listed = deployment.circuits.get(name)
    if listed is None:
        known = ", ".join(sorted(deployment.circuits)) or "none"
        raise UsageError(f"The deployment lists no circuit {name} (listed: {known}): change the plan.")
    return listed.id
