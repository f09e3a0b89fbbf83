# SPDX-License-Identifier: Apache-2.0
"""What an auditor sees of a key ceremony: who did what in each step, and what followed from it.

Hospitals are registry numbers. Of the dealings' content nothing is here: it is sealed, and nobody needs to open it to
see who counted, who was named, and what was acknowledged.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from node.audit.basics import Act, FileView
from node.types import CeremonyFailure, CeremonyStep


@dataclass(frozen=True)
class KeyView:
    """A hospital's keys: the point P that its pad key is eight times of, and the X25519 key (32 bytes)."""

    hospital_id: int
    index: int
    point: tuple[int, int]
    box_key: bytes
    act: Act


@dataclass(frozen=True)
class DealingView:
    """A hospital's dealing, a file."""

    hospital_id: int
    file: FileView
    act: Act


@dataclass(frozen=True)
class HoldingView:
    """Whose dealings a hospital holds; `satisfied`: all of them, and it complains of none."""

    hospital_id: int
    holds: tuple[int, ...]
    satisfied: bool
    act: Act


@dataclass(frozen=True)
class LackingView:
    """Whose dealings a hospital named as still lacking."""

    hospital_id: int
    lacks: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class ComplaintView:
    """A complaint about a dealer's box for the complainer in a round: D, and the proof (challenge, response)."""

    hospital_id: int
    dealer: int
    round_number: int
    shown: tuple[int, int]
    proof: tuple[int, int]
    act: Act


@dataclass(frozen=True)
class AcknowledgementView:
    """The transcript that a hospital acknowledges, and who is guilty by it."""

    hospital_id: int
    digest: bytes
    guilty: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class StepView:
    """A step that is over: who was expected and did not act, and who is still in."""

    step: CeremonyStep
    absent: tuple[int, ...]
    left: tuple[int, ...]
    act: Act


@dataclass(frozen=True)
class CeremonyView:
    """One run of the key ceremony.

    `keys_hash` is computed from the events, `kept_hash` what the contract keeps of it (None of an earlier ceremony).
    `contract` is the KeyCeremony's address. Of a complete one, `rounds` are those that have begun with its keys.
    """

    number: int
    contract: str
    keys: tuple[KeyView, ...]
    keys_hash: bytes
    kept_hash: bytes | None
    dealings: tuple[DealingView, ...]
    holdings: tuple[HoldingView, ...]
    lackings: tuple[LackingView, ...]
    complaints: tuple[ComplaintView, ...]
    satisfied: tuple[int, ...]
    acknowledgements: tuple[AcknowledgementView, ...]
    steps: tuple[StepView, ...]
    completed: Act | None
    transcript: bytes
    participants: tuple[int, ...]
    guilty: tuple[int, ...]
    failed: Act | None
    failed_step: CeremonyStep | None
    failure: CeremonyFailure | None
    rounds: tuple[int, ...]

    @property
    def dealt(self) -> tuple[int, ...]:
        """To whom shares were dealt: all that posted keys, by enrolment index."""
        return tuple(key.hospital_id for key in sorted(self.keys, key=lambda key: key.index))

    @property
    def absent(self) -> tuple[tuple[CeremonyStep, tuple[int, ...]], ...]:
        """Who was silent in which step."""
        return tuple((step.step, step.absent) for step in self.steps if step.absent)

    def left_after(self, step: CeremonyStep) -> tuple[int, ...] | None:
        """Who was still in when a step was over, as the contract told; None where it was passed over or is not over."""
        return next((item.left for item in self.steps if item.step is step), None)

    def held_by(self, threshold: int) -> frozenset[int]:
        """Whose dealings count by Hold: who said what it holds, and whose own dealing at least `threshold` hold."""
        return frozenset(
            holding.hospital_id
            for holding in self.holdings
            if _named(holding.hospital_id, [other.holds for other in self.holdings]) >= threshold
        )

    def counted(self, threshold: int) -> frozenset[int]:
        """Whose dealings count in the end: those held, less those that `threshold` lack."""
        return frozenset(
            hospital
            for hospital in self.held_by(threshold)
            if _named(hospital, [item.lacks for item in self.lackings]) < threshold
        )

    def agreed(self, threshold: int) -> tuple[tuple[bytes, tuple[int, ...]], ...]:
        """The pairs of digest and guilty that at least `threshold` acknowledged alike."""
        pairs = [(item.digest, item.guilty) for item in self.acknowledgements]
        return tuple(pair for pair in dict.fromkeys(pairs) if pairs.count(pair) >= threshold)


def _named(hospital: int, lists: Collection[tuple[int, ...]]) -> int:
    return sum(hospital in named for named in lists)
