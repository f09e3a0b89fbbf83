# SPDX-License-Identifier: Apache-2.0
"""Include: have the contract bind the set of attested payloads to the starting model, before any share can exist."""

from __future__ import annotations

from node.steps.context import StudyContext
from node.steps.payloads import submission_of
from node.types import RoundState, indices


def include_updates(context: StudyContext, round_number: int, state: RoundState) -> None:
    """Have the contract fix the included set and add up its commitments; whoever's turn it is.

    Raises `ChainUnavailable` while the endpoint does not tell what a hospital of the set submitted.
    """
    if not context.is_my_turn(round_number, context.attestation_end(state)):
        return
    reader = context.hospital.reader
    enrolled = reader.enrolled_ids(context.id)
    chosen = [enrolled[index] for index in indices(reader.includable(context.id, round_number))]
    if len(chosen) < context.plan.participation.minimum:
        # Then the contract looks at none of them, and the round fails.
        chosen = []
    submissions = reader.submissions(context.id, round_number, chosen)
    with context.stage("include", round_number):
        found = [submission_of(context, round_number, submissions, number) for number in chosen]
        context.hospital.ledger.include_updates(context.id, round_number, found)
