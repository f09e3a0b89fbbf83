# SPDX-License-Identifier: Apache-2.0
"""Acknowledge: judge what stands on chain as everybody does, keep each round's secrets by themselves, and say so.

Who lacks a dealing that counts, or has no share of one that stands, acknowledges nothing: what t acknowledge alike
includes an honest hospital's word, which must be worth something.
"""

from __future__ import annotations

from node.crypto import (
    Judgement,
    PostedComplaint,
    PostedDealing,
    ReceivedDealing,
    judge_ceremony,
    round_secrets,
)
from node.crypto.pads import Complaint
from node.errors import CeremonyFailed
from node.group.babyjubjub import Point
from node.steps.ceremony.binding import FinalCeremony, final_ceremony
from node.steps.ceremony.files import Collected, collect
from node.steps.ceremony.keys import ceremony_seed
from node.steps.ceremony.names import acknowledgement, keys_name
from node.steps.ceremony.own import is_anothers
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep


def acknowledge(context: StudyContext, state: CeremonyState) -> None:
    """Acknowledge the transcript and who is guilty by it, once; raises CeremonyFailed where this node cannot."""
    hospital, mine = context.hospital, 1 << context.enrolment.index
    if not state.counted & mine or state.acknowledged & mine:
        return
    found = final_ceremony(context, state.number, CeremonyStep.COMPLAIN)
    if found is None or is_anothers(context, found):
        return
    collected = collect(context, found, found.hospitals(found.state.counted))
    judgement = _judged(context, found, collected)
    if hospital.id in judgement.guilty:
        raise CeremonyFailed(
            f"Study {context.id}, ceremony {state.number}: by what stands on chain this hospital is guilty of a false "
            "dealing or complaint. It acknowledges nothing: see whether another program uses its key."
        )
    received = _received(context, found, collected, judgement)
    kept = _kept(context, found, judgement)
    if kept["transcript"] != judgement.digest.hex():
        raise CeremonyFailed(
            f"Study {context.id}, ceremony {state.number}: this node acknowledged another transcript before the chain "
            "was reorganised, and acknowledges no second one."
        )
    for number in collected.ctx.round_numbers:
        secret = round_secrets(collected.ctx, hospital.id, ceremony_seed(context, state.number), received, number)
        hospital.secrets.put(keys_name(context, state.number, number), secret)
    # Before it leaves: a memory without this entry is older than the keys.
    hospital.state.done(acknowledgement(context, state.number), kept)
    hospital.ledger.acknowledge(context.id, state.number, judgement.digest, judgement.bitmap)
    for guilty in sorted(judgement.guilty):
        context.log.warning("ceremony %d: hospital %d lied, by what stands on chain", state.number, guilty)
    context.log.info("ceremony %d: acknowledged", state.number)


def _judged(context: StudyContext, found: FinalCeremony, collected: Collected) -> Judgement:
    counted = set(found.hospitals(found.state.counted))
    dealings = {
        number: PostedDealing(
            digest=posted.digest,
            size=posted.size,
            counts=number in counted,
            content=context.hospital.store.get(posted.digest, posted.size) if number in collected.held else None,
        )
        for number, posted in found.dealings.items()
    }
    complaints = [
        PostedComplaint(
            complainer=posted.hospital_id,
            dealer=found.enrolled[posted.dealer],
            round=posted.round,
            complaint=Complaint(Point(posted.dx, posted.dy), posted.challenge, posted.response),
        )
        for posted in found.complaints
        if posted.dealer < len(found.enrolled)
    ]
    return judge_ceremony(collected.ctx, collected.keys, dealings, complaints)


def _received(
    context: StudyContext, found: FinalCeremony, collected: Collected, judgement: Judgement
) -> dict[int, ReceivedDealing]:
    """What this hospital holds of every dealing that stands: of those that count and whose dealers are not guilty."""
    received: dict[int, ReceivedDealing] = {}
    for number in found.hospitals(found.state.counted & ~judgement.bitmap):
        finding = collected.held.get(number)
        if not isinstance(finding, ReceivedDealing):
            raise CeremonyFailed(
                f"Study {context.id}, ceremony {found.state.number}: this hospital has no share of hospital {number}'s "
                "dealing, which stands. It acknowledges nothing, and sits the batch out."
            )
        received[number] = finding
    return received


def _kept(context: StudyContext, found: FinalCeremony, judgement: Judgement) -> dict[str, object]:
    """What binds the batch's rounds, for the journal: all of it from a final block. What was kept before stands."""
    state = found.state
    dealings = {number: found.dealings[number] for number in found.hospitals(state.counted & ~judgement.bitmap)}
    return context.hospital.state.result(acknowledgement(context, state.number)) or {
        "transcript": judgement.digest.hex(),
        "keys_hash": state.keys_hash.hex(),
        "dealt": [[index, number] for index, number in enumerate(found.enrolled) if state.keyed >> index & 1],
        "first_round": state.first_round,
        "rounds": state.rounds,
        "with_ckks": state.with_ckks,
        "dealings": [[number, posted.digest.hex(), posted.size] for number, posted in dealings.items()],
    }
