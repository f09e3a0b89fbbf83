# SPDX-License-Identifier: Apache-2.0
"""What an auditor sees of a round: who submitted, attested, was included, opened, was absent, accused and convicted.

Hospitals are registry numbers, roots field elements, times seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from node.audit.basics import Act, FileView
from node.types import Charge, FailureReason, Opening, Phase


@dataclass(frozen=True)
class SubmissionView:
    """A hospital's update in a round: its payload's file, commitment, and the proof that the contract accepted.

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
    """Which hospitals' payloads one hospital says that it holds, has checked and serves."""

    hospital_id: int
    confirmed: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class ShareView:
    """A hospital's share for the opening by CKKS."""

    hospital_id: int
    file: FileView
    act: Act


@dataclass(frozen=True)
class PadShareView:
    """A hospital's share of the summed pads: its bytes in the event, or a file."""

    hospital_id: int
    content: bytes | None
    file: FileView
    act: Act


@dataclass(frozen=True)
class AccusationView:
    """Whom a hospital accuses of a lie in the round."""

    hospital_id: int
    charge: Charge
    accused: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class ConvictionView:
    """Whom enough participants accused of it."""

    charge: Charge
    convicted: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class EquivocationView:
    """A hospital that signed two different CKKS shares for one set, and the address that showed them."""

    hospital_id: int
    reporter: str
    act: Act


@dataclass(frozen=True)
class RoundView:
    """One round from its start to its end.

    An event tells the sum of the included commitments; `sum_digest` is what the contract keeps of it. `bound` is the
    set that the study bound to the round's starting model. Pad shares are accepted from `pads_from` on, and the round
    is suspended at `pads_until` (0 before its set is fixed). `absent`: who is on record as absent from the opening by
    pads; None while nobody recorded it. `returned`: its new model is one that a round had started from.
    """

    number: int
    phase: Phase
    deadline: int
    started_at: int
    root_before: int
    root_after: int
    participants: tuple[int, ...]
    submissions: tuple[SubmissionView, ...]
    attestations: tuple[AttestationView, ...]
    included: tuple[int, ...]
    included_act: Act | None
    bound: tuple[int, ...]
    sum_commitment: tuple[int, int]
    sum_digest: bytes
    sum_rows: int
    opening: Opening
    pads_from: int
    pads_until: int
    quorum: tuple[int, ...]
    shares: tuple[ShareView, ...]
    pad_shares: tuple[PadShareView, ...]
    absent: tuple[int, ...] | None
    accusations: tuple[AccusationView, ...]
    convictions: tuple[ConvictionView, ...]
    equivocations: tuple[EquivocationView, ...]
    finalised: Act | None
    returned: bool
    model_files: tuple[FileView, ...]
    failed: Act | None
    failure: FailureReason | None

    @property
    def fell_to_pads(self) -> bool:
        """Whether CKKS was to open it and did not, in its window."""
        if self.opening is not Opening.CKKS or not self.pads_from:
            return False
        if self.finalised is not None:
            return self.finalised.timestamp >= self.pads_from
        return bool(self.failed) or bool(self.pad_shares) or self.phase is Phase.SUSPENDED

    @property
    def was_suspended(self) -> bool:
        """Whether its windows ran out before it was finalised."""
        if self.phase is Phase.SUSPENDED:
            return True
        closed = self.finalised or self.failed
        return bool(self.pads_until and closed and closed.timestamp >= self.pads_until)

    @property
    def recovered(self) -> tuple[PadShareView, ...]:
        """The pad shares that came after it was finalised: for nodes that lacked the model."""
        if self.finalised is None:
            return ()
        closed = self.finalised.block_number
        return tuple(share for share in self.pad_shares if share.act.block_number > closed)

    def submission(self, hospital_id: int) -> SubmissionView | None:
        """The hospital's submission, or None."""
        return next((item for item in self.submissions if item.hospital_id == hospital_id), None)

    def confirmations_of(self, hospital_id: int) -> int:
        """How many hospitals attested that they hold this hospital's payload."""
        return sum(hospital_id in item.confirmed for item in self.attestations)

    def accusers_of(self, hospital_id: int, charge: Charge) -> frozenset[int]:
        """Who accuses a hospital of something."""
        return frozenset(
            item.hospital_id for item in self.accusations if item.charge is charge and hospital_id in item.accused
        )
