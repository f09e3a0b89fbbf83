# SPDX-License-Identifier: Apache-2.0
"""The study as tables: one row for each thing, columns named as readers see them, units in the names."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from app.services import course
from app.services import format as fmt
from app.services.words import PHASE, STEP
from node.audit.ceremony_views import CeremonyView
from node.audit.round_views import RoundView
from node.audit.views import ModelView, StudyView
from node.padding import named
from node.plan import HeadPlan, TrainingPlan
from node.types import CeremonyStep, Phase
from node.words import CHARGE, plain

INCLUDED, WAITING, LEFT_OUT = "included", "submitted, not yet decided", "submitted, left out"
UNUSED, ABSENT = "submitted, round failed", "nothing submitted"


def rounds(view: StudyView) -> pd.DataFrame:
    """One line for each round."""
    return pd.DataFrame(
        {
            "Round": item.number,
            "State": PHASE[item.phase],
            "Updates submitted": len(item.submissions),
            "Updates included": len(item.included),
            "Rows used": item.sum_rows,
            "Opened": course.opened(item),
            "Proofs accepted": proofs(item),
            "Began": fmt.time(item.started_at),
            "Finalised": fmt.time(item.finalised.timestamp if item.finalised else 0),
        }
        for item in view.rounds
    )


def proofs(item: RoundView) -> int:
    """Proofs that the contract accepted in a round: of training, and the one of aggregation."""
    return len(item.submissions) + (item.finalised is not None)


def participation(view: StudyView) -> pd.DataFrame:
    """What each hospital did in each round: columns round, hospital, part, order."""
    return pd.DataFrame(
        {"round": item.number, "hospital": hospital.name, "part": part_of(item, hospital.hospital_id)}
        for item in view.rounds
        for hospital in view.hospitals
    )


def part_of(item: RoundView, hospital_id: int) -> str:
    """What a hospital did in a round, in a word or two."""
    if hospital_id in item.included:
        return INCLUDED
    if item.submission(hospital_id) is None:
        return ABSENT
    if item.phase is Phase.FAILED and not item.included:
        return UNUSED
    return LEFT_OUT if item.included else WAITING


def updates(view: StudyView, item: RoundView) -> pd.DataFrame:
    """The updates of one round."""
    return pd.DataFrame(
        {
            "Hospital": view.name_of(entry.hospital_id),
            "Rows proved": entry.rows,
            "Part in the sum": part_of(item, entry.hospital_id),
            "Held by": fmt.count(item.confirmations_of(entry.hospital_id), "hospital"),
            "Payload": fmt.size(entry.file.size),
            "Proof accepted": fmt.time(entry.act.timestamp),
            "Block": entry.act.block_number,
            "Payload CID": entry.file.cid,
        }
        for entry in item.submissions
    )


def shares(view: StudyView, item: RoundView) -> pd.DataFrame:
    """The opening shares of one round, those of CKKS first."""
    by_ckks = [("CKKS", entry.hospital_id, entry.file, entry.act) for entry in item.shares]
    late = {entry.hospital_id for entry in item.recovered}
    by_pads = [
        (
            "pads, after the end" if entry.hospital_id in late else "pads",
            entry.hospital_id,
            entry.file,
            entry.act,
        )
        for entry in item.pad_shares
    ]
    in_events = {entry.hospital_id for entry in item.pad_shares if entry.content is not None}
    return pd.DataFrame(
        {
            "Opening": opening,
            "Hospital": view.name_of(hospital),
            "Share": fmt.size(file.size),
            "Posted": fmt.time(act.timestamp),
            "Where it is": "on the chain" if opening != "CKKS" and hospital in in_events else file.cid,
        }
        for opening, hospital, file, act in (*by_ckks, *by_pads)
    )


def accusations(view: StudyView, item: RoundView) -> pd.DataFrame:
    """Who accuses whom of a lie in one round."""
    convicted = {(entry.charge, hospital) for entry in item.convictions for hospital in entry.convicted}
    return pd.DataFrame(
        {
            "Accused": view.name_of(hospital),
            "Of": CHARGE[entry.charge],
            "By": view.name_of(entry.hospital_id),
            "Convicted": "yes" if (entry.charge, hospital) in convicted else "no",
            "Time": fmt.time(entry.act.timestamp),
            "Transaction": entry.act.tx_hash,
        }
        for entry in item.accusations
        for hospital in entry.accused
    )


def hospitals(view: StudyView) -> pd.DataFrame:
    """One line for each enrolled hospital."""
    return pd.DataFrame(
        {
            "No.": item.hospital_id,
            "Hospital": item.name,
            "Rows": item.rows,
            "Sampled": item.sampled,
            "Rounds included": sum(item.hospital_id in entry.included for entry in view.rounds),
            "Earned": fmt.tokens(item.earned, view.network),
            "Taken": fmt.tokens(item.claimed, view.network),
            "Bond held": fmt.tokens(item.bond_locked, view.network),
            "Cut for lies": fmt.tokens(item.slashed, view.network),
            "Fined": fmt.tokens(item.fined, view.network),
            "In the study": course.place(item, view.batch),
            "Standing": item.standing.name.lower(),
        }
        for item in view.hospitals
    )


def ceremony(view: StudyView, run: CeremonyView) -> pd.DataFrame:
    """Who did what in a key ceremony: hospitals down, steps across."""
    counted = run.counted(view.plan.terms.threshold)
    keys = {item.hospital_id for item in run.keys}
    dealings = {item.hospital_id: item.file for item in run.dealings}
    holdings = {item.hospital_id: item for item in run.holdings}
    lackings = {item.hospital_id: item.lacks for item in run.lackings}
    acknowledged = {item.hospital_id: item for item in run.acknowledgements}
    rows = []
    for hospital in view.hospitals:
        number = hospital.hospital_id
        holding, own = holdings.get(number), acknowledged.get(number)
        complained = [view.name_of(item.dealer) for item in run.complaints if item.hospital_id == number]
        amiss = [f"lacks {fmt.names([view.name_of(one) for one in lackings[number]])}"] if number in lackings else []
        amiss += [f"complains of {fmt.names(complained)}"] if complained else []
        content = number in run.satisfied or (holding is not None and holding.satisfied)
        rows.append(
            {
                "Hospital": hospital.name,
                STEP[CeremonyStep.KEY]: "posted" if number in keys else "–",
                STEP[CeremonyStep.DEAL]: fmt.short(dealings[number].cid) if number in dealings else "–",
                STEP[CeremonyStep.HOLD]: f"{len(holding.holds)} of {len(dealings)}" if holding else "–",
                STEP[CeremonyStep.COMPLAIN]: "; ".join(amiss) or ("satisfied" if content else "–"),
                STEP[CeremonyStep.ACKNOWLEDGE]: fmt.short("0x" + own.digest.hex()) if own else "–",
                "Outcome": _outcome(run, number, number in counted),
            }
        )
    return pd.DataFrame(rows)


def _outcome(run: CeremonyView, number: int, counts: bool) -> str:
    if number in run.guilty:
        return "lied"
    if number in run.participants:
        return "takes part"
    if run.completed is None:
        return "–"
    return "no place in this batch" if not counts else "did not acknowledge"


def _told(plan: TrainingPlan, weights: Sequence[int]) -> Sequence[int]:
    """The weights that have a name: a circuit may hold others, which no score depends on."""
    return named(weights, len(plan.model.features)) if isinstance(plan, HeadPlan) else weights


def weight_names(plan: TrainingPlan) -> list[str]:
    """What each weight belongs to: a feature, or a place in a network's canonical order."""
    if isinstance(plan, HeadPlan):
        return [*map(plain, plan.model.features), "(bias)"]
    return [f"parameter {number}" for number in range(len(plan.model.initial))]


