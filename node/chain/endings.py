# SPDX-License-Identifier: Apache-2.0
"""How a study ended, why, and who was missing: read from the contracts, whose state alone says only that it did."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from node.chain.client import ChainReader
from node.types import (
    CeremonyStep,
    ChainEvent,
    FailureReason,
    Offence,
    Outcome,
    Study,
    StudyState,
    indices,
)
from node.words import FAILURE, plain


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

    `missing`: numbers of the hospitals that did not do what was asked for. `finalised` of `planned` rounds.
    """

    study: int
    result: Result
    reason: str
    missing: tuple[int, ...]
    finalised: int
    planned: int

    @property
    def completed(self) -> bool:
        """Whether the study was carried out."""
        return self.result is Result.COMPLETED

    def told(self, named: Callable[[int], str]) -> str:
        """The end in a line; `named` shows a hospital by its number."""
        reason = f": {self.reason}" if self.reason else ""
        missing = f"; missing: {', '.join(map(named, self.missing))}" if self.missing else ""
        return f"{self.result.value}{reason}{missing}; {self.finalised} of {self.planned} rounds finalised"


def ending(reader: ChainReader, study_id: int, hospital_id: int | None = None) -> Ending | None:
    """How a study ended, or None while it goes on; with a hospital also how that one's part in it ended before."""
    state, study = reader.study_state(study_id), reader.study(study_id)
    if state is StudyState.CANCELLED:
        reason, missing = _why_cancelled(reader, study)
        result = Result.EARLY if reader.tally(study_id)[1] else Result.CANCELLED
    elif hospital_id is not None and (why := _why_without(reader, study_id, hospital_id)):
        result, reason, missing = Result.WITHOUT, why, ()
    elif state is StudyState.COMPLETED:
        result, reason, missing = _completed(reader, study)
    else:
        return None
    return Ending(study_id, result, reason, missing, reader.tally(study_id)[1], study.plan.rounds)


def failures(reader: ChainReader, study: int) -> Mapping[int, FailureReason]:
    """Why rounds failed, by their numbers, as the contract told it when it recorded them."""
    found = reader.events("RoundManager", "RoundFailed", studyId=study)
    return {event.arguments["round"]: FailureReason(event.arguments["reason"]) for event in found}


def hospital_name(reader: ChainReader, hospital_id: int) -> str:
    """A hospital by number and name, fit for a log and a terminal: the name is whatever its owner put on chain."""
    return f"{hospital_id} ({plain(reader.hospital(hospital_id).name)})"


def _completed(reader: ChainReader, study: Study) -> tuple[Result, str, tuple[int, ...]]:
    """Of a study whose rounds are all over."""
    if not reader.tally(study.id)[1]:
        return Result.FAILED, *_why_failed(reader, study, range(1, study.rounds + 1))
    if study.rounds < study.plan.rounds:
        return Result.EARLY, f"its privacy budget is spent after round {study.rounds}", ()
    return Result.COMPLETED, "", ()


def _why_cancelled(reader: ChainReader, study: Study) -> tuple[str, tuple[int, ...]]:
    if not study.batches:
        if reader.funded(study.id) < reader.required_funding(study.id):
            return "the sponsor had not escrowed the rewards when enrolment ended", ()
        if study.enrolled < (needed := _needed(study)):
            return f"too few hospitals enrolled, {study.enrolled} of at least {needed}", ()
    elif reader.outcome(study.id) is Outcome.CANCELLED:
        last = reader.current_round(study.id)
        return _why_failed(reader, study, range(last + 1 - study.plan.unopened_rounds, last + 1))
    failed = _failed_ceremonies(reader, study.id)
    if failed and not failed[-1].arguments["remaining"]:
        return _why_without_keys(reader, study.id, failed)
    left = [event.arguments["hospitalId"] for event in reader.events("StudyRegistry", "HospitalLeft", studyId=study.id)]
    return f"too few hospitals are left of at least {_needed(study)}: {_numbers(left)} left", ()


