# SPDX-License-Identifier: Apache-2.0
"""Whether this hospital takes part in a round, by the ceremony that made the round's keys."""

from __future__ import annotations

from collections.abc import Iterator

from node.steps.ceremony import acknowledgement
from node.steps.context import StudyContext


def is_participant(context: StudyContext, round_number: int) -> bool:
    """Whether the hospital took part in the ceremony that made the round's keys."""
    _, participants = context.hospital.reader.ceremony_of(context.id, round_number)
    return bool(participants >> context.enrolment.index & 1)


def sits_out(context: StudyContext, round_number: int) -> bool:
    """Whether this node must leave a round to the others.

    That is where it holds no keys for the round, and where its memory is older than what it did with keys of
    the same ceremony: a restored backup could make it encrypt a second message under one secret, or help to open a
    second set. Then it sits out every round until the next ceremony.
    """
    if not is_participant(context, round_number):
        return True
    hospital = context.hospital
    ceremony, _ = hospital.reader.ceremony_of(context.id, round_number)
    key = f"{context.key}/ceremony-{ceremony}/sat-out"
    if hospital.state.result(key) is not None:
        return True
    forgotten = next(_forgotten(context, ceremony), None)
    if forgotten is None:
        return False
    context.log.warning(
        "this node does not remember %s, although the chain shows it: its memory was brought back from a "
        "backup. It sits out the rounds up to the next key ceremony; `consilium keys rotate %d` has one held sooner",
        forgotten,
        context.id,
    )
    hospital.state.done(key, {"forgotten": forgotten})
    return True


def _forgotten(context: StudyContext, ceremony: int) -> Iterator[str]:
    """What the chain shows of this hospital's acts since a ceremony and the journal does not."""
    hospital, reader = context.hospital, context.hospital.reader
    if hospital.state.result(acknowledgement(context, ceremony)) is None:
        yield f"to have acknowledged key ceremony {ceremony}"
    own = {"studyId": context.id, "hospitalId": hospital.id}
    for event in reader.events("RoundManager", "UpdateSubmitted", **own):
        number = event.arguments["round"]
        encrypted = hospital.state.result(f"{context.round_key(number)}/encryption")
        if encrypted is None and _made_keys_of(context, ceremony, number):
            yield f"its update of round {number}"
    for event in reader.events("RoundManager", "SharePosted", **own):
        number = event.arguments["round"]
        opened = hospital.state.opening_set(context.id, number)
        if opened is None and _made_keys_of(context, ceremony, number):
            yield f"which set it helped to open in round {number}"


def _made_keys_of(context: StudyContext, ceremony: int, round_number: int) -> bool:
    return context.hospital.reader.ceremony_of(context.id, round_number)[0] == ceremony
