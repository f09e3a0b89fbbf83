# SPDX-License-Identifier: Apache-2.0
"""Rounds in which one hospital lies, keeps back or takes the model hostage: each is finalised, and lies are named.

Each test names the rule whose removal makes it fail.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import OpeningRefused
from node.learning import fixed_point
from node.proofs.commitments import weights_root
from node.steps.advance import advance
from node.steps.batches import rules_of
from node.steps.ckks_opening import post_share
from node.steps.closing import close_round
from node.steps.context import left_to_others
from node.steps.models import known_weights, weights_before
from node.steps.one_set import final_set
from node.steps.pad_opening import post_pad_share
from node.types import Charge, Opening, Phase, StudyState
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.lying_nodes import never_release, share_falsely, submit_falsely, turned
from tests.support.plans import small_plan
from tests.support.steps import (
    Cast,
    Party,
    brief,
    finish_round,
    hold_ceremony,
    look,
    look_until,
    make_parties,
    make_running,
    reach_phase,
)


@pytest.fixture
def cast(four: Cast) -> Cast:
    """Four hospitals in round 1 of a study that opens by pads alone; the last one is the liar."""
    return four


@pytest.fixture
def with_ckks(tmp_path: Path) -> Cast:
    """The same where CKKS opens first."""
    chain, parties = make_running(tmp_path, 4, brief(small_plan()))
    return chain, parties


def convicted(chain: FakeChain, charge: Charge) -> int:
    return chain.convicted(STUDY, 1, charge)


def test_payload_that_does_not_fit_its_commitment__is_not_attested_to_and_accused_by_all(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: nodes attest only to payloads for which Com(d) = C + A_0 holds (`payloads.collect_payloads`)."""
    submit_falsely(monkeypatch, liar, turned)
    reach_phase(chain, parties, Phase.OPEN)
    assert chain.books.rounds[1].included_bitmap == 0b0111
    assert convicted(chain, Charge.PAYLOAD) == liar.bit == chain.books.excluded
    assert not any("round" in why for why, who in chain.books.fined if who & liar.bit)
    finish_round(chain, honest)
    assert chain.books.rounds[1].closed_as is Phase.FINALISED


