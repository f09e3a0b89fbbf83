# SPDX-License-Identifier: Apache-2.0
"""Only what is exactly a ciphertext of this study and round is attested, and nothing is fetched needlessly."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from node.crypto.context import RoundContext
from node.crypto.encryption import encrypt
from node.crypto.seal_format import vector_scale
from node.errors import ContentMismatch
from node.steps.advance import advance
from node.steps.attestation import attest_ciphertexts
from node.steps.submission import round_context, submit_update
from node.types import Phase, PhaseState, Submission
from tests.support.fake_chain import FakeChain
from tests.support.steps import Party
from tests.support.threshold import dealt_keys, extreme_values


@pytest.fixture
def submitted(chain: FakeChain, parties: list[Party]) -> list[Party]:
    """All three have submitted and released; the attest phase has just begun."""
    for party in parties:
        submit_update(party.context, 1, chain.rounds[1])
        entry = chain.submitted[1, party.number]
        party.store.release(entry.digest, entry.size)
    now = int(time.time())
    chain.change_round(submit_ended_at=now)
    chain.phases[1] = PhaseState(Phase.ATTEST, now + chain.plan.phases.attest)
    return parties


def attest(chain: FakeChain, party: Party, *, seconds_left: int | None = None) -> int | None:
    """The bitmap that the hospital attests, None where it waits."""
    phase = chain.phases[1]
    if seconds_left is not None:
        phase = PhaseState(Phase.ATTEST, int(time.time()) + seconds_left)
    attest_ciphertexts(party.context, 1, chain.rounds[1], phase)
    sent = party.ledger.named("attest")
    return sent[-1][1] if sent else None


def substitute(chain: FakeChain, party: Party, content: bytes) -> None:
    """Put other bytes on record as a hospital's ciphertext, and serve them."""
    stored = party.store.put(content)
    entry = chain.submitted[1, party.number]
    chain.submitted[1, party.number] = replace(entry, digest=stored.digest, size=stored.size)


def original(chain: FakeChain, party: Party) -> bytes:
    entry = chain.submitted[1, party.number]
    return party.store.get(entry.digest, entry.size)


def test_attest__three_sound_ciphertexts__attests_keeps_and_serves_all(
    chain: FakeChain, submitted: list[Party]
) -> None:
    hospital = submitted[0]
    assert attest(chain, hospital) == 0b111
    for party in submitted:
        entry = chain.submitted[1, party.number]
        assert hospital.store.local.released(entry.digest, entry.size)


def test_attest__already_attested__does_nothing(chain: FakeChain, submitted: list[Party]) -> None:
    chain.change_round(attested_bitmap=0b001)
    assert attest(chain, submitted[0]) is None


def encrypted_elsewhere(binding: RoundContext, number: int) -> bytes:
    keys = dealt_keys(binding, [number], [number])[number]
    return encrypt(binding, number, keys, extreme_values(binding, number))


