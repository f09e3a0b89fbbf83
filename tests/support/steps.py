# SPDX-License-Identifier: Apache-2.0
"""Hospitals of one study for tests of the node's steps: real memory, secrets, blocks and encryption.

Only the chain is a fake: it answers what the test sets, and writes down what is sent. A real consortium is in
`tests.support.consortium`.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from node.bytecode import verifier_code
from node.chain.round_reads import sum_digest
from node.crypto.context import RoundContext
from node.errors import ChainUnavailable, ContentNotFound
from node.group.babyjubjub import Point, add
from node.learning.datasets.images import Images
from node.plan import HeadPlan, NetworkPlan, TrainingPlan
from node.proofs.artefacts import DEFAULT_CACHE, circuits, find_artefacts
from node.proofs.proof import Proved
from node.proofs.prover import NativeProver, Statement
from node.proofs.published import published_terms
from node.proofs.verifying_key import load_verifying_key
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.ceremony import acknowledgement, keys_name
from node.steps.context import Hospital, StudyContext
from node.steps.head_records import HeadRecords
from node.steps.image_records import ImageRecords
from node.steps.opening import finalise, post_share
from node.steps.submission import round_context
from node.steps.trained import Trained
from node.storage.cid import Address
from node.storage.local import LocalStore
from node.types import (
    Circuit,
    CircuitKind,
    CircuitRecord,
    Phase,
    PhaseState,
    Proof,
    Study,
)
from tests.support.fake_chain import ADDRESS, CEREMONY, STUDY, FakeChain, FakeLedger, round_state
from tests.support.plans import small_plan
from tests.support.small_study import records as made_up_records
from tests.support.threshold import dealt_keys
from tests.support.xrays import synthetic

#: Hospital numbers by enrolment index: not the indices, so that a mix-up shows.
NUMBERS = (3, 5, 7, 9)
VERIFIERS = ("0x" + "b1" * 20, "0x" + "b2" * 20)
#: The block that a share is posted in, and one long ago: by then everybody's turn to finalise has come.
CONFIRMED, LONG_AGO = 98, 1
NO_PROOF = Proof((0, 0), ((0, 0), (0, 0)), (0, 0))


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
    records: Any

    @property
    def number(self) -> int:
        return self.context.hospital.id

    @property
    def hospital(self) -> Hospital:
        return self.context.hospital

    @property
    def proving(self) -> Party:
        """The same with a prover that makes proofs."""
        return replace(self, context=replace(self.context, hospital=replace(self.hospital, prover=NativeProver())))

    def trained(self) -> Trained:
        """What it keeps of its update of round 1."""
        return Trained.from_bytes(self.hospital.secrets.get(f"{self.context.round_key(1)}/update"))


def make_parties(folder: Path, count: int = 3, plan: TrainingPlan | None = None) -> tuple[FakeChain, list[Party]]:
    """Hospitals of a running study in round 1, with keys as a ceremony would leave them."""
    plan = plan or small_plan()
    numbers = NUMBERS[:count]
    tables = [_records(number, plan) for number in numbers]
    study = Study(STUDY, ADDRESS, 0, 0, 0, count, False, 1, plan.participation.rounds, published_terms(plan, 1, 2))
    root = study.plan.initial_root
    rows, roots = tuple(t.rows for t in tables), tuple(t.commitment() for t in tables)
    chain = FakeChain(plan, study, numbers, rows, roots, _circuits(plan))
    chain.ceremony = replace(chain.ceremony, participants=(1 << count) - 1)
    chain.rounds[1] = round_state(root)
    chain.phases[1] = PhaseState(Phase.SUBMIT, int(time.time()) + plan.phases.submit)
    chain.deployment = replace(chain.deployment, circuits=_listed(plan))
    chain.codes = _codes(plan)
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
        party.hospital.state.done(acknowledgement(party.context, CEREMONY))
    return binding


def reach_open(chain: FakeChain, parties: Sequence[Party], included: Sequence[Party] | None = None) -> None:
    """Put submitted updates on record as included, released, and about to be opened in attempt 0."""
    chosen = list(included or parties)
    now = int(time.time())
    for party in chosen:
        entry = chain.submitted[1, party.number]
        party.store.release(entry.digest, entry.size)
    points = [Point(entry.cx, entry.cy) for entry in (chain.submitted[1, party.number] for party in chosen)]
    total = points[0]
    for point in points[1:]:
        total = add(total, point)
    indices = [chain.enrolled.index(party.number) for party in chosen]
    chain.total = (total.x, total.y)
    chain.change_round(
        submit_ended_at=now, attest_ended_at=now, included_at=now, sum_digest=sum_digest(*chain.total),
        included_bitmap=sum(1 << index for index in indices),
        sum_rows=sum(chain.enrolment(STUDY, party.number).rows for party in chosen),
    )  # fmt: skip
    chain.phases[1] = PhaseState(Phase.OPEN, now + chain.plan.phases.open)
    chain.quorums[0] = tuple(party.number for party in parties[1:3])


def open_and_finalise(chain: FakeChain, parties: Sequence[Party]) -> None:
    """Post the quorum's shares, let them become final, and finalise as the first hospital; after `reach_open`."""
    for party in parties[1:3]:
        post_share(party.context, 1, CONFIRMED)
    for number, given in chain.shares[0].items():
        chain.shares[0][number] = replace(given, block_number=LONG_AGO)
    finalise(parties[0].context, 1)


def lost_connection() -> ChainUnavailable:
    """What a step meets when the chain goes away just before its transaction."""
    return ChainUnavailable("The chain went away.")


def _records(number: int, plan: TrainingPlan) -> HeadRecords | ImageRecords:
    if isinstance(plan, NetworkPlan):
        return ImageRecords(plan, Images(*synthetic(6 + number, seed=number)), 100 + number)
    assert isinstance(plan, HeadPlan)
    count = {3: 8, 5: 6, 7: 5, 9: 7}[number]
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
