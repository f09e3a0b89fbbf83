# SPDX-License-Identifier: Apache-2.0
"""Whether this node has a part in a ceremony, and when it leaves one to the others."""

from __future__ import annotations

from node.steps.ceremony.names import dealing_made, keys_posted, left_alone
from node.steps.context import StudyContext
from node.steps.neighbours import warning
from node.types import CeremonyState


def leave_alone(context: StudyContext, ceremony: int, reason: str) -> None:
    """Take no further part in a ceremony, for a reason that is said once."""
    journal, key = context.hospital.state, left_alone(context, ceremony)
    if journal.result(key) is not None:
        return
    context.log.warning(
        "ceremony %d: %s. It takes no part, and sits out the rounds up to the next one.%s",
        ceremony, reason, warning(context),
    )  # fmt: skip
    journal.done(key, {"reason": reason})


def is_left_alone(context: StudyContext, state: CeremonyState) -> bool:
    """Whether this node has no part in the ceremony: it decided so, or its memory is older than what it did.

    Keys whose seed it may have lost, a dealing that it could make again for other keys: a restored node repeats none.
    """
    if context.hospital.state.result(left_alone(context, state.number)) is not None:
        return True
    if _forgotten(context, state) is None:
        return False
    # It is for good, so one endpoint's word is not enough.
    forgotten = context.hospital.reader.agreed(
        lambda endpoint: _forgotten(context, endpoint.ceremony_state(context.id), state.number)
    )
    if forgotten is None:
        return False
    leave_alone(
        context, state.number,
        f"this node does not remember {forgotten}, although the chain shows them: its memory was brought back from a "
        "backup",
    )  # fmt: skip
    return True


def _forgotten(context: StudyContext, state: CeremonyState, ceremony: int | None = None) -> str | None:
    """What a ceremony's state shows that this hospital did and the journal does not; nothing of another ceremony."""
    journal, mine = context.hospital.state, 1 << context.enrolment.index
    if ceremony is not None and state.number != ceremony:
        return None
    if state.keyed & mine and journal.result(keys_posted(context, state.number)) is None:
        return "its keys"
    if state.dealt & mine and journal.result(dealing_made(context, state.number)) is None:
        return "its dealing"
    return None
