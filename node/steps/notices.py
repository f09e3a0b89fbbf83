# SPDX-License-Identifier: Apache-2.0
"""What a hospital should hear of at once, in words: failed rounds, cut bonds, its part of others'."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from node.steps.context import Hospital
from node.types import ChainEvent, FailureReason, Offence
from node.words import FAILURE, OFFENCE

#: Seconds that this machine's clock and the chain may lie apart: a block can be late, and a clock a little wrong.
APART = 60.0
_AGAIN, _AGAIN_LONGEST = 600.0, 86_400.0


@dataclass
class ClockComparison:
    """Whether this machine's clock tells the chain's time; said at once, then after pauses that grow to a day."""

    _said_until: float = -math.inf
    _pause: float = _AGAIN

    def notice(self, machine: float, chain: float) -> str | None:
        """What to say of two times in seconds since 1970, where anything is to be said now."""
        if abs(machine - chain) <= APART:
            self._said_until, self._pause = -math.inf, _AGAIN
            return None
        if time.monotonic() < self._said_until:
            return None
        self._said_until = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _AGAIN_LONGEST)
        return (
            f"This machine's clock says {_shown(machine)} and the chain {_shown(chain)}, {abs(machine - chain):.0f} s "
            f"{'less' if chain < machine else 'more'}. Deadlines go by the chain, and so does this node. Correct the "
            "clock (`timedatectl set-ntp true`); where it is right, the chain stands still or the endpoint is behind."
        )


def _shown(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


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
    amount = hospital.reader.tokens(fields["amount"])
    return f"{_stage(offence, fields['stage'])}: this hospital's bond was cut by {amount}, for {OFFENCE[offence]}"


def _shared(hospital: Hospital, event: ChainEvent) -> str:
    fields, reader = event.arguments, hospital.reader
    enrolled = hospital.id in reader.enrolled_ids(fields["studyId"])
    part = reader.part_of_pot(fields["potId"], hospital.id) if enrolled else 0
    if not part:
        return ""
    told = reader.tokens(part)
    return (
        f"{_stage(Offence(fields['offence']), fields['stage'])}: {told} of a cut bond belong to this hospital; "
        f"take them with `consilium slashed claim {fields['studyId']}`"
    )


def _stage(offence: Offence, stage: int) -> str:
    return f"{'ceremony' if offence is Offence.FALSE_DEALING else 'round'} {stage}"


def _fined(hospital: Hospital, event: ChainEvent) -> str:
    fields = event.arguments
    if fields["hospitalId"] != hospital.id:
        return ""
    amount = hospital.reader.tokens(fields["amount"])
    return f"batch {fields['batch']}: this hospital was fined {amount} for being away; is its node reachable?"


def _returned(hospital: Hospital, event: ChainEvent) -> str:
    fields = event.arguments
    if hospital.id not in hospital.reader.enrolled_ids(fields["studyId"]):
        return ""
    return f"round {fields['round']}: gave a model that an earlier round started from, which ends the study"


_LINES = {
    "RoundFailed": _failed,
    "ModelReturned": _returned,
    "BondSlashed": _slashed,
    "AbsenceFined": _fined,
    "PotMade": _shared,
}
