# SPDX-License-Identifier: Apache-2.0
"""Hospitals of one study for tests of the node's steps: real memory, secrets, blocks and encryption.

Only the chain is a fake: it answers what the test sets, and writes down what is sent. A real consortium is in
`tests.support.consortium`.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from node.crypto.context import RoundContext
from node.errors import ChainUnavailable, ContentNotFound
from node.plan import TrainingPlan
from node.proofs.artefacts import DEFAULT_CACHE, circuits
from node.proofs.babyjubjub import Point, add
from node.proofs.commitments import aggregation_context, training_context, weights_root
from node.proofs.proof import Proved
from node.proofs.prover import Statement
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.ceremony import keys_name
from node.steps.context import Hospital, StudyContext
from node.steps.records import Records
from node.steps.submission import round_context
from node.storage.cid import Address
from node.storage.local import LocalStore
from node.types import (
    BlockRef,
    CeremonyState,
    CeremonyStep,
    Circuit,
    CircuitKind,
    CircuitRecord,
    Deployment,
    Enrolment,
    FilePost,
    ModelPost,
    Phase,
    PhaseState,
    PlanTerms,
    Proof,
    RoundState,
    Study,
    StudyState,
    Submission,
)
from tests.support.consortium import records as made_up_records
from tests.support.plans import small_plan
from tests.support.threshold import CONTRACT, dealt_keys

STUDY, CEREMONY = 1, 1
CHAIN_ID = 31337
#: Hospital numbers by enrolment index: not the indices, so that a mix-up shows.
NUMBERS = (3, 5, 7, 9)
NO_PROOF = Proof((0, 0), ((0, 0), (0, 0)), (0, 0))
ADDRESS = "0x" + "a1" * 20
COMPLETED = CeremonyState(CEREMONY, CeremonyStep.ACKNOWLEDGEMENT, 0, 0, 0, True, bytes(32))
DEPLOYMENT = Deployment(CHAIN_ID, 0, True, {"RoundManager": CONTRACT}, {})


def terms_of(plan: TrainingPlan) -> PlanTerms:
    """What the chain holds of a plan that was published as it is."""
    return PlanTerms(
        document_digest=plan.digest(),
        document_size=len(plan.canonical()),
        initial_root=weights_root(plan.model.initial),
        training_circuit=1,
        aggregation_circuit=2,
        epochs=plan.training.epochs,
        learning_rate=plan.training.learning_rate,
        threshold=plan.encryption.threshold,
        minimum=plan.participation.minimum,
        maximum=plan.participation.maximum,
        attempts=plan.encryption.attempts,
        unopened_rounds=plan.money.unopened_rounds,
        rounds=plan.participation.rounds,
        confirmations=plan.phases.confirmations,
        enrol_length=plan.phases.enrol,
        ceremony_step_length=plan.phases.ceremony_step,
        submit_length=plan.phases.submit,
        attest_length=plan.phases.attest,
        open_length=plan.phases.open,
        bond=int(plan.money.bond),
        reward_per_round=int(plan.money.reward_per_round),
        verified_share_bps=plan.money.verified_share_bps,
        privacy_budget=plan.privacy.budget,
    )


def round_state(root_before: int, **changes: Any) -> RoundState:
    """A round that began just now."""
    empty = {name: 0 for name in RoundState.__dataclass_fields__}
    begun = {**empty, "started_at": int(time.time()), "root_before": root_before}
    return RoundState(**{**begun, "verified": False, "closed_as": Phase.NONE, **changes})


@dataclass
class FakeChain:
    """The views of `ChainReader` that steps use, over values that a test sets."""

    plan: TrainingPlan
    study_record: Study
    enrolled: tuple[int, ...]
    rows: tuple[int, ...]
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
    submissions: dict[tuple[int, int], Submission] = field(default_factory=dict)
    attempt: int = 0
    final_attempt: int | None = None
    quorums: dict[int, tuple[int, ...]] = field(default_factory=dict)
    shares: dict[int, dict[int, FilePost]] = field(default_factory=dict)
    models: list[ModelPost] = field(default_factory=list)
    root_of_plan: int | None = None
    deployment: Deployment = DEPLOYMENT

    def head(self) -> BlockRef:
        return BlockRef(100, "0x64", int(time.time()))

    def block(self, number: int) -> BlockRef:
        return BlockRef(number, hex(number), int(time.time()) - (100 - number))

    def agreed(self, read: Callable[[FakeChain], Any]) -> Any:
        return read(self)

    def study(self, study: int) -> Study:
        return self.study_record

    def study_state(self, study: int, at: Any = "latest") -> StudyState:
        return self.state

    def plan_root(self, study: int) -> int:
        return self.plan.root() if self.root_of_plan is None else self.root_of_plan

    def circuit(self, circuit_id: int) -> Circuit:
        return self.circuit_records[circuit_id]

    def enrolled_ids(self, study: int) -> tuple[int, ...]:
        return self.enrolled

    def enrolment(self, study: int, hospital_id: int) -> Enrolment:
        index = self.enrolled.index(hospital_id)
        return Enrolment(hospital_id, index, self.rows[index], ADDRESS, False, 0, bytes(32))

    def ceremony_state(self, study: int, at: Any = "latest") -> CeremonyState:
        return self.ceremony

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

    def submission(self, study: int, round_number: int, hospital_id: int) -> Submission | None:
        return self.submissions.get((round_number, hospital_id))

    def current_attempt(self, study: int, round_number: int, at: Any = "latest") -> int:
        return self.attempt if at == "latest" or self.final_attempt is None else self.final_attempt

    def quorum(self, study: int, round_number: int, attempt: int, at: Any = "latest") -> tuple[int, ...]:
        return self.quorums.get(attempt, ())

    def shares_posted(self, study: int, round_number: int, attempt: int) -> int:
        return sum(1 << self.enrolled.index(number) for number in self.shares.get(attempt, {}))

    def share_posts(self, study: int, round_number: int, attempt: int) -> dict[int, FilePost]:
        return dict(self.shares.get(attempt, {}))

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
        self._chain.submissions[round_number, self._number] = Submission(digest, size, cx, cy)
        bit = 1 << self._chain.enrolled.index(self._number)
        self._chain.change_round(round_number, submitted_bitmap=self._chain.rounds[round_number].submitted_bitmap | bit)

    def attest(self, study: int, round_number: int, bitmap: int) -> None:
        self._send("attest", round_number, bitmap)

    def include_updates(self, study: int, round_number: int) -> None:
        self._send("include_updates", round_number)

    def post_share(self, study: int, round_number: int, attempt: int, digest: bytes, size: int) -> None:
        self._send("post_share", round_number, attempt, digest, size)
        self._chain.shares.setdefault(attempt, {})[self._number] = FilePost(self._number, digest, size, 90)

    def finalise(self, study: int, round_number: int, root_after: int, proof: Proof) -> None:
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

    def enrol(self, study: int, data_root: int, rows: int) -> None:
        self._send("enrol", data_root, rows)


class FakeStore:
    """Real blocks in a folder, and those that the other hospitals have released; counts what is fetched."""

    endpoint = ""

    def __init__(self, folder: Path, others: list[FakeStore]) -> None:
        self.local = LocalStore(folder)
        self._others = others
        self.fetched: list[bytes] = []
        self.failure: dict[bytes, Exception] = {}

    def put(self, content: bytes, *, release: bool = True) -> Address:
        return self.local.put(content, release=release)

    def release(self, digest: bytes, size: int) -> None:
        self.local.release(digest, size)

    def holds(self, digest: bytes, size: int) -> bool:
        return self.local.holds(digest, size)

    def get(self, digest: bytes, size: int) -> bytes:
        if digest in self.failure:
            raise self.failure[digest]
        if self.local.holds(digest, size):
            return self.local.get(digest, size)
        self.fetched.append(digest)
        for other in self._others:
            if other is not self and other.local.released(digest, size):
                return other.local.get(digest, size)
        raise ContentNotFound("nobody has it")

    def close(self) -> None:
        pass


class TrustingProver:
    """Says that every statement is proved; the real ones are tried in tests/circuits and in whole studies."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []

    def prove(self, artefacts: object, statement: Statement) -> Proved:
        self.statements.append(statement)
        return Proved(NO_PROOF, statement.public_signals())


