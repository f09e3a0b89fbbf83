# SPDX-License-Identifier: Apache-2.0
"""How many hospitals can be silent or lie before a study stops: told where they are fewer than it takes to read one."""

from __future__ import annotations

from node.steps.context import StudyContext
from node.types import CeremonyState


def tell_resilience(context: StudyContext, ceremony: CeremonyState) -> None:
    """Warn once for each batch where fewer than t − 1 hospitals that are away or lie stop it."""
    key = f"{context.key}/ceremony-{ceremony.number}/resilience"
    if context.hospital.state.result(key) is not None:
        return
    participants, liars = ceremony.participants.bit_count(), context.plan.encryption.threshold - 1
    survived = context.plan.survives(participants)
    if survived < liars:
        context.log.warning(
            "ceremony %d: %d hospitals take part in its rounds. The study goes on without %d of them at most, fewer "
            "than the %d that it takes to learn nothing of the others' updates",
            ceremony.number, participants, survived, liars,
        )  # fmt: skip
    context.hospital.state.done(key, {"participants": participants, "survived": survived})
