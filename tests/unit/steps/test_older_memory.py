# SPDX-License-Identifier: Apache-2.0
"""A node whose key has sent what its memory does not hold: another one runs, or a backup was brought back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.config import StorageConfig
from node.errors import ChainUnavailable, KeyInUse
from node.steps.advance import advance
from node.steps.announcing import announce
from node.steps.older_memory import is_silent, take_over
from node.storage.gateway import Gateway
from node.storage.local import LocalStore
from node.types import ChainEvent, Phase, StudyState
from tests.support.endpoint import running_endpoint
from tests.support.fake_chain import STUDY, FakeChain
from tests.support.steps import Party, make_parties


@dataclass
class FakeKey:
    """A key of which the chain has so many transactions that the memory does not know."""

    unknown: int
    taken_over: bool = False
    finished: list[str] = field(default_factory=list)

    def take_over(self, unknown_found: Callable[[int], None]) -> None:
        if self.unknown:
            unknown_found(self.unknown)
        self.taken_over = True

    def intent(self, name: str) -> str:
        number = 0
        while f"{name}/{number}" in self.finished:
            number += 1
        return f"{name}/{number}"

    def finish(self, intent: str) -> None:
        self.finished.append(intent)


def key_of(party: Party, unknown: int) -> FakeKey:
    key = FakeKey(unknown)
    cast(Any, party.ledger).key = key
    return key


@pytest.fixture(autouse=True)
def enrolled(chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    know(chain, hospital, monkeypatch)


def know(chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry names no endpoint, and the study by its event."""
    register(chain, monkeypatch, "")
    arguments = {"studyId": STUDY, "hospitalId": hospital.number}
    chain.logged.append(ChainEvent("StudyRegistry", "HospitalEnrolled", arguments, 1, "0x01", "0x00", 0))


def register(chain: FakeChain, monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setattr(chain, "hospital", lambda _number: SimpleNamespace(endpoint=endpoint), raising=False)


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    opened = Gateway(LocalStore(tmp_path / "others"))
    yield opened
    opened.close()


def test_take_over__memory_that_knows_all__takes_part(chain: FakeChain, hospital: Party) -> None:
    key = key_of(hospital, 0)
    take_over(hospital.hospital)
    assert key.taken_over and not is_silent(hospital.hospital)
    advance(hospital.context)
    assert hospital.ledger.named("submit_update")


def test_take_over__registered_endpoint_answers__another_node_uses_the_key(
    chain: FakeChain, hospital: Party, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(hospital, 2)
    register(chain, monkeypatch, gateway.url)
    for _ in range(2):
        with pytest.raises(KeyInUse, match=f"2 transactions .* answers at {gateway.url}"):
            take_over(hospital.hospital)
    # Nothing was noted that a next start could take for a backup brought back.
    assert not key.taken_over and not is_silent(hospital.hospital)


def test_take_over__registered_endpoint_leads_to_itself__is_a_backup_brought_back(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the owner has put the address of a proxy before the gateway on record."""
    key = key_of(hospital, 2)
    with contextlib.closing(Gateway(hospital.store.local)) as own:
        register(chain, monkeypatch, f"{own.url}/")
        take_over(hospital.hospital)
    assert key.taken_over and is_silent(hospital.hospital)


def test_take_over__something_else_listens_there__is_a_backup_brought_back(
    chain: FakeChain, hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_of(hospital, 2)
    with running_endpoint(answer=lambda _question: None) as other:
        register(chain, monkeypatch, other.url)
        take_over(hospital.hospital)
    assert key.taken_over


@pytest.mark.parametrize("phase", [Phase.SUBMIT, Phase.ATTEST, Phase.INCLUDE, Phase.OPEN, Phase.FAILED])
def test_backup_brought_back__sends_and_announces_nothing_before_the_next_ceremony(
    chain: FakeChain,
    parties: list[Party],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    phase: Phase,
) -> None:
    hospital = parties[0]
    key_of(hospital, 2)
    register(chain, monkeypatch, "http://127.0.0.1:1")
    monkeypatch.setattr(hospital.store, "endpoint", "http://127.0.0.1:2")
    take_over(hospital.hospital)
    assert "2 transactions that this node's memory does not hold" in caplog.text
    assert "consilium keys rotate" in caplog.text
    now, phases = int(chain.clock.now()), chain.plan.phases
    submitted = 0 if phase is Phase.FAILED else 0b111
    ended = {"submitted_bitmap": submitted, "started_at": now - 10_000}
    if phase is Phase.SUBMIT:
        ended = {}
    elif phase is Phase.ATTEST:
        ended["submit_ended_at"] = now
    elif phase is Phase.OPEN:
        ended |= {"included_bitmap": 0b111, "included_at": now, "pads_from": now, "pads_until": now + phases.open}
    chain.books.change_round(1, **ended)
    assert chain.phase(STUDY, 1).phase is phase
    assert not advance(hospital.context)
    assert not announce(hospital.hospital, StorageConfig())
    assert hospital.ledger.sent == []


def test_backup_brought_back__ceremony_that_goes_on__is_left_to_the_others_and_the_next_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, (hospital, *_) = make_parties(tmp_path / "another")
    know(chain, hospital, monkeypatch)
    key_of(hospital, 2)
    take_over(hospital.hospital)
    advance(hospital.context)
    assert hospital.ledger.sent == [] and is_silent(hospital.hospital)
    chain.ceremonies().begin()
    advance(hospital.context)
    assert [name for name, *_ in hospital.ledger.sent] == ["post_keys"]
    assert not is_silent(hospital.hospital)


def test_backup_brought_back__after_its_studies__is_heard_again(chain: FakeChain, hospital: Party) -> None:
    key_of(hospital, 2)
    chain.books.state = StudyState.COMPLETED
    take_over(hospital.hospital)
    assert not is_silent(hospital.hospital)


def test_announcement__cut_off_and_repeated__is_one_intent_and_a_later_one_another(
    hospital: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_of(hospital, 0)
    asked: list[str] = []

    def set_endpoint(intent: str, *_: object) -> None:
        asked.append(intent)
        if len(asked) == 1:
            raise ChainUnavailable("not mined yet")

    monkeypatch.setattr(hospital.ledger, "set_endpoint", set_endpoint, raising=False)
    monkeypatch.setattr(hospital.store, "endpoint", "http://127.0.0.1:2")
    with pytest.raises(ChainUnavailable):
        announce(hospital.hospital, StorageConfig())
    for endpoint in ("http://127.0.0.1:2", "http://127.0.0.1:3", "http://127.0.0.1:2"):
        monkeypatch.setattr(hospital.store, "endpoint", endpoint)
        assert announce(hospital.hospital, StorageConfig())
    first, other, again = (f"endpoint/http://127.0.0.1:{end}" for end in ("2/0", "3/0", "2/1"))
    assert asked == [first, first, other, again]
