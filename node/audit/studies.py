# SPDX-License-Identifier: Apache-2.0
"""A whole study, read from the chain and the stores into one record."""

from __future__ import annotations

from node.audit.basics import Verdict
from node.audit.ceremonies import read_ceremonies
from node.audit.contents import ContentReader, verdict_on
from node.audit.ledger import Ledger, Source, file_of, members
from node.audit.models import read_models
from node.audit.money import read_money
from node.audit.money_views import MoneyView
from node.audit.moves import read_moves
from node.audit.rounds import read_rounds
from node.audit.views import HospitalView, Move, MoveView, PlanView, StudyListing, StudyView
from node.errors import DataError, StorageError
from node.plan import TrainingPlan
from node.types import Batch, BlockDraw, Circuit, Enrolment, Hospital, PlanTerms, Study, StudyState


def list_studies(source: Source) -> tuple[StudyListing, ...]:
    """All studies of the deployment, oldest first."""
    ledger = Ledger(source)
    listings = []
    for study_id in range(1, int(ledger.call("StudyRegistry", "studyCount")) + 1):
        terms = ledger.record(Study, "StudyRegistry", "study", study_id, id=study_id).plan
        state = StudyState(ledger.call("StudyRegistry", "studyState", study_id))
        listings.append(StudyListing(study_id, state, file_of(terms.document_digest, terms.document_size)))
    return tuple(listings)


def read_study(source: Source, contents: ContentReader, study_id: int) -> StudyView:
    """One study as it is at the newest block.

    Raises ChainError where the chain cannot be read or has no such study. Files that cannot be reached or
    read leave their part of the view empty, with the reason beside it.
    """
    ledger = Ledger(source)
    study = ledger.record(Study, "StudyRegistry", "study", study_id, id=study_id)
    published = ledger.events("StudyRegistry", "StudyPublished", studyId=study_id)[0]
    ids = tuple(int(number) for number in ledger.call("StudyRegistry", "enrolledIds", study_id))
    plan = _plan(ledger, contents, study_id, study.plan)
    rounds = read_rounds(ledger, study_id, ids)
    money = read_money(ledger, study_id, ids, rounds)
    moves = read_moves(ledger, study_id, ids)
    return StudyView(
        study_id=study_id,
        state=StudyState(ledger.call("StudyRegistry", "studyState", study_id)),
        sponsor=study.sponsor,
        published=ledger.act(published),
        plan=plan,
        network=ledger.network(),
        hospitals=_hospitals(ledger, study_id, ids, money, moves),
        moves=moves,
        batch=ledger.record(Batch, "KeyCeremony", "batchOf", study_id, len(rounds)),
        salt_mix=bytes(ledger.call("KeyCeremony", "saltMix", study_id)),
        failed_openings=ledger.call("RoundManager", "failedCkksOpenings", study_id),
        ceremonies=read_ceremonies(ledger, study_id, ids),
        rounds=rounds,
        models=read_models(contents, plan, rounds),
        money=money,
    )


def _plan(ledger: Ledger, contents: ContentReader, study_id: int, terms: PlanTerms) -> PlanView:
    file = file_of(terms.document_digest, terms.document_size)
    document, verdict, problem = None, Verdict.PASSED, ""
    try:
        document = TrainingPlan.parse(contents.get(file.digest, file.size))
    except (StorageError, DataError) as error:
        verdict, problem = verdict_on(error), str(error)
    return PlanView(
        file=file,
        terms=terms,
        root=ledger.call("StudyRegistry", "planRoot", study_id),
        training=ledger.record(Circuit, "CircuitCatalogue", "circuit", terms.training_circuit),
        aggregation=ledger.record(Circuit, "CircuitCatalogue", "circuit", terms.aggregation_circuit),
        document=document,
        verdict=verdict,
        problem=problem,
    )


def _hospitals(
    ledger: Ledger, study_id: int, ids: tuple[int, ...], money: MoneyView, moves: tuple[MoveView, ...]
) -> tuple[HospitalView, ...]:
    acts = {
        event.arguments["hospitalId"]: ledger.act(event, event.arguments["hospitalId"])
        for event in ledger.events("StudyRegistry", "HospitalEnrolled", studyId=study_id)
    }
    used = {
        event.arguments["hospitalId"]: event.arguments["index"] + 1
        for event in ledger.events("BlockDraws", "BlockUsed", studyId=study_id)
    }
    excluded = members(ledger.call("StakeVault", "excluded", study_id), ids)
    left = {move.act.hospital_id for move in moves if move.what in (Move.WITHDREW, Move.LEFT)}
    views = []
    for hospital_id in ids:
        registered = ledger.record(Hospital, "HospitalRegistry", "hospital", hospital_id, id=hospital_id)
        enrolment = ledger.record(Enrolment, "StudyRegistry", "enrolment", study_id, hospital_id)
        views.append(
            HospitalView(
                hospital_id=hospital_id,
                index=enrolment.index,
                name=registered.name,
                endpoint=registered.endpoint,
                owner=registered.owner,
                operator=enrolment.operator,
                standing=registered.standing,
                data_root=enrolment.data_root,
                rows=enrolment.rows,
                draw=ledger.record(BlockDraw, "BlockDraws", "blocksOf", study_id, hospital_id),
                block=used.get(hospital_id, 0),
                salt_commitment=enrolment.salt_commitment,
                enrolled=acts[hospital_id],
                left=hospital_id in left,
                excluded=hospital_id in excluded,
                bond_locked=ledger.call("StakeVault", "locked", study_id, hospital_id),
                slashed=sum(item.amount for item in money.slashes if item.hospital_id == hospital_id),
                fined=sum(item.amount for item in money.fines if item.hospital_id == hospital_id),
                earned=sum(item.earned for item in money.rewards if item.hospital_id == hospital_id),
                claimed=sum(item.amount for item in money.claims if item.hospital_id == hospital_id),
            )
        )
    return tuple(views)
