# SPDX-License-Identifier: Apache-2.0
"""How a study stands: what it waits for, who takes part, how it opens, how many may fall away, how it ended."""

from __future__ import annotations

from node.chain.client import ChainReader
from node.chain.endings import ending, failures, hospital_name
from node.plan import survives
from node.types import Batch, CeremonyStep, Opening, Phase, RoundState, Study, StudyState, indices
from node.words import FAILURE, OPENING, format_span, format_time

#: CKKS openings that fail in a study before all its rounds open by pads at once.
CKKS_FAILURES_MOST = 2


def waits_for(reader: ChainReader, study_id: int) -> str:
    """What a study waits for now, and how long at most."""
    state = reader.study_state(study_id)
    if state is StudyState.PUBLISHED:
        return "the sponsor to escrow rewards and services" + _left(reader, reader.enrolment_end(study_id))
    if state is StudyState.ENROLLING:
        return "hospitals to enrol" + _left(reader, reader.enrolment_end(study_id))
    if state is StudyState.CEREMONY:
        return _ceremony(reader, study_id)
    if state is not StudyState.RUNNING:
        return "nothing: it has ended" if state.ended else "nothing: there is no such study"
    number = reader.current_round(study_id)
    now, record = reader.phase(study_id, number), reader.round_state(study_id, number)
    phase = f"{now.phase.name.lower()} phase of round {number}"
    if now.phase is Phase.SUBMIT:
        who = _named(reader, study_id, record.expected & ~record.submitted_bitmap)
    elif now.phase is Phase.ATTEST:
        who = _named(reader, study_id, record.expected & ~record.attested_bitmap)
    elif now.phase.opens:
        return _opening(reader, study_id, number, record) + _left(reader, now.deadline)
    else:
        who = "anyone"
    return f"{who}: {phase}" + _left(reader, now.deadline)


def _ceremony(reader: ChainReader, study_id: int) -> str:
    ceremony = reader.ceremony_state(study_id)
    expected, acted = {
        CeremonyStep.KEY: (ceremony.due, ceremony.keyed),
        CeremonyStep.DEAL: (ceremony.keyed, ceremony.dealt),
        CeremonyStep.HOLD: (ceremony.dealt, ceremony.held),
        CeremonyStep.COMPLAIN: (ceremony.counted, ceremony.satisfied),
        CeremonyStep.ACKNOWLEDGE: (ceremony.counted, ceremony.acknowledged),
    }[ceremony.step]
    who = _named(reader, study_id, expected & ~acted)
    step = f"step {ceremony.step.name.lower()} of key ceremony {ceremony.number}"
    return f"{who}: {step}" + _left(reader, ceremony.deadline)


def _opening(reader: ChainReader, study_id: int, number: int, record: RoundState) -> str:
    """What an opening waits for: any t pad shares, once CKKS had its window."""
    threshold = reader.study(study_id).plan.threshold
    if reader.clock.now() < record.pads_from:
        named = ", ".join(map(str, reader.quorum(study_id, number)))
        return f"hospitals {named}: opening of round {number} by CKKS"
    _, pads = reader.shares_posted(study_id, number)
    missing = max(0, threshold - pads.bit_count())
    what = f"{missing} more pad shares of any participants" if missing else "anyone to finalise"
    return f"{what}: opening of round {number} by pads"


def suspended_until(reader: ChainReader, study_id: int) -> int | None:
    """The second at which patience with a suspended round is over and the study ends; None where none is suspended."""
    number = reader.current_round(study_id)
    if not number or reader.study_state(study_id) is not StudyState.RUNNING:
        return None
    now = reader.phase(study_id, number)
    return now.deadline if now.phase is Phase.SUSPENDED else None


def batch(reader: ChainReader, study_id: int) -> Batch | None:
    """The batch of the round that goes on; None before the first, and during a ceremony."""
    if reader.study_state(study_id) is not StudyState.RUNNING:
        return None
    return reader.batch_of(study_id, reader.current_round(study_id))


def may_submit(reader: ChainReader, study: Study) -> int:
    """Bitmap of those who may submit in rounds: the batch's participants whose data are named; before, who would be."""
    present = batch(reader, study.id)
    if present is not None:
        members = present.participants
    elif reader.batches(study.id)[0]:
        members = reader.next_due(study.id)
    else:
        members = ((1 << study.enrolled) - 1) & ~study.left
    with_data = sum(1 << place.index for place in reader.enrolments(study.id) if place.rows)
    # Until the first Key step is over, those that are sampled have no block yet.
    return members & with_data if present is not None else members


