# SPDX-License-Identifier: Apache-2.0
"""How a study ended, why, and who was missing or lied: the contracts' state alone says only that it did."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from node.chain.client import ChainReader
from node.types import (
    CeremonyFailure,
    CeremonyStep,
    ChainEvent,
    FailureReason,
    Offence,
    Outcome,
    Study,
    StudyState,
    indices,
)
from node.words import CEREMONY_FAILURE, FAILURE, OFFENCE, plain


class Result(enum.Enum):
    """What a study came to, in a word."""

    COMPLETED = "completed"
    #: Not all planned rounds were held; some gave a model.
    EARLY = "ended early"
    #: Ended before any round gave a model.
    CANCELLED = "cancelled"
    #: All rounds are over, and none gave a model.
    FAILED = "failed"
    #: The others' doing from then on.
    WITHOUT = "over for this hospital"


@dataclass(frozen=True)
class Ending:
    """The end of a study, or of one hospital's part in it; `reason` is empty where it was completed.

    `missing`: numbers of the hospitals that did not do what was asked for. `finalised` of `planned` rounds. `lied`:
    numbers of those that were slashed for a lie, whenever that was.
    """

    study: int
    result: Result
    reason: str
    missing: tuple[int, ...]
    finalised: int
    planned: int
    lied: tuple[int, ...] = ()

    @property
    def completed(self) -> bool:
        """Whether the study was carried out."""
        return self.result is Result.COMPLETED

    def told(self, named: Callable[[int], str]) -> str:
        """The end in a line; `named` shows a hospital by its number."""
        reason = f": {self.reason}" if self.reason else ""
        missing = f"; missing: {', '.join(map(named, self.missing))}" if self.missing else ""
        lied = f"; slashed for lies: {', '.join(map(named, self.lied))}" if self.lied else ""
        return f"{self.result.value}{reason}{missing}{lied}; {self.finalised} of {self.planned} rounds finalised"


def ending(reader: ChainReader, study_id: int, hospital_id: int | None = None) -> Ending | None:
    """How a study ended, or None while it goes on; with a hospital also how that one's part in it ended before."""
    state, study = reader.study_state(study_id), reader.study(study_id)
    if state is StudyState.CANCELLED:
        reason, missing = _why_cancelled(reader, study)
        result = Result.EARLY if reader.finalised_rounds(study_id) else Result.CANCELLED
    elif hospital_id is not None and (why := _why_without(reader, study_id, hospital_id)):
        result, reason, missing = Result.WITHOUT, why, ()
    elif state is StudyState.COMPLETED:
        result, reason, missing = _completed(reader, study)
    else:
        return None
    finalised = reader.finalised_rounds(study_id)
    return Ending(study_id, result, reason, missing, finalised, study.plan.rounds, liars(reader, study_id))


def liars(reader: ChainReader, study: int) -> tuple[int, ...]:
    """Numbers of the hospitals whose bonds were cut for a lie in a study, in order."""
    return tuple(sorted({event.arguments["hospitalId"] for event in slashings(reader, study)}))


def slashings(reader: ChainReader, study: int, hospital_id: int | None = None) -> tuple[ChainEvent, ...]:
    """The cuts of bonds for lies in a study, oldest first; of one hospital alone where it is named."""
    own = {} if hospital_id is None else {"hospitalId": hospital_id}
    return reader.events("StakeVault", "BondSlashed", studyId=study, **own)


def failures(reader: ChainReader, study: int) -> Mapping[int, FailureReason]:
    """Why rounds failed, by their numbers, as the contract told it when it recorded them."""
    found = reader.events("RoundManager", "RoundFailed", studyId=study)
    return {event.arguments["round"]: FailureReason(event.arguments["reason"]) for event in found}


def hospital_name(reader: ChainReader, hospital_id: int) -> str:
    """A hospital by number and name, fit for a log and a terminal: the name is whatever its owner put on chain."""
    return f"{hospital_id} ({plain(reader.hospital(hospital_id).name)})"


def _completed(reader: ChainReader, study: Study) -> tuple[Result, str, tuple[int, ...]]:
    """Of a study whose rounds are all over, or whose model came back to an earlier one."""
    returned = reader.events("RoundManager", "ModelReturned", studyId=study.id)
    if returned:
        number = returned[0].arguments["round"]
        return Result.EARLY, f"round {number} came back to a model that an earlier set was opened from", ()
    if not reader.finalised_rounds(study.id):
        return Result.FAILED, *_why_failed(reader, study, range(1, study.rounds + 1))
    if study.rounds < study.plan.rounds:
        return Result.EARLY, f"its privacy budget is spent after round {study.rounds}", ()
    return Result.COMPLETED, "", ()


