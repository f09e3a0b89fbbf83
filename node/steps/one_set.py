# SPDX-License-Identifier: Apache-2.0
"""One starting model, one set: what this node remembers of the sums that it helps to open.

Training without noise gives the same update again, so that the sums of two sets that started from one model differ by
somebody's update. The contract binds a set to each model before a share can exist. A node does not rest on that: before
its first share, of whatever kind, it records the set and its payloads for good, and makes no share for another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from node.chain.client import ChainReader
from node.errors import ChainUnavailable, OpeningRefused
from node.steps.context import StudyContext
from node.types import Opening, RoundState, indices

#: No node helps to open a sum over fewer hospitals, whatever the contract says.
MINIMUM_INCLUDED = 3


@dataclass(frozen=True)
class FixedSet:
    """A round's set as all endpoints tell it of a final block: the model it starts from, and whose payloads it has.

    `payloads`: digests of 32 bytes by hospital number, in index order; `quorum`: who may open it by CKKS, if anybody.
    """

    state: RoundState
    payloads: Mapping[int, bytes]
    quorum: tuple[int, ...]

    @property
    def included(self) -> tuple[int, ...]:
        """The hospitals of the set, in index order."""
        return tuple(self.payloads)

    @property
    def opens_by_ckks(self) -> bool:
        """Whether CKKS opens it first."""
        return self.state.opening is Opening.CKKS


def final_set(context: StudyContext, round_number: int, confirmed: int) -> FixedSet:
    """A round's set, from a final block; raises ChainUnavailable where endpoints differ or lack what was submitted."""

    def read(endpoint: ChainReader) -> FixedSet:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        enrolled = endpoint.enrolled_ids(context.id, confirmed)
        included = [enrolled[index] for index in indices(state.included_bitmap)]
        told = endpoint.submissions(context.id, round_number, included, confirmed)
        if len(told) < len(included):
            raise ChainUnavailable(
                f"The RPC endpoint has no event that tells what was submitted in round {round_number} of study "
                f"{context.id}: give one with the whole history, or wait until it has caught up."
            )
        payloads = {number: told[number].digest for number in included}
        return FixedSet(state, payloads, endpoint.quorum(context.id, round_number, confirmed))

    return context.hospital.reader.agreed(read)


def remember_set(context: StudyContext, round_number: int, found: FixedSet) -> None:
    """Record the set for its starting model, for good; whoever is named to open it, and before any share.

    Raises OpeningRefused for a set that is too small, and where another one is recorded for the model.
    """
    least = max(MINIMUM_INCLUDED, context.plan.participation.minimum)
    if len(found.payloads) < least:
        raise OpeningRefused(
            f"Study {context.id}, round {round_number}: the included set has {len(found.payloads)} hospitals; "
            f"this node opens sums over at least {least}."
        )
    context.hospital.state.record_set(context.id, found.state.root_before, round_number, found.payloads)
