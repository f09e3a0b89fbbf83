# SPDX-License-Identifier: Apache-2.0
"""A posted model is what its root and its length say, or nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import ContentNotFound, DataError, StudyError
from node.proofs.commitments import weights_root
from node.proofs.model_document import matching_weights, model_document, model_document_limit
from node.steps.models import (
    export,
    known_weights,
    posted_weights,
    weights_before,
)
from node.types import ModelPost, Phase
from tests.support.fake_chain import STUDY, FakeChain, operator_of, round_state
from tests.support.steps import Party

MODEL = (1, -2, 3, -4, 5)
ROOT = weights_root(MODEL)
SMALLEST = -(1 << 23)


def post(chain: FakeChain, party: Party, content: bytes) -> ModelPost:
    """Anyone may put a file on record as the round's model."""
    stored = party.store.put(content)
    return put_on_record(chain, party, stored.digest, stored.size)


def put_on_record(chain: FakeChain, party: Party, digest: bytes, size: int) -> ModelPost:
    made = ModelPost(operator_of(party.number), digest, size, 50)
    chain.books.models.setdefault(1, []).append(made)
    return made


def test_appended_weights__have_the_same_root() -> None:
    """Why the number of weights has to be checked as well."""
    assert weights_root((*MODEL, SMALLEST, SMALLEST)) == ROOT


BAD = {
    "another root": model_document(STUDY, 1, (1, -2, 3, -4, 6)),
    "smallest weights appended": model_document(STUDY, 1, (*MODEL, SMALLEST)),
    "too few weights": model_document(STUDY, 1, MODEL[:4]),
    "weight out of range": model_document(STUDY, 1, (1 << 23, *MODEL[1:])),
    "not JSON": b"a model",
    "no object": b"[1]",
    "another format": json.dumps({"consilium": "model/2", "weights": list(MODEL)}).encode(),
    "weights that are no integers": b'{"consilium":"model/1","weights":[1.0,-2,3,-4,5]}',
    "nested too deep": b"[" * 200,
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_posted_model__not_the_rounds__is_refused(content: bytes) -> None:
    with pytest.raises(DataError):
        matching_weights(content, len(MODEL), ROOT)


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_posted_models__bad_ones_first__takes_the_right_one(
    chain: FakeChain, parties: list[Party], content: bytes
) -> None:
    hospital, liar, silent = parties[:3]
    post(chain, liar, content)
    put_on_record(chain, silent, b"\x09" * 32, 100)
    with pytest.raises(ContentNotFound, match="nobody serves the model"):
        posted_weights(hospital.context, 1, ROOT)
    assert known_weights(hospital.context, 1) is None
    post(chain, hospital, model_document(STUDY, 1, MODEL))
    assert posted_weights(hospital.context, 1, ROOT) == MODEL == known_weights(hospital.context, 1)


def test_posted_model__larger_than_any__is_not_fetched(chain: FakeChain, hospital: Party) -> None:
    put_on_record(chain, hospital, b"\x09" * 32, model_document_limit(len(MODEL)) + 1)
    with pytest.raises(ContentNotFound):
        posted_weights(hospital.context, 1, ROOT)
    assert hospital.store.fetched == []


def test_limit__of_a_model_file__holds_the_longest_there_is() -> None:
    longest = model_document(2**62, 2**16, (SMALLEST,) * 4097)
    assert len(longest) <= model_document_limit(4097)


def test_export__bad_models_posted_first__writes_the_right_one(
    chain: FakeChain, parties: list[Party], tmp_path: Path
) -> None:
    hospital = parties[0]
    hospital.store.put(chain.plan.canonical())
    chain.books.change_round(1, closed_as=Phase.FINALISED, root_after=ROOT)
    for content in BAD.values():
        post(chain, parties[1], content)
    path = tmp_path / "model.npz"
    with pytest.raises(StudyError, match="Nobody serves"):
        export(chain, hospital.store, STUDY, 1, path)  # type: ignore[arg-type]
    post(chain, parties[1], model_document(STUDY, 1, MODEL))
    export(chain, hospital.store, STUDY, 1, path)  # type: ignore[arg-type]
    with np.load(path, allow_pickle=False) as arrays:
        assert tuple(arrays["weights_int"]) == MODEL


def test_export__round_that_is_not_finalised__says_so(chain: FakeChain, hospital: Party, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="not finalised"):
        export(chain, hospital.store, STUDY, 1, tmp_path / "model.npz")  # type: ignore[arg-type]


def test_weights_before__first_round_or_only_failed_ones__are_the_plans(chain: FakeChain, hospital: Party) -> None:
    assert weights_before(hospital.context, 1) == chain.plan.model.initial
    chain.books.change_round(1, closed_as=Phase.FAILED)
    chain.books.rounds[2] = round_state(chain.books.rounds[1].root_before)
    assert weights_before(hospital.context, 2) == chain.plan.model.initial


def test_weights_before__model_of_an_earlier_round__is_fetched_and_checked(
    chain: FakeChain, parties: list[Party]
) -> None:
    chain.books.change_round(1, closed_as=Phase.FINALISED, root_after=ROOT)
    chain.books.rounds[2] = round_state(ROOT)
    post(chain, parties[1], model_document(STUDY, 1, (*MODEL, SMALLEST)))
    post(chain, parties[2], model_document(STUDY, 1, MODEL))
    assert weights_before(parties[0].context, 2) == MODEL


def test_weights_before__root_that_no_round_ended_with__is_refused(chain: FakeChain, hospital: Party) -> None:
    chain.books.rounds[2] = replace(round_state(ROOT), root_before=ROOT + 1)
    chain.books.change_round(1, closed_as=Phase.FINALISED, root_after=ROOT)
    with pytest.raises(StudyError, match="no round ended with its starting model"):
        weights_before(hospital.context, 2)