@dataclass
class Party:
    """One hospital: what its steps take, and its fakes."""

    context: StudyContext
    ledger: FakeLedger
    store: FakeStore
    prover: TrustingProver
    records: Records

    @property
    def number(self) -> int:
        return self.context.hospital.id

    @property
    def hospital(self) -> Hospital:
        return self.context.hospital


def make_parties(folder: Path, count: int = 3, plan: TrainingPlan | None = None) -> tuple[FakeChain, list[Party]]:
    """Hospitals of a running study in round 1, with keys as a ceremony would leave them."""
    plan = plan or small_plan()
    numbers = NUMBERS[:count]
    tables = [_records(number, plan) for number in numbers]
    study = Study(STUDY, ADDRESS, 0, 0, 0, count, False, terms_of(plan))
    root = study.plan.initial_root
    chain = FakeChain(plan, study, numbers, tuple(len(t.rows) for t in tables), _circuits(plan))
    chain.ceremony = replace(chain.ceremony, participants=(1 << count) - 1)
    chain.rounds[1] = round_state(root)
    chain.phases[1] = PhaseState(Phase.SUBMIT, int(time.time()) + plan.phases.submit)
    chain.deployment = replace(chain.deployment, circuits=_listed(plan))
    stores: list[FakeStore] = []
    parties = []
    for number, table in zip(numbers, tables, strict=True):
        home = folder / f"hospital-{number}"
        store = FakeStore(home / "store", stores)
        stores.append(store)
        ledger, prover = FakeLedger(chain, number), TrustingProver()
        hospital = Hospital(
            id=number,
            name=f"Hospital {number}",
            operator=ADDRESS,
            reader=cast(Any, chain),
            ledger=cast(Any, ledger),
            state=NodeState(home / "state.sqlite"),
            secrets=SecretStore(home / "secrets", "a passphrase of tests", work_factor=2),
            store=store,
            prover=cast(Any, prover),
            artefacts=DEFAULT_CACHE,
            metrics=home / "metrics.jsonl",
            log=logging.getLogger("consilium.tests"),
        )
        context = StudyContext(hospital, study, plan, chain.enrolment(STUDY, number))
        hospital.secrets.put(f"{context.key}/records", table.to_bytes())
        parties.append(Party(context, ledger, store, prover, table))
    deal(parties, 1)
    return chain, parties


