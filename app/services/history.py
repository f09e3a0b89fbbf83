# SPDX-License-Identifier: Apache-2.0
"""What happened in a study, in its order."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from app.services import course
from app.services import format as fmt
from app.services.words import STEP
from node.audit.basics import Act
from node.audit.round_views import RoundView
from node.audit.views import HospitalView, StudyView
from node.types import CircuitKind
from node.words import CHARGE


def events(view: StudyView) -> pd.DataFrame:
    """What happened in the study, oldest first."""
    network = view.network
    entries: list[tuple[Act, str]] = [(view.published, "Study published")]
    entries += [(item.act, f"{fmt.tokens(item.amount, network)} paid in") for item in view.money.payments]
    entries += [(item.enrolled, f"{item.name} enrolled{_with_rows(view, item)}") for item in view.hospitals]
    entries += [(move.act, course.move(view, move)) for move in view.moves]
    for run in view.ceremonies:
        entries += [
            (step.act, f"Key ceremony {run.number}: {_silent(view, step.absent)} in the step “{STEP[step.step]}”")
            for step in run.steps
            if step.absent
        ]
        if run.completed:
            entries.append((run.completed, f"Key ceremony {run.number} complete"))
        if run.failed:
            entries.append((run.failed, f"Key ceremony {run.number} failed"))
    for item in view.rounds:
        entries += [(act, f"Round {item.number}: {text}") for act, text in _of_round(view, item)]
    entries += [
        (item.act, f"{view.name_of(item.hospital_id)} lost {fmt.tokens(item.amount, network)} for a lie")
        for item in view.money.slashes
    ]
    entries += [(item.act, f"{view.name_of(item.hospital_id)} took its reward") for item in view.money.claims]
    return pd.DataFrame(
        {"Time": fmt.time(act.timestamp), "Block": act.block_number, "What happened": text}
        for act, text in sorted(entries, key=lambda entry: entry[0].block_number)
    )


def _of_round(view: StudyView, item: RoundView) -> Iterator[tuple[Act, str]]:
    if item.included_act:
        yield item.included_act, f"{fmt.count(len(item.included), 'update')} included"
    for conviction in item.convictions:
        names = fmt.names([view.name_of(hospital) for hospital in conviction.convicted])
        yield conviction.act, f"{names} convicted of {CHARGE[conviction.charge]}"
    for shown in item.equivocations:
        yield shown.act, f"{view.name_of(shown.hospital_id)} signed two different shares"
    if item.finalised:
        how = ", opened by pads" if item.fell_to_pads else ""
        yield item.finalised, f"new model finalised{how}"
    if item.failed:
        yield item.failed, "failed"


def _silent(view: StudyView, hospitals: tuple[int, ...]) -> str:
    names = fmt.names([view.name_of(hospital) for hospital in hospitals])
    return f"{names} {'was' if len(hospitals) == 1 else 'were'} silent"


def _with_rows(view: StudyView, item: HospitalView) -> str:
    if view.plan.training.kind is CircuitKind.BOUNDED:
        # It counts as one row, whatever it has.
        return ""
    return f" with {fmt.count(item.blocks, 'block')} of rows" if item.blocks else f" with {fmt.count(item.rows, 'row')}"
