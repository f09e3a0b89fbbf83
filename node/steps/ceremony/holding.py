# SPDX-License-Identifier: Apache-2.0
"""Hold: which dealings this hospital holds whole and serves, before anybody complains of any.

What t hold, an honest one holds and serves: whoever shows its dealing to some alone is left out for silence.
"""

from __future__ import annotations

from node.steps.ceremony.binding import final_ceremony
from node.steps.ceremony.files import collect
from node.steps.ceremony.own import is_anothers
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep

#: Share of the step after which a hospital says what it holds, although something is missing.
PATIENCE = 0.5


def hold(context: StudyContext, state: CeremonyState) -> None:
    """Fetch every dealing, keep and serve it, look into one's own boxes, and say what is held; once."""
    hospital, mine = context.hospital, 1 << context.enrolment.index
    if not state.dealt & mine or state.held & mine:
        return
    found = final_ceremony(context, state.number, CeremonyStep.DEAL)
    if found is None or found.state.dealt != state.dealt or is_anothers(context, found):
        return
    dealers = found.hospitals(state.dealt)
    collected = collect(context, found, dealers)
    until = state.step_opened_at + (state.deadline - state.step_opened_at) * PATIENCE
    if collected.missing and not hospital.reader.clock.is_past(until):
        text = f"ceremony {state.number}: waiting for the dealings of {collected.missing}"
        context.say(f"ceremony {state.number}", "waiting for dealings", text)
        return
    bitmap = found.bitmap(set(collected.held))
    satisfied = bitmap == state.dealt and not collected.objections
    hospital.ledger.post_holding(context.id, state.number, bitmap, satisfied)
    context.log.info("ceremony %d: holds %d of %d dealings", state.number, len(collected.held), len(dealers))
