# SPDX-License-Identifier: Apache-2.0
"""The dealings of a ceremony: fetched, checked against digest and size, kept, served, and looked into.

Each is kept and served here too: who posted it must not choose which of the others can go on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.crypto import CeremonyContext, CeremonyKeys, Finding, Objection, dealing_size, receive_dealing
from node.errors import StorageError
from node.steps.ceremony.binding import FinalCeremony, ceremony_context, ceremony_keys
from node.steps.ceremony.keys import ceremony_seed
from node.steps.context import StudyContext


@dataclass(frozen=True)
class Collected:
    """What a node has of some dealings: `held` whole with their findings, `missing` of those that can be had."""

    ctx: CeremonyContext
    keys: CeremonyKeys
    held: dict[int, Finding] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)

    @property
    def objections(self) -> list[Objection]:
        """The complaints that this hospital has."""
        return [finding for finding in self.held.values() if isinstance(finding, Objection)]


def collect(context: StudyContext, found: FinalCeremony, dealers: Iterable[int]) -> Collected:
    """Fetch and look into dealings of a ceremony; one that was looked into is not again.

    Nothing is fetched where the size is wrong: all see that, and its dealer is guilty without a complaint.
    """
    hospital = context.hospital
    ctx = ceremony_context(context, found)
    collected = Collected(ctx, ceremony_keys(ctx, found))
    size = dealing_size(ctx)
    for dealer in dealers:
        posted = found.dealings.get(dealer)
        if posted is None:
            collected.missing.append(dealer)
            continue
        if posted.size != size:
            text = f"hospital {dealer} announced a dealing of {posted.size} bytes; this ceremony's have {size}"
            context.say(f"ceremony {found.state.number}", f"size of {dealer}", text)
            continue
        known = (context.id, found.state.number, dealer, posted.digest)
        try:
            if not hospital.store.holds(posted.digest, size):
                hospital.store.put(hospital.store.get(posted.digest, size))
        except StorageError as error:
            context.log.debug("ceremony %d: hospital %d's dealing: %s", found.state.number, dealer, error)
            collected.missing.append(dealer)
            continue
        if known not in hospital.findings:
            content = hospital.store.get(posted.digest, size)
            seed = ceremony_seed(context, found.state.number)
            hospital.findings[known] = receive_dealing(ctx, hospital.id, seed, collected.keys, dealer, content)
        collected.held[dealer] = hospital.findings[known]
    return collected
