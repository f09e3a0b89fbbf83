# SPDX-License-Identifier: Apache-2.0
"""The KeyCeremony's rules on a chain that only pretends, as simple as they can be said.

Left out: money (a fine is written down, not taken), evidence windows, and what a test has no hand in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from node.chain.ceremony_reads import running_hash
from node.plan import TrainingPlan
from node.types import (
    Acknowledgement,
    Batch,
    CeremonyState,
    CeremonyStep,
    ComplaintPost,
    DealingPost,
    HoldingPost,
    KeysPost,
    LackingPost,
    Opening,
    StudyState,
    bitmap_of,
    indices,
)
from tests.support.fake_books import NO_CEREMONY, Books, empty_round, refused


@dataclass
class CeremonyRules:
    """Writes of the hospital at `index`, whose number is `hospital`, at the second `now`, in the block `block`."""

    plan: TrainingPlan
    books: Books
    enrolled: tuple[int, ...]
    now: int
    block: int
    root: int
    """The newest model's: the next round starts from it."""

    def begin(self) -> CeremonyState:
        """The next ceremony starts."""
        books = self.books
        due = ((1 << len(self.enrolled)) - 1) & ~books.left & ~books.excluded
        if len(indices(due & ~books.sitting_out)) >= self.least:
            due &= ~books.sitting_out
        else:
            books.sitting_out = 0
        start = books.round_number + 1
        rounds = min(self.plan.participation.batch_rounds, self.plan.participation.rounds - start + 1)
        number = books.ceremony.number + 1
        if len(indices(due)) < self.least:
            books.state, books.ended_at = StudyState.CANCELLED, self.now
            return books.ceremony
        books.state = StudyState.CEREMONY
        books.ceremony = replace(
            NO_CEREMONY,
            number=number,
            deadline=self.now + self.plan.phases.ceremony_step,
            step_opened_at=self.now,
            due=due,
            with_ckks=not self.plan.encryption.pads_only and books.failed_ckks < 2,
            first_round=start,
            rounds=rounds,
        )
        return books.ceremony

    @property
    def least(self) -> int:
        """Fewest hospitals: the minimum, and for the first ceremony 2t − 1."""
        minimum, threshold = self.plan.participation.minimum, self.plan.encryption.threshold
        return minimum if self.books.batches else max(minimum, 2 * threshold - 1)

    def post_keys(self, hospital: int, ceremony: int, px: int, py: int, box_key: bytes, salt: bytes) -> None:
        state, index = self._in(CeremonyStep.KEY, ceremony, hospital, self.books.ceremony.due)
        if state.keyed >> index & 1:
            raise refused("KeyCeremonyAlreadyPosted")
        keys = self.books.keys.setdefault(ceremony, [])
        keys.append(KeysPost(hospital, index, px, py, box_key, self.block))
        self.books.salts[hospital] = salt
        self.books.change_ceremony(keyed=state.keyed | 1 << index, keys_hash=running_hash(keys))
        self._end_early(self.books.ceremony.keyed, state.due)

    def post_dealing(self, hospital: int, ceremony: int, keys_hash: bytes, digest: bytes, size: int) -> None:
        state, index = self._in(CeremonyStep.DEAL, ceremony, hospital, self.books.ceremony.keyed)
        if state.dealt >> index & 1:
            raise refused("KeyCeremonyAlreadyPosted")
        if keys_hash != state.keys_hash:
            raise refused("KeyCeremonyOtherKeys")
        self.books.dealings.setdefault(ceremony, {})[hospital] = DealingPost(hospital, index, digest, size, self.block)
        self.books.change_ceremony(dealt=state.dealt | 1 << index)
        self._end_early(self.books.ceremony.dealt, state.keyed)

    def post_holding(self, hospital: int, ceremony: int, bitmap: int, satisfied: bool) -> None:
        state, index = self._in(CeremonyStep.HOLD, ceremony, hospital, self.books.ceremony.dealt)
        if state.held >> index & 1:
            raise refused("KeyCeremonyAlreadyPosted")
        if bitmap & ~state.dealt:
            raise refused("KeyCeremonyNotDealt")
        if satisfied and bitmap != state.dealt:
            raise refused("KeyCeremonyNotSatisfied")
        self.books.holdings.setdefault(ceremony, {})[hospital] = HoldingPost(hospital, bitmap, satisfied, self.block)
        self.books.change_ceremony(
            held=state.held | 1 << index, satisfied=state.satisfied | (1 << index if satisfied else 0)
        )
        self._end_early(self.books.ceremony.held, state.dealt)

    def name_lacking(self, hospital: int, ceremony: int, bitmap: int) -> None:
        state, _ = self._in(CeremonyStep.COMPLAIN, ceremony, hospital, self.books.ceremony.counted)
        if self.now >= state.middle:
            raise refused("KeyCeremonyTooLateToLack")
        if bitmap & ~state.counted:
            raise refused("KeyCeremonyNotCounted")
        named = self.books.lackings.setdefault(ceremony, {})
        if hospital in named:
            raise refused("KeyCeremonyAlreadyPosted")
        named[hospital] = LackingPost(hospital, bitmap, self.block)

    def complain(
        self, hospital: int, ceremony: int, dealer: int, round_number: int, d: tuple[int, int], challenge: int,
        response: int,
    ) -> None:  # fmt: skip
        state, _ = self._in(CeremonyStep.COMPLAIN, ceremony, hospital, self.books.ceremony.counted)
        if not state.counted >> dealer & 1:
            raise refused("KeyCeremonyNotCounted")
        told = self.books.complaints.setdefault(ceremony, [])
        if any((one.hospital_id, one.dealer) == (hospital, dealer) for one in told):
            raise refused("KeyCeremonyAlreadyComplained")
        if not state.first_round <= round_number < state.first_round + state.rounds:
            raise refused("KeyCeremonyRoundOutOfRange")
        told.append(ComplaintPost(hospital, dealer, round_number, *d, challenge, response, self.block))

    def be_satisfied(self, hospital: int, ceremony: int) -> None:
        state, index = self._in(CeremonyStep.COMPLAIN, ceremony, hospital, self.books.ceremony.counted)
        if state.satisfied >> index & 1:
            raise refused("KeyCeremonyAlreadyPosted")
        self.books.change_ceremony(satisfied=state.satisfied | 1 << index)
        self._end_early(self.books.ceremony.satisfied, state.counted)

    def acknowledge(self, hospital: int, ceremony: int, digest: bytes, guilty: int) -> None:
        state, index = self._in(CeremonyStep.ACKNOWLEDGE, ceremony, hospital, self.books.ceremony.counted)
        if state.acknowledged >> index & 1:
            raise refused("KeyCeremonyAlreadyPosted")
        posts = self.books.acknowledgements.setdefault(ceremony, {})
        posts[hospital] = Acknowledgement(hospital, digest, guilty, self.block)
        self.books.change_ceremony(acknowledged=state.acknowledged | 1 << index)
        self._end_early(self.books.ceremony.acknowledged, state.counted)

    def move_on(self) -> None:
        """Anyone moves the ceremony over a deadline that passed."""
        state = self.books.ceremony
        if self.books.state is not StudyState.CEREMONY or state.completed:
            raise refused("KeyCeremonyNoCeremony")
        if self.now < state.deadline:
            raise refused("KeyCeremonyStepOpen")
        self._end_step()

    def _in(self, step: CeremonyStep, ceremony: int, hospital: int, members: int) -> tuple[CeremonyState, int]:
        state, index = self.books.ceremony, self.enrolled.index(hospital)
        if self.books.state is not StudyState.CEREMONY or state.completed:
            raise refused("KeyCeremonyNoCeremony")
        if ceremony != state.number:
            raise refused("KeyCeremonyWrongCeremony")
        if state.step is not step:
            raise refused("KeyCeremonyWrongStep")
        if self.now >= state.deadline:
            raise refused("KeyCeremonyStepOver")
        if not members >> index & 1:
            raise refused("KeyCeremonyNotExpected")
        return state, index

    def _end_early(self, acted: int, expected: int) -> None:
        if not expected & ~acted:
            self._end_step()

    def _end_step(self) -> None:
        state = self.books.ceremony
        match state.step:
            case CeremonyStep.KEY:
                self._next(CeremonyStep.DEAL, state.due & ~state.keyed, state.keyed)
            case CeremonyStep.DEAL:
                self._next(CeremonyStep.HOLD, state.keyed & ~state.dealt, state.dealt)
            case CeremonyStep.HOLD:
                holders = _counts(post.bitmap for post in self.books.holdings.get(state.number, {}).values())
                counted = _at_least(holders, self.plan.encryption.threshold) & state.held
                after = CeremonyStep.COMPLAIN if counted & ~state.satisfied else CeremonyStep.ACKNOWLEDGE
                self._next(after, state.dealt & ~state.held, counted, counted=counted)
            case CeremonyStep.COMPLAIN:
                lacking = _counts(post.bitmap for post in self.books.lackings.get(state.number, {}).values())
                counted = state.counted & ~_at_least(lacking, self.plan.encryption.threshold)
                silent = state.counted & ~self._spoke(state)
                self._next(CeremonyStep.ACKNOWLEDGE, silent, counted, counted=counted)
            case CeremonyStep.ACKNOWLEDGE:
                self._judge(state)

    def _next(self, step: CeremonyStep, absent: int, left: int, **changes: Any) -> None:
        """Go on to a step with those left, or fail; the absent are fined."""
        self._fine(absent)
        if len(indices(left)) < self.plan.participation.minimum:
            self._fail()
            return
        self.books.change_ceremony(
            step=step, deadline=self.now + self.plan.phases.ceremony_step, step_opened_at=self.now, **changes
        )

    def _judge(self, state: CeremonyState) -> None:
        """The pair of transcript and guilty that t acknowledge counts, if there is one such pair."""
        posts = self.books.acknowledgements.get(state.number, {}).values()
        votes = Counter((post.digest, post.guilty) for post in posts)
        chosen = [pair for pair, count in votes.items() if count >= self.plan.encryption.threshold]
        if len(chosen) != 1:
            self._fail()
            return
        digest, guilty = chosen[0]
        alike = sum(
            1 << self.enrolled.index(post.hospital_id) for post in posts if (post.digest, post.guilty) == chosen[0]
        )
        self._fine(state.counted & ~state.acknowledged)
        self.books.excluded |= guilty
        participants = state.counted & alike & ~guilty
        if len(indices(participants)) < self.plan.participation.minimum:
            self._fail()
            return
        self.complete(participants, guilty, digest)

    def complete(self, participants: int, guilty: int = 0, digest: bytes = bytes(32)) -> None:
        """The ceremony is complete, and the batch's first round begins."""
        books = self.books
        state = books.change_ceremony(
            completed=True, participants=participants, guilty=guilty, transcript_digest=digest,
            step=CeremonyStep.ACKNOWLEDGE,
        )  # fmt: skip
        books.failed_ceremonies = books.sitting_out = 0
        books.batches.append(
            Batch(
                state.number, state.first_round, state.first_round + state.rounds - 1, self.now, participants,
                state.keyed, state.with_ckks, len(books.batches) + 1,
            )
        )  # fmt: skip
        books.state, books.round_number = StudyState.RUNNING, state.first_round
        begin_round(self.plan, books, self.now, self.root)

    def _spoke(self, state: CeremonyState) -> int:
        """Who said anything in Complain, or had nothing to say."""
        lacking = self.books.lackings.get(state.number, {})
        complaining = (post.hospital_id for post in self.books.complaints.get(state.number, []))
        return state.satisfied | self._bitmap(lacking) | self._bitmap(complaining)

    def _bitmap(self, hospitals: Iterable[int]) -> int:
        return bitmap_of([self.enrolled.index(number) for number in hospitals])

    def _fine(self, absent: int) -> None:
        if absent:
            self.books.fined.append((f"ceremony {self.books.ceremony.number}", absent))

    def _fail(self) -> None:
        self.books.failed_ceremonies += 1
        if self.books.failed_ceremonies >= self.plan.money.unopened_rounds:
            self.books.state, self.books.ended_at = StudyState.CANCELLED, self.now
            return
        self.begin()


def begin_round(plan: TrainingPlan, books: Books, now: int, root: int) -> None:
    """The round `books.round_number` begins: how it opens, and for whom it waits, is fixed."""
    number = books.round_number
    participants = next(b.participants for b in books.batches if b.first_round <= number <= b.last_round)
    earlier = [books.rounds[before] for before in (number - 1, number - 2) if before in books.rounds]
    away = 0
    if len(earlier) == 2:
        away = participants & ~(earlier[0].submitted_bitmap | earlier[1].submitted_bitmap)
    pads = plan.encryption.pads_only or books.failed_ckks >= 2
    books.rounds[number] = empty_round(
        now, root, expected=participants & ~away, opening=Opening.PADS if pads else Opening.CKKS
    )


def _counts(bitmaps: Iterable[int]) -> Counter[int]:
    return Counter(index for bitmap in bitmaps for index in indices(bitmap))


def _at_least(counts: Counter[int], least: int) -> int:
    return sum(1 << index for index, count in counts.items() if count >= least)
