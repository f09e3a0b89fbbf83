# SPDX-License-Identifier: Apache-2.0
"""The ceremony's six messages through the steps, and what a hospital does not acknowledge."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import CeremonyFailed, CryptoError, SecretUnavailable, StorageError
from node.steps.ceremony import advance_ceremony, forget_ceremony_seed, keys_name
from node.types import CeremonyStep, FilePost, StudyState
from tests.support.fake_chain import CEREMONY, FakeChain
from tests.support.plans import small_plan
from tests.support.steps import Party, make_parties


@pytest.fixture
def cast(tmp_path: Path) -> Iterator[tuple[FakeChain, list[Party]]]:
    """A study of two rounds: each costs a ceremony's whole work once more."""
    plan = small_plan()
    plan = replace(plan, participation=replace(plan.participation, rounds=2, batch_rounds=2))
    chain, parties = make_parties(tmp_path, plan=plan)
    yield chain, parties
    for party in parties:
        party.hospital.state.close()


@pytest.fixture
def ceremony(chain: FakeChain, parties: list[Party]) -> list[Party]:
    """A ceremony that has just begun."""
    for party in parties:
        party.hospital.secrets.erase_all("study-1/ceremony-1")
    chain.state = StudyState.CEREMONY
    step_to(chain, CeremonyStep.KEY)
    return parties


def step_to(chain: FakeChain, step: CeremonyStep, *, number: int = CEREMONY, deadline: int | None = None) -> None:
    """Open a step, for everybody."""
    chain.ceremony = replace(
        chain.ceremony, number=number, step=step, posted=0, completed=False,
        deadline=int(time.time()) + 60 if deadline is None else deadline,
    )  # fmt: skip


def play(chain: FakeChain, parties: list[Party], last: CeremonyStep) -> None:
    """All steps up to `last`, that included."""
    for step in CeremonyStep:
        if step > last:
            return
        step_to(chain, step)
        for party in parties:
            advance_ceremony(party.context)


def test_ceremony__honest_hospitals__acknowledge_one_transcript_and_hold_every_rounds_secrets(
    chain: FakeChain, ceremony: list[Party]
) -> None:
    play(chain, ceremony, CeremonyStep.ACKNOWLEDGEMENT)
    assert len({post.digest for post in chain.posts[CeremonyStep.ACKNOWLEDGEMENT].values()}) == 1
    for party in ceremony:
        for number in range(1, chain.plan.participation.rounds + 1):
            assert party.hospital.secrets.has(keys_name(party.context, CEREMONY, number))
        forget_ceremony_seed(party.context, CEREMONY)
        assert party.hospital.secrets.has("study-1/ceremony-1/seed"), "the completion is not final yet"
    chain.ceremony = replace(chain.ceremony, completed=True)
    for party in ceremony:
        forget_ceremony_seed(party.context, CEREMONY)
        assert not party.hospital.secrets.has("study-1/ceremony-1/seed")


def test_message__made_again_after_a_crash__is_the_same(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.TEST_SHARES)
    for step in (CeremonyStep.KEY, CeremonyStep.DEALING, CeremonyStep.TEST_COMMITMENT, CeremonyStep.TEST_KEY):
        step_to(chain, step)
        advance_ceremony(ceremony[0].context)
    sent = ceremony[0].ledger.named("post_ceremony")
    assert sent[:4] == sent[5:]


def test_message__already_posted_or_not_a_participant__is_not_sent(chain: FakeChain, ceremony: list[Party]) -> None:
    chain.ceremony = replace(chain.ceremony, posted=0b001)
    advance_ceremony(ceremony[0].context)
    chain.ceremony = replace(chain.ceremony, participants=0b101)
    advance_ceremony(ceremony[1].context)
    assert ceremony[0].ledger.sent == ceremony[1].ledger.sent == []


def test_test_key__before_it_is_due__is_not_released(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.TEST_COMMITMENT)
    commitment = chain.posts[CeremonyStep.TEST_COMMITMENT][ceremony[0].number]
    assert not ceremony[0].store.local.released(commitment.digest, commitment.size)


