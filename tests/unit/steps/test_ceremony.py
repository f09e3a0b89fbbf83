# SPDX-License-Identifier: Apache-2.0
"""The hospital's part in a key ceremony, with the real encryption: what it waits for, says, keeps and erases."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from node.chain.ceremony_reads import running_hash
from node.errors import ChainUnavailable
from node.steps.ceremony.advance import advance_ceremony
from node.steps.ceremony.names import keys_name, seed_name
from node.types import CeremonyStep
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.plans import pads_alone, small_plan
from tests.support.steps import (
    Cast,
    Party,
    brief,
    hold_ceremony,
    look,
    look_until,
    lost_connection,
    make_parties,
    restored,
)


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    return make_parties(tmp_path, 4, brief(pads_alone(small_plan())))


def reach_step(chain: FakeChain, parties: list[Party], step: CeremonyStep) -> None:
    """The nodes go on up to a step."""
    look_until(chain, parties, lambda: chain.books.ceremony.step >= step)
    assert chain.books.ceremony.step is step


def dealing_with(party: Party, *peers: int) -> Party:
    """The hospital whose operator named these as its peers."""
    return replace(party, context=replace(party.context, hospital=replace(party.hospital, peers=peers)))


def test_ceremony__all_honest__skips_complaining_and_everybody_takes_part(
    chain: FakeChain, parties: list[Party]
) -> None:
    state = hold_ceremony(chain, parties)
    assert state.completed and state.participants == 0b1111 and not state.guilty
    assert all("be_satisfied" not in {name for name, *_ in party.ledger.sent} for party in parties)
    assert chain.books.fined == []


def test_ceremony__with_ckks__leaves_secrets_for_both_openings(tmp_path: Path) -> None:
    chain, parties = make_parties(tmp_path, 3, brief(small_plan()))
    state = hold_ceremony(chain, parties)
    assert state.completed and state.with_ckks
    sizes = {len(p.hospital.secrets.get(keys_name(p.context, 1, 1))) for p in parties}
    assert min(sizes) > 10_000


def test_ceremony__completed_and_final__keeps_each_rounds_secrets_and_forgets_the_seed(
    chain: FakeChain, parties: list[Party]
) -> None:
    hold_ceremony(chain, parties)
    chain.hold()
    look(parties)
    chain.settle()
    look(parties)
    for party in parties:
        kept = party.hospital.secrets.names(f"study-{STUDY}/ceremony-1")
        assert kept == (keys_name(party.context, 1, 1),)
        assert party.hospital.findings == {}


def test_seed__completion_not_final__is_kept(chain: FakeChain, parties: list[Party]) -> None:
    reach_step(chain, parties, CeremonyStep.HOLD)
    look_until(chain, parties[:3], lambda: chain.books.ceremony.held.bit_count() == 3)
    parties[3].ledger.post_holding(STUDY, 1, 0b1111, True)
    look(parties[:3])
    chain.hold()
    look(parties[3:])
    look(parties)
    assert chain.books.ceremony.completed
    assert all(party.hospital.secrets.has(seed_name(party.context, 1)) for party in parties)
    chain.settle()
    look(parties)
    assert not any(party.hospital.secrets.has(seed_name(party.context, 1)) for party in parties)


def test_dealing__end_of_the_step_not_final__is_with_nobody(chain: FakeChain, parties: list[Party]) -> None:
    """Whoever sees another's dealing before all have dealt could make its own from it."""
    reach_step(chain, parties, CeremonyStep.DEAL)
    chain.hold()
    # The keys are final, what is dealt now is not.
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    look(parties)
    posts = chain.dealings(STUDY, 1)
    assert len(posts) == 4 and chain.books.holdings == {}
    for party in parties:
        assert not party.store.local.released(posts[party.number].digest, posts[party.number].size)
    chain.settle()
    look(parties)
    for party in parties:
        assert party.store.local.released(posts[party.number].digest, posts[party.number].size)


def test_dealing__keys_not_final__is_not_made(chain: FakeChain, parties: list[Party]) -> None:
    chain.hold()
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.DEAL)
    look(parties)
    assert chain.books.dealings == {} and chain.books.ceremony.keyed == 0b1111


