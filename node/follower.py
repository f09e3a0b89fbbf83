# SPDX-License-Identifier: Apache-2.0
"""The studies that a hospital is in, each looked at by itself until it has ended, and how each of them did."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator

from node.chain.endings import Ending, ending, hospital_name
from node.chain.events import EventScanner, NumbersNamed, ScanPass
from node.chain.limits import RpcError
from node.errors import ChainMismatch, ConfigError, KeyInUse, SpendingCapReached, StudyIncomplete
from node.pace import Pace
from node.steps.advance import advance, open_study
from node.steps.context import Hospital, StudyContext
from node.types import StudyState

#: Seconds between two tries to read the studies that this hospital is in, although no event named another.
NAMES_AGAIN = 120.0

#: What no retry mends: the node stops and says so.
FATAL = (ChainMismatch, ConfigError, KeyInUse, SpendingCapReached)


@contextlib.contextmanager
def logged(hospital: Hospital, what: str, study: int = 0) -> Iterator[None]:
    """What fails is told and tried again; what no retry mends goes on up. A node that ends loses bond by it."""
    prefix = f"study {study}: " if study else ""
    try:
        yield
    except FATAL:
        raise
    except Exception as error:
        hospital.troubles.failed(hospital.log, (study, what), error, prefix)
    else:
        hospital.troubles.passed(hospital.log, (study, what), prefix)


class Follower:
    """The studies this hospital is in, each looked at by itself so that none holds up another."""

    def __init__(self, hospital: Hospital, chosen: tuple[int, ...] | None) -> None:
        self._hospital = hospital
        self._chosen = chosen
        self._enrolled = NumbersNamed(
            hospital.reader, "StudyRegistry", "HospitalEnrolled", "studyId", hospitalId=hospital.id
        )
        self._named: tuple[int, ...] = chosen or ()
        self._names_until = 0.0
        self._open: dict[int, StudyContext] = {}
        self._ended: dict[int, str] = {}
        self._incomplete: list[int] = []
        reader = hospital.reader
        self._pace = Pace(lambda: reader.asked, reader.clock.now, reader.clock.next_moment, time.monotonic)

    @contextlib.contextmanager
    def hearing(self, scanner: EventScanner) -> Iterator[ScanPass]:
        """What is new on the chain, and wake the studies that it is about."""
        try:
            passed = scanner.scan()
        except RpcError:
            # An endpoint without events: then the contracts' state alone tells what happens.
            for study in self._going_on():
                self._pace.wake(study)
            raise
        self._pace.saw(passed.last_block)
        if passed.reorganised:
            self._hospital.log.info("the chain was reorganised; going on from its new state")
            self._enrolled.start_over()
            self._names_until = 0.0
        for event in passed.events:
            if event.name == "HospitalEnrolled":
                self._names_until = 0.0
        about = {event.arguments.get("studyId") for event in passed.events}
        for study in self._going_on():
            if study in about or passed.reorganised:
                opened = self._open.get(study)
                self._pace.wake(study, opened.plan.phases.confirmations if opened else 0)
        yield passed

    def look(self) -> bool:
        """Advance every study that it is time for; True when there is at least one and all have ended."""
        if self._chosen is None and time.monotonic() >= self._names_until:
            self._named = self._enrolled.look()
            self._names_until = time.monotonic() + NAMES_AGAIN
        for study in self._pace.in_turn(self._going_on()):
            if self._pace.is_due(study):
                with logged(self._hospital, "look", study), self._pace.look(study):
                    self._advance(study)
        return bool(self._named) and not self._going_on()

    def rest(self, asked: int) -> float:
        """Seconds for which nothing need be looked for, of which the last time took `asked` requests; 0 for none."""
        return self._pace.rest(self._going_on(), asked)

    def _going_on(self) -> list[int]:
        return [study for study in self._named if study not in self._ended]

    def require_completed(self) -> None:
        """Raise `StudyIncomplete` where a study that has ended was not completed."""
        if self._incomplete:
            shown = "; ".join(f"study {study} {self._ended[study]}" for study in self._incomplete)
            raise StudyIncomplete(f"Not every study was completed: {shown}.")

    def _advance(self, study: int) -> None:
        hospital = self._hospital
        settled = hospital.reader.study_state(study) not in (StudyState.PUBLISHED, StudyState.ENROLLING)
        context = self._open.get(study)
        # Until enrolment ends, places are still being taken.
        if context is None or not settled:
            context = open_study(hospital, study)
        if context is None:
            # The configuration names it, and the hospital may enrol yet.
            text = f"study {study}: this hospital is not enrolled in it; its configuration has it followed"
            hospital.troubles.met(hospital.log, (study, "enrolment"), "none", logging.INFO, text)
        elif settled:
            self._open[study] = context
        over = hospital.reader.study_state(study).ended if context is None else advance(context)
        end = ending(hospital.reader, study, hospital.id) if over else None
        if end is not None:
            self._end(end)

    def _end(self, end: Ending) -> None:
        """Tell in one line how a study ended, and look at it no more."""
        hospital = self._hospital
        told = end.told(lambda number: f"hospital {hospital_name(hospital.reader, number)}")
        if not end.completed:
            self._incomplete.append(end.study)
        self._ended[end.study] = told
        hospital.log.log(logging.INFO if end.completed else logging.WARNING, "study %d: %s", end.study, told)
