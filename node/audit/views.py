# SPDX-License-Identifier: Apache-2.0
"""What an auditor sees of a study: frozen records, put together from the chain and from stored files.

Money is in the token's smallest unit, sizes in bytes, times in seconds since 1970, digests 32 bytes,
weights integers of scale 2^16. Nothing here is secret: all of it can be read by anyone.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.audit.basics import Act, FileView, NetworkView, Verdict
from node.audit.money_views import MoneyView
from node.plan import TrainingPlan
from node.types import (
    Address,
    BlockDraw,
    CeremonyStep,
    Circuit,
    FailureReason,
    Phase,
    PlanTerms,
    Standing,
    StudyState,
)


@dataclass(frozen=True)
class StudyListing:
    """One line of the list of studies."""

    study_id: int
    state: StudyState
    file: FileView


@dataclass(frozen=True)
class PlanView:
    """The plan: what the contract holds of it, and its document (None where it cannot be read: see `problem`).

    `root` is what the contract computes from the numbers; `verdict` is about the document's content.
    """

    file: FileView
    terms: PlanTerms
    root: int
    training: Circuit
    aggregation: Circuit
    document: TrainingPlan | None
    verdict: Verdict
    problem: str


@dataclass(frozen=True)
class HospitalView:
    """A hospital's part in the study; `index` is its place in bitmaps, amounts are of this study.

    `draw`: of its blocks of rows, where it committed to such; data root and rows are then those of the one in use.
    """

    hospital_id: int
    index: int
    name: str
    endpoint: str
    owner: Address
    operator: Address
    standing: Standing
    data_root: int
    rows: int
    draw: BlockDraw
    enrolled: Act
    barred: bool
    bond_locked: int
    slashed: int
    earned: int
    claimed: int

    @property
    def blocks(self) -> int:
        """Into how many its rows were cut; 0 where it committed to all of them at once."""
        return self.draw.blocks

    @property
    def block(self) -> int:
        """The block in use, from 1; 0 where there is none."""
        return self.draw.index + 1 if self.draw.used else 0

    @property
    def sampled(self) -> str:
        """Which part of its rows it trains on, in words."""
        if not self.blocks:
            return "no: all rows"
        return f"block {self.block} of {self.blocks}" if self.block else f"one of {self.blocks} blocks, not yet in use"


@dataclass(frozen=True)
class CeremonyPost:
    """One hospital's message in a step of a key ceremony.

    `file` is None where the digest is no stored file's: a key, a commitment, a transcript's digest.
    """

    hospital_id: int
    step: CeremonyStep
    digest: bytes
    file: FileView | None
    act: Act


@dataclass(frozen=True)
class CeremonyView:
    """One run of the key ceremony: complete when all its hospitals acknowledged one transcript.

    `barred` are the hospitals that the study went on without after this run failed. Of a complete one,
    `participants` are its hospitals and `rounds` those that have begun with its keys.
    """

    number: int
    posts: tuple[CeremonyPost, ...]
    completed: Act | None
    transcript: bytes
    failed: Act | None
    failed_step: CeremonyStep | None
    barred: tuple[int, ...]
    participants: tuple[int, ...]
    rounds: tuple[int, ...]

    def of(self, step: CeremonyStep) -> tuple[CeremonyPost, ...]:
        """The messages of one step, in the order in which they came."""
        return tuple(post for post in self.posts if post.step is step)


@dataclass(frozen=True)
class SubmissionView:
    """A hospital's update in a round: encrypted file, commitment, and the proof that the contract accepted.

    An event tells all of it; `kept` is the hash of it that the contract keeps.
    """

    hospital_id: int
    file: FileView
    rows: int
    commitment: tuple[int, int]
    kept: bytes
    act: Act


@dataclass(frozen=True)
class AttestationView:
    """Which hospitals' ciphertexts one hospital says that it holds and serves."""

    hospital_id: int
    confirmed: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class ShareView:
    """A hospital's posted share of an opening attempt (attempts count from 0)."""

    hospital_id: int
    attempt: int
    file: FileView
    act: Act


@dataclass(frozen=True)
class RoundView:
    """One round from its start to its end; hospitals by registry number, roots as field elements.

    An event tells the sum of the included commitments; `sum_digest` is what the contract keeps of it.
    """

    number: int
    phase: Phase
    deadline: int
    started_at: int
    root_before: int
    root_after: int
    submissions: tuple[SubmissionView, ...]
    attestations: tuple[AttestationView, ...]
    included: tuple[int, ...]
    included_act: Act | None
    sum_commitment: tuple[int, int]
    sum_digest: bytes
    sum_rows: int
    quorums: tuple[tuple[int, ...], ...]
    verified: bool
    shares: tuple[ShareView, ...]
    finalised: Act | None
    model_files: tuple[FileView, ...]
    failed: Act | None
    failure: FailureReason | None

    def submission(self, hospital_id: int) -> SubmissionView | None:
        """The hospital's submission, or None."""
        return next((item for item in self.submissions if item.hospital_id == hospital_id), None)

    def confirmations_of(self, hospital_id: int) -> int:
        """How many hospitals attested that they hold this hospital's ciphertext."""
        return sum(hospital_id in item.confirmed for item in self.attestations)


@dataclass(frozen=True)
class ModelView:
    """The global model after a round (0: the plan's start): P = D + 1 weights, bias last.

    `weights` are None unless they hash to the root on chain; `problem` then says why.
    """

    round_number: int
    root: int
    weights: tuple[int, ...] | None
    file: FileView | None
    verdict: Verdict
    problem: str = ""


@dataclass(frozen=True)
class StudyView:
    """Everything about one study."""

    study_id: int
    state: StudyState
    sponsor: Address
    published: Act
    plan: PlanView
    network: NetworkView
    hospitals: tuple[HospitalView, ...]
    ceremonies: tuple[CeremonyView, ...]
    rounds: tuple[RoundView, ...]
    models: tuple[ModelView, ...]
    money: MoneyView

    @property
    def title(self) -> str:
        """The plan's title, or a stand-in that says it cannot be read."""
        document = self.plan.document
        return document.title if document else f"Study {self.study_id} (plan not readable)"

    @property
    def model(self) -> ModelView:
        """The newest model: of the last finalised round, or the plan's start."""
        return self.models[-1]

    @property
    def finalised(self) -> tuple[RoundView, ...]:
        """The rounds that gave a new model."""
        return tuple(item for item in self.rounds if item.phase is Phase.FINALISED)

    def hospital(self, hospital_id: int) -> HospitalView | None:
        """The enrolled hospital of that number, or None."""
        return next((item for item in self.hospitals if item.hospital_id == hospital_id), None)

    def name_of(self, hospital_id: int) -> str:
        """A hospital's name for readers."""
        hospital = self.hospital(hospital_id)
        return hospital.name if hospital else f"hospital {hospital_id}"
