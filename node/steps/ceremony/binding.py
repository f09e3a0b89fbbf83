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
        keys = endpoint.posted_keys(context.id, ceremony, state.keys_hash, confirmed)
        return FinalCeremony(
            state=state,
            keys={post.hospital_id: post for post in keys},
            dealings=dict(endpoint.dealings(context.id, ceremony, confirmed)),
            complaints=endpoint.complaints(context.id, ceremony, confirmed),
            enrolled=endpoint.enrolled_ids(context.id, confirmed),
        )

    return context.hospital.reader.agreed(read)


def identity_of(context: StudyContext, ceremony: int) -> CeremonyIdentity:
    """Which ceremony it is, before anybody's key is known."""
    deployment = context.hospital.reader.deployment
    return CeremonyIdentity(deployment.chain_id, deployment.contracts["KeyCeremony"], context.id, ceremony)


def ceremony_context(context: StudyContext, found: FinalCeremony) -> CeremonyContext:
    """What binds every message of a ceremony whose keys are final."""
    state = found.state
    return bound(
        context,
        state.number,
        keys_hash=state.keys_hash,
        dealt={index: found.enrolled[index] for index in indices(state.keyed)},
        first_round=state.first_round,
        rounds=state.rounds,
        with_ckks=state.with_ckks,
    )


def bound(
    context: StudyContext,
    ceremony: int,
    *,
    keys_hash: bytes,
    dealt: Mapping[int, int],
    first_round: int,
    rounds: int,
    with_ckks: bool,
) -> CeremonyContext:
    """The same, of its parts; `dealt` are hospital numbers by enrolment index, ascending."""
    return CeremonyContext(
        identified=identity_of(context, ceremony),
        keys_hash=keys_hash,
        parties=tuple(dealt.values()),
        indices=tuple(dealt),
        threshold=context.plan.encryption.threshold,
        first_round=first_round,
        rounds=rounds,
        form=context.form,
        ckks=context.parameters(len(dealt)) if with_ckks else None,
    )


def ceremony_keys(ctx: CeremonyContext, found: FinalCeremony) -> CeremonyKeys:
    """The keys of the dealt."""
    posted = {
        number: PostedKeys(Point(found.keys[number].px, found.keys[number].py), found.keys[number].box_key)
        for number in ctx.parties
    }
    return CeremonyKeys.of(ctx, posted)
