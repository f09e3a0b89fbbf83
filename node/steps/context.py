# SPDX-License-Identifier: Apache-2.0
"""What every step works with: the hospital's own tools, and one study as this hospital sees it."""

from __future__ import annotations

import contextlib
import json
import logging
import resource
import time
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from node.chain.client import ChainReader
from node.chain.writes import Ledger
from node.crypto import Finding, ThresholdParameters, UpdateForm
from node.crypto.pads import PadDealing
from node.errors import DataError
from node.plan import DOCUMENT_LIMIT, Encryption, TrainingPlan
from node.proofs.artefacts import Artefacts, find_artefacts
from node.proofs.prover import Prover
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.troubles import Troubles
from node.storage.store import Store
from node.types import Enrolment, PlanTerms, RoundState, Study

#: Seconds by which each next hospital waits longer before it does what anyone may do.
TURN_SECONDS = 4.0


@dataclass(frozen=True)
class Hospital:
    """One hospital's node: its number, and the tools that its steps use.

    `transcripts`: set-ups of proving keys that this node has verified. `peers`: the hospitals that it deals with, None
    for all. `troubles`: what it has said of failures. What takes long is looked into once: `checked_records`
    has the digest of a study's kept records that were last found to be those committed to, and the commitment;
    `findings` what a dealing (study, ceremony, dealer, digest) holds for this hospital, while its ceremony goes on;
    `dealings` the pads of a batch (study, ceremony) as everybody sees them, by round and dealer;
    `checked_shares` the pad shares (study, round, sender, digest) that fit.
    """

    id: int
    name: str
    operator: str
    reader: ChainReader
    ledger: Ledger
    state: NodeState
    secrets: SecretStore
    store: Store
    prover: Prover
    artefacts: Path
    metrics: Path
    log: logging.Logger
    transcripts: tuple[Path, ...] = ()
    peers: tuple[int, ...] | None = None
    troubles: Troubles = field(default_factory=Troubles)
    checked_records: dict[int, tuple[bytes, int | bytes]] = field(default_factory=dict)
    findings: dict[tuple[int, int, int, bytes], Finding] = field(default_factory=dict, repr=False)
    dealings: dict[tuple[int, int], dict[int, dict[int, PadDealing]]] = field(default_factory=dict, repr=False)
    checked_shares: set[tuple[int, int, int, bytes]] = field(default_factory=set)


def left_to_others(study: int, ceremony: int) -> str:
    """The journal's entry that this node sends nothing in a study while a ceremony is its latest one."""
    return f"study-{study}/ceremony-{ceremony}/left-to-others"


def is_left_to_others(hospital: Hospital, study: int) -> bool:
    """Whether this node sends nothing in a study before its next key ceremony (`node.steps.older_memory`)."""
    ceremony = hospital.reader.ceremony_state(study).number
    return hospital.state.result(left_to_others(study, ceremony)) is not None


def plan_document(store: Store, terms: PlanTerms) -> bytes:
    """A study's plan document from the stores; raises DataError for one larger than any plan, unread."""
    if terms.document_size > DOCUMENT_LIMIT:
        raise DataError(
            f"The study announces a plan of {terms.document_size} bytes; no plan has more than {DOCUMENT_LIMIT}."
        )
    return store.get(terms.document_digest, terms.document_size)


def encryption_parameters(plan: TrainingPlan, parties: int) -> ThresholdParameters:
    """The parameters of a plan's ciphertexts for so many hospitals; raises ParameterError where there are none."""
    return parameters_for(plan.encryption, update_form(plan), parties)


def parameters_for(encryption: Encryption, form: UpdateForm, parties: int) -> ThresholdParameters:
    """The same, of updates of a form."""
    return form.parameters(parties, encryption.threshold, encryption.statistical_security)


def update_form(plan: TrainingPlan) -> UpdateForm:
    """In which form a plan's updates travel."""
    return UpdateForm(len(plan.model.initial), plan.quantisation.value_bits, plan.packed_bits is not None)


