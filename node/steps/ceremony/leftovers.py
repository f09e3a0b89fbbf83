# SPDX-License-Identifier: Apache-2.0
"""What a ceremony leaves behind, and when it goes: seeds once a completion is final, keys of rounds that never came."""

from __future__ import annotations

from node.steps.ceremony.names import folder, keys_name, seed_name
from node.steps.context import StudyContext
from node.types import CeremonyState


def forget_ceremony_seed(context: StudyContext, ceremony: int) -> None:
    """Erase what a completed ceremony no longer needs, once its completion is final: its seed, and what boxes held.

    A hospital that is none of the participants has no use for the rounds' secrets either.
    """
    secrets, name = context.hospital.secrets, seed_name(context, ceremony)
    if not secrets.has(name):
        return
    final = _final(context)
    if final.completed and final.number == ceremony:
        if not final.participants >> context.enrolment.index & 1:
            secrets.erase_all(folder(context, ceremony))
        secrets.erase(name)
        for known in [known for known in context.hospital.findings if known[:2] == (context.id, ceremony)]:
            del context.hospital.findings[known]


def erase_superseded(context: StudyContext, current: int) -> None:
    """Erase what ceremonies before number `current` left, once that is final: seeds, and keys of rounds that their
    batches did not come to. Until then the chain could go back to them.

    Keys of rounds that were held stay: `node.steps.closing` says when they go.
    """
    secrets = context.hospital.secrets
    names = {number: secrets.names(folder(context, number)) for number in range(1, current)}
    if not any(names.values()):
        return
    final = _final(context)
    for number in range(1, final.number):
        secrets.erase(seed_name(context, number))
        for name in names.get(number, ()):
            held = any(name == keys_name(context, number, earlier) for earlier in range(1, final.first_round))
            if not held:
                secrets.erase(name)


def _final(context: StudyContext) -> CeremonyState:
    """The ceremony as all endpoints say that it is for good: what is erased on less could be needed again."""
    confirmed = context.confirmed_block()
    return context.hospital.reader.agreed(lambda endpoint: endpoint.ceremony_state(context.id, at=confirmed))
