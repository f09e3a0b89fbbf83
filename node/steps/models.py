# SPDX-License-Identifier: Apache-2.0
"""The global model after each round: rebuilt from opened sums, checked against the root on chain."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from node.chain.client import ChainReader
from node.errors import ConsiliumError, ContentNotFound, StudyError
from node.learning.model_file import ModelFile, to_bytes
from node.plan import TrainingPlan
from node.proofs.commitments import weights_root
from node.proofs.model_document import matching_weights, model_document, model_document_limit
from node.steps.context import StudyContext, plan_document
from node.steps.extractors import extractor_file, extractor_weights
from node.storage.store import Store
from node.types import ModelPost, Phase


def weights_before(context: StudyContext, round_number: int) -> tuple[int, ...]:
    """The weights from which a round starts; raises ContentNotFound while nobody serves them, StudyError for none."""
    wanted = context.hospital.reader.round_state(context.id, round_number).root_before
    for number in range(round_number - 1, 0, -1):
        known = context.hospital.state.result(_journal_key(context, number))
        if known is not None and int(known["root"]) == wanted:
            return tuple(known["weights"])
    if weights_root(context.plan.model.initial) == wanted:
        return context.plan.model.initial
    for number in range(round_number - 1, 0, -1):
        state = context.hospital.reader.round_state(context.id, number)
        if state.closed_as is Phase.FINALISED and state.root_after == wanted:
            return posted_weights(context, number, wanted)
    raise StudyError(f"Study {context.id}, round {round_number}: no round ended with its starting model.")


def known_weights(context: StudyContext, round_number: int) -> tuple[int, ...] | None:
    """The model after a round as this node rebuilt it, or None."""
    known = context.hospital.state.result(_journal_key(context, round_number))
    return None if known is None else tuple(known["weights"])


def remember_weights(context: StudyContext, round_number: int, weights: Sequence[int]) -> None:
    """Keep the model after a round, whose root the caller has checked."""
    record = {"root": str(weights_root(weights)), "weights": list(weights)}
    context.hospital.state.done(_journal_key(context, round_number), record)


def posted_weights(context: StudyContext, round_number: int, root: int) -> tuple[int, ...]:
    """The model from a posted file whose weights have the root; raises ContentNotFound while nobody serves one."""
    limit = model_document_limit(context.coordinates)
    for post in offered_models(context, round_number):
        if post.size > limit:
            continue
        try:
            content = context.hospital.store.get(post.digest, post.size)
            weights = matching_weights(content, context.coordinates, root)
        except ConsiliumError as error:
            text = f"round {round_number}: a posted model is no use: {error}"
            level = logging.INFO if isinstance(error, ContentNotFound) else logging.WARNING
            context.say(f"round {round_number}", f"posted model {type(error).__name__}", text, level)
            continue
        remember_weights(context, round_number, weights)
        return weights
    raise ContentNotFound(f"Study {context.id}, round {round_number}: nobody serves the model yet.")


def offered_models(context: StudyContext, round_number: int) -> tuple[ModelPost, ...]:
    """The first file that each of the study's hospitals posted as a round's model, oldest first.

    Anyone may post as many as they pay for, and looking for each of them could last longer than a lacking model can be
    asked for.
    """
    reader = context.hospital.reader
    posts = reader.model_posts(context.id, round_number)
    if not posts:
        return ()
    enrolled = reader.enrolled_ids(context.id)
    operators = {reader.enrolment(context.id, number).operator.lower() for number in enrolled}
    first: dict[str, ModelPost] = {}
    for post in posts:
        if post.poster.lower() in operators:
            first.setdefault(post.poster.lower(), post)
    return tuple(first.values())


def post_model(context: StudyContext, round_number: int, weights: Sequence[int]) -> None:
    """Put the model's file into the store and its digest on record."""
    address = context.hospital.store.put(model_document(context.id, round_number, weights))
    context.hospital.ledger.post_model(context.id, round_number, address.digest, address.size)


def _journal_key(context: StudyContext, round_number: int) -> str:
    return f"{context.round_key(round_number)}/model"


def export(reader: ChainReader, store: Store, study_id: int, round_number: int, path: Path) -> None:
    """Write a finalised round's model as a NumPy archive, its weights checked against the root on chain.

    Raises `StudyError` for a round that is not finalised or whose model nobody serves, StorageError where nobody
    serves the plan or its extractor.
    """
    state = reader.round_state(study_id, round_number)
    if state.closed_as is not Phase.FINALISED:
        raise StudyError(f"Round {round_number} of study {study_id} is not finalised: it has no model.")
    plan = TrainingPlan.parse(plan_document(store, reader.study(study_id).plan))
    limit = model_document_limit(len(plan.model.initial))
    for post in reader.model_posts(study_id, round_number):
        if post.size > limit:
            continue
        try:
            weights = matching_weights(store.get(post.digest, post.size), len(plan.model.initial), state.root_after)
        except ConsiliumError:
            continue
        model = ModelFile.of(
            plan,
            study=study_id,
            round=round_number,
            root=state.root_after,
            weights=weights,
            extractor=extractor_weights(plan, extractor_file(plan, get=store.get)),
        )
        path.write_bytes(to_bytes(model))
        return
    raise StudyError(
        f"Nobody serves the model of study {study_id}, round {round_number}: are the hospitals' nodes running?"
    )
