# SPDX-License-Identifier: Apache-2.0
"""A study's rounds, as the chain has them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from node.audit.basics import Act
from node.audit.ledger import Ledger, file_of, members, posted_file
from node.audit.round_views import (
    AccusationView,
    AttestationView,
    ConvictionView,
    EquivocationView,
    PadShareView,
    RoundView,
    ShareView,
    SubmissionView,
)
from node.types import Batch, ChainEvent, Charge, FailureReason, Phase, RoundState

_EVENTS = {
    "RoundManager": (
        "UpdateSubmitted",
        "CiphertextsAttested",
        "UpdatesIncluded",
        "RoundFinalised",
        "ModelReturned",
        "RoundFailed",
        "ModelPosted",
    ),
    "Openings": ("SharePosted", "PadSharePosted", "PadShareFilePosted", "AbsenceRecorded"),
    "Court": ("Accused", "Convicted", "EquivocationShown"),
}


def read_rounds(ledger: Ledger, study_id: int, hospitals: tuple[int, ...]) -> tuple[RoundView, ...]:
    """All rounds that have begun, oldest first; `hospitals` are registry numbers by enrolment index."""
    count = int(ledger.call("RoundManager", "currentRound", study_id))
    events = {
        name: _by_round(ledger.events(contract, name, studyId=study_id))
        for contract, names in _EVENTS.items()
        for name in names
    }
    return tuple(
        _read_round(ledger, study_id, number, hospitals, {name: of[number] for name, of in events.items()})
        for number in range(1, count + 1)
    )


def _read_round(
    ledger: Ledger,
    study_id: int,
    number: int,
    hospitals: tuple[int, ...],
    events: dict[str, list[ChainEvent]],
) -> RoundView:
    state = ledger.record(RoundState, "RoundManager", "roundState", study_id, number)
    batch = ledger.record(Batch, "KeyCeremony", "batchOf", study_id, number)
    phase, deadline = ledger.call("RoundManager", "phase", study_id, number)
    finalised, failed = _first(events["RoundFinalised"]), _first(events["RoundFailed"])
    included, absent = _first(events["UpdatesIncluded"]), _first(events["AbsenceRecorded"])
    return RoundView(
        number=number,
        phase=Phase(phase),
        deadline=deadline,
        started_at=state.started_at,
        root_before=state.root_before,
        root_after=state.root_after,
        participants=members(batch.participants, hospitals),
        submissions=tuple(_submission(ledger, event, study_id, number) for event in events["UpdateSubmitted"]),
        attestations=tuple(
            AttestationView(
                event.arguments["hospitalId"], members(event.arguments["bitmap"], hospitals), _act(ledger, event)
            )
            for event in events["CiphertextsAttested"]
        ),
        included=members(state.included_bitmap, hospitals),
        included_act=ledger.act(included) if included else None,
        bound=members(ledger.call("RoundManager", "setOf", study_id, state.root_before), hospitals),
        sum_commitment=(included.arguments["sumCx"], included.arguments["sumCy"]) if included else (0, 0),
        sum_digest=state.sum_digest,
        sum_rows=state.sum_rows,
        opening=state.opening,
        pads_from=state.pads_from,
        pads_until=state.pads_until,
        quorum=tuple(ledger.call("Openings", "quorum", study_id, number)),
        shares=tuple(
            ShareView(event.arguments["hospitalId"], posted_file(event), _act(ledger, event))
            for event in events["SharePosted"]
        ),
        pad_shares=_pad_shares(ledger, events),
        absent=None if absent is None else members(absent.arguments["absent"], hospitals),
        accusations=tuple(
            AccusationView(
                event.arguments["hospitalId"],
                Charge(event.arguments["charge"]),
                members(event.arguments["accused"], hospitals),
                _act(ledger, event),
            )
            for event in events["Accused"]
        ),
        convictions=tuple(
            ConvictionView(
                Charge(event.arguments["charge"]), members(event.arguments["convicted"], hospitals), ledger.act(event)
            )
            for event in events["Convicted"]
        ),
        equivocations=tuple(
            EquivocationView(event.arguments["hospitalId"], event.arguments["reporter"], _act(ledger, event))
            for event in events["EquivocationShown"]
        ),
        finalised=ledger.act(finalised) if finalised else None,
        returned=bool(events["ModelReturned"]),
        # The newest posting first: anyone may post a model's file again where an older one was lost.
        model_files=tuple(dict.fromkeys(posted_file(event) for event in reversed(events["ModelPosted"]))),
        failed=ledger.act(failed) if failed else None,
        failure=FailureReason(failed.arguments["reason"]) if failed else None,
    )


def _submission(ledger: Ledger, event: ChainEvent, study_id: int, number: int) -> SubmissionView:
    fields = event.arguments
    return SubmissionView(
        hospital_id=fields["hospitalId"],
        file=posted_file(event),
        rows=fields["rows"],
        commitment=(fields["cx"], fields["cy"]),
        kept=bytes(ledger.call("RoundManager", "submission", study_id, number, fields["hospitalId"])),
        act=_act(ledger, event),
    )


def _pad_shares(ledger: Ledger, events: dict[str, list[ChainEvent]]) -> tuple[PadShareView, ...]:
    """All pad shares, oldest first."""
    inline = [
        (event, event.arguments["share"], file_of(_digest(event.arguments["share"]), len(event.arguments["share"])))
        for event in events["PadSharePosted"]
    ]
    by_file = [(event, None, posted_file(event)) for event in events["PadShareFilePosted"]]
    posted = sorted([*inline, *by_file], key=lambda entry: (entry[0].block_number, entry[0].log_index))
    return tuple(
        PadShareView(event.arguments["hospitalId"], content, file, _act(ledger, event))
        for event, content, file in posted
    )


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _act(ledger: Ledger, event: ChainEvent) -> Act:
    return ledger.act(event, event.arguments["hospitalId"])


def _by_round(events: Iterable[ChainEvent]) -> dict[int, list[ChainEvent]]:
    found: dict[int, list[ChainEvent]] = defaultdict(list)
    for event in events:
        found[event.arguments["round"]].append(event)
    return found


def _first(events: list[ChainEvent]) -> ChainEvent | None:
    return events[0] if events else None
