# SPDX-License-Identifier: Apache-2.0
"""Ceremonies in which one hospital lies or keeps back: the others go on without it, and nobody honest is blamed.

Each test names the rule whose removal makes it fail.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from node.crypto import CeremonyContext, CeremonyKeys
from node.crypto.framing import HEADER_BYTES
from node.steps.ceremony.dealing import release_own
from node.steps.ceremony.names import keys_name
from node.types import CeremonyStep, indices
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.liars import with_false_share
from tests.support.lying_nodes import deal_falsely, never_release, turned
from tests.support.plans import pads_alone, small_plan
from tests.support.steps import Cast, Party, brief, hold_ceremony, look, look_until, make_parties


@pytest.fixture
def cast(tmp_path: Path) -> Cast:
    return make_parties(tmp_path, 4, brief(pads_alone(small_plan())))


def guilty(chain: FakeChain) -> tuple[int, ...]:
    """Who is guilty by the ceremony, by number."""
    return tuple(chain.enrolled[index] for index in indices(chain.books.ceremony.guilty))


def cheat(victim: Party):  # type: ignore[no-untyped-def]
    """A dealing whose box for one hospital holds another share than is committed to."""

    def forge(ctx: CeremonyContext, me: int, seed: bytes, keys: CeremonyKeys, file: bytes) -> bytes:
        return with_false_share(ctx, file, me, seed, victim.number, keys)

    return forge


def test_false_box__its_recipient_complains__the_dealer_is_guilty_and_the_recipient_takes_part(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a node looks into its own boxes before it says that it is satisfied (`holding.hold`)."""
    deal_falsely(monkeypatch, liar, cheat(honest[1]))
    state = hold_ceremony(chain, parties)
    assert state.completed and guilty(chain) == (liar.number,) and state.participants == 0b0111
    ((_, dealer, *_),) = honest[1].ledger.named("complain")
    assert dealer == 3 and not honest[0].ledger.named("complain")
    assert chain.books.excluded == liar.bit


