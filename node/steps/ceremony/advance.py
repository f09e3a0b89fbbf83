# SPDX-License-Identifier: Apache-2.0
"""One look at a key ceremony: what its current step asks of this hospital, and whose turn it is to move it on."""

from __future__ import annotations

from node.errors import ContractReverted
from node.steps.ceremony.acknowledging import acknowledge
from node.steps.ceremony.complaining import complain
from node.steps.ceremony.dealing import deal, release_own
from node.steps.ceremony.holding import hold
from node.steps.ceremony.keys import post_keys
from node.steps.ceremony.leftovers import erase_superseded
from node.steps.ceremony.standing import is_left_alone
from node.steps.context import StudyContext
from node.types import CeremonyStep

_STEPS = {
    CeremonyStep.KEY: post_keys,
    CeremonyStep.DEAL: deal,
    CeremonyStep.HOLD: hold,
    CeremonyStep.COMPLAIN: complain,
    CeremonyStep.ACKNOWLEDGE: acknowledge,
}


def advance_ceremony(context: StudyContext) -> None:
    """Do what the ceremony's current step asks of this hospital, if anything.

    Raises `CeremonyFailed` where it cannot acknowledge what the others posted, `SecretUnavailable` where its own secret
    is gone: it is then left out, and the others go on.
    """
    hospital = context.hospital
    state = hospital.reader.ceremony_state(context.id)
    if state.number == 0 or state.completed:
        return
    hospital.reader.clock.wait_for(state.deadline + 1)
    if hospital.reader.clock.is_past(state.deadline + 1):
        if context.is_my_turn(state.number, state.deadline + 1):
            try:
                hospital.ledger.move_on(context.id, state.number, state.step)
                context.log.info("ceremony %d: the step %s is over by its deadline", state.number, _name(state.step))
            except ContractReverted:
                # Somebody else was faster: the next look sees the next step.
                return
        return
    erase_superseded(context, state.number)
    if is_left_alone(context, state):
        return
    release_own(context, state)
    with context.stage(f"ceremony-{_name(state.step)}"):
        _STEPS[state.step](context, state)


def _name(step: CeremonyStep) -> str:
    return step.name.lower()
