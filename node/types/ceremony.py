# SPDX-License-Identifier: Apache-2.0
"""The KeyCeremony's records, and what its events tell of what hospitals posted.

Mirrored from `contracts/interfaces/IKeyCeremony.sol`; a test compares the two. Bitmaps run over enrolment indices.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.types.enums import CeremonyStep


@dataclass(frozen=True)
class CeremonyState:
    """Where the ceremony stands that goes on, or was completed last; `number` is 0 before the first.

    `due` may post a key, `keyed` have: once the step is over they are the dealt. `counted`: whose dealing counts, from
    the end of Hold on. `participants`, `guilty` and `transcript_digest` are set once it is `completed`. `keys_hash` is
    the running hash of the keys in the order of posting (`node.chain.ceremony_reads.keys_hash`). It makes keys for
    `rounds` from `first_round` on, with a part for CKKS where `with_ckks`.
    """

    number: int
    step: CeremonyStep
    deadline: int
    step_opened_at: int
    due: int
    keyed: int
    dealt: int
    held: int
    counted: int
    satisfied: int
    acknowledged: int
    completed: bool
    participants: int
    guilty: int
    with_ckks: bool
    keys_hash: bytes
    transcript_digest: bytes
    first_round: int
    rounds: int

    @property
    def middle(self) -> int:
        """The second until which lacking dealings are named, in Complain."""
        return (self.step_opened_at + self.deadline) // 2


@dataclass(frozen=True)
class Batch:
    """The rounds that one ceremony made keys for, and who takes part in them; all is 0 where there are no keys.

    `dealt`: to whom shares were dealt, the participants and who was left out later. `number` counts batches, from 1.
    """

    ceremony: int
    first_round: int
    last_round: int
    started_at: int
    participants: int
    dealt: int
    with_ckks: bool
    number: int


@dataclass(frozen=True)
class KeysPost:
    """A hospital's keys of a ceremony: P on Baby Jubjub, of which 8·P is the pad key, and the X25519 key (32 bytes)."""

    hospital_id: int
    index: int
    px: int
    py: int
    box_key: bytes
    block_number: int


@dataclass(frozen=True)
class DealingPost:
    """A dealing on record: whose, its digest and its size in bytes."""

    hospital_id: int
    index: int
    digest: bytes
    size: int
    block_number: int


@dataclass(frozen=True)
class HoldingPost:
    """Which dealings a hospital holds whole and serves; `satisfied`: all, and it complains of none."""

    hospital_id: int
    bitmap: int
    satisfied: bool
    block_number: int


@dataclass(frozen=True)
class LackingPost:
    """Which of the dealings that count a hospital still lacks."""

    hospital_id: int
    bitmap: int
    block_number: int


@dataclass(frozen=True)
class ComplaintPost:
    """A complaint of a hospital about the box for it, for a round, in the dealing of the index `dealer`.

    `dx`, `dy` is D = x·E, with the proof of equal discrete logarithms that goes with it.
    """

    hospital_id: int
    dealer: int
    round: int
    dx: int
    dy: int
    challenge: int
    response: int
    block_number: int


@dataclass(frozen=True)
class Acknowledgement:
    """The transcript that a hospital acknowledges, and the bitmap of who is guilty by it."""

    hospital_id: int
    digest: bytes
    guilty: int
    block_number: int
