# SPDX-License-Identifier: Apache-2.0
"""One set a round, ever; no result that does not open the sum of the commitments; no share made too early."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.round_reads import sum_digest
from node.crypto.opening import opening_share, share_size
from node.errors import (
    ChainUnavailable,
    MalformedCiphertext,
    MalformedShare,
    OpeningFailed,
    OpeningRefused,
    SecretUnavailable,
)
from node.learning import reference
from node.proofs.commitments import weights_root
from node.steps.advance import advance
from node.steps.ceremony import keys_name
from node.steps.models import known_weights
from node.steps.opening import close_round, finalise, keep_shares, learn_model, post_share
from node.steps.submission import round_context, submit_update
from node.types import FilePost, Phase, PhaseState, StudyState
from tests.support.fake_chain import CEREMONY, FakeChain
from tests.support.plans import private_plan, small_plan
from tests.support.steps import CONFIRMED, LONG_AGO, Party, make_parties, reach_open


@pytest.fixture
def opening(chain: FakeChain, parties: list[Party]) -> list[Party]:
    """Three included updates; the second and third hospital are named."""
    for party in parties:
        submit_update(party.context, 1, chain.rounds[1])
    reach_open(chain, parties)
    return parties


def post(party: Party) -> None:
    post_share(party.context, 1, CONFIRMED)


def post_shares(chain: FakeChain, parties: list[Party], at_block: int = LONG_AGO) -> None:
    """Everybody named posts a share, long ago."""
    for party in parties:
        if party.number in chain.quorums[chain.attempt]:
            post(party)
    for number, given in chain.shares[chain.attempt].items():
        chain.shares[chain.attempt][number] = replace(given, block_number=at_block)


def model_of(chain: FakeChain, parties: list[Party]) -> tuple[int, ...]:
    """What the round must come to, by the plain-integer reference."""
    plan, training = chain.plan, chain.plan.training
    total = [0] * len(plan.model.initial)
    for party in parties:
        local = reference.train(
            plan.model.initial, party.records.table, party.records.labels, capacity=training.rows_maximum,
            batch_size=training.batch_size, epochs=training.epochs, learning_rate=training.learning_rate,
        )  # fmt: skip
        own = reference.update(plan.model.initial, local, party.records.rows, plan.quantisation.value_bits)
        total = [left + right for left, right in zip(total, own, strict=True)]
    return tuple(reference.aggregate(plan.model.initial, total, sum(party.records.rows for party in parties)))


def substitute(chain: FakeChain, party: Party, content: bytes) -> None:
    """Put other bytes on record as a hospital's share of the attempt."""
    stored = party.store.put(content)
    chain.shares.setdefault(chain.attempt, {})[party.number] = FilePost(
        party.number, stored.digest, stored.size, LONG_AGO
    )


# Making shares


def test_share__named__is_posted_once_and_made_again_as_it_was(chain: FakeChain, opening: list[Party]) -> None:
    member = opening[1]
    post(member)
    post(member)
    assert len(member.ledger.named("post_share")) == 1
    chain.shares.clear()
    post(member)
    first, second = member.ledger.named("post_share")
    assert first == second


def test_share__another_quorum_for_the_same_attempt__is_not_signed_a_second_time(
    chain: FakeChain, opening: list[Party]
) -> None:
    first, second, third = (party.number for party in opening)
    post(opening[1])
    # As a reorganisation deeper than the plan's confirmations could name it.
    chain.shares.clear()
    chain.quorums[0] = (first, second) if chain.quorums[0] != (first, second) else (second, third)
    with pytest.raises(OpeningRefused, match="signs no second one"):
        post(opening[1])
    assert len(opening[1].ledger.named("post_share")) == 1


def test_share__not_named_or_of_an_attempt_that_is_over__is_not_made(chain: FakeChain, opening: list[Party]) -> None:
    post(opening[0])
    chain.attempt, chain.final_attempt = 1, 0
    post(opening[1])
    assert opening[0].ledger.sent[1:] == opening[1].ledger.sent[1:] == []
    assert opening[1].hospital.state.opening_set(1, 1) is None


