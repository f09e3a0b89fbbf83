# SPDX-License-Identifier: Apache-2.0
"""From a plan document to the numbers that its publication puts on chain."""

from __future__ import annotations

from pathlib import Path

from node.cli.session import Session
from node.document import refuse_all
from node.errors import ChainUnavailable
from node.plan import TrainingPlan
from node.proofs.published import published_terms
from node.steps.extractors import extractor_file, extractor_weights
from node.steps.plan_rules import Venue, broken
from node.types import Deployment, PlanTerms


def venue_of(session: Session) -> tuple[Venue | None, str]:
    """The network that the options or the folder name, or a sentence that says why it is not asked."""
    if not session.names_network:
        return None, "No network was named with --deployment."
    try:
        return Venue.of(session.reader), ""
    except ChainUnavailable:
        return None, "The network did not answer."


def plan_terms(plan: TrainingPlan, deployment: Deployment) -> PlanTerms:
    """The terms that agree with a plan whose circuits the deployment has."""
    circuits = deployment.circuits
    return published_terms(plan, circuits[plan.training.circuit].id, circuits[plan.aggregation.circuit].id)


def check_venue(plan: TrainingPlan, venue: Venue) -> None:
    """Refuse a plan that no hospital could enrol in there, or the contracts would not take.

    Raises `DataError` with all that is wrong. The contracts take a circuit's shape from the circuit: they would
    publish a plan that says another.
    """
    if wrong := broken(plan, venue.rules(plan.training.circuit, plan.aggregation.circuit)):
        refuse_all(wrong)


def check_extractor(plan: TrainingPlan, file: Path | None) -> None:
    """Refuse to publish a plan whose extractor the sponsor does not have: nobody could enrol.

    Raises `UsageError` where a file is missing, `DataError` for another than the plan's.
    """
    extractor_weights(plan, extractor_file(plan, file))
