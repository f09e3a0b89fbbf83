# SPDX-License-Identifier: Apache-2.0
"""What became of a study's rounds and hospitals, in plain sentences."""

from __future__ import annotations

from app.services import format as fmt
from app.services.words import STEP
from node.audit.ceremony_views import CeremonyView
from node.audit.round_views import RoundView
from node.audit.views import HospitalView, Move, MoveView, PlanView, StudyView
from node.types import Batch, FailureReason, Opening, Phase
from node.words import CEREMONY_FAILURE


def failure(item: RoundView, plan: PlanView) -> str:
    """Why a round gave no new model."""
    minimum, threshold = plan.terms.minimum, plan.terms.threshold
    if item.failure is FailureReason.TOO_FEW_SUBMISSIONS:
        return (
            f"Only {fmt.count(len(item.submissions), 'hospital')} submitted an update before the deadline; "
            f"the plan opens no sum of fewer than {minimum}. Nothing was opened."
        )
    if item.failure is FailureReason.TOO_FEW_INCLUDED:
        return (
            f"Fewer than {minimum} submitted updates were attested by at least {threshold} hospitals. "
            "Nothing was opened."
        )
    if item.failure is FailureReason.UNOPENED:
        return (
            f"Its sum was not opened within the plan's patience of {fmt.duration(plan.terms.patience)}: "
            f"{fmt.count(len(item.pad_shares), 'pad share')} came in, and {threshold} good ones open. No other set is "
            "ever opened from the same model, so the study ends."
        )
    return "Its deadline passed without a result; it waits for anyone to record that."


def opened(item: RoundView) -> str:
    """How a round's sum is or was opened, in a few words."""
    if not item.pads_from or item.failed:
        return "–"
    if item.fell_to_pads:
        return "by pads, since CKKS did not"
    way = "by CKKS" if item.opening is Opening.CKKS else "by pads"
    return way if item.finalised else f"{way}, going on"


def opening(view: StudyView, item: RoundView) -> list[str]:
    """What there is to say of a round's opening, in sentences."""
    lines = []
    if item.quorum:
        names = fmt.names([view.name_of(hospital) for hospital in item.quorum])
        lines.append(f"CKKS was to open it once, by {names}: drawn by a hash of the set and of the starting model.")
    elif item.included:
        lines.append(
            "It opens by pads at once: "
            + (
                "the plan has no other opening."
                if view.plan.terms.pads_only
                else "CKKS has failed to open twice in this study."
            )
        )
    if item.fell_to_pads:
        lines.append(
            "CKKS did not open it in its window. Nobody can tell whose ciphertext or share was wrong or missing, and "
            "nobody pays for it; pads open the same sum."
        )
    if item.was_suspended:
        lines.append("Its windows ran out before it was finalised: it was suspended, and pads alone could open it.")
    if item.phase is Phase.SUSPENDED:
        lines.append(
            f"It is suspended until {fmt.time(item.deadline)}: any {view.plan.terms.threshold} good pad shares open "
            "it. Then the study ends."
        )
    if item.absent:
        names = fmt.names([view.name_of(hospital) for hospital in item.absent])
        lines.append(f"Without a pad share when the windows ended, and fined for it: {names}.")
    if item.recovered:
        names = fmt.names([view.name_of(share.hospital_id) for share in item.recovered])
        lines.append(f"After the end {names} gave pad shares, so that nodes that lacked the model could get it.")
    if item.returned:
        lines.append("The new model is one that a round had started from: the study ended with it.")
    return lines


def resilience(view: StudyView) -> str:
    """f, in a sentence: how many hospitals the study can do without."""
    spare = view.spare
    if spare is None:
        return "Which hospitals take part is known once a key ceremony is complete."
    terms = view.plan.terms
    least = terms.threshold - 1
    told = (
        f"As it stands, the study goes on past {fmt.count(spare, 'silent or lying hospital')}: the plan needs "
        f"{terms.minimum} updates in a round and {terms.threshold} hospitals to open their sum."
    )
    if spare < least:
        told += f" That is fewer than the {least} liars that the threshold allows for: they could end it."
    return told


def place(hospital: HospitalView, batch: Batch) -> str:
    """A hospital's place in the study, in a word or two."""
    if hospital.excluded:
        return "no: it lied"
    if hospital.left:
        return "no: it left"
    if not batch.participants:
        return "yes"
    return "yes" if batch.participants >> hospital.index & 1 else "not in this batch"


def move(view: StudyView, item: MoveView) -> str:
    """What changed who takes part, in a sentence."""
    about = fmt.names([view.name_of(hospital) for hospital in item.of])
    if item.what is Move.CUT_SHORT:
        return f"The batch of keys ended with a round that failed; sitting out the next ceremony: {about}"
    told = f"{view.name_of(item.act.hospital_id)} {item.what.value}"
    return f"{told}: {about}" if item.of else told


def claimable(second: int) -> str:
    """From when parts of a pot can be taken."""
    return fmt.time(second) if second < 1 << 40 else "a week after the round has closed"


def ceremony(view: StudyView, run: CeremonyView) -> str:
    """How a key ceremony went."""
    lied = fmt.names([view.name_of(hospital) for hospital in run.guilty])
    if run.completed:
        begun = f" Rounds from {run.rounds[0]} on have its keys." if run.rounds else ""
        named = f" Found to have lied: {lied}." if run.guilty else ""
        return (
            f"complete since {fmt.time(run.completed.timestamp)}; {fmt.count(len(run.participants), 'hospital')} "
            f"acknowledged one transcript and take part.{named}{begun}"
        )
    if run.failed and run.failed_step is not None and run.failure is not None:
        return f"failed in the step “{STEP[run.failed_step]}”: {CEREMONY_FAILURE[run.failure]}."
    return "going on."