@pytest.mark.parametrize("bitmap", [0b011, 0b001, 0], ids=["two", "one", "none"])
def test_share__fewer_than_three_included_says_the_chain__is_refused(
    chain: FakeChain, opening: list[Party], bitmap: int
) -> None:
    chain.change_round(included_bitmap=bitmap)
    with pytest.raises(OpeningRefused, match="opens sums over at least 3"):
        post(opening[1])
    assert opening[1].ledger.named("post_share") == []
    assert opening[1].hospital.state.opening_set(1, 1) is None


def test_share__below_the_plans_minimum__is_refused(four: tuple[FakeChain, list[Party]]) -> None:
    """The plan asks for all four; the chain says that three are enough."""
    chain, parties = four
    plan = replace(chain.plan, participation=replace(chain.plan.participation, minimum=4))
    chain.change_round(included_bitmap=0b0111)
    with pytest.raises(OpeningRefused, match="at least 4"):
        post_share(replace(parties[1].context, plan=plan), 1, CONFIRMED)
    assert parties[1].ledger.named("post_share") == []


@pytest.mark.parametrize(
    ("four", "refusal"),
    [(small_plan, "makes no share for the set"), (private_plan, "and no other")],
    indirect=["four"],
    ids=["without a budget", "with a budget"],
)
def test_share__second_set_in_the_same_round__is_refused_for_good(
    four: tuple[FakeChain, list[Party]], refusal: str
) -> None:
    """As after a reorganisation that changed who is included."""
    chain, parties = four
    member = parties[1]
    post(member)
    chain.shares.clear()
    chain.change_round(included_bitmap=0b0111)
    for _ in range(2):
        with pytest.raises(OpeningRefused, match=refusal):
            post(member)
    assert len(member.ledger.named("post_share")) == 1
    chain.change_round(included_bitmap=0b1111)
    post(member)
    first, second = member.ledger.named("post_share")
    assert first == second


def test_share__secrets_erased__is_refused(chain: FakeChain, opening: list[Party]) -> None:
    member = opening[1]
    member.hospital.secrets.erase(keys_name(member.context, CEREMONY, 1))
    with pytest.raises(SecretUnavailable):
        post(member)
    assert member.ledger.named("post_share") == []


def test_share__secrets_erased__others_shares_are_still_kept_and_served(chain: FakeChain, opening: list[Party]) -> None:
    post_shares(chain, opening)
    member = opening[1]
    member.hospital.secrets.erase(keys_name(member.context, CEREMONY, 1))
    del chain.shares[0][member.number]
    with pytest.raises(SecretUnavailable):
        advance(member.context)
    (other,) = chain.shares[0].values()
    assert member.store.local.released(other.digest, other.size)


def test_share__included_set_not_final__is_not_made(chain: FakeChain, opening: list[Party]) -> None:
    chain.final_phases[1] = PhaseState(Phase.INCLUDE, 0)
    advance(opening[1].context)
    assert opening[1].ledger.named("post_share") == []
    chain.final_phases.clear()
    advance(opening[1].context)
    assert len(opening[1].ledger.named("post_share")) == 1


# Using shares


def test_finalise__all_shares_there__sends_the_root_of_the_exact_model(chain: FakeChain, opening: list[Party]) -> None:
    post_shares(chain, opening)
    finalise(opening[0].context, 1)
    expected = model_of(chain, opening)
    assert opening[0].ledger.named("finalise") == [[1, weights_root(expected)]]
    assert known_weights(opening[0].context, 1) == expected
    assert len(chain.models) == 1


def test_finalise__a_share_missing__waits(chain: FakeChain, opening: list[Party]) -> None:
    post(opening[1])
    finalise(opening[0].context, 1)
    assert opening[0].ledger.named("finalise") == []


def test_finalise__shares_complete_just_now__leaves_the_turn_to_who_posted(
    chain: FakeChain, opening: list[Party]
) -> None:
    post_shares(chain, opening, at_block=100)
    finalise(opening[0].context, 1)
    assert opening[0].ledger.named("finalise") == []
    first = next(party for party in opening if party.number == chain.quorums[0][0])
    finalise(first.context, 1)
    assert len(first.ledger.named("finalise")) == 1


