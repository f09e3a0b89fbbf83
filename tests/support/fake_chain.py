# SPDX-License-Identifier: Apache-2.0
"""A chain that only pretends: views over books that a test may set, and that the contracts' rules change.

What is sent (`tests.support.fake_ledger`) follows the rules of `fake_ceremony` and `fake_rounds`. Everything is final
at once, unless a test says `hold`: from then on reads `at` a block see what there was, until `settle`.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from node.chain.ceremony_reads import running_hash
from node.chain.clock import ChainClock
from node.chain.round_reads import sum_digest
from node.errors import ChainUnavailable, DrawLost
from node.plan import TrainingPlan
from node.proofs.commitments import aggregation_context, training_context
from node.types import (
    Accusation,
    Acknowledgement,
    Batch,
    BlockDraw,
    BlockRef,
    CeremonyState,
    ChainEvent,
    Charge,
    Circuit,
    ComplaintPost,
    DealingPost,
    Deployment,
    Enrolment,
    FilePost,
    HoldingPost,
    KeysPost,
    LackingPost,
    ModelPost,
    Offence,
    Outcome,
    PadSharePost,
    Phase,
    PhaseState,
    RoundState,
    SignedShare,
    Study,
    StudyState,
    Submission,
)
from node.words import format_amount
from tests.support.fake_books import Books, empty_round
from tests.support.fake_ceremony import CeremonyRules
from tests.support.fake_rounds import RoundRules
from tests.support.threshold import CONTRACT

STUDY, CEREMONY = 1, 1
CHAIN_ID = 31337
ADDRESS = "0x" + "a1" * 20
DEPLOYMENT = Deployment(
    CHAIN_ID, 0, True, {"RoundManager": CONTRACT, "KeyCeremony": CONTRACT, "Openings": CONTRACT}, {}
)
#: The newest block, and the one that things happen in: final by the plans of tests.
HEAD, FINAL = 100, 90

#: The time on the fake chain, whatever a test makes of this machine's clock.
_now = time.time

NO_BLOCKS = BlockDraw(bytes(32), bytes(32), 0, 0, 0, False, False)


def round_state(root_before: int, **changes: Any) -> RoundState:
    """A round that began just now."""
    return empty_round(int(_now()), root_before, **changes)


def operator_of(hospital_id: int) -> str:
    """The operator that a hospital enrolled with."""
    return f"0x{hospital_id:040x}"


class SetClock(ChainClock):
    """A chain's clock that a test puts forward."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.ahead = 0.0

    def now(self) -> float:
        return _now() + self.ahead


