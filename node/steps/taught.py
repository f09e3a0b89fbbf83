# SPDX-License-Identifier: Apache-2.0
"""Records that this hospital has taught with before: not again without a privacy budget, and budgets add up.

The sums of two studies with the same records, over different hospitals or with terms that differ a little, show an
update almost exactly. So a study without a privacy budget is refused for records that any other study was taught with,
whatever its model and terms. Where a budget pays, what has been spent over all studies is told.
"""

from __future__ import annotations

from node.errors import StudyError
from node.learning import privacy
from node.plan import RHO_UNITS, TrainingPlan
from node.steps.context import Hospital
from node.steps.neighbours import has_budget


def refuse_taught(
    hospital: Hospital, study_id: int, plan: TrainingPlan, raw: frozenset[bytes], *, teach_again: bool
) -> tuple[str, ...]:
    """What to say of records that were taught with before; raises StudyError where the study has no privacy budget and
    the operator did not say `teach_again`."""
    before = _taught_before(hospital, study_id, raw)
    if not before:
        return ()
    studies = " and ".join(f"study {study}" for study in sorted(before))
    again = f"{max(before.values()):,} of these {len(raw):,} records were taught with in {studies}"
    if has_budget(plan):
        return (f"{again}. {_spent(hospital, plan, sorted(before))}",)
    shown = (
        f"{again}, and study {study_id} has no privacy budget: from what {studies} and study {study_id} open, anybody "
        "can compute what this hospital's records added, nearly to the last digit"
    )
    if not teach_again:
        raise StudyError(
            f"{shown}. Enrol with other records, or in a study with a privacy budget; if all whose records these are "
            "agree to that, say so with --teach-again."
        )
    return (f"{shown}. It enrols all the same, as --teach-again says.",)


def _taught_before(hospital: Hospital, study_id: int, raw: frozenset[bytes]) -> dict[int, int]:
    """Other studies that any of the records were taught with in, or may yet be, with how many of them."""
    found = hospital.state.studies_taught(raw, besides=study_id)
    return {
        study: count
        for study, count in found.items()
        if hospital.state.rounds_taught(study) or not _has_ended(hospital, study)
    }


def _has_ended(hospital: Hospital, study: int) -> bool:
    """Whether a study has ended, as all endpoints tell it: one that goes on would still be taught with the records."""
    return hospital.reader.agreed(lambda endpoint: endpoint.study_state(study).ended)


def _spent(hospital: Hospital, plan: TrainingPlan, before: list[int]) -> str:
    """What the privacy of these records has cost so far, and what it would be with this study."""
    spent = sum(hospital.state.spent(study) for study in before)
    without = [study for study in before if hospital.state.rounds_taught(study) and not hospital.state.spent(study)]
    total, delta = spent + plan.privacy.budget, float(plan.privacy.delta)
    told = (
        f"Over all studies that is a budget spent of epsilon {privacy.epsilon(spent / RHO_UNITS, delta):.2f} so far"
        if spent
        else "So far no budget was spent on them"
    )
    told += f", and of {privacy.epsilon(total / RHO_UNITS, delta):.2f} with this study (delta {plan.privacy.delta})."
    if without:
        told += f" Studies {without} had no budget: nothing bounds what they showed."
    return told