@pytest.mark.parametrize(
    ("made", "due"),
    [
        (CeremonyStep.DEALING, CeremonyStep.TEST_COMMITMENT),
        (CeremonyStep.TEST_KEY, CeremonyStep.TEST_SHARES),
        (CeremonyStep.TEST_SHARES, CeremonyStep.ACKNOWLEDGEMENT),
    ],
    ids=["dealing", "test key", "test shares"],
)
def test_message__announced_with_another_size__is_refused_and_not_fetched(
    chain: FakeChain, ceremony: list[Party], made: CeremonyStep, due: CeremonyStep
) -> None:
    play(chain, ceremony, made)
    hospital, other = ceremony[0], ceremony[1]
    post = chain.posts[made][other.number]
    chain.posts[made][other.number] = FilePost(other.number, b"\x07" * 32, post.size + 1, 90)
    step_to(chain, due)
    sent = len(hospital.ledger.sent)
    with pytest.raises(CeremonyFailed, match=f"Hospital {other.number} announced"):
        advance_ceremony(hospital.context)
    assert b"\x07" * 32 not in hospital.store.fetched
    assert len(hospital.ledger.sent) == sent


@pytest.mark.parametrize("made", [CeremonyStep.TEST_KEY, CeremonyStep.TEST_SHARES], ids=["test key", "test shares"])
def test_transcript__one_message_changed__is_not_acknowledged(
    chain: FakeChain, ceremony: list[Party], made: CeremonyStep
) -> None:
    play(chain, ceremony, CeremonyStep.TEST_SHARES)
    hospital, liar = ceremony[0], ceremony[1]
    post = chain.posts[made][liar.number]
    content = bytearray(liar.store.get(post.digest, post.size))
    content[-16] ^= 1
    stored = liar.store.put(bytes(content))
    chain.posts[made][liar.number] = FilePost(liar.number, stored.digest, stored.size, 90)
    step_to(chain, CeremonyStep.ACKNOWLEDGEMENT)
    with pytest.raises(CryptoError):
        advance_ceremony(hospital.context)
    assert CeremonyStep.ACKNOWLEDGEMENT not in chain.posts
    assert not hospital.hospital.secrets.has(keys_name(hospital.context, CEREMONY, 1))


@pytest.mark.parametrize("key", [bytes(31) + b"\x01", bytes(32), b"a copy"], ids=["small order", "zero", "a copy"])
def test_sealing_key__one_that_nobody_can_seal_to__does_not_keep_the_others_from_posting(
    chain: FakeChain, ceremony: list[Party], key: bytes
) -> None:
    """A missing dealing is slashed: one hospital's bad key must not make all the others offenders."""
    play(chain, ceremony, CeremonyStep.KEY)
    keys, bad = chain.posts[CeremonyStep.KEY], ceremony[1].number
    digest = keys[ceremony[0].number].digest if key == b"a copy" else key[::-1]
    keys[bad] = replace(keys[bad], digest=digest)
    step_to(chain, CeremonyStep.DEALING)
    for party in (ceremony[0], ceremony[2]):
        advance_ceremony(party.context)
        posted = chain.posts[CeremonyStep.DEALING][party.number]
        assert b"objection/1" in party.store.get(posted.digest, posted.size)
    step_to(chain, CeremonyStep.TEST_COMMITMENT)
    with pytest.raises(CryptoError):
        advance_ceremony(ceremony[2].context)


def test_sealing_keys__not_all_shown_yet__are_waited_for(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.KEY)
    del chain.posts[CeremonyStep.KEY][ceremony[1].number]
    step_to(chain, CeremonyStep.DEALING)
    with pytest.raises(CryptoError):
        advance_ceremony(ceremony[0].context)
    assert CeremonyStep.DEALING not in chain.posts


