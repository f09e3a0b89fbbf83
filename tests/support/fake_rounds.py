# SPDX-License-Identifier: Apache-2.0
"""The rules of rounds, openings and the court on a chain that only pretends, as simple as they can be said.

Left out: proofs, signatures and money (a fine is written down, not taken).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

from node.chain.openings import MAX_INLINE_BYTES
from node.chain.round_reads import sum_digest
from node.group.babyjubjub import Point, add
from node.plan import TrainingPlan
from node.types import (
    Accusation,
    Batch,
    Charge,
    FilePost,
    Opening,
    PadSharePost,
    Phase,
    PhaseState,
    RoundState,
    SignedShare,
    StudyState,
    Submission,
    indices,
)
from tests.support.fake_books import NO_BATCH, Books, refused
from tests.support.fake_ceremony import CeremonyRules, begin_round


@dataclass
class RoundRules:
    """Writes of the hospital whose number is `hospital`, at the second `now`, in the block `block`."""

    plan: TrainingPlan
    books: Books
    enrolled: tuple[int, ...]
    #: How many rows the hospital at an index proves with.
    rows: Callable[[int], int]
    now: int
    block: int
    ceremonies: CeremonyRules

    # What follows from the books

    def batch(self, number: int) -> Batch:
        """The batch that has keys for a round."""
        return next((b for b in self.books.batches if b.first_round <= number <= b.last_round), NO_BATCH)

    def phase(self, number: int) -> PhaseState:
        """A round's phase and the second at which it ends."""
        state, plan, now = self.books.rounds.get(number), self.plan, self.now
        if state is None:
            return PhaseState(Phase.NONE, 0)
        if state.closed_as is not Phase.NONE:
            return PhaseState(state.closed_as, 0)
        if not state.included_at:
            submit_end = state.submit_ended_at or state.started_at + plan.phases.submit
            if now < submit_end:
                return PhaseState(Phase.SUBMIT, submit_end)
            if len(indices(state.submitted_bitmap)) < plan.participation.minimum:
                return PhaseState(Phase.FAILED, 0)
            attest_end = state.attest_ended_at or submit_end + plan.phases.attest
            return PhaseState(Phase.ATTEST, attest_end) if now < attest_end else PhaseState(Phase.INCLUDE, 0)
        if now < state.pads_until:
            return PhaseState(Phase.OPEN, state.pads_from if now < state.pads_from else state.pads_until)
        patient_until = state.included_at + plan.phases.patience
        return PhaseState(Phase.SUSPENDED, patient_until) if now < patient_until else PhaseState(Phase.FAILED, 0)

    def includable(self, number: int) -> int:
        """Those with at least t attestations."""
        bitmaps = [bitmap for (of, _), bitmap in self.books.attestations.items() if of == number]
        counts = {index: sum(b >> index & 1 for b in bitmaps) for index in range(len(self.enrolled))}
        return sum(1 << index for index, count in counts.items() if count >= self.plan.encryption.threshold)

    def recovering(self, number: int) -> bool:
        """Whether pad shares of a finalised round are still accepted."""
        state = self.books.rounds.get(number)
        if state is None or state.closed_as is not Phase.FINALISED:
            return False
        if number + 1 in self.books.rounds:
            return self.phase(number + 1).phase is Phase.SUBMIT
        return not self.books.ended_at or self.now < self.books.ended_at + self.plan.phases.recovery

    # Rounds

    def submit_update(self, hospital: int, number: int, submission: Submission) -> None:
        state, index = self._in(Phase.SUBMIT, number, hospital)
        if state.submitted_bitmap >> index & 1:
            raise refused("RoundManagerAlreadySubmitted")
        if not self.rows(index):
            raise refused("RoundManagerNoRows")
        self.books.submitted[number, hospital] = submission
        state = self.books.change_round(number, submitted_bitmap=state.submitted_bitmap | 1 << index)
        if not state.expected & ~state.submitted_bitmap:
            self.books.change_round(number, submit_ended_at=self.now)

    def attest(self, hospital: int, number: int, bitmap: int) -> None:
        state, index = self._in(Phase.ATTEST, number, hospital)
        if state.attested_bitmap >> index & 1:
            raise refused("RoundManagerAlreadyAttested")
        if bitmap & ~state.submitted_bitmap:
            raise refused("RoundManagerAttestedUnsubmitted")
        self.books.attestations[number, hospital] = bitmap
        state = self.books.change_round(number, attested_bitmap=state.attested_bitmap | 1 << index)
        if not state.expected & ~state.attested_bitmap:
            self.books.change_round(number, attest_ended_at=self.now)

    def include_updates(self, number: int, submissions: Sequence[Submission]) -> None:
        self._needs(number, Phase.INCLUDE)
        state, chosen = self.books.rounds[number], self.includable(number)
        missing = state.submitted_bitmap & ~chosen
        if len(indices(chosen)) < self.plan.participation.minimum:
            self._fail(number, self.batch(number).participants & ~(chosen & state.attested_bitmap))
            return
        wanted = [self.books.submitted[number, self.enrolled[index]] for index in indices(chosen)]
        if list(submissions) != wanted:
            raise refused("RoundManagerWrongSubmission")
        accused = self._accused(number, Charge.PAYLOAD)
        if missing & ~accused and len(indices(state.attested_bitmap)) >= 2 * self.plan.encryption.threshold - 1:
            self.books.fined.append((f"round {number}", missing & ~accused))
        total = reduce(add, (Point(entry.cx, entry.cy) for entry in wanted))
        self.include(number, chosen, (total.x, total.y))

    def include(self, number: int, chosen: int, total: tuple[int, int]) -> None:
        """The set is fixed, and bound to the weights that the round starts from."""
        state, window = self.books.rounds[number], self.plan.phases.open
        pads_from = self.now + (window if state.opening is Opening.CKKS else 0)
        self.books.totals[number] = total
        self.books.bound[state.root_before] = chosen
        if state.opening is Opening.CKKS:
            self.books.quorums.setdefault(number, self._draw(chosen, state))
        self.books.change_round(
            number, included_bitmap=chosen, included_at=self.now, pads_from=pads_from, pads_until=pads_from + window,
            sum_rows=sum(map(self.rows, indices(chosen))), sum_digest=sum_digest(*total),
        )  # fmt: skip

    def finalise(self, number: int, total: tuple[int, int], root_after: int) -> None:
        self._needs(number, Phase.OPEN, Phase.SUSPENDED)
        state = self.books.rounds[number]
        if sum_digest(*total) != state.sum_digest:
            raise refused("RoundManagerWrongSum")
        if state.opening is Opening.CKKS and self.now >= state.pads_from:
            self.books.failed_ckks += 1
        self.books.change_round(number, closed_as=Phase.FINALISED, closed_at=self.now, root_after=root_after)
        if root_after in self.books.bound:
            self.books.state, self.books.ended_at = StudyState.COMPLETED, self.now
        else:
            self._go_on(number, root_after)

    def fail_round(self, number: int) -> None:
        if self.books.rounds[number].closed_as is Phase.FAILED:
            raise refused("RoundManagerAlreadyFailed")
        self._needs(number, Phase.FAILED)
        state = self.books.rounds[number]
        if state.included_at:
            self.books.change_round(number, closed_as=Phase.FAILED, closed_at=self.now)
            self.books.state, self.books.ended_at = StudyState.CANCELLED, self.now
        else:
            self._fail(number, self.batch(number).participants & ~state.submitted_bitmap)

    # Openings and the court

    def post_share(self, hospital: int, number: int, share: SignedShare, size: int) -> None:
        self._in(Phase.OPEN, number, hospital)
        state, posts = self.books.rounds[number], self.books.shares.setdefault(number, {})
        if state.opening is not Opening.CKKS or self.now >= state.pads_from:
            raise refused("OpeningsWrongPhase")
        if hospital not in self.books.quorums.get(number, ()):
            raise refused("OpeningsNotInQuorum")
        if hospital in posts:
            raise refused("OpeningsAlreadyPosted")
        posts[hospital] = FilePost(hospital, share.digest, size, self.block)
        self.books.signed.append(share)

    def post_pad_share(self, hospital: int, number: int, share: bytes) -> None:
        if not 0 < len(share) <= MAX_INLINE_BYTES:
            raise refused("OpeningsWrongLength")
        self._pad_share(number, PadSharePost.inline(hospital, share, self.block))

    def post_pad_share_file(self, hospital: int, number: int, digest: bytes, size: int) -> None:
        self._pad_share(number, PadSharePost(hospital, None, digest, size, self.block))

    def record_absence(self, number: int) -> None:
        state = self.books.rounds[number]
        if state.closed_as is not Phase.NONE or not state.included_at:
            raise refused("OpeningsWrongPhase")
        if self.now < state.pads_until:
            raise refused("OpeningsNotYet")
        if number in self.books.absences:
            raise refused("OpeningsAlreadyRecorded")
        there = sum(1 << self.enrolled.index(one) for one in self.books.pad_shares.get(number, {}))
        self.books.absences[number] = absent = self.batch(number).participants & ~there
        self.books.fined.append((f"round {number}", absent))

    def accuse(self, hospital: int, number: int, charge: Charge, accused: int) -> None:
        index = self._participant(number, hospital)
        told, state = self.books.accusations.setdefault(number, []), self.books.rounds[number]
        posted = sum(1 << self.enrolled.index(one) for one in self.books.pad_shares.get(number, {}))
        could = state.submitted_bitmap if charge is Charge.PAYLOAD else posted
        if not accused or accused & ~could:
            raise refused("CourtNothingToAccuse")
        before = [one for one in told if one.charge is charge and one.hospital_id == self.enrolled[index]]
        if any(one.accused & accused for one in before):
            raise refused("CourtAlreadyAccused")
        told.append(Accusation(hospital, charge, accused, self.block))
        convicted = self._accused(number, charge)
        self.books.convicted[number, charge] = convicted
        self.books.excluded |= convicted

    def _accused(self, number: int, charge: Charge) -> int:
        """Those whom t participants accuse."""
        found = [one.accused for one in self.books.accusations.get(number, []) if one.charge is charge]
        counts = {index: sum(b >> index & 1 for b in found) for index in range(len(self.enrolled))}
        return sum(1 << index for index, count in counts.items() if count >= self.plan.encryption.threshold)

    def _pad_share(self, number: int, post: PadSharePost) -> None:
        self._participant(number, post.hospital_id)
        state = self.books.rounds[number]
        opening = self.phase(number).phase.opens and self.now >= state.pads_from
        if not opening and not self.recovering(number):
            raise refused("OpeningsWrongPhase")
        posts = self.books.pad_shares.setdefault(number, {})
        if post.hospital_id in posts:
            raise refused("OpeningsAlreadyPosted")
        posts[post.hospital_id] = post

    def _draw(self, chosen: int, state: RoundState) -> tuple[int, ...]:
        """Some t of those that attested, by a hash of set and starting model; the contract's own order is another."""

        def place(index: int) -> bytes:
            return hashlib.sha256(f"{chosen} {state.root_before} {index}".encode()).digest()

        drawn = sorted(indices(state.attested_bitmap), key=place)[: self.plan.encryption.threshold]
        return tuple(self.enrolled[index] for index in sorted(drawn))

    def _fail(self, number: int, missing: int) -> None:
        """A round without a set ends its batch; those that were missing sit out the next ceremony."""
        books = self.books
        books.change_round(number, closed_as=Phase.FAILED, closed_at=self.now)
        books.fined.append((f"round {number}", missing))
        books.sitting_out = missing
        books.batches[-1] = Batch(**{**vars(books.batches[-1]), "last_round": number})
        failed = 0
        for before in range(number, 0, -1):
            if books.rounds[before].closed_as is not Phase.FAILED:
                break
            failed += 1
        if failed >= self.plan.money.unopened_rounds:
            books.state, books.ended_at = StudyState.CANCELLED, self.now
        else:
            self._go_on(number, books.rounds[number].root_before)

    def _go_on(self, number: int, root: int) -> None:
        """The next round starts, or a ceremony for it, or the study ends."""
        books = self.books
        if number >= self.plan.participation.rounds:
            books.state, books.ended_at = StudyState.COMPLETED, self.now
        elif self.batch(number + 1).ceremony:
            books.round_number = number + 1
            begin_round(self.plan, books, self.now, root)
        else:
            self.ceremonies.root = root
            self.ceremonies.begin()

    def _needs(self, number: int, *phases: Phase) -> None:
        if self.phase(number).phase not in phases:
            raise refused("RoundManagerWrongPhase")

    def _in(self, phase: Phase, number: int, hospital: int) -> tuple[RoundState, int]:
        self._needs(number, phase)
        return self.books.rounds[number], self._participant(number, hospital)

    def _participant(self, number: int, hospital: int) -> int:
        index = self.enrolled.index(hospital)
        if not self.batch(number).participants >> index & 1:
            raise refused("RoundManagerNotParticipant")
        return index
