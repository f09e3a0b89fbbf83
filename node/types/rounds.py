# SPDX-License-Identifier: Apache-2.0
"""The records of rounds, their openings and accusations, and what events tell of what hospitals posted in them.

Mirrored from `contracts/interfaces`; a test compares the two. Bitmaps run over enrolment indices, digests are 32 bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from node.types.chain import Address
from node.types.enums import Charge, Opening, Phase


@dataclass(frozen=True)
class PhaseState:
    """A round's phase now and the second at which it ends (0 where none; Suspended: that of the plan's patience)."""

    phase: Phase
    deadline: int


@dataclass(frozen=True)
class RoundState:
    """A round's record; `submit_ended_at` and `attest_ended_at` are 0 where a deadline ended the phase.

    Submit and Attest wait for `expected` alone. Pad shares are accepted from `pads_from` on, the round is suspended at
    `pads_until`; both are 0 before the set is fixed, as `sum_digest` is, that of the sum of the included commitments.
    """

    started_at: int
    submitted_bitmap: int
    attested_bitmap: int
    included_bitmap: int
    submit_ended_at: int
    attest_ended_at: int
    included_at: int
    closed_at: int
    sum_rows: int
    expected: int
    opening: Opening
    pads_from: int
    pads_until: int
    closed_as: Phase
    root_before: int
    root_after: int
    sum_digest: bytes


@dataclass(frozen=True)
class Submission:
    """What a hospital submitted in a round; `cx`, `cy` is the Pedersen commitment."""

    digest: bytes
    size: int
    cx: int
    cy: int


@dataclass(frozen=True)
class Proof:
    """A Groth16 proof over BN254 in the order of snarkjs' `generatecall`, as the verifiers take it."""

    a: tuple[int, int]
    b: tuple[tuple[int, int], tuple[int, int]]
    c: tuple[int, int]


@dataclass(frozen=True)
class SignedShare:
    """A CKKS share as a hospital's operator signed it: what the signature covers, and its 65 bytes."""

    study_id: int
    round: int
    hospital_id: int
    included_bitmap: int
    digest: bytes
    signature: bytes


@dataclass(frozen=True)
class FilePost:
    """A file put on record by an event: whose, its digest and its size."""

    hospital_id: int
    digest: bytes
    size: int
    block_number: int


@dataclass(frozen=True)
class PadSharePost:
    """A hospital's pad share: its bytes where an event tells them, None where a file of that digest and size does."""

    hospital_id: int
    share: bytes | None
    digest: bytes
    size: int
    block_number: int

    @classmethod
    def inline(cls, hospital_id: int, share: bytes, block_number: int) -> PadSharePost:
        """One whose bytes are in the event."""
        return cls(hospital_id, share, hashlib.sha256(share).digest(), len(share), block_number)


@dataclass(frozen=True)
class ModelPost:
    """A claim of where a finalised model's file is; anyone may make one."""

    poster: Address
    digest: bytes
    size: int
    block_number: int


@dataclass(frozen=True)
class Accusation:
    """Whom a hospital accuses of a lie in a round (bitmap)."""

    hospital_id: int
    charge: Charge
    accused: int
    block_number: int


@dataclass(frozen=True)
class Conviction:
    """Whom enough participants accuse of a lie in a round (bitmap)."""

    charge: Charge
    convicted: int
    block_number: int