def test_malformed_dealing__is_seen_by_everybody__nobody_shows_a_shared_point_for_it(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a dealing without a valid proof makes its dealer guilty with no complaint (`files.Collected.objections`).

    The ephemeral key of such a dealing may be an honest one's: a complaint would open that one's boxes.
    """
    deal_falsely(monkeypatch, liar, lambda ctx, me, seed, keys, file: turned(file, HEADER_BYTES + 3 * 32))
    state = hold_ceremony(chain, parties)
    assert guilty(chain) == (liar.number,) and state.participants == 0b0111
    assert all(not party.ledger.named("complain") for party in honest)


def test_dealing_of_one_byte__the_others_go_on_and_it_is_guilty(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended a study for the price of a transaction. Rule: nobody waits for a dealing whose size is wrong
    (`files.collect`)."""
    deal_falsely(monkeypatch, liar, lambda *_: b"x")
    state = hold_ceremony(chain, parties)
    assert state.completed and guilty(chain) == (liar.number,) and state.participants == 0b0111
    assert chain.books.fined == []


def test_withheld_dealing__is_silence__the_others_go_on_and_nobody_is_guilty(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a node waits for files half the step, then says what it holds (`holding.PATIENCE`)."""
    never_release(monkeypatch, liar)
    state = hold_ceremony(chain, parties)
    assert state.completed and state.number == 1 and guilty(chain) == () and state.participants == 0b0111


def test_dealing_shown_to_one_honest_hospital__is_had_from_that_one_by_all(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what a node holds of a ceremony it serves (`files.collect`)."""
    friend = honest[0].store
    monkeypatch.setattr(friend, "_others", [liar.store, *honest_stores(honest)])
    for party in honest[1:]:
        monkeypatch.setattr(party.store, "_others", honest_stores(honest))
    state = hold_ceremony(chain, parties)
    assert state.completed and state.participants == 0b1111 and guilty(chain) == ()


def test_false_complaint__makes_the_complainer_guilty(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: everybody opens the one box that a complaint shows, and judges (`acknowledging._judged`)."""
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    release_own(liar.context, chain.books.ceremony)
    look_until(chain, honest, lambda: chain.books.ceremony.held.bit_count() == 3)
    liar.ledger.post_holding(STUDY, 1, 0b1111, False)
    assert chain.books.ceremony.step is CeremonyStep.COMPLAIN
    liar.ledger.complain(STUDY, 1, 0, 1, (1, 2), 3, 4)
    state = hold_ceremony(chain, parties)
    assert state.completed and guilty(chain) == (liar.number,) and state.participants == 0b0111


def test_complaint_in_the_last_second__is_judged_alike_by_all(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what is acknowledged is read from a final block, after the step's end (`binding.final_ceremony`)."""
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    release_own(liar.context, chain.books.ceremony)
    look_until(chain, honest, lambda: chain.books.ceremony.held.bit_count() == 3)
    liar.ledger.post_holding(STUDY, 1, 0b1111, False)
    look(honest)
    chain.wait(chain.books.ceremony.deadline - chain.clock.now() - 0.5)
    chain.hold()
    liar.ledger.complain(STUDY, 1, 1, 1, (1, 2), 3, 4)
    chain.wait(1.5)
    look(honest)
    assert chain.books.ceremony.step is CeremonyStep.ACKNOWLEDGE
    look(honest)
    assert chain.books.acknowledgements == {}
    chain.settle()
    state = hold_ceremony(chain, honest)
    assert state.completed and guilty(chain) == (liar.number,)
    assert len({(post.digest, post.guilty) for post in chain.acknowledgements(STUDY, 1).values()}) == 1


def test_false_box_that_comes_after_the_middle__is_looked_into_and_complained_of(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: files are fetched and looked into up to the end of Complain (`complaining.complain`).

    The victim alone cannot fetch in time; two others hold the dealing, so it counts.
    """
    victim = honest[2]
    deal_falsely(monkeypatch, liar, cheat(victim))
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    late = chain.dealings(STUDY, 1)[liar.number]
    victim.store.lose(late.digest)
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.COMPLAIN)
    state = chain.books.ceremony
    chain.wait(state.middle - chain.clock.now() - 2)
    look(parties)
    ((_, lacking),) = victim.ledger.named("name_lacking")
    assert lacking == liar.bit
    chain.wait(10)
    del victim.store.failure[late.digest]
    state = hold_ceremony(chain, parties)
    assert victim.ledger.named("complain") and guilty(chain) == (liar.number,) and state.participants == 0b0111


def test_dealing_that_t_lack_by_the_middle__is_out_and_nobody_is_guilty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what is lacking is named before the middle of Complain (`complaining._name`).

    The liar showed its dealing to one honest hospital, which said that it holds it and died: t claims, and no file.
    """
    chain, parties = make_parties(tmp_path, 5, brief(pads_alone(small_plan())))
    friend, liar = parties[0], parties[4]
    others = parties[1:4]
    look_until(chain, parties, lambda: chain.books.ceremony.step is CeremonyStep.HOLD)
    release_own(liar.context, chain.books.ceremony)
    for party in others:
        monkeypatch.setattr(party.store, "_others", [party.store for party in [friend, *others]])
    look_until(chain, [friend], lambda: chain.books.ceremony.held == friend.bit)
    never_release(monkeypatch, friend)
    liar.ledger.post_holding(STUDY, 1, 0b11111, True)
    look_until(chain, others, lambda: chain.books.ceremony.step is CeremonyStep.COMPLAIN)
    assert chain.books.ceremony.counted == 0b11111
    state = hold_ceremony(chain, others)
    assert {post.bitmap for post in chain.lackings(STUDY, 1).values()} == {liar.bit | friend.bit}
    assert state.number == 1 and state.completed and guilty(chain) == () and state.participants == 0b01110


def test_false_box__leaves_its_recipient_with_secrets_of_all_that_stand(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: secrets are of the dealings that count and whose dealers are not guilty (`acknowledging._received`)."""
    deal_falsely(monkeypatch, liar, cheat(honest[1]))
    hold_ceremony(chain, parties)
    assert honest[1].hospital.secrets.has(keys_name(honest[1].context, 1, 1))


def honest_stores(honest: list[Party]) -> list[object]:
    return [party.store for party in honest]
