# SPDX-License-Identifier: Apache-2.0
"""The contracts' records of hospitals, circuits, studies and bonds: same members, same order.

Mirrored from `contracts/interfaces`; a test compares the two. Times are seconds since 1970, bitmaps run over
a study's enrolment indices, digests are 32 bytes, amounts the token's smallest unit.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.types.chain import Address
from node.types.enums import CircuitKind, Offence, Standing


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
    pads_only: bool
    approved_joining: bool
    unopened_rounds: int
    rounds: int
    batch_rounds: int
    enrol_length: int
    ceremony_step_length: int
    submit_length: int
    attest_length: int
    open_length: int
    patience: int
    recovery: int
    bond: int
    reward_per_round: int
    service_budget: int
    service_fee: int
    absence_fine: int
    absence_cap: int
    privacy_budget: int
    privacy_cost: int
    noise_bound: int


@dataclass(frozen=True)
class Study:
    """A study's record; `filled_at` is 0 before it happens, `left` a bitmap of who left while enrolment was open.

    `rounds` is how many there can be: the plan's, or fewer where its privacy budget does not last for all.
    """

    id: int
    sponsor: Address
    published_at: int
    filled_at: int
    enrolled: int
    left: int
    closed: bool
    rounds: int
    plan: PlanTerms


@dataclass(frozen=True)
class Enrolment:
    """A hospital's place in a study; `operator` is the key that acts for it there.

    `rows` and `data_root` are 0 while a block of its rows is to be drawn, or used. `barred`: it takes part in no
    further ceremony, since it left or lied.
    """

    hospital_id: int
    index: int
    rows: int
    operator: Address
    barred: bool
    data_root: int
    payout_commitment: bytes
    salt_commitment: bytes


@dataclass(frozen=True)
class BlockDraw:
    """The blocks that a hospital committed to, and which of them was drawn.

    `blocks` is 0 for a hospital that enrolled with one data root. The hash of the chain's block `draw_at` draws, with
    the hospitals' salts; `block_hash` is that hash once it is on record, which nothing changes then, and zeros before.
    `index` is 0 until the block is `used`.
    """

    blocks_root: bytes
    block_hash: bytes
    blocks: int
    draw_at: int
    index: int
    redrawn: bool
    used: bool

    @property
    def kept(self) -> bool:
        """Whether the hash that draws is on record."""
        return any(self.block_hash)


@dataclass(frozen=True)
class Pot:
    """What was cut from bonds and belongs in equal parts to the hospitals of a bitmap; `claimed` of them took theirs.

    `stage` is the round of the offence, or the ceremony of a false dealing; 0 where no lie was punished, but a ceremony
    was asked for too soon. Parts can be claimed from `claimable_at` on (seconds), when no evidence is taken any more:
    the greatest of 64 bits while the round has not closed.
    """

    id: int
    study_id: int
    amount: int
    beneficiaries: int
    claimed: int
    stage: int
    offence: Offence
    claimable_at: int

    @property
    def cause(self) -> Offence | None:
        """The lie that was punished; None where a ceremony was asked for too soon."""
        return self.offence if self.stage else None


def indices(bitmap: int) -> tuple[int, ...]:
    """The enrolment indices set in a bitmap, ascending."""
    return tuple(index for index in range(bitmap.bit_length()) if bitmap >> index & 1)


def bitmap_of(members: tuple[int, ...] | frozenset[int] | list[int]) -> int:
    """The bitmap with exactly these enrolment indices set."""
    return sum(1 << index for index in set(members))
