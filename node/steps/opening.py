# SPDX-License-Identifier: Apache-2.0
"""Open: one look at a round whose set is fixed, in its windows and while it is suspended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from node.errors import ContractReverted, OpeningRefused
from node.steps.batches import is_participant, remembers_keys
from node.steps.ckks_opening import post_share
from node.steps.context import StudyContext
from node.steps.finalising import finalise
from node.steps.one_set import FixedSet, final_set
from node.steps.pad_opening import is_due, post_pad_share
from node.steps.payloads import keep_payloads
from node.types import Phase, PhaseState


def open_round(context: StudyContext, round_number: int, now: PhaseState, confirmed: int) -> None:
    """Give this hospital's share in the window that is open, and finalise where the sum opens.

    `confirmed`: a final block in which the set is fixed. A suspended round is opened whenever t come.
    """
    if not is_participant(context, round_number) or not remembers_keys(context, round_number):
        return
    found = final_set(context, round_number, confirmed)
    try:
        with _refused_once(context, round_number):
            if is_due(context, round_number, found, now):
                post_pad_share(context, round_number, found)
            else:
                post_share(context, round_number, found)
        if now.phase is Phase.SUSPENDED:
            _record_absence(context, round_number, found)
        keep_payloads(context, round_number, found.payloads.values())
    finally:
        # A node that cannot give a share, as after its secrets were lost, can still serve and finalise.
        finalise(context, round_number, found)


def _record_absence(context: StudyContext, round_number: int, found: FixedSet) -> None:
    """Have those fined who gave no pad share in the window, once a round; whoever's turn it is."""
    hospital, reader = context.hospital, context.hospital.reader
    key = f"{context.round_key(round_number)}/absence"
    if hospital.state.result(key) is not None:
        return
    _, posted = reader.shares_posted(context.id, round_number)
    participants = reader.batch_of(context.id, round_number).participants
    if participants & ~posted and reader.absent(context.id, round_number) is None:
        if not context.is_my_turn(round_number, found.state.pads_until):
            return
        with contextlib.suppress(ContractReverted):
            hospital.ledger.record_absence(context.id, round_number)
    hospital.state.done(key)


@contextlib.contextmanager
def _refused_once(context: StudyContext, number: int) -> Iterator[None]:
    """A share that is refused is refused at every look of the window: the log says why once for each round."""
    try:
        yield
    except OpeningRefused as error:
        state, key = context.hospital.state, f"{context.round_key(number)}/refused"
        if state.result(key) is None:
            context.log.error("%s", error)
            state.done(key, {"reason": str(error)})
