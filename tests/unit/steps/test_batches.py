# SPDX-License-Identifier: Apache-2.0
"""A node uses a batch's keys only while it remembers all that it did with them, and keeps none longer than needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from node.state import NodeState
from node.steps.advance import advance
from node.steps.batches import sits_out
from node.steps.ceremony import erase_superseded, keys_name
from node.steps.opening import close_round, post_share
from node.steps.submission import submit_update
from node.types import ChainEvent, Phase, StudyState
from tests.support.fake_chain import CEREMONY, FakeChain
from tests.support.steps import Party, reach_open


def brought_back(party: Party) -> None:
    """Put an empty memory in the place of the hospital's own, which is older than its keys."""
    fresh = NodeState(party.store.local.folder.parent / "backup.sqlite")
    hospital = replace(party.hospital, state=fresh)
    party.context = replace(party.context, hospital=hospital)


def logged(name: str, **arguments: object) -> ChainEvent:
    return ChainEvent("RoundManager", name, arguments, 90, "0x5a", "0x00", 0)


def submitted(party: Party, chain: FakeChain) -> None:
    submit_update(party.context, 1, chain.rounds[1])


def test_memory_older_than_the_ceremony__the_round_is_left_to_the_others(
    chain: FakeChain, hospital: Party, caplog: pytest.LogCaptureFixture
) -> None:
    brought_back(hospital)
    submitted(hospital, chain)
    assert hospital.ledger.sent == []
    assert "does not remember to have acknowledged key ceremony 1" in caplog.text
    assert "consilium keys rotate 1" in caplog.text


def test_memory_older_than_an_update__the_rest_of_the_batch_is_left_to_the_others(
    chain: FakeChain, hospital: Party
) -> None:
    assert not sits_out(hospital.context, 2)
    chain.logged.append(logged("UpdateSubmitted", round=1, hospitalId=hospital.number))
    assert sits_out(hospital.context, 2)
    # It has decided: nothing that an endpoint says later changes that.
    chain.logged.clear()
    assert sits_out(hospital.context, 2)


def test_memory_older_than_a_share__no_second_set_is_opened(chain: FakeChain, parties: list[Party]) -> None:
    for party in parties:
        submitted(party, chain)
    reach_open(chain, parties)
    opener = parties[1]
    chain.logged.append(logged("SharePosted", round=1, hospitalId=opener.number))
    post_share(opener.context, 1, 98)
    assert opener.ledger.named("post_share") == []


def test_memory_up_to_date__its_own_acts_are_no_reason_to_sit_out(chain: FakeChain, parties: list[Party]) -> None:
    for party in parties:
        submitted(party, chain)
    reach_open(chain, parties)
    opener = parties[1]
    chain.logged.append(logged("UpdateSubmitted", round=1, hospitalId=opener.number))
    post_share(opener.context, 1, 98)
    assert len(opener.ledger.named("post_share")) == 1


def test_next_ceremony__ends_the_sitting_out(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain.logged.append(logged("UpdateSubmitted", round=1, hospitalId=hospital.number))
    assert sits_out(hospital.context, 1)
    hospital.hospital.state.done("study-1/ceremony-2/acknowledged")
    monkeypatch.setattr(chain, "ceremony_of", lambda _study, number, at="latest": (1 if number < 2 else 2, 0b111))
    assert sits_out(hospital.context, 1) and not sits_out(hospital.context, 2)


def test_keys_of_rounds_that_a_batch_did_not_come_to__are_erased_with_the_next_ceremony(
    chain: FakeChain, hospital: Party
) -> None:
    secrets, unused = hospital.hospital.secrets, keys_name(hospital.context, CEREMONY, 3)
    secrets.put(unused, b"unused")
    chain.ceremony = replace(chain.ceremony, number=2)
    erase_superseded(hospital.context, 2)
    assert secrets.names("study-1/ceremony-1") == ()


def test_closed_round__erases_the_keys_of_the_ceremony_that_made_them(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets, later = hospital.hospital.secrets, keys_name(hospital.context, 2, 2)
    secrets.put(later, b"of the next batch")
    monkeypatch.setattr(chain, "ceremony_of", lambda _study, number, at="latest": (number, 0b111))
    chain.change_round(closed_as=Phase.FAILED)
    assert close_round(hospital.context, 1)
    assert not secrets.has(keys_name(hospital.context, 1, 1)) and secrets.has(later)


def test_joiner__waiting_for_its_first_ceremony__does_nothing_and_stays(chain: FakeChain, hospital: Party) -> None:
    chain.ceremony = replace(chain.ceremony, participants=0b110)
    enrolment = replace(chain.enrolment(1, hospital.number), barred=False)
    chain.enrolment = lambda *_, **__: enrolment  # type: ignore[method-assign]
    assert not advance(hospital.context)
    assert hospital.ledger.sent == []
    assert hospital.hospital.secrets.names() != ()


def test_leaver__its_last_round_not_closed_yet__keeps_its_secrets(chain: FakeChain, hospital: Party) -> None:
    chain.state = StudyState.CEREMONY
    chain.enrolment = lambda *_, **__: replace(hospital.context.enrolment, barred=True)  # type: ignore[method-assign]
    assert not advance(hospital.context)
    assert hospital.hospital.secrets.has(keys_name(hospital.context, CEREMONY, 1))
    chain.change_round(closed_as=Phase.FAILED)
    assert advance(hospital.context)
    assert hospital.hospital.secrets.names() == ()
