# SPDX-License-Identifier: Apache-2.0
"""One look at one study: what does the chain's state ask of this hospital now?"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from node.errors import ChainUnavailable, ContractReverted, CryptoError, DataError, StorageError, StudyError
from node.steps.attestation import attest_payloads, release_own
from node.steps.batches import is_participant
from node.steps.ceremony import advance_ceremony, erase_superseded, forget_ceremony_seed
from node.steps.closing import close_round
from node.steps.context import Hospital, StudyContext, is_left_to_others, plan_document
from node.steps.drawn import use_drawn_block
from node.steps.enrolment import check_plan
from node.steps.evidence import watch_shares
from node.steps.inclusion import include_updates
from node.steps.opening import open_round
from node.steps.resilience import tell_resilience
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
    sends = not is_left_to_others(context.hospital, context.id)
    if sends and not state.ended:
        with _set_aside(context, "the block that was drawn"):
            use_drawn_block(context)
    if state in (StudyState.NONE, StudyState.PUBLISHED, StudyState.ENROLLING):
        reader.clock.wait_for(reader.enrolment_end(context.id))
        return False
    # Before anything is done: a ceremony that ends by this look's doing has its round looked at in the next one.
    current = reader.current_round(context.id)
    left_behind = _is_left_behind(context)
    if sends and state is StudyState.CEREMONY and not left_behind:
        # First of all: a round that cannot be closed yet must not keep this hospital out of the ceremony.
        advance_ceremony(context)
    ceremony = reader.ceremony_state(context.id)
    if ceremony.completed:
        with _set_aside(context, "secrets of earlier ceremonies"):
            erase_superseded(context, ceremony.number)
            forget_ceremony_seed(context, ceremony.number)
        tell_resilience(context, ceremony)
    going_on = state is StudyState.RUNNING
    closed = _close_rounds(context, range(1, current if going_on else current + 1))
    if not state.ended:
        if left_behind and not (going_on and is_participant(context, current)):
            return closed and _part(context, current)
        if sends and going_on:
            # Who leaves takes part in the round that goes on.
            _advance_round(context, current)
        return False
    confirmed = context.confirmed_block()
    if not reader.agreed(lambda endpoint: endpoint.study_state(context.id, at=confirmed)).ended:
        return False
    # Rounds that never began, and a ceremony that never completed, leave secrets too; what opens a finalised round
    # whose model is still lacking stays until it is there.
    return closed and _part(context, current)


def _close_rounds(context: StudyContext, rounds: range) -> bool:
    """Whether all these rounds are closed; what is in the way of one of them holds up nothing else."""
    closed = 0
    for number in rounds:
        with _set_aside(context, f"the end of round {number}"):
            closed += close_round(context, number)
    return closed == len(rounds)


@contextlib.contextmanager
def _set_aside(context: StudyContext, what: str) -> Iterator[None]:
    """What cannot be done yet is told, and done at a later look: deadlines of the round that goes on do not wait."""
    troubles, place = context.hospital.troubles, (context.id, what)
    try:
        yield
    except (ChainUnavailable, ContractReverted, CryptoError, DataError, StorageError, StudyError) as error:
        troubles.failed(context.log, place, error, f"{what}: ")
    else:
        troubles.passed(context.log, place, f"{what}: ")


def _is_left_behind(context: StudyContext) -> bool:
    """Whether the study goes on without this hospital, for good: it left, or was excluded."""
    hospital = context.hospital
    if not hospital.reader.enrolment(context.id, hospital.id).barred:
        return False
    # Erasing cannot be undone: one endpoint's word, or a block that may go, is not enough.
    confirmed = context.confirmed_block()
    return hospital.reader.agreed(lambda endpoint: endpoint.enrolment(context.id, hospital.id, at=confirmed).barred)


def _part(context: StudyContext, closed_to: int) -> bool:
    """Erase this hospital's secrets of a study that is over for it, and whose rounds up to this one it has closed; True
    once nothing is left to do."""
    confirmed = context.confirmed_block()
    # One endpoint that tells of no rounds would have those erased whose models are still lacking.
    last = context.hospital.reader.agreed(lambda endpoint: endpoint.current_round(context.id, at=confirmed))
    if last > closed_to:
        return False
    context.hospital.secrets.erase_all(context.key)
    return True


def _failed_at(context: StudyContext, state: RoundState) -> int:
    """The second at which a round's phase became Failed."""
    if state.included_at:
        return state.included_at + context.plan.phases.patience
    return context.submission_end(state)


def _final_phase(context: StudyContext, number: int) -> tuple[Phase, int]:
    """A round's phase in the newest block that is final by the plan's rule, and that block.

    Payloads are released, and shares made, on nothing else, and only where all configured endpoints say so.
    """
    confirmed = context.confirmed_block()
    reader = context.hospital.reader
    return reader.agreed(lambda endpoint: endpoint.phase(context.id, number, at=confirmed)).phase, confirmed


def _advance_round(context: StudyContext, number: int) -> None:
    hospital, reader = context.hospital, context.hospital.reader
    now = reader.phase(context.id, number)
    reader.clock.wait_for(now.deadline)
    state = reader.round_state(context.id, number)
    if now.phase is Phase.SUBMIT:
        submit_update(context, number, state)
    elif now.phase is Phase.ATTEST:
        final, confirmed = _final_phase(context, number)
        if final is Phase.ATTEST:
            release_own(context, number)
            attest_payloads(context, number, state, now, confirmed)
    elif now.phase is Phase.INCLUDE:
        if _final_phase(context, number)[0] in (Phase.ATTEST, Phase.INCLUDE):
            release_own(context, number)
        include_updates(context, number, state)
    elif now.phase.opens:
        final, confirmed = _final_phase(context, number)
        if final.opens:
            open_round(context, number, now, confirmed)
        with _set_aside(context, f"the shares of round {number}"):
            watch_shares(context, number)
    elif now.phase is Phase.FAILED and context.is_my_turn(number, _failed_at(context, state)):
        try:
            hospital.ledger.fail_round(context.id, number)
            context.log.info("round %d: failed, and is on record as failed", number)
        except ContractReverted:
            # Someone else was faster: the next look sees the next round.
            return