def test_dealing__served_to_one_hospital_only__reaches_the_others_through_it(
    chain: FakeChain, ceremony: list[Party]
) -> None:
    """Who posted it must not choose which of the others can go on."""
    play(chain, ceremony, CeremonyStep.DEALING)
    post = chain.posts[CeremonyStep.DEALING][ceremony[1].number]
    step_to(chain, CeremonyStep.TEST_COMMITMENT)
    advance_ceremony(ceremony[0].context)
    ceremony[1].store.failure[post.digest] = StorageError("gone")
    for path in (ceremony[1].store.local.folder / "public").rglob("b*"):
        if path.is_file():
            path.unlink()
    advance_ceremony(ceremony[2].context)
    assert ceremony[2].number in chain.posts[CeremonyStep.TEST_COMMITMENT]


def test_dealing__nobody_serves_it__is_waited_for(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.DEALING)
    post = chain.posts[CeremonyStep.DEALING][ceremony[1].number]
    chain.posts[CeremonyStep.DEALING][ceremony[1].number] = replace(post, digest=b"\x07" * 32)
    step_to(chain, CeremonyStep.TEST_COMMITMENT)
    with pytest.raises(StorageError):
        advance_ceremony(ceremony[0].context)


def test_ceremony__own_seed_gone__is_not_taken_part_in(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.KEY)
    ceremony[0].hospital.secrets.erase("study-1/ceremony-1/seed")
    step_to(chain, CeremonyStep.DEALING)
    with pytest.raises(SecretUnavailable, match="secret is gone"):
        advance_ceremony(ceremony[0].context)


def test_deadline__passed__the_ceremony_is_failed_by_turns(chain: FakeChain, ceremony: list[Party]) -> None:
    step_to(chain, CeremonyStep.KEY, deadline=int(time.time()) - 3)
    for party in ceremony:
        advance_ceremony(party.context)
    assert [party.ledger.named("fail_ceremony") for party in ceremony] == [[], [[1]], []]


def test_step__machines_clock_an_hour_ahead__is_done_all_the_same(
    chain: FakeChain, ceremony: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else one wrong clock ends the ceremony for all, and later costs bond."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    advance_ceremony(ceremony[1].context)
    assert len(ceremony[1].ledger.named("post_ceremony")) == 1
    assert ceremony[1].ledger.named("fail_ceremony") == []
    assert chain.clock.next_moment() == chain.ceremony.deadline + 1


def test_deadline__passed_by_the_chain_alone__is_over(
    chain: FakeChain, ceremony: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() - 7200)
    chain.clock.ahead = 3600
    advance_ceremony(ceremony[1].context)
    assert ceremony[1].ledger.named("fail_ceremony") == [[1]]


def test_retry__begun_but_not_final__keeps_the_secrets_of_the_ceremony_before(
    chain: FakeChain, ceremony: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reorganisation could bring that ceremony back."""
    play(chain, ceremony, CeremonyStep.DEALING)
    earlier = chain.ceremony
    step_to(chain, CeremonyStep.KEY, number=2)
    later = chain.ceremony
    monkeypatch.setattr(chain, "ceremony_state", lambda _study, at="latest": later if at == "latest" else earlier)
    advance_ceremony(ceremony[0].context)
    assert ceremony[0].hospital.secrets.has("study-1/ceremony-1/seed")


def test_retry__begun__erases_the_secrets_of_the_failed_ceremony(chain: FakeChain, ceremony: list[Party]) -> None:
    play(chain, ceremony, CeremonyStep.DEALING)
    step_to(chain, CeremonyStep.KEY, number=2)
    advance_ceremony(ceremony[0].context)
    assert ceremony[0].hospital.secrets.names("study-1/ceremony-1") == ()
    assert ceremony[0].hospital.secrets.has("study-1/ceremony-2/seed")
    keys = {arguments[2] for arguments in ceremony[0].ledger.named("post_ceremony") if arguments[1] is CeremonyStep.KEY}
    assert len(keys) == 2, "the retry has a sealing key of its own"
