# SPDX-License-Identifier: Apache-2.0
"""Hospitals of one study for tests of the node's steps: real memory, secrets, blocks and encryption.

Only the chain is a fake: it answers what the test sets, and writes down what is sent. A real consortium is in
`tests.support.consortium`.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from node.bytecode import verifier_code
from node.errors import ChainUnavailable, ConsiliumError, ContentNotFound
from node.learning.datasets.images import Images
from node.plan import HeadPlan, NetworkPlan, TrainingPlan
from node.proofs.artefacts import DEFAULT_CACHE, circuits, find_artefacts
from node.proofs.proof import Proved
from node.proofs.prover import NativeProver, Statement
from node.proofs.published import published_terms
from node.proofs.verifying_key import load_verifying_key
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.advance import advance
from node.steps.context import Hospital, StudyContext
from node.steps.head_records import HeadRecords
from node.steps.image_records import ImageRecords
from node.steps.salt import commit_to_salt
from node.steps.trained import Trained
from node.storage.cid import Address
from node.storage.local import LocalStore
from node.types import CeremonyState, Circuit, CircuitKind, CircuitRecord, Phase, Proof, Study
from tests.support.fake_chain import ADDRESS, STUDY, FakeChain, SetClock
from tests.support.fake_ledger import FakeLedger
from tests.support.plans import pads_alone, small_plan
from tests.support.small_study import records as made_up_records
from tests.support.xrays import synthetic

#: Hospital numbers by enrolment index: not the indices, so that a mix-up shows.
NUMBERS = (3, 5, 7, 9, 11, 13)
VERIFIERS = ("0x" + "b1" * 20, "0x" + "b2" * 20)
_LOOKS_MOST = 400
_KEPT = tempfile.TemporaryDirectory()
NO_PROOF = Proof((0, 0), ((0, 0), (0, 0)), (0, 0))


Cast = tuple[FakeChain, list["Party"]]


def brief(plan: TrainingPlan, rounds: int = 1) -> TrainingPlan:
    """The plan with batches of so few rounds, of which there are three: a ceremony takes as long as they are many."""
    return replace(plan, participation=replace(plan.participation, batch_rounds=rounds))


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
        return digest not in self.failure and self.local.holds(digest, size)

    def lose(self, digest: bytes) -> None:
        """A file is gone from here, and cannot be had elsewhere."""
        self.failure[digest] = ContentNotFound("nobody has it")

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
    records: Any

    @property
    def number(self) -> int:
        return self.context.hospital.id

    @property
    def hospital(self) -> Hospital:
        return self.context.hospital

    @property
    def bit(self) -> int:
        """Its bit in bitmaps."""
        return 1 << self.context.enrolment.index

    @property
    def proving(self) -> Party:
        """The same with a prover that makes proofs."""
        return replace(self, context=replace(self.context, hospital=replace(self.hospital, prover=NativeProver())))

    def trained(self) -> Trained:
        """What it keeps of its update of round 1."""
        return Trained.from_bytes(self.hospital.secrets.get(f"{self.context.round_key(1)}/update"))


def make_parties(folder: Path, count: int = 3, plan: TrainingPlan | None = None) -> Cast:
    """Hospitals of a study whose enrolment has just ended: its first key ceremony begins."""
    plan = plan or small_plan()
    numbers = NUMBERS[:count]
    tables = [_records(number, plan) for number in numbers]
    study = Study(STUDY, ADDRESS, 0, 0, count, 0, False, plan.participation.rounds, published_terms(plan, 1, 2))
    rows, roots = tuple(t.rows for t in tables), tuple(t.commitment() for t in tables)
    chain = FakeChain(plan, study, numbers, rows, roots, _circuits(plan))
    chain.deployment = replace(chain.deployment, circuits=_listed(plan))
    chain.codes = _codes(plan)
    chain.ceremonies().begin()
    parties = _parties(folder, chain, tables)
    for party in parties:
        party.hospital.secrets.put(f"{party.context.key}/records", party.records.to_bytes())
        commit_to_salt(party.hospital, STUDY)
    return chain, parties


def make_running(folder: Path, count: int = 3, plan: TrainingPlan | None = None) -> Cast:
    """The same in round 1, after a real ceremony: held once for each kind of study, and copied for each test."""
    plan = plan or brief(pads_alone(small_plan()))
    held = _held(count, plan)
    for number in NUMBERS[:count]:
        shutil.copytree(held.folder / f"hospital-{number}", folder / f"hospital-{number}")
    chain = copy.deepcopy(held.chain)
    chain.clock = SetClock()
    chain.clock.ahead = held.second - time.time()
    return chain, _parties(folder, chain, held.tables)


@dataclass(frozen=True)
class _Held:
    """A ceremony that was held: what its chain and its nodes hold, at a second of the chain."""

    folder: Path
    chain: FakeChain
    tables: list[Any]
    second: float


@cache
def _held(count: int, plan: TrainingPlan) -> _Held:
    folder = Path(_KEPT.name) / str(len(list(Path(_KEPT.name).iterdir())))
    chain, parties = make_parties(folder, count, plan)
    assert hold_ceremony(chain, parties).participants == (1 << count) - 1
    for party in parties:
        party.hospital.state.close()
    return _Held(folder, chain, [party.records for party in parties], chain.clock.now())


def _parties(folder: Path, chain: FakeChain, tables: Sequence[Any]) -> list[Party]:
    """The hospitals' nodes, with their homes in a folder."""
    stores: list[FakeStore] = []
    parties = []
    for number, table in zip(chain.enrolled, tables, strict=True):
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
        context = StudyContext(hospital, chain.study_record, chain.plan, chain.enrolment(STUDY, number))
        parties.append(Party(context, ledger, store, prover, table))
    return parties