def test_payload_of_another_size__is_accused_without_being_fetched(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: a size on chain that the plan does not imply is a lie that all see (`payloads._fetched`)."""
    submit_falsely(monkeypatch, liar, lambda payload: payload[:-1])
    reach_phase(chain, parties, Phase.OPEN)
    assert convicted(chain, Charge.PAYLOAD) == liar.bit
    digest = chain.books.submitted[1, liar.number].digest
    assert all(digest not in party.store.fetched for party in honest)


def test_withheld_payload__is_absence_and_accuses_nobody(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what could not be fetched is never a lie: nobody behind a bad network is accused (`payloads.Held`)."""
    monkeypatch.setattr(liar.store.local, "released", lambda digest, size: False)
    reach_phase(chain, parties, Phase.OPEN)
    assert chain.books.accusations == {} and chain.books.rounds[1].included_bitmap == 0b0111


def test_payload_served_to_one_honest_hospital__is_kept_by_all_before_that_one_goes(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the t that vouch for a payload one may be honest. Rule: what a node lacks of a set it fetches from who has it,
    once the set is fixed (`payloads.keep_payloads`)."""
    friend, others = honest[0], honest[1:]
    stores = [party.store for party in honest]
    reach_phase(chain, parties, Phase.ATTEST)
    digest = chain.books.submitted[1, liar.number].digest
    for party in others:
        monkeypatch.setattr(party.store, "_others", stores)
        party.store.lose(digest)
    reach_phase(chain, parties, Phase.OPEN)
    assert chain.books.rounds[1].included_bitmap == 0b1111
    for party in others:
        del party.store.failure[digest]
    never_release(monkeypatch, liar)
    look(others)
    never_release(monkeypatch, friend)
    finish_round(chain, others)
    assert chain.books.rounds[1].closed_as is Phase.FINALISED


def test_false_pad_share__is_accused_and_t_good_ones_open(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: every pad share is checked against the dealings before it counts (`pad_opening.good_pad_shares`)."""
    reach_phase(chain, parties, Phase.OPEN)
    share_falsely(monkeypatch, liar, turned, "pads")
    found = final_set(liar.context, 1, 98)
    post_pad_share(liar.context, 1, found)
    finish_round(chain, honest)
    assert chain.books.rounds[1].closed_as is Phase.FINALISED
    assert convicted(chain, Charge.PAD_SHARE) == liar.bit


def test_false_share_of_one_endpoint_alone__accuses_nobody(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what is accused stands in a final block on all endpoints (`pad_opening._final_posts`)."""
    reach_phase(chain, parties, Phase.OPEN)
    look_until(chain, honest, lambda: bool(chain.pad_shares(STUDY, 1)))
    chain.hold()
    share_falsely(monkeypatch, liar, turned, "pads")
    liar.ledger.post_pad_share(STUDY, 1, bytes(192))
    look(honest)
    assert chain.books.accusations == {}


def test_false_ckks_share__names_nobody_and_pads_open(with_ckks: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: pads follow where CKKS does not open, in the window after (`opening.open_round`)."""
    chain, parties = with_ckks
    reach_phase(chain, parties, Phase.OPEN)
    liar = next(party for party in parties if party.number == chain.books.quorums[1][0])
    share_falsely(monkeypatch, liar, lambda share: share[:-8] + bytes(8), "ckks")
    finish_round(chain, parties)
    state = chain.books.rounds[1]
    assert state.closed_as is Phase.FINALISED and state.closed_at < state.pads_until
    assert chain.books.accusations == {} and chain.books.failed_ckks == 1


def test_false_ciphertext__is_attested_to_and_pads_open_what_was_committed_to(
    with_ckks: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule: what opened is compared with the commitments before anything is proved (`finalising._by_ckks`)."""
    chain, parties = with_ckks
    submit_falsely(monkeypatch, parties[3], lambda payload: turned(payload, len(payload) - 100))
    reach_phase(chain, parties, Phase.OPEN)
    included = [party for party in parties if chain.books.rounds[1].included_bitmap & party.bit]
    sums = [sum(column) for column in zip(*(party.trained().values for party in included), strict=True)]
    finish_round(chain, parties)
    state = chain.books.rounds[1]
    after = fixed_point.aggregate(parties[0].context.plan.model.initial, sums, state.sum_rows)
    assert state.closed_as is Phase.FINALISED and state.root_after == weights_root(after)


def test_two_failed_ckks_openings__later_rounds_open_by_pads_at_once(tmp_path: Path) -> None:
    """Rule: a round's rules follow from what the contract fixed when it began (`batches.rules_of`)."""
    chain, parties = make_parties(tmp_path, 4, brief(small_plan(), rounds=3))
    chain.books.failed_ckks = 1
    hold_ceremony(chain, parties)
    chain.books.failed_ckks = 2
    chain.books.change_round(1, opening=Opening.PADS)
    finish_round(chain, parties)
    state = chain.books.rounds[1]
    assert (
        state.closed_as is Phase.FINALISED
        and chain.share_posts(STUDY, 1) == {}
        and state.pads_from == state.included_at
    )
    size = {chain.books.submitted[1, party.number].size for party in parties}
    assert size == {32 * 6}


def take_hostage(chain: FakeChain, liar: Party, honest: list[Party]) -> None:
    """The liar finalises with a model that it has alone, and serves nothing: what an opening in private comes to.

    It needs the sum, which t shares gave it: those of the others are on chain, and so this hostage is of a round whose
    honest shares the honest lack. Here they are taken from the record, as if they had been handed to the liar alone.
    """
    look_until(chain, honest, lambda: len(chain.pad_shares(STUDY, 1)) >= 1)
    found = final_set(liar.context, 1, 98)
    rules = rules_of(liar.context, 1)
    from node.steps.batches import round_secrets_of
    from node.steps.payloads import included_payloads

    shares = {
        party.number: rules.later().share(party.number, round_secrets_of(party.context, 1), found.included)
        for party in [liar, honest[0]]
    }
    payloads = included_payloads(liar.context, 1, found.included)
    from node.group.babyjubjub import Point

    total = Point(*chain.books.totals[1])
    opened = rules.later().open(payloads, shares, total)
    after = fixed_point.aggregate(weights_before(liar.context, 1), opened.values, chain.books.rounds[1].sum_rows)
    chain.books.pad_shares[1] = {}
    liar.ledger.finalise(STUDY, 1, (total.x, total.y), weights_root(after), None)  # type: ignore[arg-type]


def test_hostage__model_that_the_finaliser_keeps__is_brought_back_by_all_the_others(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """Rule: a node that lacks a model asks by its own pad share, and erases nothing before it has it (`closing._ask`,
    `closing.close_round`)."""
    reach_phase(chain, parties, Phase.OPEN)
    take_hostage(chain, liar, honest)
    look(honest)
    for party in honest:
        assert (
            party.hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1") and known_weights(party.context, 1) is None
        )
    look_until(chain, honest, lambda: all(known_weights(p.context, 1) for p in honest), seconds=3.0)
    assert weights_root(known_weights(honest[0].context, 1) or ()) == chain.books.rounds[1].root_after
    assert chain.is_recovering(STUDY, 1)
    assert liar.number not in chain.pad_shares(STUDY, 1)
    look_until(chain, honest, lambda: not any(p.hospital.secrets.names(f"study-{STUDY}/ceremony-1") for p in honest))
    assert chain.model_posts(STUDY, 1)


def test_hostage_in_the_last_round__is_brought_back_after_the_studys_end(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """Rule: that the study ended is no reason to erase while a finalised model is lacking (`advance.advance`)."""
    reach_phase(chain, parties, Phase.OPEN)
    take_hostage(chain, liar, honest)
    chain.books.state, chain.books.ended_at = StudyState.COMPLETED, int(chain.clock.now())
    chain.books.ceremony = chain.books.ceremony
    for party in honest:
        assert not advance_quietly(party)
        assert party.hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1")
    look_until(chain, honest, lambda: all(known_weights(p.context, 1) for p in honest), seconds=3.0)
    assert not advance(honest[0].context), "others may still ask for the model that this node serves"
    chain.wait(chain.plan.phases.recovery)
    assert all(advance(party.context) for party in honest)
    assert all(party.hospital.secrets.names() == () for party in honest)


def test_hostage_while_a_ceremony_is_due__is_brought_back_all_the_same(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """Rule: keys of rounds that were held stay when a new ceremony begins (`leftovers.erase_superseded`)."""
    reach_phase(chain, parties, Phase.OPEN)
    take_hostage(chain, liar, honest)
    assert chain.books.state is StudyState.CEREMONY and chain.books.ceremony.number == 2
    look_until(chain, honest, lambda: all(known_weights(p.context, 1) for p in honest), seconds=3.0)


def test_another_set_from_the_same_model__no_share_of_it_is_ever_made(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """The difference of two sums from one model is somebody's update.

    Rule: the one set is recorded, durably, before the first share (`one_set.remember_set`).
    """
    reach_phase(chain, parties, Phase.OPEN)
    hospital = honest[0]
    post_pad_share(hospital.context, 1, final_set(hospital.context, 1, 98))
    # A chain that went back, or contracts that let it: the same model, another round, a set without hospital 5.
    chain.books.rounds[2] = chain.books.rounds[1]
    chain.books.pad_shares[2] = {}
    chain.books.change_round(2, included_bitmap=0b1101)
    chain.books.batches[0] = type(chain.books.batches[0])(**{**vars(chain.books.batches[0]), "last_round": 2})
    for number in (3, 7, 9):
        chain.books.submitted[2, number] = chain.books.submitted[1, number]
    other = final_set(hospital.context, 2, 98)
    hospital.hospital.secrets.put(f"study-{STUDY}/ceremony-1/round-2", b"secrets of round 2")
    with pytest.raises(OpeningRefused, match="and no other"):
        post_pad_share(hospital.context, 2, other)


def test_refused_second_share__is_nowhere_that_others_can_fetch_from(with_ckks: Cast) -> None:
    """Rule: a share's digest is recorded before the store has it (`ckks_opening._sign_once`)."""
    chain, parties = with_ckks
    reach_phase(chain, parties, Phase.OPEN)
    member = next(party for party in parties if party.number in chain.books.quorums[1])
    other = next(party for party in parties if party.number not in chain.books.quorums[1])
    public = member.store.local.folder / "public"

    def files() -> int:
        return sum(1 for path in public.rglob("*") if path.is_file())

    chain.books.shares.clear()
    member.hospital.state.record_set(
        STUDY, chain.books.rounds[1].root_before, 1, final_set(member.context, 1, 98).payloads
    )
    post_share(member.context, 1, final_set(member.context, 1, 98))
    before = files()
    chain.books.shares.clear()
    chain.books.quorums[1] = tuple(sorted((member.number, other.number), key=chain.enrolled.index))
    with pytest.raises(OpeningRefused, match="signs no second one"):
        post_share(member.context, 1, final_set(member.context, 1, 98))
    assert files() == before


def advance_quietly(party: Party) -> bool:
    from node.errors import ConsiliumError

    try:
        return advance(party.context)
    except ConsiliumError:
        return False


def test_close__model_never_served_and_window_over__keeps_the_secrets(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """Rule: only the model's arrival lets a finalised round's secrets go (`closing.close_round`)."""
    reach_phase(chain, parties, Phase.OPEN)
    take_hostage(chain, liar, honest)
    chain.books.state, chain.books.ended_at = StudyState.COMPLETED, int(chain.clock.now()) - 10_000
    alone = honest[1]
    for _ in range(3):
        advance_quietly(alone)
    assert alone.hospital.secrets.has(f"study-{STUDY}/ceremony-1/round-1")
    with pytest.raises(Exception, match="nobody serves"):
        close_round(alone.context, 1)


def test_hostage__node_that_left_the_study_to_the_others__asks_for_nothing(
    chain: FakeChain, parties: list[Party], honest: list[Party], liar: Party
) -> None:
    """Rule: a memory that is older than the key's transactions sends nothing (`context.is_left_to_others`)."""
    reach_phase(chain, parties, Phase.OPEN)
    take_hostage(chain, liar, honest)
    silent = honest[1]
    ceremony = chain.books.ceremony.number
    silent.hospital.state.done(left_to_others(STUDY, ceremony), {})
    silent.ledger.sent.clear()
    chain.wait(40)
    for _ in range(3):
        advance_quietly(silent)
    assert silent.ledger.sent == []
