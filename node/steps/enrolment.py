# SPDX-License-Identifier: Apache-2.0
"""Enrolment: check the plan against the chain, commit to the data, and take a place in the study."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

from node.bytecode import is_verifier_of
from node.chain.client import ChainReader
from node.chain.studies import NO_PAYOUT_COMMITMENT, enrolment_intent
from node.document import listing
from node.errors import ContractReverted, DataError, KeyNotTrusted, StorageError, StudyError
from node.learning.findings import sentence
from node.plan import TrainingPlan
from node.proofs.artefacts import find_artefacts
from node.proofs.commitments import SALT_BITS
from node.proofs.published import compared
from node.proofs.trust import KnownKey, known_key
from node.state import step_of
from node.steps.blocks import Blocks
from node.steps.context import Hospital, plan_document
from node.steps.dataset import salt_beside
from node.steps.extractors import extractor_file, extractor_weights
from node.steps.plan_rules import RULES_OF_STUDY, broken, rules_of_circuits
from node.steps.records import Records, Remarks, Usage, read_records, records_name, stored_records, usage
from node.steps.salt import commit_to_salt
from node.steps.taught import refuse_taught
from node.types import Receipt, Study, TransactionStatus

#: Told before the hospital commits: how much of its data is used, and what it should know of them.
Tell = Callable[[Usage, Remarks], None]


def check_plan(reader: ChainReader, study: Study, document: bytes) -> TrainingPlan:
    """The plan, once document, numbers on chain, circuits and starting model agree.

    Raises `DataError` for a document that is no plan, `StudyError` naming what disagrees.
    """
    plan = TrainingPlan.parse(document)
    terms = study.plan
    training = reader.circuit(terms.training_circuit)
    aggregation = reader.circuit(terms.aggregation_circuit)
    agreed = compared(plan, terms) | {
        "plan root": (plan.root(), reader.plan_root(study.id)),
        "training circuit": (plan.training.circuit, training.name),
        "aggregation circuit": (plan.aggregation.circuit, aggregation.name),
    }
    different = [name for name, (document_says, chain_says) in agreed.items() if document_says != chain_says]
    if different:
        raise StudyError(
            f"Study {study.id}: plan document and chain disagree about: {', '.join(different)}. "
            "Do not take part; ask the sponsor for the document that was published."
        )
    if wrong := broken(plan, rules_of_circuits(training, aggregation)):
        raise StudyError(
            f"Study {study.id}: the circuits on chain do not prove the plan: {listing(wrong)}. "
            "Do not take part; tell the sponsor."
        )
    return plan


def check_rules(plan: TrainingPlan) -> None:
    """Raises StudyError where the plan's keys could not be made, or a round costs more privacy than it says."""
    if wrong := broken(plan, RULES_OF_STUDY):
        raise StudyError(
            f"This plan does not add up: {listing(wrong)}. Do not take part; ask the sponsor for a plan that does."
        )


def check_key(reader: ChainReader, circuit_id: int, transcripts: Sequence[Path], artefacts: Path) -> KnownKey:
    """The key that a listed circuit is verified under, once the node knows it and could prove with it.

    Raises `KeyNotTrusted` where it does not, or where the verifier's code holds another key than the listing
    says; `ArtefactMissing` where the proving key is not here.
    """
    circuit = reader.agreed(lambda chain: chain.circuit(circuit_id))
    digest = circuit.verifying_key_digest.hex()
    known = known_key(circuit.name, digest, reader.deployment.chain_id, transcripts, artefacts)
    if not is_verifier_of(reader.agreed(lambda chain: chain.code(circuit.verifier)), known.key):
        raise KeyNotTrusted(
            f"The contract {circuit.verifier} is not the verifier of circuit {circuit.name} under the key that is "
            "listed for it: it may accept anything. Do not take part, and tell the council."
        )
    find_artefacts(circuit.name, artefacts, digest)
    return known


def fetch_plan(hospital: Hospital, study: Study, file: Path | None = None) -> TrainingPlan:
    """The study's plan from a file or from the stores, once it agrees with the chain."""
    if file is not None:
        try:
            document = file.read_bytes()
        except OSError as error:
            raise DataError(f"The plan {file} cannot be read ({error.strerror}).") from None
    else:
        try:
            document = plan_document(hospital.store, study.plan)
        except StorageError as error:
            raise type(error)(
                f"The plan of study {study.id} is not to be had: {error} Ask the sponsor ({study.sponsor}), or a "
                f"hospital that is enrolled, for the file of {study.plan.document_size:,} bytes with the SHA-256 "
                f"{study.plan.document_digest.hex()}, and give it with `consilium enrol {study.id} --plan FILE`."
            ) from None
    return check_plan(hospital.reader, study, document)


