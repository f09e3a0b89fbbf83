# SPDX-License-Identifier: Apache-2.0
"""One look at one study: what does the chain's state ask of this hospital now?"""

from __future__ import annotations

from node.errors import ContractReverted
from node.steps.attestation import attest_ciphertexts, release_own
from node.steps.ceremony import advance_ceremony, erase_superseded, forget_ceremony_seed
from node.steps.context import Hospital, StudyContext, plan_document
from node.steps.enrolment import check_plan
from node.steps.opening import close_round, finalise, include_updates, keep_shares, post_share
from node.steps.submission import submit_update
from node.types import Phase, RoundState, StudyState


def open_study(hospital: Hospital, study_id: int) -> StudyContext | None:
    """The study as this hospital sees it, or None where it is not enrolled."""
    if hospital.id not in hospital.reader.enrolled_ids(study_id):
        return None
    study = hospital.reader.study(study_id)
    plan = check_plan(hospital.reader, study, plan_document(hospital.store, study.plan))
    return StudyContext(hospital, study, plan, hospital.reader.enrolment(study_id, hospital.id))


def advance(context: StudyContext) -> bool:
    """Do what the study's state asks for; True once the study has ended and nothing is left to do."""
    reader = context.hospital.reader
    state = reader.study_state(context.id)
    confirmed = context.confirmed_block()
    if state in (StudyState.NONE, StudyState.PUBLISHED, StudyState.ENROLLING):
        return False
    left_behind = _is_left_behind(context, confirmed)
    if state is StudyState.CEREMONY and not left_behind:
        # First of all: a round's model that nobody serves yet must not keep this hospital out of the ceremony.
        advance_ceremony(context)
    # What a reorganisation could bring back is kept: only a final ceremony's predecessors are erased.
    erase_superseded(context, reader.ceremony_state(context.id, at=confirmed).number)
    ceremony = reader.ceremony_state(context.id)
    if ceremony.completed:
        forget_ceremony_seed(context, ceremony.number)
    current = reader.current_round(context.id)
    going_on = state is StudyState.RUNNING
    closed = [close_round(context, number) for number in range(1, current if going_on else current + 1)]
    if state.ended:
        if all(closed) and reader.study_state(context.id, at=confirmed).ended:
            # Rounds that never began, and a ceremony that never completed, leave secrets too.
            context.hospital.secrets.erase_all(context.key)
            return True
        return False
    if left_behind:
        return all(closed) and _part(context)
    if going_on:
        _advance_round(context, current)
    return False


def _is_left_behind(context: StudyContext, confirmed: int) -> bool:
    """Whether the study goes on without this hospital, for good: it left, or was missing in a failed ceremony."""
    hospital = context.hospital
    try:
        return hospital.reader.enrolment(context.id, hospital.id, at=confirmed).barred
    except ContractReverted:
        # It joined just now: the block that is final does not know it yet.
        return False


def _part(context: StudyContext) -> bool:
    """Erase this hospital's secrets of a study that goes on without it; True, since nothing is left to do."""
    context.hospital.log.warning(
        "study %d: this hospital has left, or was missing in a failed ceremony and is barred from the retry; it takes "
        "no further part, and its bond can be released",
        context.id,
    )
    context.hospital.secrets.erase_all(context.key)
    return True


def _failed_at(context: StudyContext, number: int, state: RoundState) -> int:
    """The second at which a round's phase became Failed."""
    if not state.included_at:
        return context.submission_end(state)
    attempt = context.hospital.reader.current_attempt(context.id, number)
    return state.included_at + attempt * context.plan.phases.open


def _advance_round(context: StudyContext, number: int) -> None:
    hospital, reader = context.hospital, context.hospital.reader
    phase = reader.phase(context.id, number)
    state = reader.round_state(context.id, number)
    confirmed = context.confirmed_block()
    # Ciphertexts are released, and shares made, only on what is final by the plan's rule, and only where
    # all configured endpoints say so.
    final = reader.agreed(lambda endpoint: endpoint.phase(context.id, number, at=confirmed)).phase
    if phase.phase is Phase.SUBMIT:
        submit_update(context, number, state)
    elif phase.phase is Phase.ATTEST and final is Phase.ATTEST:
        release_own(context, number)
        attest_ciphertexts(context, number, state, phase)
    elif phase.phase is Phase.INCLUDE:
        release_own(context, number)
        include_updates(context, number, state)
    elif phase.phase is Phase.OPEN:
        if final is Phase.OPEN:
            post_share(context, number, confirmed)
        keep_shares(context, number)
        finalise(context, number)
    elif phase.phase is Phase.FAILED and context.is_my_turn(number, _failed_at(context, number, state)):
        try:
            hospital.ledger.fail_round(context.id, number)
            hospital.log.warning("round %d: failed, and is on record as failed", number)
        except ContractReverted:
            # Someone else was faster: the next look sees the next round.
            return