def test_finalise__share_of_another_set__is_not_used(four: tuple[FakeChain, list[Party]]) -> None:
    chain, parties = four
    member, quorum = parties[2], chain.quorums[0]
    post_shares(chain, parties)
    binding = round_context(member.context, 1)
    secret = member.hospital.secrets.get(keys_name(member.context, CEREMONY, 1))
    substitute(chain, member, opening_share(binding, member.number, secret, chain.enrolled[:3], 0, quorum))
    with pytest.raises(MalformedShare, match="another set"):
        finalise(parties[0].context, 1)
    assert parties[0].ledger.named("finalise") == []


def test_finalise__share_of_another_attempt__is_not_used(chain: FakeChain, opening: list[Party]) -> None:
    member = opening[2]
    post_shares(chain, opening)
    binding = round_context(member.context, 1)
    secret = member.hospital.secrets.get(keys_name(member.context, CEREMONY, 1))
    other = opening_share(binding, member.number, secret, chain.enrolled, 1, chain.quorums[0])
    substitute(chain, member, other)
    with pytest.raises(MalformedShare):
        finalise(opening[0].context, 1)


def test_finalise__wrong_share_of_the_right_form__fails_and_a_later_quorum_opens(
    chain: FakeChain, opening: list[Party]
) -> None:
    liar = opening[2]
    post_shares(chain, opening)
    given = chain.shares[0][liar.number]
    content = bytearray(liar.store.get(given.digest, given.size))
    content[-64] ^= 1
    substitute(chain, liar, bytes(content))
    with pytest.raises(OpeningFailed):
        finalise(opening[0].context, 1)
    assert opening[0].ledger.named("finalise") == []
    chain.attempt = 1
    chain.quorums[1] = (opening[0].number, opening[1].number)
    post_shares(chain, opening)
    finalise(opening[0].context, 1)
    assert opening[0].ledger.named("finalise") == [[1, weights_root(model_of(chain, opening))]]


def test_finalise__share_announced_with_another_size__is_not_fetched(chain: FakeChain, opening: list[Party]) -> None:
    post_shares(chain, opening)
    given = chain.shares[0][opening[2].number]
    chain.shares[0][opening[2].number] = replace(given, size=2**40)
    with pytest.raises(OpeningFailed, match=f"one has {share_size(round_context(opening[0].context, 1))}"):
        finalise(opening[0].context, 1)
    keep_shares(opening[0].context, 1)
    assert given.digest not in opening[0].store.fetched


def test_finalise__ciphertext_that_does_not_fit_its_commitment__is_not_accepted(
    chain: FakeChain, opening: list[Party]
) -> None:
    """What the proof says nothing about: it is caught here, by everybody."""
    post_shares(chain, opening)
    chain.total = (chain.total[0] + 1, chain.total[1])
    chain.change_round(sum_digest=sum_digest(*chain.total))
    with pytest.raises(OpeningFailed, match="does not open the sum of the commitments"):
        finalise(opening[0].context, 1)


def test_finalise__included_ciphertext_with_another_size__is_not_fetched(
    chain: FakeChain, opening: list[Party]
) -> None:
    post_shares(chain, opening)
    entry = chain.submitted[1, opening[2].number]
    chain.submitted[1, opening[2].number] = replace(entry, size=entry.size + 1)
    with pytest.raises(MalformedCiphertext, match="announced with"):
        finalise(opening[0].context, 1)


def test_shares__as_they_are_posted__are_kept_and_served_by_the_others(chain: FakeChain, opening: list[Party]) -> None:
    bystander = opening[0]
    post_shares(chain, opening)
    keep_shares(bystander.context, 1)
    for given in chain.shares[0].values():
        assert bystander.store.local.released(given.digest, given.size)


# The end of a round


def finalised(chain: FakeChain, opening: list[Party]) -> tuple[int, ...]:
    """The round as somebody finalised it who then vanished; its model is returned."""
    model = model_of(chain, opening)
    post_shares(chain, opening)
    chain.change_round(closed_as=Phase.FINALISED, root_after=weights_root(model), closed_at=int(time.time()) - 3600)
    return model