def deal(parties: Sequence[Party], round_number: int) -> RoundContext:
    """Give the parties their secrets for a round."""
    binding = round_context(parties[0].context, round_number)
    keys = dealt_keys(binding, binding.parties, binding.parties)
    for party in parties:
        party.hospital.secrets.put(keys_name(party.context, CEREMONY, round_number), keys[party.number])
    return binding


def reach_open(chain: FakeChain, parties: Sequence[Party], included: Sequence[Party] | None = None) -> None:
    """Put submitted updates on record as included, released, and about to be opened in attempt 0."""
    chosen = list(included or parties)
    now = int(time.time())
    for party in chosen:
        entry = chain.submissions[1, party.number]
        party.store.release(entry.digest, entry.size)
    points = [Point(entry.cx, entry.cy) for entry in (chain.submissions[1, party.number] for party in chosen)]
    total = points[0]
    for point in points[1:]:
        total = add(total, point)
    indices = [chain.enrolled.index(party.number) for party in chosen]
    chain.change_round(
        submit_ended_at=now, attest_ended_at=now, included_at=now, included_block=80, sum_cx=total.x, sum_cy=total.y,
        included_bitmap=sum(1 << index for index in indices), sum_rows=sum(chain.rows[index] for index in indices),
    )  # fmt: skip
    chain.phases[1] = PhaseState(Phase.OPEN, now + chain.plan.phases.open)
    chain.quorums[0] = tuple(party.number for party in parties[1:3])


def lost_connection() -> ChainUnavailable:
    """What a step meets when the chain goes away just before its transaction."""
    return ChainUnavailable("The chain went away.")


def _records(number: int, plan: TrainingPlan) -> Records:
    count = {3: 8, 5: 6, 7: 5, 9: 7}[number]
    rows = [[int(float(value) * 8) for value in row[:-1]] for row in made_up_records(number, count)]
    labels = list(itertools.islice(itertools.cycle((1, 0)), count))
    return Records(tuple(map(tuple, rows)), tuple(labels), number)


def _circuits(plan: TrainingPlan) -> dict[int, Circuit]:
    known = circuits()[plan.training.circuit].parameters
    training = Circuit(
        plan.training.circuit, CircuitKind.TRAINING, ADDRESS, known["features"], known["batch_size"],
        known["epochs"], known["capacity"], known["value_bits"], known["loss"], bytes(32),
    )  # fmt: skip
    aggregation = Circuit(
        plan.aggregation.circuit, CircuitKind.AGGREGATION, ADDRESS, known["features"] + 1, 0, 0, 0,
        known["value_bits"], 0, bytes(32),
    )  # fmt: skip
    return {1: training, 2: aggregation}


def _listed(plan: TrainingPlan) -> dict[str, CircuitRecord]:
    names = (plan.training.circuit, plan.aggregation.circuit)
    return {
        name: CircuitRecord(number, ADDRESS, circuits()[name].verifying_key_digest)
        for number, name in enumerate(names, start=1)
    }