def weights(plan: TrainingPlan, model: ModelView, before: ModelView | None) -> pd.DataFrame:
    """A model's weights with the names of their features; empty where the weights cannot be read."""
    if model.weights is None:
        return pd.DataFrame()
    names = weight_names(plan)
    told = _told(plan, model.weights)
    table = pd.DataFrame({"Feature": names, "Weight": [fmt.weight(value) for value in told]})
    if before is not None and before.weights is not None:
        table["Change in this round"] = [
            fmt.weight(new - old) for new, old in zip(told, _told(plan, before.weights), strict=True)
        ]
    if isinstance(plan, HeadPlan):
        stds = [float(item.std) for item in plan.scaling]
        table["Weight per unit of the feature"] = [
            fmt.weight(value) / std for value, std in zip(told, stds, strict=False)
        ] + [None]
    table["Integer on which the root rests"] = list(told)
    return table


def scaling(plan: HeadPlan) -> pd.DataFrame:
    """With which constants each feature is scaled."""
    return pd.DataFrame(
        {"Feature": name, "Mean": item.mean, "Standard deviation": item.std}
        for name, item in zip(plan.model.features, plan.scaling, strict=True)
    )


def changes(view: StudyView) -> pd.DataFrame:
    """How far each round moved the model: columns round, change (L2 norm); only between readable models."""
    pairs = zip(view.models, view.models[1:], strict=False)
    return pd.DataFrame(
        {
            "round": after.round_number,
            "change": sum(fmt.weight(a - b) ** 2 for a, b in zip(after.weights, before.weights, strict=True)) ** 0.5,
        }
        for before, after in pairs
        if before.weights is not None and after.weights is not None
    )


def paths(view: StudyView, plan: TrainingPlan) -> pd.DataFrame:
    """Every weight after every round: columns round, feature, weight."""
    names = weight_names(plan)
    return pd.DataFrame(
        {"round": model.round_number, "feature": name, "weight": fmt.weight(value)}
        for model in view.models
        if model.weights is not None
        for name, value in zip(names, _told(plan, model.weights), strict=True)
    )