def enrol(
    hospital: Hospital,
    study_id: int,
    data: Path,
    *,
    accept: Collection[str] = (),
    tell: Tell = lambda usage, remarks: None,
    plan_file: Path | None = None,
    extractor: Path | None = None,
    payout_commitment: bytes = NO_PAYOUT_COMMITMENT,
    teach_again: bool = False,
) -> Receipt:
    """Enrol the hospital in a study with its data; keep the records it committed to, and serve plan and extractor.

    With more rows than the circuit takes it enrols with blocks, of which the chain draws one. Only one process of a
    node may be in here at a time; the node may run beside it. `teach_again`: although records of them were taught with
    in another study, and this one has no privacy budget.

    Raises `DataError` for data that do not fit; `DataDoubtful` for what looks wrong in them and is not among the names
    of columns, images and label to `accept`; `StudyError` where the plan is not what the chain says, and for records
    that were taught with before; `KeyNotTrusted` where the study proves under a key that this node does not know;
    `ArtefactMissing` where it could not prove.
    """
    study = hospital.reader.study(study_id)
    plan = fetch_plan(hospital, study, plan_file)
    check_rules(plan)
    for circuit_id in (study.plan.training_circuit, study.plan.aggregation_circuit):
        check_key(hospital.reader, circuit_id, hospital.transcripts, hospital.artefacts)
    features = extractor_file(plan, extractor, hospital.store.get)
    weights = extractor_weights(plan, features)
    records, remarks = _committed_records(hospital, study_id, data, plan, weights, accept, teach_again)
    used = usage(records)
    for line in (str(used), *remarks.notes, *(f"Accepted: {sentence(found)}" for found in remarks.accepted)):
        hospital.log.info("study %d, enrolling: %s", study_id, line)
    tell(used, remarks)
    salt = commit_to_salt(hospital, study_id)
    try:
        if isinstance(records, Blocks):
            tree = records.tree()
            receipt = hospital.ledger.enrol_blocks(study_id, tree.root, len(tree.blocks), salt, payout_commitment)
        else:
            receipt = hospital.ledger.enrol(study_id, records.commitment(), records.rows, salt, payout_commitment)
    except ContractReverted:
        # The study is not this hospital's: it keeps no records for it.
        hospital.secrets.erase(records_name(study_id))
        hospital.state.unteach(study_id)
        raise
    hospital.state.done(_data_step(study_id))
    for file in filter(None, (plan.canonical(), features)):
        hospital.store.put(file)
    return receipt


def data_file(state_file: Path, study_id: int) -> str | None:
    """Which file a study's records were read from, by a node's memory, or None; also while the node runs."""
    step = step_of(state_file, _data_step(study_id))
    return None if step is None else str(step.detail["file"])


def _data_step(study_id: int) -> str:
    return f"study-{study_id}/data"


def is_sent(hospital: Hospital, study_id: int) -> bool:
    """Whether an enrolment in the study left this node, and was not refused: what it committed to stands."""
    sent = hospital.state.transaction(hospital.operator, enrolment_intent(study_id))
    return sent is not None and sent.status in (TransactionStatus.PENDING, TransactionStatus.MINED)


def _committed_records(
    hospital: Hospital,
    study_id: int,
    data: Path,
    plan: TrainingPlan,
    extractor: Sequence[int],
    accept: Collection[str],
    teach_again: bool,
) -> tuple[Records | Blocks, Remarks]:
    """The records, kept before their commitment leaves; what already left stands."""
    name = records_name(study_id)
    if is_sent(hospital, study_id):
        return stored_records(plan, hospital.secrets.get(name)), Remarks()
    if hospital.id in hospital.reader.enrolled_ids(study_id):
        raise StudyError(
            f"Hospital {hospital.id} is enrolled in study {study_id} already, with the records it committed to then."
        )
    # An imported file has a salt already, and its commitment is known to the hospital.
    salt = salt_beside(data)
    salt = secrets.randbits(SALT_BITS) if salt is None else salt
    records, remarks = read_records(data, plan, salt, extractor, accept)
    warnings = refuse_taught(hospital, study_id, plan, remarks.raw, teach_again=teach_again)
    hospital.secrets.erase(name)
    hospital.secrets.put(name, records.to_bytes())
    hospital.state.teach(study_id, remarks.raw)
    # What was accepted stands beside it: whoever looks for a reason later finds what was known.
    accepted = [sentence(found) for found in remarks.accepted]
    hospital.state.begin(_data_step(study_id), {"file": str(data.absolute()), "accepted": accepted})
    return records, replace(remarks, notes=(*remarks.notes, *warnings))
