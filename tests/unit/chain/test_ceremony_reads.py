# SPDX-License-Identifier: Apache-2.0
"""Whatever an endpoint tells of ceremonies and openings, what the contracts keep decides: by the real contracts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from node.chain.ceremony_reads import NO_KEYS, running_hash
from node.chain.client import ChainReader
from node.errors import ChainUnavailable
from node.types import CeremonyStep, ChainEvent, Charge, Phase, indices
from tests.support.chain import running_anvil
from tests.support.played_study import Stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("reads")
    with running_anvil(folder) as anvil:
        yield Stage(anvil, folder)


@pytest.fixture
def reader(stage: Stage) -> ChainReader:
    return stage.played().reader()


@pytest.fixture(scope="module")
def keyed_study(stage: Stage) -> int:
    """One whose Key step is over, for tests that only read."""
    return keyed(stage)


def keyed(stage: Stage) -> int:
    """A study whose hospitals have posted keys."""
    study = publish(stage)
    stage.enrol(study)
    stage.post_keys(study, 1)
    return study


def publish(stage: Stage) -> int:
    stage.plan = replace(stage.plan, title=f"Study {stage.played().reader().study_count() + 1}")
    return stage.publish()


def lying(reader: ChainReader, told: Callable[[tuple[ChainEvent, ...]], tuple[ChainEvent, ...]]) -> ChainReader:
    """The reader, over an endpoint that tells other events than the chain has."""
    honest = reader.events

    def events(*arguments: Any, **indexed: Any) -> tuple[ChainEvent, ...]:
        return told(honest(*arguments, **indexed))

    reader.events = events  # type: ignore[method-assign]
    return reader


def changed(event: ChainEvent, **fields: Any) -> ChainEvent:
    return replace(event, arguments={**event.arguments, **fields})


def test_keys__as_posted__are_those_of_the_contracts_hash_in_the_order_of_posting(
    keyed_study: int, reader: ChainReader
) -> None:
    study = keyed_study
    state = reader.ceremony_state(study)
    keys = reader.posted_keys(study, 1, state.keys_hash)
    assert [post.index for post in keys] == [0, 1, 2] and state.step is CeremonyStep.DEAL
    assert running_hash(keys) == state.keys_hash != running_hash(reversed(keys))
    assert running_hash(()) == NO_KEYS


@pytest.mark.parametrize(
    "told",
    [
        lambda found: found[:2],
        lambda found: (*found, found[0]),
        lambda found: found[::-1],
        lambda found: (changed(found[0], boxKey=bytes(32)), *found[1:]),
        lambda found: (changed(found[0], px=1), *found[1:]),
        lambda found: (changed(found[0], index=1), *found[1:]),
        lambda found: (changed(found[0], hospitalId=2), *found[1:]),
        lambda found: (changed(found[0], index=63), *found[1:]),
    ],
    ids=["one-less", "one-more", "another-order", "box-key", "pad-key", "index", "hospital", "no-such-index"],
)
def test_keys__endpoint_tells_others__are_not_used(keyed_study: int, reader: ChainReader, told: Any) -> None:
    right = reader.ceremony_state(keyed_study).keys_hash
    with pytest.raises(ChainUnavailable, match="does not tell the keys of ceremony 1"):
        lying(reader, told).posted_keys(keyed_study, 1, right)


def test_dealings__endpoint_hides_one__are_not_complete_and_one_of_nobody_counts_as_none(
    stage: Stage, reader: ChainReader
) -> None:
    study = keyed(stage)
    digest, size = stage.store(b"a dealing")
    keys_hash = reader.ceremony_state(study).keys_hash
    for operator in stage.operators[:2]:
        stage.send(operator, "KeyCeremony", "postDealing", study, 1, keys_hash, digest, size)
    posts = reader.dealings(study, 1)
    assert {number: (post.index, post.digest, post.size) for number, post in posts.items()} == {
        1: (0, digest, size),
        2: (1, digest, size),
    }
    honest = reader.events
    assert lying(reader, lambda found: (*found, changed(found[0], hospitalId=3, index=2))).dealings(study, 1) == posts
    reader.events = honest  # type: ignore[method-assign]
    with pytest.raises(ChainUnavailable, match="does not tell the dealings"):
        lying(reader, lambda found: found[1:]).dealings(study, 1)


def test_reads__at_an_earlier_block__are_as_of_then(stage: Stage, reader: ChainReader) -> None:
    study = keyed(stage)
    before = reader.head().number
    keys_hash = reader.ceremony_state(study).keys_hash
    stage.deal(study, 1)
    stage.hold(study, 1, satisfied=False)
    stage.complain(study, 1, by=0, dealer=2)
    assert reader.dealings(study, 1, at=before) == {} and reader.ceremony_state(study, at=before).dealt == 0
    assert len(reader.dealings(study, 1)) == len(reader.holdings(study, 1)) == 3
    assert not any(post.satisfied for post in reader.holdings(study, 1).values())
    assert [(post.hospital_id, post.dealer, post.round) for post in reader.complaints(study, 1)] == [(1, 2, 1)]
    assert reader.complaints(study, 1, at=before) == () and reader.lackings(study, 1) == {}
    assert reader.ceremony_state(study, at=before).keys_hash == keys_hash


def test_ceremony__acknowledged_with_somebody_guilty__is_told_with_its_batch(stage: Stage, reader: ChainReader) -> None:
    study = keyed(stage)
    stage.deal(study, 1)
    stage.hold(study, 1)
    stage.acknowledge(study, 1)
    told = reader.acknowledgements(study, 1)
    state, batch = reader.ceremony_state(study), reader.batch_of(study, 1)
    assert {post.digest for post in told.values()} == {state.transcript_digest} and len(told) == 3
    assert state.completed and (batch.participants, batch.dealt, batch.number) == (0b111, 0b111, 1)
    assert reader.batches(study) == (1, batch.last_round) and not reader.is_out(study, 0)
    assert indices(reader.next_due(study)) == (0, 1, 2) and reader.excluded(study) == 0


def test_pad_shares__in_an_event_or_by_file__are_told_alike(stage: Stage, reader: ChainReader) -> None:
    study = publish(stage)
    stage.enrol(study)
    stage.hold_ceremony(study)
    stage.submit(study, 1)
    stage.include(study, 1)
    root = reader.round_state(study, 1).root_before
    assert reader.set_of(study, root) == 0b111 and len(reader.quorum(study, 1)) == 2
    stage.anvil.warp(stage.plan.phases.open)
    before = reader.head().number
    stage.post_pad_shares(study, 1, members=(0, 1))
    inline, by_file = (reader.pad_shares(study, 1)[number] for number in (1, 2))
    assert inline.share is not None and len(inline.share) == inline.size == 192
    assert by_file.share is None and by_file.size == 192 and reader.shares_posted(study, 1) == (0, 0b11)
    assert reader.pad_shares(study, 1, at=before) == {} and reader.absent(study, 1) is None
    stage.send(stage.operators[0], "Court", "accuse", study, 1, int(Charge.PAD_SHARE), 0b10)
    accusation = reader.accusations(study, 1)[0]
    assert (accusation.hospital_id, accusation.charge, accusation.accused) == (1, Charge.PAD_SHARE, 0b10)
    assert reader.convicted(study, 1, Charge.PAD_SHARE) == 0
    assert reader.accused_by(study, 1, Charge.PAD_SHARE, 0) == 0b10
    stage.anvil.warp(stage.plan.phases.open)
    assert reader.phase(study, 1).phase is Phase.SUSPENDED
    stage.send(stage.sponsor, "Openings", "recordAbsence", study, 1)
    assert reader.absent(study, 1) == 0b100


def test_request__for_a_ceremony__is_free_once_and_then_has_a_price(stage: Stage, reader: ChainReader) -> None:
    study = publish(stage)
    stage.enrol(study)
    stage.hold_ceremony(study)
    assert reader.free_request_from(study, 1) == 0
    stage.send(stage.operators[0], "KeyCeremony", "requestCeremony", study)
    assert reader.free_request_from(study, 1) == 1 + stage.plan.participation.batch_rounds
    assert reader.free_request_from(study, 2) == 0
    assert reader.request_price(study) == 5 * int(stage.plan.money.absence_fine)
