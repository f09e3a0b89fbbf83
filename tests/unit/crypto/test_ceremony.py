# SPDX-License-Identifier: Apache-2.0
"""The key ceremony: honest runs agree, every tampered message is refused and named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from node.crypto import (
    CeremonyContext,
    check_ceremony,
    commit_to_test_key,
    dealing_digest,
    dealing_size,
    draw_tests,
    make_dealing,
    make_test_key,
    make_test_shares,
    new_ceremony_seed,
    read_dealings,
    round_secrets,
    sealing_public,
    size_of_test_key,
    size_of_test_shares,
)
from node.crypto.context import index_of
from node.crypto.dealing import ReceivedShares, secret_key, secret_seed, share_words
from node.crypto.framing import HEADER_BYTES
from node.crypto.ring import ring
from node.crypto.shamir import interpolate
from node.errors import CeremonyFailed, MalformedCeremonyMessage, ParameterError
from tests.support.threshold import PlayedCeremony, ceremony_context, played_ceremony, seed_of


@pytest.fixture(scope="module")
def played() -> PlayedCeremony:
    return played_ceremony()


def test_every_step__repeated__gives_the_same_bytes(played: PlayedCeremony) -> None:
    ctx, party = played.ctx, played.ctx.parties[1]
    seed = played.seeds[party]
    assert sealing_public(ctx, party, seed) == played.publics[party]
    assert make_dealing(ctx, party, seed, played.publics) == played.dealings[party]
    digests = played.transcript.dealing_digests
    assert make_test_key(ctx, party, seed, digests) == played.transcript.test_keys[party]
    shares = make_test_shares(ctx, party, seed, played.received[party], played.tests)
    assert shares == played.transcript.test_shares[party]
    assert played.secrets(party, 1) == played.secrets(party, 1)


def test_files__have_the_sizes_that_the_plan_implies(played: PlayedCeremony) -> None:
    ctx = played.ctx
    for party in ctx.parties:
        assert len(played.dealings[party]) == dealing_size(ctx)
        assert len(played.transcript.test_keys[party]) == size_of_test_key(ctx)
        expected = size_of_test_shares(ctx, party, played.tests)
        assert len(played.transcript.test_shares[party]) == expected


def test_shares__of_any_quorum__give_each_dealers_ternary_secret(played: PlayedCeremony) -> None:
    ctx = played.ctx
    domain = ring(ctx.parameters.degree, ctx.parameters.data_primes)
    for round_number in ctx.round_numbers:
        for dealer in ctx.parties:
            seed = secret_seed(ctx, played.seeds[dealer], round_number)
            secret = secret_key(ctx.parameters, seed, ctx.parameters.data_primes)
            for quorum in (ctx.parties[:2], ctx.parties[1:]):
                points = {
                    index_of(ctx, member) + 1: share_words(
                        ctx.parameters, played.received[member].shares[round_number, dealer]
                    )
                    for member in quorum
                }
                assert np.array_equal(interpolate(domain, points, 0), secret)
            small = domain.inverse(secret)[0]
            assert set(small.tolist()) <= {0, 1, domain.primes[0] - 1}


def test_secrets_of_different_rounds__have_nothing_in_common(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    first, second = (played.secrets(party, round_number)[HEADER_BYTES:] for round_number in (1, 2))
    pieces = [first[start : start + 32] for start in range(0, len(first) - 32, 32)]
    assert not any(piece in second for piece in pieces if len(set(piece)) > 4)
    assert seed_of(party) not in first + second


def test_tests__use_every_hospital_at_least_forty_times(played: PlayedCeremony) -> None:
    for party in played.ctx.parties:
        assert sum(party in test.quorum for test in played.tests) >= 40
    assert all(len(set(test.quorum)) == 2 for test in played.tests)
    assert len({test.included for test in played.tests}) > 30


@pytest.mark.parametrize(("parties", "threshold"), [(3, 2), (7, 3), (16, 8), (64, 2), (64, 31)])
def test_drawn_quorums__are_balanced_for_any_size(parties: int, threshold: int) -> None:
    ctx = ceremony_context(parties, threshold, 26, 42, 1)
    digests = {party: seed_of(party) for party in ctx.parties}
    keys = {party: make_test_key(ctx, party, seed_of(party), digests) for party in ctx.parties[:1]}
    # Drawing needs well-formed files only; one file under each name keeps the test fast.
    payload = next(iter(keys.values()))
    files = {party: payload[:38] + party.to_bytes(4, "big") + payload[42:] for party in ctx.parties}
    commitments = {party: commit_to_test_key(file) for party, file in files.items()}
    tests = draw_tests(ctx, digests, commitments, files)
    for test in tests:
        assert len(set(test.quorum)) == threshold
    assert all(sum(party in test.quorum for test in tests) >= 40 for party in ctx.parties)


def test_all_hospitals__compute_one_transcript_digest(played: PlayedCeremony) -> None:
    digest = check_ceremony(played.ctx, played.transcript)
    assert len(digest) == 32
    shuffled = {
        name: dict(reversed(list(getattr(played.transcript, name).items())))
        for name in ("sealing_publics", "dealing_digests", "commitments", "test_keys", "test_shares")
    }
    assert check_ceremony(played.ctx, replace(played.transcript, **shuffled)) == digest


def test_tampered_box__is_refused_and_its_dealer_named(played: PlayedCeremony) -> None:
    ctx = played.ctx
    me, dealer = ctx.parties[0], ctx.parties[2]
    second_round = HEADER_BYTES + (dealing_size(ctx) - HEADER_BYTES) // 2
    for place in (HEADER_BYTES, HEADER_BYTES + 40, second_round + 5):
        data = bytearray(played.dealings[dealer])
        data[place] ^= 1
        with pytest.raises(MalformedCeremonyMessage, match=f"hospital {dealer}.*does not open"):
            read_dealings(ctx, me, played.seeds[me], played.publics, {**played.dealings, dealer: bytes(data)})


@pytest.mark.parametrize("change", ["short", "long", "empty", "magic", "version", "context", "sender"])
def test_malformed_dealing__is_refused_and_its_dealer_named(played: PlayedCeremony, change: str) -> None:
    ctx = played.ctx
    me, dealer = ctx.parties[0], ctx.parties[1]
    good = played.dealings[dealer]
    places = {"magic": 0, "version": 5, "context": 20, "sender": 41}
    if change in places:
        data = bytearray(good)
        data[places[change]] ^= 1
        bad = bytes(data)
    else:
        bad = {"short": good[:-1], "long": good + b"\0", "empty": b""}[change]
    with pytest.raises(MalformedCeremonyMessage, match=f"hospital {dealer}[ :]"):
        read_dealings(ctx, me, played.seeds[me], played.publics, {**played.dealings, dealer: bad})


def test_a_copied_dealing_and_a_missing_one__are_refused(played: PlayedCeremony) -> None:
    ctx = played.ctx
    me, victim, copier = ctx.parties
    copied = {**played.dealings, copier: played.dealings[victim]}
    with pytest.raises(MalformedCeremonyMessage, match=f"hospital {copier} names another"):
        read_dealings(ctx, me, played.seeds[me], played.publics, copied)
    renamed = played.dealings[victim][:38] + copier.to_bytes(4, "big") + played.dealings[victim][42:]
    with pytest.raises(MalformedCeremonyMessage, match="does not open"):
        read_dealings(ctx, me, played.seeds[me], played.publics, {**played.dealings, copier: renamed})
    with pytest.raises(MalformedCeremonyMessage, match=rf"missing from hospitals \[{copier}\]"):
        fewer = {party: played.dealings[party] for party in (me, victim)}
        read_dealings(ctx, me, played.seeds[me], played.publics, fewer)


def test_a_dealing_of_another_ceremony__is_refused(played: PlayedCeremony) -> None:
    ctx = replace(played.ctx, ceremony=1)
    me = ctx.parties[0]
    with pytest.raises(MalformedCeremonyMessage, match="another study, ceremony or round"):
        read_dealings(ctx, me, played.seeds[me], played.publics, played.dealings)


def test_unusable_or_copied_sealing_key__is_refused(played: PlayedCeremony) -> None:
    ctx = played.ctx
    me, other, third = ctx.parties
    with pytest.raises(MalformedCeremonyMessage, match=f"hospital {other}.*X25519"):
        make_dealing(ctx, me, played.seeds[me], {**played.publics, other: bytes(32)})
    with pytest.raises(MalformedCeremonyMessage, match="same sealing key"):
        make_dealing(ctx, me, played.seeds[me], {**played.publics, other: played.publics[third]})


def test_a_test_key_that_was_not_committed_to__is_refused(played: PlayedCeremony) -> None:
    ctx, transcript = played.ctx, played.transcript
    party = ctx.parties[1]
    changed = bytearray(transcript.test_keys[party])
    changed[HEADER_BYTES] ^= 1
    keys = {**transcript.test_keys, party: bytes(changed)}
    with pytest.raises(MalformedCeremonyMessage, match=f"hospital {party} is not what it committed to"):
        draw_tests(ctx, transcript.dealing_digests, transcript.commitments, keys)


def test_a_residue_that_is_not_reduced__is_refused(played: PlayedCeremony) -> None:
    ctx, transcript = played.ctx, played.transcript
    party = ctx.parties[1]
    for name in ("test_keys", "test_shares"):
        data = getattr(transcript, name)[party]
        bad = data[:HEADER_BYTES] + b"\xff" * 8 + data[HEADER_BYTES + 8 :]
        changed = replace(transcript, **{name: {**getattr(transcript, name), party: bad}})
        if name == "test_keys":
            commitments = {**transcript.commitments, party: commit_to_test_key(bad)}
            changed = replace(changed, commitments=commitments)
        with pytest.raises(MalformedCeremonyMessage, match=f"hospital {party} holds a residue"):
            check_ceremony(ctx, changed)


def test_one_wrong_test_share__fails_the_ceremony(played: PlayedCeremony) -> None:
    ctx, transcript = played.ctx, played.transcript
    party = ctx.parties[0]
    data = bytearray(transcript.test_shares[party])
    data[HEADER_BYTES + 1] ^= 1
    changed = replace(transcript, test_shares={**transcript.test_shares, party: bytes(data)})
    with pytest.raises(CeremonyFailed, match=r"test .* did not open"):
        check_ceremony(ctx, changed)


def test_a_dealer_whose_shares_do_not_fit_in_one_place__is_found_out(played: PlayedCeremony) -> None:
    """A dealer gives one hospital a share that is off by one in a single place of a single prime."""
    ctx = played.ctx
    dealer, victim = ctx.parties[0], ctx.parties[2]
    words = share_words(ctx.parameters, played.received[victim].shares[2, dealer]).copy()
    words[1, 17] = (int(words[1, 17]) + 1) % ctx.parameters.data_primes[1]
    received = played.received[victim]
    shares = {**received.shares, (2, dealer): words.astype("<u8").tobytes()}
    spoiled = ReceivedShares(victim, shares, received.contributions, received.dealing_digests)
    file = make_test_shares(ctx, victim, played.seeds[victim], spoiled, played.tests)
    changed = replace(played.transcript, test_shares={**played.transcript.test_shares, victim: file})
    with pytest.raises(CeremonyFailed, match=f"{victim}"):
        check_ceremony(ctx, changed)


def test_secrets__never_show_in_a_representation(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    assert repr(played.received[party]) == f"ReceivedShares(me={party}, secret)"


def test_contexts__refuse_what_does_not_fit_together() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    wrong: list[dict[str, object]] = [
        {"contract": "5c" * 20},
        {"parties": (1, 2)},
        {"parties": (1, 2, 2)},
        {"parties": (0, 1, 2)},
        {"rounds": 0},
        {"first_round": 0},
        {"chain_id": -1},
    ]
    for change in wrong:
        with pytest.raises(ParameterError):
            replace(ctx, **change)
    with pytest.raises(ParameterError, match="round 3 is not one"):
        ctx.round_context(3)
    with pytest.raises(ParameterError, match="hospital 99 is not a party"):
        sealing_public(ctx, 99, new_ceremony_seed())
    with pytest.raises(ParameterError, match="32 bytes"):
        sealing_public(ctx, 3, b"short")


def test_digests__differ_with_every_field_of_the_context() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    other = ceremony_context(3, 2, 25, 42, 2)
    changes: list[CeremonyContext] = [
        ctx,
        replace(ctx, chain_id=1),
        replace(ctx, contract="0x" + "5d" * 20),
        replace(ctx, study_id=8),
        replace(ctx, ceremony=1),
        replace(ctx, first_round=2),
        replace(ctx, rounds=1),
        replace(ctx, parties=(3, 5, 9)),
        other,
    ]
    assert len({changed.digest for changed in changes}) == len(changes)
    assert ctx.round_context(1).digest != ctx.round_context(2).digest


def test_round_secrets__need_a_round_of_the_ceremony(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    with pytest.raises(ParameterError):
        round_secrets(played.ctx, party, played.seeds[party], played.received[party], 9)


def test_dealing_digest__is_sha256() -> None:
    assert dealing_digest(b"").hex().startswith("e3b0c44298fc1c14")
