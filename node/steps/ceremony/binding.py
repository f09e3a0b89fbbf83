# SPDX-License-Identifier: Apache-2.0
"""What binds a ceremony's messages: the keys that were dealt to, as all endpoints tell them of a final block.

Shares dealt to other keys than the others see would convict an honest dealer, or be dealt twice. So everything from
the dealing on starts from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.chain.client import ChainReader
from node.crypto import CeremonyContext, CeremonyIdentity, CeremonyKeys, PostedKeys
from node.group.babyjubjub import Point
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep, ComplaintPost, DealingPost, KeysPost, indices


@dataclass(frozen=True)
class FinalCeremony:
    """A ceremony in a final block: its state, the keys dealt to, the dealings and the complaints on record there."""

    state: CeremonyState
    keys: Mapping[int, KeysPost]
    dealings: Mapping[int, DealingPost]
    complaints: tuple[ComplaintPost, ...]
    enrolled: tuple[int, ...]

    def hospitals(self, bitmap: int) -> tuple[int, ...]:
        """The hospitals of a bitmap, by enrolment index."""
        return tuple(self.enrolled[index] for index in indices(bitmap))

    def bitmap(self, hospitals: set[int] | frozenset[int]) -> int:
        """The bitmap of hospitals over enrolment indices."""
        return sum(1 << self.enrolled.index(number) for number in hospitals)


def final_ceremony(context: StudyContext, ceremony: int, after: CeremonyStep) -> FinalCeremony | None:
    """The ceremony as all endpoints tell it of a final block, once a step is over there; else None."""
    confirmed = context.confirmed_block()

    def read(endpoint: ChainReader) -> FinalCeremony | None:
        state = endpoint.ceremony_state(context.id, at=confirmed)
        if state.number != ceremony or (state.step <= after and not state.completed):
            return None
        keyed = endpoint.posted_keys(context.id, ceremony, state)
        dealings = endpoint.posted_dealings(context.id, ceremony, confirmed)
        complaints = endpoint.complaints(context.id, ceremony, confirmed)
        return FinalCeremony(state, keyed, dealings, complaints, endpoint.enrolled_ids(context.id))

    return context.hospital.reader.agreed(read)


def identity_of(context: StudyContext, ceremony: int) -> CeremonyIdentity:
    """Which ceremony it is, before anybody's key is known."""
    deployment = context.hospital.reader.deployment
    return CeremonyIdentity(deployment.chain_id, deployment.contracts["KeyCeremony"], context.id, ceremony)


def ceremony_context(context: StudyContext, found: FinalCeremony) -> CeremonyContext:
    """What binds every message of a ceremony whose keys are final."""
    return bound(context, found.state, found.hospitals(found.state.keyed))


def bound(context: StudyContext, state: CeremonyState, parties: tuple[int, ...]) -> CeremonyContext:
    """The same, of the parts that a node keeps."""
    return CeremonyContext(
        identified=identity_of(context, state.number),
        keys_hash=state.keys_hash,
        parties=parties,
        indices=indices(state.keyed),
        threshold=context.plan.encryption.threshold,
        first_round=state.first_round,
        rounds=state.rounds,
        form=context.form,
        ckks=context.parameters(len(parties)) if state.with_ckks else None,
    )


def ceremony_keys(ctx: CeremonyContext, found: FinalCeremony) -> CeremonyKeys:
    """The keys of the dealt."""
    posted = {
        number: PostedKeys(Point(found.keys[number].px, found.keys[number].py), found.keys[number].box_key)
        for number in ctx.parties
    }
    return CeremonyKeys.of(ctx, posted)