def _why_without_keys(reader: ChainReader, study: int, failed: Iterable[ChainEvent]) -> tuple[str, tuple[int, ...]]:
    """Of key ceremonies that failed one after the other, each without those who were missing in the one before."""
    enrolled = reader.enrolled_ids(study)
    told, missing = [], []
    for event in failed:
        fields = event.arguments
        step = CeremonyStep(fields["step"]).name.lower().replace("_", " ")
        told.append(f"key ceremony {fields['ceremony']} failed at its step {step!r}")
        missing += [enrolled[index] for index in indices(fields["barred"])]
    return f"{', '.join(told)}, and too few hospitals are left for another one", tuple(missing)


def _why_failed(reader: ChainReader, study: Study, rounds: Iterable[int]) -> tuple[str, tuple[int, ...]]:
    """Why these rounds failed, as the contract told it when it recorded them, and who was missing in them."""
    enrolled = reader.enrolled_ids(study.id)
    reasons = failures(reader, study.id)
    by_reason: dict[FailureReason, list[int]] = {}
    missing = 0
    for number in rounds:
        state, reason = reader.round_state(study.id, number), reasons[number]
        by_reason.setdefault(reason, []).append(number)
        participants = reader.ceremony_of(study.id, number)[1]
        if reason is FailureReason.TOO_FEW_SUBMISSIONS:
            missing |= participants & ~state.submitted_bitmap
        elif reason is FailureReason.TOO_FEW_INCLUDED:
            missing |= participants & ~(state.submitted_bitmap & state.attested_bitmap)
            missing |= reader.punished(study.id, Offence.CIPHERTEXT_LEFT_OUT, number)
        elif reason is FailureReason.ANOTHER_SET:
            missing |= _bound_set(reader, study.id, number, state.root_before) & ~state.submitted_bitmap
        else:
            missing |= reader.punished(study.id, Offence.MISSING_SHARE, number)
    told = [f"{_rounds(numbers)} failed, since {FAILURE[reason]}" for reason, numbers in by_reason.items()]
    return "; ".join(told), tuple(enrolled[index] for index in indices(missing))


def _bound_set(reader: ChainReader, study: int, number: int, root: int) -> int:
    """Bitmap of the set that an earlier round fixed for the model that a round starts from; 0 for none."""
    earlier = (reader.round_state(study, before) for before in range(number - 1, 0, -1))
    return next((one.included_bitmap for one in earlier if one.root_before == root and one.included_at), 0)


def _why_without(reader: ChainReader, study: int, hospital_id: int) -> str:
    """Why a study goes on, or went on, without a hospital; empty where it does not."""
    if hospital_id not in reader.enrolled_ids(study):
        return "this hospital is not enrolled in it"
    if not reader.enrolment(study, hospital_id).barred:
        return ""
    left = reader.events("StudyRegistry", "HospitalLeft", studyId=study, hospitalId=hospital_id)
    how = "has left" if left else "was missing in a failed ceremony and is barred from the retry"
    return f"this hospital {how}; it takes no further part, and its bond can be released"


def _failed_ceremonies(reader: ChainReader, study: int) -> list[ChainEvent]:
    """Of a study's key ceremonies, those that failed after the last one that was completed."""
    completed = reader.events("StudyRegistry", "CeremonyCompleted", studyId=study)
    last = max((event.arguments["ceremony"] for event in completed), default=0)
    failed = reader.events("StudyRegistry", "CeremonyFailed", studyId=study)
    return [event for event in failed if event.arguments["ceremony"] > last]


def _needed(study: Study) -> int:
    """Fewest hospitals a ceremony is held with."""
    return max(study.plan.minimum, 2 * study.plan.threshold - 1)


def _rounds(numbers: list[int]) -> str:
    return f"{'round' if len(numbers) == 1 else 'rounds'} {', '.join(map(str, numbers))}"


def _numbers(hospitals: list[int]) -> str:
    return f"{'hospital' if len(hospitals) == 1 else 'hospitals'} {', '.join(map(str, hospitals))}"
