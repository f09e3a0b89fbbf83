# SPDX-License-Identifier: Apache-2.0
"""Files posted as a round's model by whoever wants to keep it from others: few are looked for, and the true one is."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ContentNotFound
from node.proofs.commitments import weights_root
from node.proofs.model_document import model_document
from node.steps.closing import close_round
from node.steps.models import known_weights, posted_weights
from node.types import ModelPost, Phase
from tests.support.fake_chain import STUDY, FakeChain, operator_of
from tests.support.steps import Cast, Party, look, make_running, reach_phase

MODEL = (1, -2, 3, -4, 5)
ROOT = weights_root(MODEL)
STRANGER = "0x" + "77" * 20


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    """Four hospitals in round 1."""
    return make_running(tmp_path, 4)


def post(chain: FakeChain, poster: str, digest: bytes, size: int) -> None:
    chain.books.models.setdefault(1, []).append(ModelPost(poster, digest, size, 90))


def test_posted_model__behind_a_thousand_files_that_nobody_serves__is_found_at_once(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: one file of each hospital is looked for (`models.offered_models`).

    Each costs a question to every gateway: a liar and strangers would make a node miss the time to ask for the model.
    """
    victim, liar, honest = parties[:3]
    for number in range(1000):
        post(chain, (STRANGER, operator_of(liar.number))[number % 2], number.to_bytes(32, "big"), 100)
    with pytest.raises(ContentNotFound, match="nobody serves"):
        posted_weights(victim.context, 1, ROOT)
    assert len(victim.store.fetched) == 1
    stored = honest.store.put(model_document(STUDY, 1, MODEL))
    post(chain, operator_of(honest.number), stored.digest, stored.size)
    assert posted_weights(victim.context, 1, ROOT) == MODEL == known_weights(victim.context, 1)
    assert len(victim.store.fetched) == 3


def test_close__the_true_file_is_a_liars_second__is_posted_by_an_honest_hospital_too(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Rule: a model counts as posted where it is a file that others look for (`closing._is_posted`)."""
    honest, liar = parties[0], parties[3]
    reach_phase(chain, parties, Phase.OPEN)
    look(parties)
    look(parties)
    assert chain.books.rounds[1].closed_as is Phase.FINALISED
    true = chain.books.models[1][0]
    chain.books.models[1] = [
        ModelPost(operator_of(liar.number), bytes(31) + b"1", 100, 90),
        ModelPost(operator_of(liar.number), true.digest, true.size, 90),
    ]
    before = len(honest.ledger.named("post_model"))
    for _ in range(6):
        chain.wait(15)
        close_round(honest.context, 1)
    assert len(honest.ledger.named("post_model")) > before