def _why_cancelled(reader: ChainReader, study: Study) -> tuple[str, tuple[int, ...]]:
    failed = _failed_ceremonies(reader, study.id)
    if not reader.batches(study.id)[0] and not failed:
        if reader.funded(study.id) < reader.required_funding(study.id):
            return "the sponsor had not escrowed rewards and services when enrolment ended", ()
        enrolled = study.enrolled - study.left.bit_count()
        return f"too few hospitals enrolled, {enrolled} of at least {_needed(study)}", ()
    if reader.outcome(study.id) is Outcome.CANCELLED:
        return _why_rounds_ended(reader, study)
    if failed and not failed[-1].arguments["next"]:
        return _why_without_keys(reader, study.id, failed)
    left = [event.arguments["hospitalId"] for event in reader.events("KeyCeremony", "HospitalLeft", studyId=study.id)]
    who = f": {_numbers(left)} left" if left else ""
    return f"too few hospitals are left of at least {study.plan.minimum}{who}", ()


def _why_rounds_ended(reader: ChainReader, study: Study) -> tuple[str, tuple[int, ...]]:
    """Of a study that a round ended which was not opened in time, or too many that failed in a row."""
    last = reader.current_round(study.id)
    if failures(reader, study.id)[last] is FailureReason.UNOPENED:
        return _why_failed(reader, study, (last,))
    return _why_failed(reader, study, range(last + 1 - study.plan.unopened_rounds, last + 1))


def _why_without_keys(reader: ChainReader, study: int, failed: Sequence[ChainEvent]) -> tuple[str, tuple[int, ...]]:
    """Of key ceremonies that failed one after the other."""
    enrolled = reader.enrolled_ids(study)
    told, missing = [], 0
    for event in failed:
        fields = event.arguments
        step, why = CeremonyStep(fields["step"]), CEREMONY_FAILURE[CeremonyFailure(fields["why"])]
        told.append(f"key ceremony {fields['ceremony']} failed at its step {step.name.lower()}, since {why}")
        over = reader.events("KeyCeremony", "StepOver", studyId=study, ceremony=fields["ceremony"])
        for step_over in over:
            missing |= step_over.arguments["absent"]
    return "; ".join(told), tuple(enrolled[index] for index in indices(missing))


def _why_failed(reader: ChainReader, study: Study, rounds: Iterable[int]) -> tuple[str, tuple[int, ...]]:
    """Why these rounds failed, as the contract told it when it recorded them, and who was missing in them."""
    enrolled = reader.enrolled_ids(study.id)
    reasons = failures(reader, study.id)
    by_reason: dict[FailureReason, list[int]] = {}
    missing = 0
    for number in rounds:
        state, reason = reader.round_state(study.id, number), reasons[number]
        by_reason.setdefault(reason, []).append(number)
        participants = reader.batch_of(study.id, number).participants
        if reason is FailureReason.TOO_FEW_SUBMISSIONS:
            missing |= participants & ~state.submitted_bitmap
        elif reason is FailureReason.TOO_FEW_INCLUDED:
            missing |= participants & ~(state.submitted_bitmap & state.attested_bitmap)
        else:
            _, pads = reader.shares_posted(study.id, number)
            missing |= participants & ~pads
    told = [f"{_rounds(numbers)} failed, since {FAILURE[reason]}" for reason, numbers in by_reason.items()]
    return "; ".join(told), tuple(enrolled[index] for index in indices(missing))


def _why_without(reader: ChainReader, study: int, hospital_id: int) -> str:
    """Why a study goes on, or went on, without a hospital; empty where it does not."""
    if hospital_id not in reader.enrolled_ids(study):
        return "this hospital is not enrolled in it"
    if not reader.enrolment(study, hospital_id).barred:
        return ""
    lies = slashings(reader, study, hospital_id)
    how = f"was slashed for {OFFENCE[Offence(lies[0].arguments['offence'])]}" if lies else "has left"
    return f"this hospital {how}; it takes no further part, and its bond can be released"


def _failed_ceremonies(reader: ChainReader, study: int) -> list[ChainEvent]:
    """Of a study's key ceremonies, those that failed after the last one that was completed."""
    completed = reader.events("KeyCeremony", "CeremonyCompleted", studyId=study)
    last = max((event.arguments["ceremony"] for event in completed), default=0)
    failed = reader.events("KeyCeremony", "CeremonyFailed", studyId=study)
    return [event for event in failed if event.arguments["ceremony"] > last]


def _needed(study: Study) -> int:
    """Fewest hospitals that a study's first ceremony is held with."""
    return max(study.plan.minimum, 2 * study.plan.threshold - 1)


def _rounds(numbers: list[int]) -> str:
    return f"{'round' if len(numbers) == 1 else 'rounds'} {', '.join(map(str, numbers))}"


def _numbers(hospitals: list[int]) -> str:
    return f"{'hospital' if len(hospitals) == 1 else 'hospitals'} {', '.join(map(str, hospitals))}"
