# SPDX-License-Identifier: Apache-2.0
"""A study's rounds and key ceremonies, as the chain has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from node.audit.ledger import Ledger, members, posted_file
from node.audit.views import AttestationView, CeremonyPost, CeremonyView, RoundView, ShareView, SubmissionView
from node.types import CeremonyState, CeremonyStep, ChainEvent, FailureReason, Phase, PlanTerms, RoundState

# The digests of these steps are those of stored files; the others are keys, commitments, transcript digests.
_STORED = (CeremonyStep.DEALING, CeremonyStep.TEST_KEY, CeremonyStep.TEST_SHARES)


def read_rounds(ledger: Ledger, study_id: int, terms: PlanTerms, hospitals: tuple[int, ...]) -> tuple[RoundView, ...]:
    """All rounds that have begun, oldest first; `hospitals` are registry numbers by enrolment index."""
    count = int(ledger.call("RoundManager", "currentRound", study_id))
    events = {
        name: _by_round(ledger.events("RoundManager", name, studyId=study_id))
        for name in (
            "UpdateSubmitted",
            "CiphertextsAttested",
            "UpdatesIncluded",
            "SharePosted",
            "RoundFinalised",
            "RoundFailed",
            "ModelPosted",
        )
    }
    return tuple(
        _read_round(ledger, study_id, number, terms, hospitals, {name: of[number] for name, of in events.items()})
        for number in range(1, count + 1)
    )


def _read_round(
    ledger: Ledger,
    study_id: int,
    number: int,
    terms: PlanTerms,
    hospitals: tuple[int, ...],
    events: dict[str, list[ChainEvent]],
) -> RoundView:
    state = ledger.record(RoundState, "RoundManager", "roundState", study_id, number)
    phase, deadline = ledger.call("RoundManager", "phase", study_id, number)
    finalised, failed = _first(events["RoundFinalised"]), _first(events["RoundFailed"])
    included = _first(events["UpdatesIncluded"])
    return RoundView(
        number=number,
        phase=Phase(phase),
        deadline=deadline,
        started_at=state.started_at,
        root_before=state.root_before,
        root_after=state.root_after,
        submissions=tuple(_submission(ledger, event, study_id, number) for event in events["UpdateSubmitted"]),
        attestations=tuple(
            AttestationView(
                hospital_id=event.arguments["hospitalId"],
                confirmed=members(event.arguments["bitmap"], hospitals),
                act=ledger.act(event, event.arguments["hospitalId"]),
            )
            for event in events["CiphertextsAttested"]
        ),
        included=members(state.included_bitmap, hospitals),
        included_act=ledger.act(included) if included else None,
        sum_commitment=(included.arguments["sumCx"], included.arguments["sumCy"]) if included else (0, 0),
        sum_digest=state.sum_digest,
        sum_rows=state.sum_rows,
        quorums=_quorums(ledger, study_id, number, terms, state),
        verified=state.verified,
        shares=tuple(_share(ledger, event) for event in events["SharePosted"]),
        finalised=ledger.act(finalised) if finalised else None,
        # The newest posting first: anyone may post a model's file again where an older one was lost.
        model_files=tuple(dict.fromkeys(posted_file(event) for event in reversed(events["ModelPosted"]))),
        failed=ledger.act(failed) if failed else None,
        failure=FailureReason(failed.arguments["reason"]) if failed else None,
    )


def _quorums(
    ledger: Ledger, study_id: int, number: int, terms: PlanTerms, state: RoundState
) -> tuple[tuple[int, ...], ...]:
    """Who was named in each attempt that began before the round was closed."""
    if not state.included_at:
        return ()
    # The contract's own count of attempts goes on with the clock after a round is closed.
    end = state.closed_at or ledger.head.timestamp
    begun = min(terms.attempts, 1 + (end - state.included_at) // terms.open_length)
    named = (tuple(ledger.call("RoundManager", "quorum", study_id, number, attempt)) for attempt in range(begun))
    return tuple(quorum for quorum in named if quorum)


def _submission(ledger: Ledger, event: ChainEvent, study_id: int, number: int) -> SubmissionView:
    fields = event.arguments
    return SubmissionView(
        hospital_id=fields["hospitalId"],
        file=posted_file(event),
        rows=fields["rows"],
        commitment=(fields["cx"], fields["cy"]),
        kept=bytes(ledger.call("RoundManager", "submission", study_id, number, fields["hospitalId"])),
        act=ledger.act(event, fields["hospitalId"]),
    )


def _share(ledger: Ledger, event: ChainEvent) -> ShareView:
    fields = event.arguments
    return ShareView(
        hospital_id=fields["hospitalId"],
        attempt=fields["attempt"],
        file=posted_file(event),
        act=ledger.act(event, fields["hospitalId"]),
    )


def read_ceremonies(ledger: Ledger, study_id: int, hospitals: tuple[int, ...]) -> tuple[CeremonyView, ...]:
    """All runs of the key ceremony, oldest first."""
    posts: dict[int, list[CeremonyPost]] = defaultdict(list)
    for event in ledger.events("StudyRegistry", "CeremonyPosted", studyId=study_id):
        posts[event.arguments["ceremony"]].append(_post(ledger, event))
    completed = _by_ceremony(ledger.events("StudyRegistry", "CeremonyCompleted", studyId=study_id))
    failed = _by_ceremony(ledger.events("StudyRegistry", "CeremonyFailed", studyId=study_id))
    keyed: dict[int, list[int]] = defaultdict(list)
    taking_part: dict[int, int] = {}
    for round_number in range(1, int(ledger.call("RoundManager", "currentRound", study_id)) + 1):
        ceremony, participants = ledger.call("StudyRegistry", "ceremonyOf", study_id, round_number)
        keyed[ceremony].append(round_number)
        taking_part[ceremony] = participants
    current = ledger.record(CeremonyState, "StudyRegistry", "ceremonyState", study_id).number
    views = []
    for number in range(1, max([current, *posts, *completed, *failed]) + 1):
        success, failure = completed.get(number), failed.get(number)
        views.append(
            CeremonyView(
                number=number,
                posts=tuple(posts[number]),
                completed=ledger.act(success) if success else None,
                transcript=success.arguments["transcriptDigest"] if success else b"",
                failed=ledger.act(failure) if failure else None,
                failed_step=CeremonyStep(failure.arguments["step"]) if failure else None,
                barred=members(failure.arguments["barred"], hospitals) if failure else (),
                participants=members(taking_part.get(number, 0), hospitals),
                rounds=tuple(keyed[number]),
            )
        )
    return tuple(views)


def _post(ledger: Ledger, event: ChainEvent) -> CeremonyPost:
    fields = event.arguments
    step = CeremonyStep(fields["step"])
    return CeremonyPost(
        hospital_id=fields["hospitalId"],
        step=step,
        digest=fields["digest"],
        file=posted_file(event) if step in _STORED else None,
        act=ledger.act(event, fields["hospitalId"]),
    )


def _by_round(events: Iterable[ChainEvent]) -> dict[int, list[ChainEvent]]:
    found: dict[int, list[ChainEvent]] = defaultdict(list)
    for event in events:
        found[event.arguments["round"]].append(event)
    return found


def _by_ceremony(events: Iterable[ChainEvent]) -> dict[int, ChainEvent]:
    return {event.arguments["ceremony"]: event for event in events}


def _first(events: list[ChainEvent]) -> ChainEvent | None:
    return events[0] if events else None
