# SPDX-License-Identifier: Apache-2.0
"""The contracts' enums and records, in Python: same members, same order, names in Python's spelling.

Mirrored from `contracts/interfaces`; a test compares the two. Times are seconds since 1970, bitmaps run over
a study's enrolment indices, digests are 32 bytes, amounts the token's smallest unit.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from node.types.chain import Address


class Standing(enum.IntEnum):
    """Where a hospital stands in the registry."""

    NONE = 0
    APPLIED = 1
    ADMITTED = 2
    SUSPENDED = 3


class StudyState(enum.IntEnum):
    """What a study is doing, derived by the contract."""

    NONE = 0
    PUBLISHED = 1
    ENROLLING = 2
    CEREMONY = 3
    RUNNING = 4
    COMPLETED = 5
    CANCELLED = 6

    @property
    def ended(self) -> bool:
        """Whether bonds and money can be taken back."""
        return self in (StudyState.COMPLETED, StudyState.CANCELLED)


class CeremonyStep(enum.IntEnum):
    """The steps of a key ceremony, in order."""

    KEY = 0
    DEALING = 1
    TEST_COMMITMENT = 2
    TEST_KEY = 3
    TEST_SHARES = 4
    ACKNOWLEDGEMENT = 5


class Phase(enum.IntEnum):
    """The phase of a round, derived by the contract."""

    NONE = 0
    SUBMIT = 1
    ATTEST = 2
    INCLUDE = 3
    OPEN = 4
    FINALISED = 5
    FAILED = 6


class CircuitKind(enum.IntEnum):
    """What a listed circuit proves."""

    NONE = 0
    TRAINING = 1
    AGGREGATION = 2
    BOUNDED = 3


class Outcome(enum.IntEnum):
    """How a study's rounds ended."""

    OPEN = 0
    COMPLETED = 1
    CANCELLED = 2


class FailureReason(enum.IntEnum):
    """Why a round failed."""

    TOO_FEW_SUBMISSIONS = 0
    TOO_FEW_INCLUDED = 1
    UNOPENED = 2
    ANOTHER_SET = 3


class Offence(enum.IntEnum):
    """What a bond is slashed for."""

    MISSING_DEALING = 0
    CIPHERTEXT_LEFT_OUT = 1
    MISSING_SHARE = 2
    EQUIVOCATION = 3


@dataclass(frozen=True)
class Hospital:
    """A registered hospital; `id` is its number, from 1."""

    id: int
    owner: Address
    operator: Address
    standing: Standing
    name: str
    endpoint: str


@dataclass(frozen=True)
class Withdrawal:
    """A bond on its way out, and the time from which it is paid."""

    amount: int
    available_at: int


@dataclass(frozen=True)
class Circuit:
    """A circuit on the council's list."""

    name: str
    kind: CircuitKind
    verifier: Address
    features: int
    batch_size: int
    max_epochs: int
    capacity: int
    value_bits: int
    loss: int
    noisy: bool
    verifying_key_digest: bytes


@dataclass(frozen=True)
class PlanTerms:
    """The numbers of a plan that the contracts hold; lengths in seconds, `learning_rate` times 256.

    `update_bound` is that of an update's squared L2 norm in integer units, 0 where there is none;
    `privacy_budget` and `privacy_cost` (per round) are zero-concentrated differential privacy, rho in 1e-9.
    """

    document_digest: bytes
    initial_root: int
    document_size: int
    training_circuit: int
    aggregation_circuit: int
    epochs: int
    learning_rate: int
    confirmations: int
    update_bound: int
    threshold: int
    minimum: int
    maximum: int
    attempts: int
    unopened_rounds: int
    rounds: int
    batch_rounds: int
    enrol_length: int
    ceremony_step_length: int
    submit_length: int
    attest_length: int
    open_length: int
    verified_share_bps: int
    bond: int
    reward_per_round: int
    privacy_budget: int
    privacy_cost: int
    noise_bound: int


@dataclass(frozen=True)
class Study:
    """A study's record; `filled_at` and `started_at` are 0 before they happen, `batches` counts ceremonies.

    `rounds` is how many there can be: the plan's, or fewer where its privacy budget does not last for all.
    """

    id: int
    sponsor: Address
    published_at: int
    filled_at: int
    started_at: int
    enrolled: int
    closed: bool
    batches: int
    rounds: int
    plan: PlanTerms


@dataclass(frozen=True)
class Enrolment:
    """A hospital's place in a study; `operator` is the key that acts for it there.

    `rows` and `data_root` are 0 while a block of its rows is to be drawn, or used.
    """

    hospital_id: int
    index: int
    rows: int
    operator: Address
    barred: bool
    data_root: int
    payout_commitment: bytes


@dataclass(frozen=True)
class BlockDraw:
    """The blocks that a hospital committed to, and which of them was drawn.

    `blocks` is 0 for a hospital that enrolled with one data root; the hash of the chain's block `draw_at` draws;
    `index` is 0 until the draw is `kept`, which nothing changes then.
    """

    blocks_root: bytes
    blocks: int
    draw_at: int
    index: int
    kept: bool
    redrawn: bool
    used: bool


@dataclass(frozen=True)
class CeremonyState:
    """Where a key ceremony stands; `number` is 0 before the first. It makes keys for `rounds` from `first_round` on."""

    number: int
    step: CeremonyStep
    deadline: int
    posted: int
    participants: int
    completed: bool
    transcript_digest: bytes
    first_round: int
    rounds: int


@dataclass(frozen=True)
class PhaseState:
    """A round's phase now and the second at which it ends (0 where none; in Open, the attempt's)."""

    phase: Phase
    deadline: int


@dataclass(frozen=True)
class RoundState:
    """A round's record; `submit_ended_at` and `attest_ended_at` are 0 where a deadline ended the phase.

    `sum_digest` is that of the sum of the included commitments, zero before they are added up.
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
    verified: bool
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
class Pot:
    """Slashed bonds that belong in equal parts to the hospitals of a bitmap; `claimed` of them have taken theirs.

    `stage` is the round of the offence, or the ceremony for a missing dealing.
    """

    id: int
    offence: Offence
    stage: int
    study_id: int
    amount: int
    beneficiaries: int
    claimed: int


@dataclass(frozen=True)
class SignedShare:
    """An opening share as a hospital's operator signed it: what the signature covers, and its 65 bytes."""

    study_id: int
    round: int
    hospital_id: int
    included_bitmap: int
    attempt: int
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
class ModelPost:
    """A claim of where a finalised model's file is; anyone may make one."""

    poster: Address
    digest: bytes
    size: int
    block_number: int


def indices(bitmap: int) -> tuple[int, ...]:
    """The enrolment indices set in a bitmap, ascending."""
    return tuple(index for index in range(bitmap.bit_length()) if bitmap >> index & 1)


def bitmap_of(members: tuple[int, ...] | frozenset[int] | list[int]) -> int:
    """The bitmap with exactly these enrolment indices set."""
    return sum(1 << index for index in set(members))
