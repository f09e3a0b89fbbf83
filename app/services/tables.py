# SPDX-License-Identifier: Apache-2.0
"""The study as tables: one row for each thing, columns named as readers see them, units in the names."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from app.services import format as fmt
from app.services.words import PHASE, STEP
from node.audit.ceremony_views import CeremonyView
from node.audit.money_views import PaymentView
from node.audit.round_views import RoundView
from node.audit.views import HospitalView, ModelView, StudyView
from node.padding import named
from node.plan import HeadPlan, TrainingPlan
from node.types import CeremonyStep, CircuitKind, Phase
from node.words import OFFENCE, plain

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
            "Opening shares": len(item.shares),
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
            "Ciphertext": fmt.size(entry.file.size),
            "Proof accepted": fmt.time(entry.act.timestamp),
            "Block": entry.act.block_number,
            "Ciphertext CID": entry.file.cid,
        }
        for entry in item.submissions
    )


def shares(view: StudyView, item: RoundView) -> pd.DataFrame:
    """The opening shares of one round."""
    return pd.DataFrame(
        {
            "Hospital": view.name_of(entry.hospital_id),
            "Attempt": entry.attempt + 1,
            "Share": fmt.size(entry.file.size),
            "Posted": fmt.time(entry.act.timestamp),
            "Share CID": entry.file.cid,
        }
        for entry in item.shares
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
            "Bond cut": fmt.tokens(item.slashed, view.network),
            "In the study": "no (left, or failed ceremony)" if item.barred else "yes",
            "Standing": item.standing.name.lower(),
        }
        for item in view.hospitals
    )


def ceremony(view: StudyView, run: CeremonyView) -> pd.DataFrame:
    """Who posted what in a key ceremony: hospitals down, steps across."""
    posted = {(post.hospital_id, post.step): post for post in run.posts}
    rows = []
    for hospital in view.hospitals:
        row: dict[str, str] = {"Hospital": hospital.name}
        for step in CeremonyStep:
            post = posted.get((hospital.hospital_id, step))
            row[STEP[step]] = fmt.short(post.file.cid if post.file else "0x" + post.digest.hex()) if post else "–"
        rows.append(row)
    return pd.DataFrame(rows)


def payments(view: StudyView, items: tuple[PaymentView, ...], who: str) -> pd.DataFrame:
    """Payments; `who` stands for those that are not a hospital's."""
    return pd.DataFrame(
        {
            "Who": view.name_of(item.hospital_id) if item.hospital_id else who,
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in items
    )


def rewards(view: StudyView) -> pd.DataFrame:
    """Rewards by round and hospital: columns round, hospital, tokens (for charts) and amount (for readers)."""
    return pd.DataFrame(
        {
            "round": item.round_number,
            "hospital": view.name_of(item.hospital_id),
            "tokens": fmt.token_number(item.earned, view.network),
            "amount": fmt.tokens(item.earned, view.network),
        }
        for item in view.money.rewards
        if item.earned
    )


def slashes(view: StudyView) -> pd.DataFrame:
    """Cuts of bonds."""
    return pd.DataFrame(
        {
            "Hospital": view.name_of(item.hospital_id),
            "For": OFFENCE[item.offence],
            "Amount": fmt.tokens(item.amount, view.network),
            "Time": fmt.time(item.act.timestamp),
            "Transaction": item.act.tx_hash,
        }
        for item in view.money.slashes
    )


def pots(view: StudyView) -> pd.DataFrame:
    """Whose the cut bonds are: one line for each hospital's part."""
    return pd.DataFrame(
        {
            "Pot": pot.pot_id,
            "For": OFFENCE[pot.offence],
            "Belongs to": view.name_of(part.hospital_id),
            "Amount": fmt.tokens(part.amount, view.network),
            "Taken": "yes" if part.taken else "not yet",
            "Transaction": pot.act.tx_hash,
        }
        for pot in view.money.pots
        for part in pot.parts
    )


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


def _with_rows(view: StudyView, item: HospitalView) -> str:
    if view.plan.training.kind is CircuitKind.BOUNDED:
        # It counts as one row, whatever it has.
        return ""
    return f" with {fmt.count(item.blocks, 'block')} of rows" if item.blocks else f" with {fmt.count(item.rows, 'row')}"


def events(view: StudyView) -> pd.DataFrame:
    """What happened in the study, oldest first."""
    entries: list[tuple[int, int, str]] = [(view.published.timestamp, view.published.block_number, "Study published")]
    network = view.network
    entries += [
        (item.act.timestamp, item.act.block_number, f"{fmt.tokens(item.amount, network)} paid in for rewards")
        for item in view.money.payments
    ]
    entries += [
        (item.enrolled.timestamp, item.enrolled.block_number, f"{item.name} enrolled{_with_rows(view, item)}")
        for item in view.hospitals
    ]
    for run in view.ceremonies:
        if run.completed:
            entries.append((run.completed.timestamp, run.completed.block_number, "Key ceremony complete"))
        if run.failed:
            entries.append((run.failed.timestamp, run.failed.block_number, f"Key ceremony {run.number} failed"))
    for item in view.rounds:
        if item.included_act:
            text = f"Round {item.number}: {fmt.count(len(item.included), 'update')} included"
            entries.append((item.included_act.timestamp, item.included_act.block_number, text))
        if item.finalised:
            text = f"Round {item.number}: new model finalised"
            entries.append((item.finalised.timestamp, item.finalised.block_number, text))
        if item.failed:
            entries.append((item.failed.timestamp, item.failed.block_number, f"Round {item.number} failed"))
    entries += [
        (item.act.timestamp, item.act.block_number, f"{view.name_of(item.hospital_id)} took its reward")
        for item in view.money.claims
    ]
    return pd.DataFrame(
        {"Time": fmt.time(moment), "Block": block, "What happened": text}
        for moment, block, text in sorted(entries, key=lambda entry: entry[1])
    )