def test_dealing__connection_lost_as_it_is_sent__is_sent_again_the_same(chain: FakeChain, parties: list[Party]) -> None:
    reach_step(chain, parties, CeremonyStep.DEAL)
    hospital = parties[0]
    made = hospital.hospital.state.result(f"study-{STUDY}/ceremony-1/dealing")
    if made is None:
        hospital.ledger.failure = lost_connection()
        with pytest.raises(ChainUnavailable):
            advance_ceremony(hospital.context)
        made = hospital.hospital.state.result(f"study-{STUDY}/ceremony-1/dealing")
        assert made is not None and hospital.store.holds(bytes.fromhex(made["digest"]), made["size"])
        advance_ceremony(hospital.context)
    ((_, _, digest, size),) = hospital.ledger.named("post_dealing")
    assert (digest.hex(), size) == (made["digest"], made["size"])


def test_dealing__keys_changed_by_a_reorganisation__is_never_made_for_others(
    chain: FakeChain, parties: list[Party], caplog: pytest.LogCaptureFixture
) -> None:
    """Two dealings of one seed would be two sharings, and the one that went out could be read with the other's keys."""
    reach_step(chain, parties, CeremonyStep.DEAL)
    hospital = parties[0]
    before = chain.ceremonies()
    look(parties[:1])
    dealt = hospital.hospital.state.result(f"study-{STUDY}/ceremony-1/dealing")
    assert dealt is not None
    # The chain goes back: hospital 5 posts its keys first now, and nobody has dealt.
    keys = chain.books.keys[1]
    keys[:] = [keys[1], keys[0], *keys[2:]]
    chain.books.change_ceremony(step=CeremonyStep.DEAL, dealt=0, keys_hash=running_hash(keys), deadline=before.now + 60)
    chain.books.dealings.clear()
    hospital.ledger.sent.clear()
    with caplog.at_level(logging.WARNING):
        look(parties[:1])
        look(parties[:1])
    assert hospital.ledger.sent == []
    assert len([r for r in caplog.records if "the keys changed after this node had dealt" in r.message]) == 1
    assert not hospital.store.local.released(bytes.fromhex(dealt["digest"]), dealt["size"])
    state = hold_ceremony(chain, parties)
    assert state.completed and state.participants == 0b1110


def test_peers__one_that_is_not_named_posted_keys__deals_nothing_and_says_so(
    chain: FakeChain, parties: list[Party], caplog: pytest.LogCaptureFixture
) -> None:
    careful = dealing_with(parties[0], 5, 7)
    with caplog.at_level(logging.WARNING):
        state = hold_ceremony(chain, [careful, *parties[1:]])
    assert not careful.ledger.named("post_dealing")
    (told,) = [r.message for r in caplog.records if "peers" in r.message]
    assert "hospitals [9]" in told and "shows its own update" in told
    assert state.completed and state.participants == 0b1110


def test_peers__all_named__takes_part(chain: FakeChain, parties: list[Party]) -> None:
    careful = dealing_with(parties[0], 5, 7, 9)
    assert hold_ceremony(chain, [careful, *parties[1:]]).participants == 0b1111


@pytest.mark.parametrize(("step", "forgotten"), [(CeremonyStep.KEY, "its keys"), (CeremonyStep.DEAL, "its keys")])
def test_restored_memory__older_than_what_the_chain_shows__leaves_the_ceremony_alone(
    chain: FakeChain, parties: list[Party], caplog: pytest.LogCaptureFixture, step: CeremonyStep, forgotten: str
) -> None:
    reach_step(chain, parties, step)
    look(parties[:1])
    older = restored(parties[0])
    older.ledger.sent.clear()
    with caplog.at_level(logging.WARNING):
        look([older])
        look([older])
    assert older.ledger.sent == []
    (told,) = [r.message for r in caplog.records if "does not remember" in r.message]
    assert forgotten in told and "sits out the rounds" in told


