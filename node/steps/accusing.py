# SPDX-License-Identifier: Apache-2.0
"""Accusations: of lies that bytes on chain, or bytes under a digest on chain, show to everybody alike, now and later.

What could not be fetched is absence and accuses nobody. The accuser holds the bytes and serves them.
"""

from __future__ import annotations

from collections.abc import Iterable

from node.errors import ContractReverted
from node.steps.context import StudyContext, is_left_to_others
from node.types import Charge
from node.words import CHARGE


def accuse(context: StudyContext, round_number: int, charge: Charge, liars: Iterable[int]) -> None:
    """Accuse hospitals of a lie in a round, each once."""
    hospital, reader = context.hospital, context.hospital.reader
    others = set(liars) - {hospital.id}
    if not others or is_left_to_others(hospital, context.id):
        return
    confirmed = context.confirmed_block()
    # Whose index is whose is no matter of one endpoint's word either.
    enrolled = reader.agreed(lambda endpoint: endpoint.enrolled_ids(context.id, confirmed))
    bitmap = sum(1 << enrolled.index(number) for number in others)
    bitmap &= ~reader.accused_by(context.id, round_number, charge, context.enrolment.index)
    bitmap &= ~reader.convicted(context.id, round_number, charge)
    key = f"{context.round_key(round_number)}/accused-{charge.name.lower()}-{bitmap:x}"
    if not bitmap or hospital.state.result(key) is not None:
        return
    named = [enrolled[index] for index in range(len(enrolled)) if bitmap >> index & 1]
    try:
        hospital.ledger.accuse(context.id, round_number, charge, bitmap)
    except ContractReverted as error:
        # As where the evidence window is over, or enough others were faster.
        hospital.state.done(key, {"refused": error.name})
        context.log.warning("round %d: hospitals %s cannot be accused. %s", round_number, named, error)
        return
    hospital.state.done(key, {"accused": f"{bitmap:x}"})
    context.log.warning("round %d: accused hospitals %s of %s", round_number, named, CHARGE[charge])