def test_close__finalised_by_another__rebuilds_the_model_and_erases_the_secrets(
    chain: FakeChain, opening: list[Party]
) -> None:
    model, hospital = finalised(chain, opening), opening[0]
    assert close_round(hospital.context, 1)
    assert known_weights(hospital.context, 1) == model
    assert hospital.hospital.secrets.names("study-1") == ("study-1/records",)


def test_close__model_that_nobody_serves__erases_all_the_same_and_does_not_hold_up_the_next_round(
    chain: FakeChain, opening: list[Party]
) -> None:
    """As when the finaliser withholds its share and the model: others' deadlines go on."""
    finalised(chain, opening)
    chain.shares.clear()
    chain.round_number, hospital = 2, opening[1]
    chain.rounds[2] = replace(chain.rounds[1], closed_as=Phase.NONE, submitted_bitmap=0, started_at=LONG_AGO)
    chain.phases[2] = PhaseState(Phase.FAILED, 0)
    chain.change_round(2, included_at=0, submit_ended_at=0)
    assert not advance(hospital.context)
    assert hospital.hospital.secrets.names() == ("study-1/records",)
    assert hospital.ledger.named("fail_round") == [[2]]
    chain.state = StudyState.CANCELLED
    chain.round_number = 1
    assert not advance(hospital.context), "it still looks for the model"
    assert hospital.hospital.secrets.names() == ()


def test_close__endpoints_disagree__erases_nothing(
    chain: FakeChain, opening: list[Party], monkeypatch: pytest.MonkeyPatch
) -> None:
    finalised(chain, opening)

    def disagree(_read: object) -> object:
        raise ChainUnavailable("The RPC endpoints give different answers: waiting until they agree.")

    monkeypatch.setattr(chain, "agreed", disagree)
    with pytest.raises(ChainUnavailable):
        close_round(opening[0].context, 1)
    assert keys_name(opening[0].context, CEREMONY, 1) in opening[0].hospital.secrets.names()


def test_close__end_not_final__keeps_the_secrets(chain: FakeChain, opening: list[Party]) -> None:
    chain.final_rounds[1] = chain.rounds[1]
    finalised(chain, opening)
    hospital = opening[0]
    assert not close_round(hospital.context, 1)
    assert keys_name(hospital.context, CEREMONY, 1) in hospital.hospital.secrets.names()


def test_close__model_never_posted__is_posted_by_who_has_the_turn_and_served_by_all(
    chain: FakeChain, opening: list[Party]
) -> None:
    finalised(chain, opening)
    chain.change_round(closed_at=int(time.time()))
    later = opening[0]
    assert not close_round(later.context, 1), "its turn is still to come"
    assert later.hospital.secrets.names("study-1/ceremony-1") == (), "secrets do not wait for that"
    chain.change_round(closed_at=int(time.time()) - 3600)
    assert close_round(later.context, 1) and len(chain.models) == 1
    assert close_round(opening[1].context, 1) and len(chain.models) == 1
    assert opening[1].store.local.released(chain.models[0].digest, chain.models[0].size)


def test_close__somebody_posted_another_model__posts_the_right_one(chain: FakeChain, opening: list[Party]) -> None:
    finalised(chain, opening)
    opening[0].ledger.post_model(1, 1, b"\x05" * 32, 100)
    assert close_round(opening[1].context, 1)
    assert len(opening[1].ledger.named("post_model")) == 1


def test_learn_model__shares_that_open_nothing__takes_a_posted_file_with_the_right_root(
    chain: FakeChain, opening: list[Party]
) -> None:
    model = finalised(chain, opening)
    assert close_round(opening[0].context, 1)
    chain.shares.clear()
    learn_model(opening[1].context, 1, chain.rounds[1])
    assert known_weights(opening[1].context, 1) == model


@pytest.fixture
def four(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[FakeChain, list[Party]]]:
    """Four hospitals, all included and about to be opened; of the small plan, or of another that a test names."""
    plan = getattr(request, "param", small_plan)()
    chain, parties = make_parties(tmp_path / "four", count=4, plan=plan)
    for party in parties:
        submit_update(party.context, 1, chain.rounds[1])
    reach_open(chain, parties)
    yield chain, parties
    for party in parties:
        party.hospital.state.close()
