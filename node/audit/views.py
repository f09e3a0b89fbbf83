# SPDX-License-Identifier: Apache-2.0
"""What an auditor sees of a study: frozen records, put together from the chain and from stored files.

Money is in the token's smallest unit, sizes in bytes, times in seconds since 1970, digests 32 bytes,
weights integers of scale 2^16. Nothing here is secret: all of it can be read by anyone.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from node.audit.basics import Act, FileView, NetworkView, Verdict
from node.audit.ceremony_views import CeremonyView
from node.audit.money_views import MoneyView
from node.audit.round_views import RoundView
from node.plan import TrainingPlan
from node.types import Address, Batch, BlockDraw, Circuit, Phase, PlanTerms, Standing, StudyState


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

    `draw`: of its blocks of rows, where it committed to such; data root and rows are then those of `block`, the one in
    use, from 1 (0: none). `left`: it left, while enrolment was open or the study ran; `excluded`: it lied, and takes
    part in no further ceremony.
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
    block: int
    salt_commitment: bytes
    enrolled: Act
    left: bool
    excluded: bool
    bond_locked: int
    slashed: int
    fined: int
    earned: int
    claimed: int

    @property
    def blocks(self) -> int:
        """Into how many its rows were cut; 0 where it committed to all of them at once."""
        return self.draw.blocks

    @property
    def sampled(self) -> str:
        """Which part of its rows it trains on, in words."""
        if not self.blocks:
            return "no: all rows"
        return f"block {self.block} of {self.blocks}" if self.block else f"one of {self.blocks} blocks, not yet in use"


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


class Move(enum.Enum):
    """What changed who takes part, or for how long keys last; in the words that readers see."""

    WITHDREW = "took its enrolment back"
    APPROVED = "approved of a newcomer"
    LEFT = "left the study"
    ASKED = "asked for a new key ceremony"
    CUT_SHORT = "a round failed for too few: its batch of keys ends"


@dataclass(frozen=True)
class MoveView:
    """Such a change; `of` are the hospitals that it is about beside who made it."""

    what: Move
    of: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class StudyView:
    """Everything about one study.

    `batch` has the keys of the round that goes on, or of the last one. `salt_mix` is what the salts add to draws of
    blocks, zeros until they are known; `failed_openings` counts rounds that CKKS did not open, as the contract does.
    """

    study_id: int
    state: StudyState
    sponsor: Address
    published: Act
    plan: PlanView
    network: NetworkView
    hospitals: tuple[HospitalView, ...]
    moves: tuple[MoveView, ...]
    batch: Batch
    salt_mix: bytes
    failed_openings: int
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

    @property
    def spare(self) -> int | None:
        """f: how many hospitals may be silent or lie, as the batch stands, and the study goes on; None without a batch.

        Those that are left must be the plan's minimum among those that can submit, and the threshold among all.
        """
        members = [item for item in self.hospitals if self.batch.participants >> item.index & 1]
        if not members:
            return None
        submitting = sum(bool(item.rows) for item in members)
        return max(0, min(submitting - self.plan.terms.minimum, len(members) - self.plan.terms.threshold))

    def index_of(self, hospital_id: int) -> int:
        """A hospital's enrolment index."""
        return next(item.index for item in self.hospitals if item.hospital_id == hospital_id)

    def hospital(self, hospital_id: int) -> HospitalView | None:
        """The enrolled hospital of that number, or None."""
        return next((item for item in self.hospitals if item.hospital_id == hospital_id), None)

    def name_of(self, hospital_id: int) -> str:
        """A hospital's name for readers."""
        hospital = self.hospital(hospital_id)
        return hospital.name if hospital else f"hospital {hospital_id}"