@dataclass
class FakeChain:
    """The views of `ChainReader` that steps use."""

    plan: TrainingPlan
    study_record: Study
    enrolled: tuple[int, ...]
    rows: tuple[int, ...]
    roots: tuple[int, ...]
    circuit_records: dict[int, Circuit]
    books: Books = field(default_factory=Books)
    #: The block that things happen in: a test puts it near the head for what is not deep enough yet.
    block_number: int = FINAL
    #: Whose draw the chain no longer knows the hash of.
    lost: set[int] = field(default_factory=set)
    operators: dict[str, int] = field(default_factory=dict)
    punished_bitmap: int = 0
    #: The hospital's part of a pot, by number.
    parts: dict[int, int] = field(default_factory=dict)
    root_of_plan: int | None = None
    #: What `events` finds, whatever the filter.
    logged: list[ChainEvent] = field(default_factory=list)
    #: Code by address.
    codes: dict[str, bytes] = field(default_factory=dict)
    deployment: Deployment = DEPLOYMENT
    clock: SetClock = field(default_factory=SetClock)
    #: How many requests a node made; none of these are.
    asked: int = 0
    _final: Books | None = None

    # Time, finality and rules

    def hold(self) -> None:
        """What happens from now on is not final."""
        self._final, self.block_number = copy.deepcopy(self.books), HEAD

    def settle(self) -> None:
        """All that is on the chain becomes final, as it will be from now on."""
        self._final, self.block_number = None, FINAL

    def wait(self, seconds: float) -> None:
        """So many seconds pass."""
        self.clock.ahead += seconds

    def at(self, block: Any) -> Books:
        """What the contracts hold now, or as of what is final."""
        return self.books if block == "latest" or self._final is None else self._final

    def ceremonies(self, books: Books | None = None) -> CeremonyRules:
        """The rules of ceremonies, now."""
        chosen = books or self.books
        now = int(self.clock.now())
        return CeremonyRules(self.plan, chosen, self.enrolled, now, self.block_number, self._newest_root(chosen))

    def rules(self, books: Books | None = None) -> RoundRules:
        """The rules of rounds, now."""
        chosen, rules = books or self.books, self.ceremonies(books)

        def rows(index: int) -> int:
            return self.enrolment(STUDY, self.enrolled[index]).rows

        return RoundRules(self.plan, chosen, self.enrolled, rows, rules.now, self.block_number, rules)

    def start_batch(self, participants: int, keys: Iterable[KeysPost] = (), dealt: int | None = None) -> CeremonyState:
        """A ceremony is held and completed at once: all of `dealt` (by default the participants) posted keys."""
        rules, given = self.ceremonies(), list(keys)
        number = rules.begin().number
        self.books.keys[number] = given
        everybody = participants if dealt is None else dealt
        self.books.change_ceremony(
            keyed=everybody, dealt=everybody, held=everybody, counted=participants, satisfied=participants,
            acknowledged=participants, keys_hash=running_hash(given),
        )  # fmt: skip
        rules.complete(participants)
        return self.books.ceremony

    def bitmap(self, *numbers: int) -> int:
        """The bitmap of these hospitals."""
        return sum(1 << self.enrolled.index(number) for number in numbers)

    def change_terms(self, **changes: Any) -> None:
        """Change what the chain says of the plan."""
        self.study_record = replace(self.study_record, plan=replace(self.study_record.plan, **changes))

    def _newest_root(self, books: Books) -> int:
        finalised = [state for state in books.rounds.values() if state.closed_as is Phase.FINALISED]
        return finalised[-1].root_after if finalised else self.study_record.plan.initial_root

    # Blocks and events

    def head(self) -> BlockRef:
        return BlockRef(HEAD, hex(HEAD), int(self.clock.now()))

    def block(self, number: int) -> BlockRef:
        return BlockRef(number, hex(number), int(self.clock.now()) - (HEAD - number))

    def agreed(self, read: Callable[[FakeChain], Any]) -> Any:
        return read(self)

    def is_confirmed(self, number: int, confirmations: int) -> bool:
        return number + confirmations <= HEAD

    def code(self, address: str) -> bytes:
        return self.codes.get(address, b"")

    def events(
        self, contract: str, event: str, first_block: int | None = None, last_block: int | None = None, **indexed: int
    ) -> tuple[ChainEvent, ...]:
        return tuple(found for found in self.logged if found.name == event)

    def events_by_part(
        self, contract: str, event: str, first_block: int, last_block: int, **indexed: int
    ) -> Iterator[tuple[int, tuple[ChainEvent, ...]]]:
        yield last_block, self.events(contract, event, first_block, last_block, **indexed)

    # The study

    def study(self, study: int) -> Study:
        return self.study_record

    def study_state(self, study: int, at: Any = "latest") -> StudyState:
        return self.at(at).state

    def enrolment_end(self, study: int) -> int:
        return int(_now()) + self.plan.phases.enrol

    def plan_root(self, study: int) -> int:
        return self.plan.root() if self.root_of_plan is None else self.root_of_plan

    def circuit(self, circuit_id: int) -> Circuit:
        return self.circuit_records[circuit_id]

    def enrolled_ids(self, study: int, at: Any = "latest") -> tuple[int, ...]:
        return self.enrolled

    def enrolment(self, study: int, hospital_id: int, at: Any = "latest") -> Enrolment:
        index, books = self.enrolled.index(hospital_id), self.at(at)
        root, rows = self.roots[index], self.rows[index]
        if hospital_id in books.draws:
            root, rows = books.used.get(hospital_id, (0, 0))
        return Enrolment(
            hospital_id, index, rows, operator_of(hospital_id), self.is_out(study, index, at), root, bytes(32),
            bytes(32),
        )  # fmt: skip

    def approvals(self, study: int, hospital_id: int, at: Any = "latest") -> tuple[int, int]:
        books, threshold = self.at(at), self.plan.encryption.threshold
        n = books.batches[-1].participants.bit_count() if books.batches else 0
        return books.approvals.get(hospital_id, 0), max(threshold, n - threshold + 1)

    def blocks_of(self, study: int, hospital_id: int, at: Any = "latest") -> BlockDraw:
        return self.at(at).draws.get(hospital_id, NO_BLOCKS)

    def drawn_block(self, study: int, hospital_id: int, at: Any = "latest") -> int | None:
        books = self.at(at)
        if hospital_id in self.lost and not books.draws[hospital_id].kept:
            raise DrawLost("The chain no longer knows the hash.")
        return books.drawn.get(hospital_id)

    def draw(self, hospital_id: int, index: int) -> None:
        """A block hash draws one of a hospital's blocks."""
        self.books.drawn[hospital_id] = index

    # Ceremonies

    def ceremony_state(self, study: int, at: Any = "latest") -> CeremonyState:
        return self.at(at).ceremony

    def batch_of(self, study: int, round_number: int, at: Any = "latest") -> Batch:
        return self.rules(self.at(at)).batch(round_number)

    def batches(self, study: int, at: Any = "latest") -> tuple[int, int]:
        batches = self.at(at).batches
        return len(batches), batches[-1].last_round if batches else 0

    def is_out(self, study: int, index: int, at: Any = "latest") -> bool:
        books = self.at(at)
        return bool((books.left | books.excluded) >> index & 1)

    def excluded(self, study: int, at: Any = "latest") -> int:
        return self.at(at).excluded

    def posted_keys(
        self, study: int, ceremony: int, keys_hash: bytes, at: Any = "latest"
    ) -> tuple[KeysPost, ...]:  # fmt: skip
        told = self.keys_told(study, ceremony, at)
        if running_hash(told) != keys_hash:
            raise ChainUnavailable("The RPC endpoint tells other keys.")
        return told

    def keys_told(self, study: int, ceremony: int, at: Any = "latest") -> tuple[KeysPost, ...]:
        return tuple(self.at(at).keys.get(ceremony, ()))

    def dealings(self, study: int, ceremony: int, at: Any = "latest") -> dict[int, DealingPost]:
        return dict(self.at(at).dealings.get(ceremony, {}))

    def holdings(self, study: int, ceremony: int, at: Any = "latest") -> dict[int, HoldingPost]:
        return dict(self.at(at).holdings.get(ceremony, {}))

    def lackings(self, study: int, ceremony: int, at: Any = "latest") -> dict[int, LackingPost]:
        return dict(self.at(at).lackings.get(ceremony, {}))

    def complaints(self, study: int, ceremony: int, at: Any = "latest") -> tuple[ComplaintPost, ...]:
        return tuple(self.at(at).complaints.get(ceremony, ()))

    def acknowledgements(self, study: int, ceremony: int, at: Any = "latest") -> dict[int, Acknowledgement]:
        return dict(self.at(at).acknowledgements.get(ceremony, {}))

    # Rounds

    def current_round(self, study: int, at: Any = "latest") -> int:
        return self.at(at).round_number

    def phase(self, study: int, round_number: int, at: Any = "latest") -> PhaseState:
        return self.rules(self.at(at)).phase(round_number)

    def round_state(self, study: int, round_number: int, at: Any = "latest") -> RoundState:
        return self.at(at).rounds[round_number]

    def submissions(
        self, study: int, round_number: int, hospital_ids: Iterable[int], at: Any = "latest"
    ) -> dict[int, Submission]:
        known = self.at(at).submitted
        asked = ((number, known.get((round_number, number))) for number in hospital_ids)
        return {number: submission for number, submission in asked if submission is not None}

    def attestation(self, study: int, round_number: int, hospital_id: int) -> int:
        return self.books.attestations.get((round_number, hospital_id), 0)

    def includable(self, study: int, round_number: int) -> int:
        return self.rules().includable(round_number)

    def included_sum(self, study: int, round_number: int, state: RoundState) -> tuple[int, int]:
        total = self.books.totals[round_number]
        assert state.sum_digest == sum_digest(*total)
        return total

    def set_of(self, study: int, root: int, at: Any = "latest") -> int:
        return self.at(at).bound.get(root, 0)

    def failed_ckks_openings(self, study: int, at: Any = "latest") -> int:
        return self.at(at).failed_ckks

    def finalised_rounds(self, study: int) -> int:
        return sum(state.closed_as is Phase.FINALISED for state in self.books.rounds.values())

    def outcome(self, study: int, at: Any = "latest") -> Outcome:
        ended = {StudyState.COMPLETED: Outcome.COMPLETED, StudyState.CANCELLED: Outcome.CANCELLED}
        return ended.get(self.at(at).state, Outcome.OPEN)

    def model_posts(self, study: int, round_number: int) -> tuple[ModelPost, ...]:
        return tuple(self.books.models.get(round_number, ()))

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

    # Openings and the court

    def quorum(self, study: int, round_number: int, at: Any = "latest") -> tuple[int, ...]:
        return self.at(at).quorums.get(round_number, ())

    def shares_posted(self, study: int, round_number: int, at: Any = "latest") -> tuple[int, int]:
        books = self.at(at)
        kinds = (books.shares, books.pad_shares)
        ckks, pads = (self.bitmap(*kind.get(round_number, {})) for kind in kinds)
        return ckks, pads

    def is_recovering(self, study: int, round_number: int, at: Any = "latest") -> bool:
        return self.rules(self.at(at)).recovering(round_number)

    def share_posts(self, study: int, round_number: int, at: Any = "latest") -> dict[int, FilePost]:
        return dict(self.at(at).shares.get(round_number, {}))

    def signed_shares(self, study: int, round_number: int) -> tuple[SignedShare, ...]:
        return tuple(share for share in self.books.signed if share.round == round_number)

    def pad_shares(self, study: int, round_number: int, at: Any = "latest") -> dict[int, PadSharePost]:
        return dict(self.at(at).pad_shares.get(round_number, {}))

    def absent(self, study: int, round_number: int) -> int | None:
        return self.books.absences.get(round_number)

    def accusations(self, study: int, round_number: int, at: Any = "latest") -> tuple[Accusation, ...]:
        return tuple(self.at(at).accusations.get(round_number, ()))

    def convicted(self, study: int, round_number: int, charge: Charge, at: Any = "latest") -> int:
        return self.at(at).convicted.get((round_number, charge), 0)

    def accused_by(self, study: int, round_number: int, charge: Charge, index: int) -> int:
        told = self.books.accusations.get(round_number, [])
        mine = (one for one in told if one.charge is charge and one.hospital_id == self.enrolled[index])
        return sum(one.accused for one in mine)

    def acted_for(self, study: int, operator: str) -> int:
        return self.operators.get(operator, 0)

    # Money

    def punished(self, study: int, offence: Offence, stage: int, at: Any = "latest") -> int:
        return self.punished_bitmap

    def part_of_pot(self, pot_id: int, hospital_id: int) -> int:
        return self.parts.get(pot_id, 0)

    def tokens(self, amount: int) -> str:
        return f"{format_amount(amount, 18)} CSL"