def look(parties: Iterable[Party]) -> None:
    """Every node looks at the study once; what is in the way of one is left to its next look, as a node does."""
    for party in parties:
        with contextlib.suppress(ConsiliumError):
            advance(party.context)


def restored(party: Party) -> Party:
    """The hospital's node with another memory: as from a backup that was made before it did anything."""
    path = party.hospital.metrics.with_name("older.sqlite")
    hospital = replace(party.hospital, state=NodeState(path), findings={}, dealings={})
    hospital.state.done(f"study-{STUDY}/salt", party.hospital.state.result(f"study-{STUDY}/salt"))
    return replace(party, context=replace(party.context, hospital=hospital))


def look_until(chain: FakeChain, parties: Sequence[Party], condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """The nodes look again and again, and time passes in between, until a condition holds; nobody acts after that."""
    for _ in range(_LOOKS_MOST):
        for party in parties:
            if condition():
                return
            look([party])
        chain.wait(seconds)
    raise AssertionError(f"never came: {chain.books.ceremony}, {chain.books.rounds.get(chain.books.round_number)}")


def hold_ceremony(chain: FakeChain, parties: Sequence[Party]) -> CeremonyState:
    """These nodes hold the key ceremony that is due, up to its end."""
    number = chain.books.ceremony.number
    look_until(chain, parties, lambda: chain.books.ceremony.number > number or chain.books.ceremony.completed)
    return chain.books.ceremony


def reach_phase(chain: FakeChain, parties: Sequence[Party], phase: Phase, round_number: int = 1) -> None:
    """These nodes play a round up to a phase."""
    look_until(chain, parties, lambda: chain.phase(STUDY, round_number).phase is phase)


def finalised(parties: Iterable[Party]) -> list[list[Any]]:
    """What was sent to finalise rounds, by whomever."""
    return [given for party in parties for given in party.ledger.named("finalise")]


def finish_round(chain: FakeChain, parties: Sequence[Party], round_number: int = 1) -> None:
    """These nodes play a round to its end, whatever that is."""
    look_until(chain, parties, lambda: chain.books.rounds[round_number].closed_as is not Phase.NONE)


def lost_connection() -> ChainUnavailable:
    """What a step meets when the chain goes away just before its transaction."""
    return ChainUnavailable("The chain went away.")


def _records(number: int, plan: TrainingPlan) -> HeadRecords | ImageRecords:
    if isinstance(plan, NetworkPlan):
        return ImageRecords(plan, Images(*synthetic(6 + number, seed=number)), 100 + number)
    assert isinstance(plan, HeadPlan)
    count = {3: 8, 5: 6, 7: 5, 9: 7, 11: 4, 13: 6}[number]
    rows = [[int(float(value) * 8) for value in row[:-1]] for row in made_up_records(number, count)]
    width = len(plan.model.features)
    table = tuple(tuple(itertools.islice(itertools.cycle(row), width)) for row in rows)
    labels = tuple(itertools.islice(itertools.cycle((1, 0)), count))
    return HeadRecords(plan, table, labels, number)


def _circuits(plan: TrainingPlan) -> dict[int, Circuit]:
    known = circuits()
    first, second = known[plan.training.circuit], known[plan.aggregation.circuit]
    training = Circuit(
        first.name, CircuitKind[first.kind.upper()], VERIFIERS[0], first.parameters["features"],
        first.parameters.get("batch_size", 0), first.parameters.get("epochs", 0), first.parameters["capacity"],
        first.parameters["value_bits"], first.parameters["loss"], True,
        bytes.fromhex(first.verifying_key_digest),
    )  # fmt: skip
    aggregation = Circuit(
        second.name, CircuitKind.AGGREGATION, VERIFIERS[1], first.parameters["features"] + 1, 0, 0, 0,
        second.parameters["value_bits"], 0, False, bytes.fromhex(second.verifying_key_digest),
    )  # fmt: skip
    return {1: training, 2: aggregation}


def _listed(plan: TrainingPlan) -> dict[str, CircuitRecord]:
    names = (plan.training.circuit, plan.aggregation.circuit)
    return {
        name: CircuitRecord(number, ADDRESS, circuits()[name].verifying_key_digest)
        for number, name in enumerate(names, start=1)
    }


def _codes(plan: TrainingPlan) -> dict[str, bytes]:
    """The two verifiers as deployed, with what a compiler appends."""
    codes = {}
    for address, name in zip(VERIFIERS, (plan.training.circuit, plan.aggregation.circuit), strict=True):
        key = load_verifying_key(find_artefacts(name).verifying_key)
        codes[address] = verifier_code(key) + bytes(51) + (51).to_bytes(2, "big")
    return codes
