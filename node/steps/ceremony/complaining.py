# SPDX-License-Identifier: Apache-2.0
"""Complain: of false boxes, in the transaction itself, and which dealings this hospital still lacks, by the middle.

A dealing that arrives late is looked into too, up to the step's end: it was named as lacking, and where t lacked it,
complaints about it judge nobody.
"""

from __future__ import annotations

from node.crypto import Objection
from node.steps.ceremony.binding import FinalCeremony, final_ceremony
from node.steps.ceremony.files import collect
from node.steps.ceremony.names import folder
from node.steps.ceremony.own import is_anothers
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep

#: Share of the time up to the middle of the step after which what is lacking is named: a transaction takes a while.
NAMING = 0.5


def complain(context: StudyContext, state: CeremonyState) -> None:
    """Look into each dealing that counts; complain of false ones, name the lacking, and say when there is neither."""
    hospital, mine = context.hospital, 1 << context.enrolment.index
    if not state.counted & mine:
        return
    found = final_ceremony(context, state.number, CeremonyStep.DEAL)
    if found is None or is_anothers(context, found):
        return
    collected = collect(context, found, found.hospitals(state.counted))
    for objection in collected.objections:
        _complain(context, found, objection)
    lacking = found.bitmap(set(collected.missing))
    if lacking:
        _name(context, state, lacking, collected.missing)
    elif not state.satisfied & mine and _counts(context, state):
        hospital.ledger.be_satisfied(context.id, state.number)
        context.log.info("ceremony %d: lacks nothing and complains no further", state.number)


def _counts(context: StudyContext, state: CeremonyState) -> bool:
    """Whether these are the dealings that count, by all endpoints: of one that was kept back from this node it could
    not complain any more."""
    reader = context.hospital.reader
    return reader.agreed(lambda endpoint: endpoint.ceremony_state(context.id).counted) == state.counted


def _complain(context: StudyContext, found: FinalCeremony, objection: Objection) -> None:
    """Once for each dealer: a second complaint would show a second box, and the contract takes none."""
    hospital, number = context.hospital, found.state.number
    entry = f"{folder(context, number)}/complaint-{objection.dealer}"
    if hospital.state.result(entry) is not None:
        return
    shown = objection.complaint
    dealer = found.enrolled.index(objection.dealer)
    hospital.ledger.complain(context.id, number, dealer, objection.round, (shown.D.x, shown.D.y), shown.c, shown.s)
    hospital.state.done(entry, {"round": objection.round})
    context.log.warning(
        "ceremony %d: the dealing of hospital %d holds nothing good for this one in round %d; complained of it",
        number, objection.dealer, objection.round,
    )  # fmt: skip


def _name(context: StudyContext, state: CeremonyState, lacking: int, numbers: list[int]) -> None:
    """Name what is lacking, once, so early that the transaction is mined before the middle of the step."""
    hospital, clock = context.hospital, context.hospital.reader.clock
    entry = f"{folder(context, state.number)}/lacking"
    due = state.step_opened_at + (state.middle - state.step_opened_at) * NAMING
    clock.wait_for(due)
    if hospital.state.result(entry) is not None or not clock.is_past(due) or clock.is_past(state.middle):
        return
    hospital.ledger.name_lacking(context.id, state.number, lacking)
    hospital.state.done(entry, {"bitmap": f"{lacking:x}"})
    context.log.warning("ceremony %d: still lacks the dealings of hospitals %s", state.number, numbers)