def survived(reader: ChainReader, study: Study) -> int | None:
    """How many hospitals can be silent or lie before the study stops, as it stands; None where it has ended."""
    if reader.study_state(study.id).ended:
        return None
    return survives(may_submit(reader, study).bit_count(), study.plan.minimum, study.plan.threshold)


def survived_in_words(reader: ChainReader, study: Study) -> str:
    """The same for people, with what it comes from, and a warning where it is less than t − 1."""
    count, members = survived(reader, study), may_submit(reader, study).bit_count()
    if count is None:
        return "-"
    terms = study.plan
    told = f"{count} silent or lying hospitals, with {members} that may submit of at least {terms.minimum}"
    if count >= terms.threshold - 1:
        return told
    return f"{told}: fewer can stop it than the {terms.threshold} that it takes to read an update"


def opens_next(reader: ChainReader, study: Study) -> Opening:
    """How a round that begins now opens."""
    failed = reader.failed_ckks_openings(study.id)
    return Opening.PADS if study.plan.pads_only or failed >= CKKS_FAILURES_MOST else Opening.CKKS


def opens(reader: ChainReader, study: Study) -> str:
    """The same in words, and how far it is from pads alone."""
    failed = reader.failed_ckks_openings(study.id)
    if opens_next(reader, study) is Opening.PADS:
        why = ", as the plan says" if study.plan.pads_only else f": CKKS has failed {failed} times"
        return OPENING[Opening.PADS] + why
    return OPENING[Opening.CKKS] + (f" ({failed} of {CKKS_FAILURES_MOST} failures of CKKS)" if failed else "")


def joining(study: Study) -> str:
    """Whether a running study takes newcomers."""
    return "approved" if study.plan.approved_joining else "closed"


def batch_in_words(reader: ChainReader, study_id: int) -> str:
    """Who takes part in which rounds under the present keys."""
    present = batch(reader, study_id)
    if present is None:
        return "none"
    who = _named(reader, study_id, present.participants)
    left_out = present.dealt & ~present.participants
    out = f"; dealt to, and left out: {_named(reader, study_id, left_out)}" if left_out else ""
    return f"rounds {present.first_round} to {present.last_round} by ceremony {present.ceremony}: {who}{out}"


def suspension_in_words(reader: ChainReader, study_id: int) -> str:
    """Until when a suspended round can still be opened."""
    until = suspended_until(reader, study_id)
    return "no" if until is None else f"until {format_time(until, reader.clock.now())}; then the study ends"


def outcome(reader: ChainReader, study_id: int) -> str | None:
    """How a study ended, why, and who was missing; None while it goes on."""
    end = ending(reader, study_id)
    return None if end is None else end.told(lambda number: f"hospital {hospital_name(reader, number)}")


def sampled(reader: ChainReader, study_id: int, hospital_id: int) -> str | None:
    """Of which of its blocks of rows a hospital trains; None for one that trains on all of its rows."""
    draw = reader.blocks_of(study_id, hospital_id)
    if not draw.blocks:
        return None
    if not draw.used:
        return f"one of {draw.blocks} blocks of its rows, not in use yet"
    return f"sampled: block {draw.index + 1} of {draw.blocks}, {reader.enrolment(study_id, hospital_id).rows} rows"


def sampled_hospitals(reader: ChainReader, study_id: int) -> dict[int, str]:
    """As `sampled`, by hospital number, of those that enrolled with blocks."""
    found = {number: sampled(reader, study_id, number) for number in reader.enrolled_ids(study_id)}
    return {number: text for number, text in found.items() if text is not None}


def rounds_so_far(reader: ChainReader, study_id: int) -> list[tuple[object, ...]]:
    """Each round's number, phase, how many submitted, attested and were included, rows, and why it failed."""
    failed = {number: FAILURE[reason] for number, reason in failures(reader, study_id).items()}
    rows: list[tuple[object, ...]] = []
    for number in range(1, reader.current_round(study_id) + 1):
        record = reader.round_state(study_id, number)
        bitmaps = (record.submitted_bitmap, record.attested_bitmap, record.included_bitmap)
        counts = [len(indices(bitmap)) for bitmap in bitmaps]
        rows.append((number, reader.phase(study_id, number).phase, *counts, record.sum_rows, failed.get(number, "")))
    return rows


def _named(reader: ChainReader, study_id: int, bitmap: int) -> str:
    enrolled = reader.enrolled_ids(study_id)
    return "hospitals " + ", ".join(str(enrolled[index]) for index in indices(bitmap))


def _left(reader: ChainReader, deadline: int) -> str:
    """How long something has left by the chain, whose deadline it is."""
    if not deadline:
        return ""
    seconds = deadline - int(reader.clock.now())
    return f" ({format_span(seconds)} left)" if seconds > 0 else " (time is up: anyone may move it on)"