@pytest.mark.parametrize(
    "changed",
    [{"study_id": 2}, {"round": 2}, {"ceremony": 2}, {"chain_id": 1}, {"contract": "0x" + "11" * 20}],
    ids=lambda changed: next(iter(changed)),
)
def test_attest__ciphertext_of_another_context__is_not_attested(
    chain: FakeChain, submitted: list[Party], changed: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    hospital, other = submitted[0], submitted[1]
    binding = replace(round_context(other.context, 1), **changed)  # type: ignore[arg-type]
    substitute(chain, other, encrypted_elsewhere(binding, other.number))
    assert attest(chain, hospital) == 0b101
    assert f"not attesting hospital {other.number}" in caplog.text


def with_scale(content: bytes, binding: RoundContext) -> bytes:
    scale = struct.pack("<d", vector_scale(binding.parameters))
    assert scale in content
    return content.replace(scale, struct.pack("<d", vector_scale(binding.parameters) / 2), 1)


def with_residue(content: bytes, _binding: RoundContext) -> bytes:
    """The last coefficient beyond its prime."""
    return content[:-8] + b"\xff" * 7 + b"\x7f"


def random_bytes(content: bytes, _binding: RoundContext) -> bytes:
    return bytes(range(256)) * (len(content) // 256) + bytes(len(content) % 256)


@pytest.mark.parametrize("spoil", [with_scale, with_residue, random_bytes])
def test_attest__right_size_and_wrong_inside__is_not_attested(
    chain: FakeChain, submitted: list[Party], spoil: Callable[[bytes, RoundContext], bytes]
) -> None:
    other = submitted[2]
    content = spoil(original(chain, other), round_context(other.context, 1))
    assert len(content) == len(original(chain, other))
    substitute(chain, other, content)
    assert attest(chain, submitted[0]) == 0b011


@pytest.mark.parametrize("size", [0, 1, -1, 2**40], ids=["none", "one more", "one less", "a terabyte"])
def test_attest__other_size_than_the_plan_implies__is_not_even_fetched(
    chain: FakeChain, submitted: list[Party], size: int
) -> None:
    hospital, other = submitted[0], submitted[1]
    entry = chain.submitted[1, other.number]
    announced = entry.size + size if abs(size) == 1 else size
    chain.submitted[1, other.number] = replace(entry, size=announced)
    assert attest(chain, hospital) == 0b101
    assert entry.digest not in hospital.store.fetched


@pytest.fixture
def wrong_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's clock is an hour ahead of the chain's."""
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)


def test_attest__content_that_is_not_its_cid__is_waited_for_and_then_left_out(
    chain: FakeChain, submitted: list[Party]
) -> None:
    hospital, other = submitted[0], submitted[1]
    digest = chain.submitted[1, other.number].digest
    hospital.store.failure[digest] = ContentMismatch("other bytes than its CID says")
    chain.phases[1] = PhaseState(Phase.ATTEST, int(time.time()) + 100)
    assert attest(chain, hospital) is None
    chain.clock.ahead = 40
    assert attest(chain, hospital) is None
    chain.clock.ahead = 99
    assert attest(chain, hospital) == 0b101


def test_attest__unreleased_ciphertext__is_waited_for_and_attested_once_it_is_there(
    chain: FakeChain, parties: list[Party]
) -> None:
    hospital, other = parties[0], parties[1]
    submit_update(other.context, 1, chain.rounds[1])
    entry = chain.submitted[1, other.number]
    assert attest(chain, hospital, seconds_left=60) is None
    other.store.release(entry.digest, entry.size)
    assert attest(chain, hospital, seconds_left=60) == 0b010


def test_attest__first_look_late_in_the_phase__still_waits_half_of_what_is_left(
    chain: FakeChain, parties: list[Party]
) -> None:
    """After a chain that stood still, the others have to release theirs first."""
    hospital, other = parties[0], parties[1]
    submit_update(other.context, 1, chain.rounds[1])
    left = chain.plan.phases.attest // 5
    chain.phases[1] = PhaseState(Phase.ATTEST, int(time.time()) + left)
    assert attest(chain, hospital) is None
    chain.clock.ahead = left / 2 - 2
    assert attest(chain, hospital) is None
    chain.clock.ahead = left - 1
    assert attest(chain, hospital) is not None


def test_attest__machines_clock_ahead__still_waits_for_the_others(
    chain: FakeChain, submitted: list[Party], request: pytest.FixtureRequest
) -> None:
    hospital, other = submitted[0], submitted[1]
    hospital.store.failure[chain.submitted[1, other.number].digest] = ContentMismatch("other bytes than its CID says")
    phase = PhaseState(Phase.ATTEST, int(time.time()) + 100)
    attest_ciphertexts(hospital.context, 1, chain.rounds[1], phase)
    request.getfixturevalue("wrong_clock")
    attest_ciphertexts(hospital.context, 1, chain.rounds[1], phase)
    assert hospital.ledger.named("attest") == []


def test_attest__nobody_submitted_or_nothing_to_be_had__says_so(chain: FakeChain, parties: list[Party]) -> None:
    chain.change_round(submitted_bitmap=0b010)
    chain.submitted[1, parties[1].number] = Submission(b"\x01" * 32, 10, 0, 1)
    assert attest(chain, parties[0], seconds_left=-1) == 0


def test_release__end_of_submission_not_final__waits(chain: FakeChain, hospital: Party) -> None:
    """Until then a reorganisation could let somebody submit who has seen the ciphertext."""
    submit_update(hospital.context, 1, chain.rounds[1])
    entry = chain.submitted[1, hospital.number]
    chain.phases[1] = PhaseState(Phase.ATTEST, int(time.time()) + 60)
    chain.final_phases[1] = PhaseState(Phase.SUBMIT, int(time.time()) + 60)
    advance(hospital.context)
    assert not hospital.store.local.released(entry.digest, entry.size)
    assert hospital.ledger.named("attest") == []
    del chain.final_phases[1]
    advance(hospital.context)
    assert hospital.store.local.released(entry.digest, entry.size)
    assert hospital.ledger.named("attest") == [[1, 0b001]]
