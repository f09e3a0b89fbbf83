# SPDX-License-Identifier: Apache-2.0
"""What is on a chain that only pretends: one study's ceremonies, rounds and openings, as values that a test may set."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from node.errors import ContractReverted
from node.types import (
    Accusation,
    Acknowledgement,
    Batch,
    BlockDraw,
    CeremonyState,
    CeremonyStep,
    Charge,
    ComplaintPost,
    DealingPost,
    FilePost,
    HoldingPost,
    KeysPost,
    LackingPost,
    ModelPost,
    Opening,
    PadSharePost,
    Phase,
    RoundState,
    SignedShare,
    StudyState,
    Submission,
)

NO_CEREMONY = CeremonyState(
    0, CeremonyStep.KEY, 0, 0, 0, 0, 0, 0, 0, 0, 0, False, 0, 0, True, bytes(32), bytes(32), 1, 0
)
NO_BATCH = Batch(0, 0, 0, 0, 0, 0, False, 0)


def empty_round(started_at: int, root_before: int, **changes: Any) -> RoundState:
    """A round that began at this second."""
    empty = RoundState(
        started_at, 0, 0, 0, 0, 0, 0, 0, 0, 0, Opening.CKKS, 0, 0, Phase.NONE, root_before, 0, bytes(32)
    )  # fmt: skip
    return replace(empty, **changes)


def refused(name: str, call: str = "") -> ContractReverted:
    """A contract's refusal."""
    return ContractReverted(name, {}, call)


@dataclass
class Books:
    """All that the contracts hold of the one study. Ceremonies and rounds by number, hospitals by number."""

    state: StudyState = StudyState.CEREMONY
    ended_at: int = 0
    excluded: int = 0
    left: int = 0
    #: Who pays for what: a reason and the indices, as often as they were fined.
    fined: list[tuple[str, int]] = field(default_factory=list)
    approvals: dict[int, int] = field(default_factory=dict)
    salts: dict[int, bytes] = field(default_factory=dict)

    ceremony: CeremonyState = NO_CEREMONY
    failed_ceremonies: int = 0
    batches: list[Batch] = field(default_factory=list)
    sitting_out: int = 0
    keys: dict[int, list[KeysPost]] = field(default_factory=dict)
    dealings: dict[int, dict[int, DealingPost]] = field(default_factory=dict)
    holdings: dict[int, dict[int, HoldingPost]] = field(default_factory=dict)
    lackings: dict[int, dict[int, LackingPost]] = field(default_factory=dict)
    complaints: dict[int, list[ComplaintPost]] = field(default_factory=dict)
    acknowledgements: dict[int, dict[int, Acknowledgement]] = field(default_factory=dict)

    round_number: int = 0
    rounds: dict[int, RoundState] = field(default_factory=dict)
    submitted: dict[tuple[int, int], Submission] = field(default_factory=dict)
    attestations: dict[tuple[int, int], int] = field(default_factory=dict)
    #: The sum of a round's included commitments, as an event tells it.
    totals: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: The set bound to a starting model.
    bound: dict[int, int] = field(default_factory=dict)
    failed_ckks: int = 0
    quorums: dict[int, tuple[int, ...]] = field(default_factory=dict)
    shares: dict[int, dict[int, FilePost]] = field(default_factory=dict)
    #: CKKS shares as their operators signed them.
    signed: list[SignedShare] = field(default_factory=list)
    pad_shares: dict[int, dict[int, PadSharePost]] = field(default_factory=dict)
    absences: dict[int, int] = field(default_factory=dict)
    models: dict[int, list[ModelPost]] = field(default_factory=dict)
    accusations: dict[int, list[Accusation]] = field(default_factory=dict)
    convicted: dict[tuple[int, Charge], int] = field(default_factory=dict)

    #: Of hospitals that enrolled with blocks: what they committed to, which was drawn, and which is used.
    draws: dict[int, BlockDraw] = field(default_factory=dict)
    drawn: dict[int, int] = field(default_factory=dict)
    used: dict[int, tuple[int, int]] = field(default_factory=dict)

    def change_ceremony(self, **changes: Any) -> CeremonyState:
        """Change the ceremony's state, and return it."""
        self.ceremony = replace(self.ceremony, **changes)
        return self.ceremony

    def change_round(self, number: int, **changes: Any) -> RoundState:
        """Change a round's record, and return it."""
        self.rounds[number] = replace(self.rounds[number], **changes)
        return self.rounds[number]
