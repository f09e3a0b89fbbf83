# SPDX-License-Identifier: Apache-2.0
"""What a hospital should hear of at once, in words: failed rounds, cut bonds, its part of others'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from node.chain.client import ChainReader
from node.steps.context import Hospital
from node.types import ChainEvent, FailureReason, Offence
from node.words import FAILURE, OFFENCE, format_amount


def notices(hospital: Hospital, events: Iterable[ChainEvent]) -> Iterator[str]:
    """A line for each event that concerns the hospital; an event may come again after a restart."""
    for event in events:
        line = _LINES.get(event.name)
        if line is not None and (told := line(hospital, event)):
            yield f"study {event.arguments['studyId']}, {told}"


def _failed(hospital: Hospital, event: ChainEvent) -> str:
    fields = event.arguments
    if hospital.id not in hospital.reader.enrolled_ids(fields["studyId"]):
        return ""
    return f"round {fields['round']}: failed, since {FAILURE[FailureReason(fields['reason'])]}"


def _slashed(hospital: Hospital, event: ChainEvent) -> str:
    fields = event.arguments
    if fields["hospitalId"] != hospital.id:
        return ""
    offence = Offence(fields["offence"])
    amount = _tokens(hospital.reader, fields["amount"])
    return f"{_stage(offence, fields['stage'])}: this hospital's bond was cut by {amount}, for {OFFENCE[offence]}"


def _shared(hospital: Hospital, event: ChainEvent) -> str:
    fields, reader = event.arguments, hospital.reader
    enrolled = hospital.id in reader.enrolled_ids(fields["studyId"])
    part = reader.part_of_pot(fields["potId"], hospital.id) if enrolled else 0
    if not part:
        return ""
    told = _tokens(reader, part)
    return (
        f"{_stage(Offence(fields['offence']), fields['stage'])}: {told} of a cut bond belong to this hospital; "
        f"take them with `consilium slashed claim {fields['studyId']}`"
    )


def _stage(offence: Offence, stage: int) -> str:
    return f"{'ceremony' if offence is Offence.MISSING_DEALING else 'round'} {stage}"


def _tokens(reader: ChainReader, amount: int) -> str:
    return f"{format_amount(amount, reader.token_decimals())} {reader.token_symbol()}"


_LINES = {"RoundFailed": _failed, "BondSlashed": _slashed, "PotMade": _shared}
