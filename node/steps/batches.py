# SPDX-License-Identifier: Apache-2.0
"""Whether this hospital takes part in a round, by the ceremony that made the round's keys, and what binds the round."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from node.chain.client import ChainReader
from node.chain.connection import BlockTag
from node.crypto import CeremonyContext, RoundContext, RoundOpening, read_dealing, round_opening
from node.crypto.pads import PadDealing
from node.errors import SecretUnavailable
from node.steps.ceremony.binding import bound
from node.steps.ceremony.names import acknowledgement, keys_name
from node.steps.context import StudyContext
from node.steps.neighbours import warning
from node.types import Opening


def is_participant(context: StudyContext, round_number: int) -> bool:
    """Whether the hospital took part in the ceremony that made the round's keys."""
    batch = context.hospital.reader.batch_of(context.id, round_number)
    return bool(batch.participants >> context.enrolment.index & 1)


def remembers_keys(context: StudyContext, round_number: int) -> bool:
    """Whether this node's memory has what binds a round: that it acknowledged the ceremony which made the keys."""
    ceremony = context.hospital.reader.batch_of(context.id, round_number).ceremony
    return context.hospital.state.result(acknowledgement(context, ceremony)) is not None


def round_secrets_of(context: StudyContext, round_number: int) -> bytes:
    """This hospital's secrets of a round; raises SecretUnavailable where they are gone."""
    ceremony = context.hospital.reader.batch_of(context.id, round_number).ceremony
    return context.hospital.secrets.get(keys_name(context, ceremony, round_number))


def has_secrets(context: StudyContext, round_number: int) -> bool:
    """Whether this node holds its secrets of a round."""
    ceremony = context.hospital.reader.batch_of(context.id, round_number).ceremony
    return context.hospital.secrets.has(keys_name(context, ceremony, round_number))


def rules_of(context: StudyContext, round_number: int, confirmed: int | None = None) -> RoundOpening:
    """How a round's payloads and shares are made and checked; raises StorageError where a dealing is not to be had.

    `confirmed`: a final block in which the round had begun, to go by what all endpoints tell of it. By other rules
    what an honest hospital sent looks false: nobody is vouched for or accused by one endpoint's word.
    """

    def read(endpoint: ChainReader, at: BlockTag) -> tuple[int, Opening]:
        state = endpoint.round_state(context.id, round_number, at=at)
        return endpoint.batch_of(context.id, round_number, at=at).ceremony, state.opening

    reader = context.hospital.reader
    if confirmed is None:
        ceremony, opening = read(reader, "latest")
    else:
        ceremony, opening = reader.agreed(lambda endpoint: read(endpoint, confirmed))
    ctx = _bound(context, ceremony).round_context(round_number)
    return round_opening(ctx, _dealings(context, ctx), ckks_first=opening is Opening.CKKS)


def sits_out(context: StudyContext, round_number: int) -> bool:
    """Whether this node must leave a round to the others.

    That is where it holds no keys for the round, and where its memory is older than what it did with keys of
    the same ceremony: a restored backup could make it mask a second message by one pad, or help to open a
    second set. Then it sits out every round until the next ceremony.
    """
    if not is_participant(context, round_number):
        return True
    hospital = context.hospital
    ceremony = hospital.reader.batch_of(context.id, round_number).ceremony
    key = f"{context.key}/ceremony-{ceremony}/sat-out"
    if hospital.state.result(key) is not None:
        return True
    if next(_forgotten(context, hospital.reader, ceremony), None) is None:
        return False
    # It is for good, so one endpoint's word is not enough.
    forgotten = hospital.reader.agreed(lambda endpoint: next(_forgotten(context, endpoint, ceremony), None))
    if forgotten is None:
        return False
    context.log.warning(
        "this node does not remember %s, although the chain shows it: its memory was brought back from a "
        "backup. It sits out the rounds up to the next key ceremony; `consilium keys rotate %d` has one held sooner.%s",
        forgotten,
        context.id,
        warning(context),
    )
    hospital.state.done(key, {"forgotten": forgotten})
    return True


def _forgotten(context: StudyContext, reader: ChainReader, ceremony: int) -> Iterator[str]:
    """What the chain shows of this hospital's acts since a ceremony and the journal does not."""
    hospital = context.hospital
    if hospital.state.result(acknowledgement(context, ceremony)) is None:
        yield f"to have acknowledged key ceremony {ceremony}"
    own = {"studyId": context.id, "hospitalId": hospital.id}
    for event in reader.events("RoundManager", "UpdateSubmitted", **own):
        number = event.arguments["round"]
        made = hospital.state.result(f"{context.round_key(number)}/payload")
        if made is None and _made_keys_of(context, ceremony, number):
            yield f"its update of round {number}"
    for name in ("SharePosted", "PadSharePosted", "PadShareFilePosted"):
        for event in reader.events("Openings", name, **own):
            number = event.arguments["round"]
            opened = hospital.state.set_of_round(context.id, number)
            if opened is None and _made_keys_of(context, ceremony, number):
                yield f"which set it helped to open in round {number}"


def _made_keys_of(context: StudyContext, ceremony: int, round_number: int) -> bool:
    return context.hospital.reader.batch_of(context.id, round_number).ceremony == ceremony


def _kept(context: StudyContext, ceremony: int) -> dict[str, Any]:
    kept = context.hospital.state.result(acknowledgement(context, ceremony))
    if kept is None:
        raise SecretUnavailable(
            f"Study {context.id}: this node did not acknowledge key ceremony {ceremony}, and holds nothing of its "
            "batch. It takes part again from the next ceremony on."
        )
    return kept


def _bound(context: StudyContext, ceremony: int) -> CeremonyContext:
    kept = _kept(context, ceremony)
    return bound(
        context,
        ceremony,
        keys_hash=bytes.fromhex(kept["keys_hash"]),
        dealt=dict(kept["dealt"]),
        first_round=kept["first_round"],
        rounds=kept["rounds"],
        with_ckks=kept["with_ckks"],
    )


def _dealings(context: StudyContext, ctx: RoundContext) -> Mapping[int, PadDealing]:
    """A round's pads as everybody sees them, of all whose dealings stand: the participants are among those."""
    hospital, ceremony = context.hospital, ctx.identified.ceremony
    for study, earlier in list(hospital.dealings):
        # A round of the batch before may still be recovered.
        if study == context.id and earlier < ceremony - 1:
            del hospital.dealings[study, earlier]
    if (context.id, ceremony) not in hospital.dealings:
        # Remembered once all are there: of a hospital whose pad is not known every payload would look false.
        known: dict[int, dict[int, PadDealing]] = {}
        for number, digest, size in _kept(context, ceremony)["dealings"]:
            content = hospital.store.get(bytes.fromhex(digest), size)
            for round_number, dealing in read_dealing(ctx.batch, number, content).pads.items():
                # Boxes are long, and nobody looks into them any more.
                known.setdefault(round_number, {})[number] = replace(dealing, boxes={})
        hospital.dealings[context.id, ceremony] = known
    return hospital.dealings[context.id, ceremony][ctx.round]
