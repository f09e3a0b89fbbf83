# SPDX-License-Identifier: Apache-2.0
"""A chain and a key that only pretend: views answer what a test sets, and what is sent is written down."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from node.chain.clock import ChainClock
from node.chain.round_reads import sum_digest
from node.errors import DrawLost
from node.plan import TrainingPlan
from node.proofs.commitments import aggregation_context, training_context
from node.types import (
    BlockDraw,
    BlockRef,
    CeremonyState,
    CeremonyStep,
    ChainEvent,
    Circuit,
    Deployment,
    Enrolment,
    FilePost,
    ModelPost,
    Offence,
    Phase,
    PhaseState,
    Proof,
    RoundState,
    SignedShare,
    Study,
    StudyState,
    Submission,
)
from node.words import format_amount
from tests.support.threshold import CONTRACT

STUDY, CEREMONY = 1, 1
CHAIN_ID = 31337
ADDRESS = "0x" + "a1" * 20
COMPLETED = CeremonyState(CEREMONY, CeremonyStep.ACKNOWLEDGEMENT, 0, 0, 0, True, bytes(32), 1, 3)
DEPLOYMENT = Deployment(CHAIN_ID, 0, True, {"RoundManager": CONTRACT}, {})

#: The time on the fake chain, whatever a test makes of this machine's clock.
_now = time.time

NO_BLOCKS = BlockDraw(bytes(32), 0, 0, 0, False, False, False)


def round_state(root_before: int, **changes: Any) -> RoundState:
    """A round that began just now."""
    empty = {name: 0 for name in RoundState.__dataclass_fields__}
    begun = {**empty, "started_at": int(_now()), "root_before": root_before}
    return RoundState(**{**begun, "verified": False, "sum_digest": bytes(32), "closed_as": Phase.NONE, **changes})


class SetClock(ChainClock):
    """A chain's clock that a test puts forward."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.ahead = 0.0

    def now(self) -> float:
        return _now() + self.ahead


