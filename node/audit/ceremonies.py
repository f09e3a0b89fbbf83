# SPDX-License-Identifier: Apache-2.0
"""A study's key ceremonies, as the chain has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from node.audit.basics import Act
from node.audit.ceremony_views import (
    AcknowledgementView,
    CeremonyView,
    ComplaintView,
    DealingView,
    HoldingView,
    KeyView,
    LackingView,
    StepView,
)
from node.audit.ledger import Ledger, members, posted_file
from node.chain.ceremony_reads import running_hash
from node.types import Batch, CeremonyFailure, CeremonyState, CeremonyStep, ChainEvent, KeysPost

_CONTRACT = "KeyCeremony"
_EVENTS = (
    "KeysPosted",
    "DealingPosted",
    "HoldingPosted",
    "LackingNamed",
    "Complained",
    "SatisfactionDeclared",
    "TranscriptAcknowledged",
    "StepOver",
    "CeremonyCompleted",
    "CeremonyFailed",
)


def read_ceremonies(ledger: Ledger, study_id: int, hospitals: tuple[int, ...]) -> tuple[CeremonyView, ...]:
    """All runs of the key ceremony, oldest first; `hospitals` are registry numbers by enrolment index."""
    events = {name: _by_ceremony(ledger.events(_CONTRACT, name, studyId=study_id)) for name in _EVENTS}
    keyed: dict[int, list[int]] = defaultdict(list)
    for number in range(1, int(ledger.call("RoundManager", "currentRound", study_id)) + 1):
        keyed[ledger.record(Batch, _CONTRACT, "batchOf", study_id, number).ceremony].append(number)
    current = ledger.record(CeremonyState, _CONTRACT, "ceremonyState", study_id)
    last = max([current.number, *(number for found in events.values() for number in found)])
    return tuple(
        _read(
            ledger,
            number,
            hospitals,
            {name: found[number] for name, found in events.items()},
            current.keys_hash if number == current.number else None,
            tuple(keyed[number]),
        )
        for number in range(1, last + 1)
    )


def _read(
    ledger: Ledger,
    number: int,
    hospitals: tuple[int, ...],
    events: dict[str, list[ChainEvent]],
    kept_hash: bytes | None,
    rounds: tuple[int, ...],
) -> CeremonyView:
    completed, failed = _first(events["CeremonyCompleted"]), _first(events["CeremonyFailed"])
    return CeremonyView(
        number=number,
        contract=ledger.deployment.contracts[_CONTRACT],
        keys=tuple(
            KeyView(
                hospital_id=event.arguments["hospitalId"],
                index=event.arguments["index"],
                point=(event.arguments["px"], event.arguments["py"]),
                box_key=event.arguments["boxKey"],
                act=_act(ledger, event),
            )
            for event in events["KeysPosted"]
        ),
        keys_hash=running_hash(_keys(events["KeysPosted"])),
        kept_hash=kept_hash,
        dealings=tuple(
            DealingView(event.arguments["hospitalId"], posted_file(event), _act(ledger, event))
            for event in events["DealingPosted"]
        ),
        holdings=tuple(
            HoldingView(
                event.arguments["hospitalId"],
                members(event.arguments["bitmap"], hospitals),
                event.arguments["satisfied"],
                _act(ledger, event),
            )
            for event in events["HoldingPosted"]
        ),
        lackings=tuple(
            LackingView(
                event.arguments["hospitalId"], members(event.arguments["bitmap"], hospitals), _act(ledger, event)
            )
            for event in events["LackingNamed"]
        ),
        complaints=tuple(_complaint(ledger, event, hospitals) for event in events["Complained"]),
        satisfied=tuple(event.arguments["hospitalId"] for event in events["SatisfactionDeclared"]),
        acknowledgements=tuple(
            AcknowledgementView(
                event.arguments["hospitalId"],
                event.arguments["digest"],
                members(event.arguments["guilty"], hospitals),
                _act(ledger, event),
            )
            for event in events["TranscriptAcknowledged"]
        ),
        steps=tuple(
            StepView(
                CeremonyStep(event.arguments["step"]),
                members(event.arguments["absent"], hospitals),
                members(event.arguments["left"], hospitals),
                ledger.act(event),
            )
            for event in events["StepOver"]
        ),
        completed=ledger.act(completed) if completed else None,
        transcript=completed.arguments["transcriptDigest"] if completed else b"",
        participants=members(completed.arguments["participants"], hospitals) if completed else (),
        guilty=members(completed.arguments["guilty"], hospitals) if completed else (),
        failed=ledger.act(failed) if failed else None,
        failed_step=CeremonyStep(failed.arguments["step"]) if failed else None,
        failure=CeremonyFailure(failed.arguments["why"]) if failed else None,
        rounds=rounds,
    )


def _keys(events: Iterable[ChainEvent]) -> Iterable[KeysPost]:
    for event in events:
        fields = event.arguments
        yield KeysPost(
            fields["hospitalId"], fields["index"], fields["px"], fields["py"], fields["boxKey"], event.block_number
        )


def _complaint(ledger: Ledger, event: ChainEvent, hospitals: tuple[int, ...]) -> ComplaintView:
    fields = event.arguments
    return ComplaintView(
        hospital_id=fields["hospitalId"],
        dealer=hospitals[fields["dealer"]],
        round_number=fields["round"],
        shown=(fields["dx"], fields["dy"]),
        proof=(fields["challenge"], fields["response"]),
        act=_act(ledger, event),
    )


def _act(ledger: Ledger, event: ChainEvent) -> Act:
    return ledger.act(event, event.arguments["hospitalId"])


def _by_ceremony(events: Iterable[ChainEvent]) -> dict[int, list[ChainEvent]]:
    found: dict[int, list[ChainEvent]] = defaultdict(list)
    for event in events:
        found[event.arguments["ceremony"]].append(event)
    return found


def _first(events: list[ChainEvent]) -> ChainEvent | None:
    return events[0] if events else None