class _StudyLog(logging.LoggerAdapter[logging.Logger]):
    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return f"study {self.extra['study']}, {msg}" if self.extra else msg, kwargs


@dataclass(frozen=True)
class StudyContext:
    """A study that this hospital is enrolled in."""

    hospital: Hospital
    study: Study
    plan: TrainingPlan
    enrolment: Enrolment

    @property
    def id(self) -> int:
        """The study's number."""
        return self.study.id

    @property
    def key(self) -> str:
        """The prefix of this study's entries in the journal and among the secrets."""
        return f"study-{self.id}"

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The node's log, each line of which names the study."""
        return _StudyLog(self.hospital.log, {"study": self.id})

    @property
    def form(self) -> UpdateForm:
        """The form of the study's updates."""
        return update_form(self.plan)

    @property
    def coordinates(self) -> int:
        """The number P of values in an update."""
        return len(self.plan.model.initial)

    def say(self, what: str, kind: str, message: str, level: int = logging.INFO) -> None:
        """Tell of something that look after look may meet: `kind` at `what` is the same thing, and is not repeated."""
        self.hospital.troubles.met(self.log, (self.id, what), kind, level, message)

    def confirmed_block(self) -> int:
        """The newest block that is final by the plan's rule, on every endpoint.

        The one that is furthest behind counts: one that names blocks which do not exist yet would make
        others final too early.
        """
        heads: list[int] = []

        def ask(endpoint: ChainReader) -> None:
            heads.append(endpoint.head().number)

        self.hospital.reader.agreed(ask)
        start = self.hospital.reader.deployment.start_block
        return max(start, min(heads) - self.plan.phases.confirmations)

    def round_key(self, number: int) -> str:
        """The prefix of a round's entries."""
        return f"{self.key}/round-{number}"

    def circuit(self, name: str) -> Artefacts:
        """A circuit's files, under the verifying key that the deployment lists."""
        record = self.hospital.reader.deployment.circuits.get(name)
        return find_artefacts(name, self.hospital.artefacts, record.verifying_key_digest if record else None)

    def parameters(self, parties: int) -> ThresholdParameters:
        """The encryption's parameters for so many parties, the same for all who compute them."""
        return encryption_parameters(self.plan, parties)

    @contextlib.contextmanager
    def stage(self, name: str, round_number: int = 0) -> Iterator[None]:
        """Measure a stage: its seconds and the process's peak memory go to the metrics file."""
        started = time.monotonic()
        yield
        record = {
            "study": self.id,
            "round": round_number,
            "stage": name,
            "seconds": round(time.monotonic() - started, 4),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "at": time.time(),
        }
        with self.hospital.metrics.open("a") as stream:
            stream.write(json.dumps(record) + "\n")

    def is_my_turn(
        self, round_number: int, since: float, seconds: float = TURN_SECONDS, first: Sequence[int] = ()
    ) -> bool:
        """Whether this hospital should now do what anyone may do, so that not all do it at once.

        Hospitals take turns, those numbered in `first` before the others, who go by round; each next one
        waits `seconds` longer after `since` (seconds since 1970), so the work is done although any of
        them is away. One that leaves the study to the others has none.
        """
        if is_left_to_others(self.hospital, self.id):
            return False
        if self.hospital.id in first:
            place = first.index(self.hospital.id)
        else:
            place = len(first) + (self.enrolment.index - round_number) % max(1, self.study.enrolled)
        return self.hospital.reader.clock.is_past(since + place * seconds)

    def submission_end(self, state: RoundState) -> int:
        """The second at which a round's submission ended or ends."""
        return state.submit_ended_at or state.started_at + self.plan.phases.submit

    def attestation_end(self, state: RoundState) -> int:
        """The second at which a round's attestation ended or ends."""
        return state.attest_ended_at or self.submission_end(state) + self.plan.phases.attest