@dataclass
class FakeChain:
    """The views of `ChainReader` that steps use, over values that a test sets."""

    plan: TrainingPlan
    study_record: Study
    enrolled: tuple[int, ...]
    rows: tuple[int, ...]
    roots: tuple[int, ...]
    circuit_records: dict[int, Circuit]
    state: StudyState = StudyState.RUNNING
    ceremony: CeremonyState = COMPLETED
    posts: dict[CeremonyStep, dict[int, FilePost]] = field(default_factory=dict)
    round_number: int = 1
    rounds: dict[int, RoundState] = field(default_factory=dict)
    phases: dict[int, PhaseState] = field(default_factory=dict)
    #: What a block that is final says, where it is not what the newest one says.
    final_phases: dict[int, PhaseState] = field(default_factory=dict)
    final_rounds: dict[int, RoundState] = field(default_factory=dict)
    submitted: dict[tuple[int, int], Submission] = field(default_factory=dict)
    includable_bitmap: int = 0
    #: The sum of the included commitments, as an event tells it.
    total: tuple[int, int] = (0, 0)
    attempt: int = 0
    final_attempt: int | None = None
    quorums: dict[int, tuple[int, ...]] = field(default_factory=dict)
    shares: dict[int, dict[int, FilePost]] = field(default_factory=dict)
    #: The shares that are on chain, as their operators signed them, and whose those are.
    signed: list[SignedShare] = field(default_factory=list)
    operators: dict[str, int] = field(default_factory=dict)
    punished_bitmap: int = 0
    #: Of hospitals that enrolled with blocks: what they committed to, which was drawn, and which is used.
    draws: dict[int, BlockDraw] = field(default_factory=dict)
    drawn: dict[int, int] = field(default_factory=dict)
    final_drawn: dict[int, int] = field(default_factory=dict)
    used: dict[int, tuple[int, int]] = field(default_factory=dict)
    final_used: dict[int, tuple[int, int]] = field(default_factory=dict)
    #: Whose draw the chain no longer knows the hash of.
    lost: set[int] = field(default_factory=set)
    #: The hospital's part of a pot, by number.
    parts: dict[int, int] = field(default_factory=dict)
    models: list[ModelPost] = field(default_factory=list)
    root_of_plan: int | None = None
    #: What `events` finds, whatever the filter.
    logged: list[ChainEvent] = field(default_factory=list)
    #: Code by address.
    codes: dict[str, bytes] = field(default_factory=dict)
    deployment: Deployment = DEPLOYMENT
    clock: SetClock = field(default_factory=SetClock)
    #: How many requests a node made; none of these are.
    asked: int = 0

    def head(self) -> BlockRef:
        return BlockRef(100, "0x64", int(_now()))

    def block(self, number: int) -> BlockRef:
        return BlockRef(number, hex(number), int(_now()) - (100 - number))

    def agreed(self, read: Callable[[FakeChain], Any]) -> Any:
        return read(self)

    def code(self, address: str) -> bytes:
        return self.codes.get(address, b"")

    def study(self, study: int) -> Study:
        return self.study_record

    def study_state(self, study: int, at: Any = "latest") -> StudyState:
        return self.state

    def enrolment_end(self, study: int) -> int:
        return int(_now()) + self.plan.phases.enrol

    def plan_root(self, study: int) -> int:
        return self.plan.root() if self.root_of_plan is None else self.root_of_plan

    def circuit(self, circuit_id: int) -> Circuit:
        return self.circuit_records[circuit_id]

    def enrolled_ids(self, study: int) -> tuple[int, ...]:
        return self.enrolled

    def enrolment(self, study: int, hospital_id: int, at: Any = "latest") -> Enrolment:
        index = self.enrolled.index(hospital_id)
        barred = not self.ceremony_state(study, at).participants >> index & 1
        root, rows = self.roots[index], self.rows[index]
        if hospital_id in self.draws:
            root, rows = (self.used if at == "latest" else self.final_used).get(hospital_id, (0, 0))
        return Enrolment(hospital_id, index, rows, ADDRESS, barred, root, bytes(32))

    def blocks_of(self, study: int, hospital_id: int, at: Any = "latest") -> BlockDraw:
        return self.draws.get(hospital_id, NO_BLOCKS)

    def drawn_block(self, study: int, hospital_id: int, at: Any = "latest") -> int | None:
        if hospital_id in self.lost and not self.draws[hospital_id].kept:
            raise DrawLost("The chain no longer knows the hash.")
        return (self.drawn if at == "latest" else self.final_drawn).get(hospital_id)

    def draw(self, hospital_id: int, index: int, *, final: bool = True) -> None:
        """A block hash draws one of a hospital's blocks; by default long ago."""
        self.drawn[hospital_id] = index
        if final:
            self.final_drawn[hospital_id] = index

    def settle(self) -> None:
        """All that is on the chain becomes final."""
        self.final_drawn, self.final_used = dict(self.drawn), dict(self.used)

    def ceremony_state(self, study: int, at: Any = "latest") -> CeremonyState:
        return self.ceremony

    def ceremony_of(self, study: int, round_number: int, at: Any = "latest") -> tuple[int, int]:
        return self.ceremony.number, self.ceremony.participants

    def events(
        self, contract: str, event: str, first_block: int | None = None, last_block: int | None = None, **indexed: int
    ) -> tuple[ChainEvent, ...]:
        return tuple(found for found in self.logged if found.name == event)

    def events_by_part(
        self, contract: str, event: str, first_block: int, last_block: int, **indexed: int
    ) -> Iterator[tuple[int, tuple[ChainEvent, ...]]]:
        yield last_block, self.events(contract, event, first_block, last_block, **indexed)

    def ceremony_posts(self, study: int, ceremony: int, step: CeremonyStep) -> dict[int, FilePost]:
        return dict(self.posts.get(step, {}))

    def current_round(self, study: int) -> int:
        return self.round_number

    def phase(self, study: int, round_number: int, at: Any = "latest") -> PhaseState:
        chosen = self.phases if at == "latest" else {**self.phases, **self.final_phases}
        return chosen[round_number]

    def round_state(self, study: int, round_number: int, at: Any = "latest") -> RoundState:
        chosen = self.rounds if at == "latest" else {**self.rounds, **self.final_rounds}
        return chosen[round_number]

    def submissions(self, study: int, round_number: int, hospital_ids: Iterable[int]) -> dict[int, Submission]:
        asked = ((number, self.submitted.get((round_number, number))) for number in hospital_ids)
        return {number: submission for number, submission in asked if submission is not None}

    def includable(self, study: int, round_number: int) -> int:
        return self.includable_bitmap

    def included_sum(self, study: int, round_number: int, state: RoundState) -> tuple[int, int]:
        assert state.sum_digest == sum_digest(*self.total)
        return self.total

    def current_attempt(self, study: int, round_number: int, at: Any = "latest") -> int:
        return self.attempt if at == "latest" or self.final_attempt is None else self.final_attempt

    def quorum(self, study: int, round_number: int, attempt: int, at: Any = "latest") -> tuple[int, ...]:
        return self.quorums.get(attempt, ())

    def shares_posted(self, study: int, round_number: int, attempt: int) -> int:
        return sum(1 << self.enrolled.index(number) for number in self.shares.get(attempt, {}))

    def share_posts(self, study: int, round_number: int, attempt: int) -> dict[int, FilePost]:
        return dict(self.shares.get(attempt, {}))

    def signed_shares(self, study: int, round_number: int) -> tuple[SignedShare, ...]:
        return tuple(self.signed)

    def acted_for(self, study: int, operator: str) -> int:
        return self.operators.get(operator, 0)

    def punished(self, study: int, offence: Offence, stage: int) -> int:
        return self.punished_bitmap

    def part_of_pot(self, pot_id: int, hospital_id: int) -> int:
        return self.parts.get(pot_id, 0)

    def tokens(self, amount: int) -> str:
        return f"{format_amount(amount, 18)} CSL"

    def model_posts(self, study: int, round_number: int) -> tuple[ModelPost, ...]:
        return tuple(self.models)

    def training_context(self, study: int, round_number: int, hospital_id: int, digest: bytes) -> int:
        return training_context(
            chain_id=CHAIN_ID, round_manager=CONTRACT, study_id=study, round_number=round_number,
            hospital_id=hospital_id, ciphertext_digest=digest,
        )  # fmt: skip

    def aggregation_context(self, study: int, round_number: int, included: int) -> int:
        return aggregation_context(
            chain_id=CHAIN_ID, round_manager=CONTRACT, study_id=study, round_number=round_number,
            included_bitmap=included,
        )  # fmt: skip

    def change_round(self, round_number: int = 1, **changes: Any) -> RoundState:
        """Change a round's record, and return it."""
        self.rounds[round_number] = replace(self.rounds[round_number], **changes)
        return self.rounds[round_number]

    def change_terms(self, **changes: Any) -> None:
        """Change what the chain says of the plan."""
        self.study_record = replace(self.study_record, plan=replace(self.study_record.plan, **changes))


