# SPDX-License-Identifier: Apache-2.0
"""One starting model, one set: what this node remembers of sums that were opened, over all its studies.

Training without noise gives the same update again, so that the sums of two sets that started from one model differ by
somebody's update. The contract holds a study to one set for each model. A node does not rest on that: it remembers the
set by the model's root, the training and its own records, makes no share for another, and lets itself be named for
none, in this study or in a later one with the same records. Where a privacy budget pays for openings, nothing of this
holds.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict

from node.chain.client import ChainReader
from node.errors import OpeningRefused
from node.plan import TrainingPlan
from node.steps.context import StudyContext
from node.steps.drawn import records_in_use
from node.types import OpenedSet, indices

#: What an update does not depend on of a plan's training: which circuit proves it, and how many rows that can take.
_NOT_TAUGHT = ("circuit", "rows_maximum")


def remember_set(context: StudyContext, round_number: int, confirmed: int) -> None:
    """Record the set of a round, once it is fixed in a final block, whoever is named to open it."""
    state, key = context.hospital.state, f"{context.round_key(round_number)}/set"
    if _is_paid_for(context.plan) or state.result(key) is not None:
        return
    found = _fixed_set(context, round_number, confirmed)
    if found.members:
        state.remember_set(found)
    state.done(key)


def refuse_another_set(context: StudyContext, round_number: int, confirmed: int) -> None:
    """Raises OpeningRefused where another set was, or may have been, opened from the model that a round starts from."""
    if _is_paid_for(context.plan):
        return
    found = _fixed_set(context, round_number, confirmed)
    for kept in context.hospital.state.sets_like(found):
        if kept.members != found.members:
            raise OpeningRefused(
                f"Study {context.id}, round {round_number}: this node makes no share for the set {_numbers(found)}. "
                f"From the same model, with the same training, the sum of {_numbers(kept)} was or may have been opened "
                f"(study {kept.study}); the difference would show somebody's update, and no privacy budget pays for it."
            )


def opened_elsewhere(context: StudyContext, round_number: int) -> bool:
    """Whether a set of another study, with this hospital's records, stands in the way of any that this round can have.

    Then the hospital neither submits nor attests: who does not attest is not named to open, and loses no bond by
    making no share. Says so once.
    """
    if _is_paid_for(context.plan):
        return False
    reader, state = context.hospital.reader, context.hospital.state
    root = reader.round_state(context.id, round_number).root_before
    here = OpenedSet(_taught(context.plan, root), _own_data(context), context.id, ())
    others = [kept for kept in state.sets_like(here) if kept.study != context.id]
    if not others:
        return False
    enrolled = reader.enrolled_ids(context.id)
    _, participants = reader.ceremony_of(context.id, round_number)
    possible = _members(reader, context.id, (enrolled[index] for index in indices(participants)))
    barring = next((kept for kept in others if not set(kept.members) <= set(possible)), None)
    if barring is None:
        return False
    key = f"{context.round_key(round_number)}/opened-elsewhere"
    if state.result(key) is None:
        context.log.warning(
            "round %d: it starts from the same model, with the same training and this hospital's same records, as a "
            "round of study %d, whose sum over the hospitals %s was or may have been opened. A sum over others would "
            "show somebody's update: this node sits the round out",
            round_number, barring.study, _numbers(barring),
        )  # fmt: skip
        state.done(key, {"study": barring.study})
    return True


def _is_paid_for(plan: TrainingPlan) -> bool:
    return plan.privacy.level != "none"


def _fixed_set(context: StudyContext, round_number: int, confirmed: int) -> OpenedSet:
    """A round's set as all endpoints tell it of a final block; without members where none was fixed."""

    def read(endpoint: ChainReader) -> tuple[int, tuple[tuple[int, int], ...]]:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        enrolled = endpoint.enrolled_ids(context.id)
        included = (enrolled[index] for index in indices(state.included_bitmap))
        return state.root_before, _members(endpoint, context.id, included)

    root, members = context.hospital.reader.agreed(read)
    return OpenedSet(_taught(context.plan, root), _own_data(context), context.id, members)


def _members(endpoint: ChainReader, study: int, numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Hospitals with the data roots they enrolled with: by these a set is the same in two studies."""
    return tuple(sorted((number, endpoint.enrolment(study, number).data_root) for number in numbers))


def _taught(plan: TrainingPlan, root: int) -> str:
    """Digest of all that an update follows from but the records: the starting model and the training."""
    training = {name: value for name, value in asdict(plan.training).items() if name not in _NOT_TAUGHT}
    how = [str(root), plan.model.loss, plan.model.optimiser, plan.quantisation.value_bits, training]
    return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()


def _own_data(context: StudyContext) -> str:
    """Digest of the records that this hospital trains on; empty where it trains on none, or has erased them."""
    if not context.hospital.secrets.has(f"{context.key}/records"):
        return ""
    records = records_in_use(context)
    return "" if records is None else records.digest()


def _numbers(opened: OpenedSet) -> list[int]:
    return [number for number, _ in opened.members]