def test_restored_memory__dealing_forgotten_alone__deals_no_second_one(
    chain: FakeChain, parties: list[Party], caplog: pytest.LogCaptureFixture
) -> None:
    reach_step(chain, parties, CeremonyStep.DEAL)
    look(parties[:1])
    older = restored(parties[0])
    older.hospital.state.done(f"study-{STUDY}/ceremony-1/keys")
    older.ledger.sent.clear()
    with caplog.at_level(logging.WARNING):
        look([older])
    assert older.ledger.sent == [] and any("its dealing" in r.message for r in caplog.records)


def test_keys__lost_secret_folder__takes_no_part(chain: FakeChain, parties: list[Party]) -> None:
    look(parties[:1])
    parties[0].hospital.secrets.erase(seed_name(parties[0].context, 1))
    state = hold_ceremony(chain, parties)
    assert state.completed and state.participants == 0b1110


def test_step_over__moved_on_by_turns(chain: FakeChain, parties: list[Party]) -> None:
    """One hospital is away: the others do not all pay for moving on."""
    here = parties[1:]
    look(here)
    chain.wait(62)
    look(here)
    assert sum(len(party.ledger.named("move_on")) for party in here) == 1
    assert chain.books.ceremony.step is CeremonyStep.DEAL and chain.books.ceremony.keyed == 0b1110


def test_failed_ceremony__the_next__has_new_keys_and_erases_what_was_left(
    chain: FakeChain, parties: list[Party]
) -> None:
    here = parties[:2]
    look(here)
    posted = chain.books.keys[1]
    chain.wait(62)
    look_until(chain, here, lambda: chain.books.ceremony.number == 2)
    assert hold_ceremony(chain, parties).number == 2 and chain.books.ceremony.participants == 0b1111
    again = {post.hospital_id: post for post in chain.books.keys[2]}
    assert all(again[post.hospital_id].px != post.px for post in posted)
    look(parties)
    for party in parties:
        assert not party.hospital.secrets.names(f"study-{STUDY}/ceremony-1")


def test_acknowledgement__end_of_complaining_not_final__waits(chain: FakeChain, parties: list[Party]) -> None:
    reach_step(chain, parties, CeremonyStep.HOLD)
    look_until(chain, parties[:3], lambda: chain.books.ceremony.held.bit_count() == 3)
    chain.hold()
    look(parties[3:])
    look(parties)
    assert chain.books.ceremony.step is CeremonyStep.ACKNOWLEDGE and chain.books.acknowledgements == {}
    chain.settle()
    look(parties)
    assert chain.books.ceremony.completed


def test_acknowledgement__a_file_that_counts_is_gone__acknowledges_nothing(
    chain: FakeChain, parties: list[Party]
) -> None:
    """t equal acknowledgements include an honest one only where the honest have judged what they acknowledge."""
    reach_step(chain, parties, CeremonyStep.ACKNOWLEDGE)
    hospital, lost = parties[0], chain.dealings(STUDY, 1)[9]
    hospital.store.lose(lost.digest)
    state = hold_ceremony(chain, parties)
    assert not hospital.ledger.named("acknowledge")
    assert state.completed and state.participants == 0b1110


def test_two_nodes_with_one_key__the_one_whose_keys_are_not_on_record_complains_of_nobody(
    chain: FakeChain, parties: list[Party]
) -> None:
    """Both posted keys at once and believe that theirs were taken: what is sealed to one opens not to the other.

    Rule: a node goes on only with keys and a dealing that are its own (`own.is_anothers`).
    """
    first = parties[0]
    look([first])
    other = restored(first)
    post = chain.books.keys[1][0]
    seed = f"study-{STUDY}/ceremony-1/seed"
    other.hospital.state.done(f"study-{STUDY}/ceremony-1/keys")
    other.hospital.secrets.erase(seed)
    other.hospital.secrets.put(seed, bytes(range(32)))
    cast = [other, *parties[1:]]
    look_until(chain, cast, lambda: chain.books.ceremony.number > 1 or chain.books.ceremony.completed)
    assert chain.books.keys[1][0] == post
    assert other.ledger.named("complain") == [] and chain.books.excluded == 0
    assert chain.books.dealings[1].keys() == {party.number for party in parties[1:]}