class FakeLedger:
    """The writes of one hospital: written down, and put on the fake chain; `failure` is raised once instead."""

    def __init__(self, chain: FakeChain, number: int) -> None:
        self._chain = chain
        self._number = number
        self.sent: list[tuple[Any, ...]] = []
        self.failure: Exception | None = None

    def named(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of all calls of that name."""
        return [arguments for called, *arguments in self.sent if called == name]  # type: ignore[misc]

    def _send(self, name: str, *arguments: Any) -> None:
        failure, self.failure = self.failure, None
        if failure is not None:
            raise failure
        self.sent.append((name, *arguments))

    def submit_update(
        self, study: int, round_number: int, digest: bytes, size: int, cx: int, cy: int, proof: Proof
    ) -> None:
        self._send("submit_update", round_number, digest, size, cx, cy, proof)
        self._chain.submitted[round_number, self._number] = Submission(digest, size, cx, cy)
        bit = 1 << self._chain.enrolled.index(self._number)
        self._chain.change_round(round_number, submitted_bitmap=self._chain.rounds[round_number].submitted_bitmap | bit)

    def attest(self, study: int, round_number: int, bitmap: int) -> None:
        self._send("attest", round_number, bitmap)

    def include_updates(self, study: int, round_number: int, submissions: Sequence[Submission]) -> None:
        self._send("include_updates", round_number, tuple(submissions))

    def post_share(
        self, study: int, round_number: int, attempt: int, included_bitmap: int, digest: bytes, size: int
    ) -> None:
        self._send("post_share", round_number, attempt, included_bitmap, digest, size)
        self._chain.shares.setdefault(attempt, {})[self._number] = FilePost(self._number, digest, size, 90)

    def finalise(self, study: int, round_number: int, total: tuple[int, int], root_after: int, proof: Proof) -> None:
        assert total == self._chain.total
        self._send("finalise", round_number, root_after)

    def post_model(self, study: int, round_number: int, digest: bytes, size: int) -> None:
        self._send("post_model", round_number, digest, size)
        self._chain.models.append(ModelPost(ADDRESS, digest, size, 99))

    def fail_round(self, study: int, round_number: int) -> None:
        self._send("fail_round", round_number)

    def post_ceremony(self, study: int, ceremony: int, step: CeremonyStep, digest: bytes, size: int) -> None:
        self._send("post_ceremony", ceremony, step, digest, size)
        self._chain.posts.setdefault(step, {})[self._number] = FilePost(self._number, digest, size, 90)

    def fail_ceremony(self, study: int, ceremony: int) -> None:
        self._send("fail_ceremony", ceremony)

    def enrol(self, study: int, data_root: int, rows: int, payout_commitment: bytes = bytes(32)) -> None:
        self._send("enrol", data_root, rows, payout_commitment)

    def enrol_blocks(self, study: int, blocks_root: bytes, blocks: int, payout_commitment: bytes = bytes(32)) -> None:
        self._send("enrol_blocks", blocks_root, blocks, payout_commitment)
        self._chain.draws[self._number] = replace(NO_BLOCKS, blocks_root=blocks_root, blocks=blocks, draw_at=99)

    def use_block(self, study: int, data_root: int, rows: int, path: Sequence[bytes]) -> None:
        self._send("use_block", data_root, rows, path)
        self._change_draw(used=True)
        self._chain.used[self._number] = (data_root, rows)

    def keep_draw(self, study: int, hospital_id: int) -> None:
        self._send("keep_draw", hospital_id)
        self._change_draw(kept=True)

    def redraw(self, study: int) -> None:
        self._send("redraw")
        self._change_draw(redrawn=True)
        self._chain.lost.discard(self._number)

    def _change_draw(self, **changes: bool) -> None:
        self._chain.draws[self._number] = replace(self._chain.draws[self._number], **changes)

    def report_equivocation(self, first: SignedShare, second: SignedShare) -> None:
        self._send("report_equivocation", first, second)
