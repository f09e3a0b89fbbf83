# SPDX-License-Identifier: Apache-2.0
"""What being away shows: sums from neighbouring models are nearly sums from one model.

Whoever is in one round's set and not in the next shows its own update approximately to everybody. No protocol without
noise prevents that; a privacy budget does.
"""

from __future__ import annotations

from node.plan import TrainingPlan
from node.steps.context import StudyContext
from node.words import NEIGHBOURING


def has_budget(plan: TrainingPlan) -> bool:
    """Whether noise hides what one hospital adds to a sum."""
    return plan.privacy.level != "none"


def warning(context: StudyContext) -> str:
    """A sentence for what this node says when it sits out, leaves or joins; empty where noise hides it."""
    return "" if has_budget(context.plan) else f" {NEIGHBOURING}."
