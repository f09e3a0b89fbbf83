# SPDX-License-Identifier: Apache-2.0
"""Attacks on the key ceremony: each succeeds on a weakened ceremony, and ours finds it out."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from node.crypto import (
    CeremonyTranscript,
    OpeningTest,
    RoundContext,
    add,
    check_ceremony,
    commit_to_test_key,
    draw_tests,
    encrypt,
    make_test_shares,
    open_sum,
    opening_share,
    read_ciphertext,
    read_share,
    round_secrets,
)
from node.crypto.dealing import ReceivedShares, share_words
from node.crypto.framing import HEADER_BYTES
from node.crypto.round_secrets import read_round_secrets
from node.crypto.sealing import SealingKey
from node.errors import CeremonyFailed, MalformedCeremonyMessage, OpeningFailed
from node.hashing import public_hash
from tests.support.threshold import PlayedCeremony, ceremony_context, dealt_keys, extreme_values, played_ceremony
from tests.support.weakened import all_keys, as_share, weak_opening_share


@pytest.fixture(scope="module")
def played() -> PlayedCeremony:
    return played_ceremony(parties=5, threshold=2, rounds=1)


def with_errors(played: PlayedCeremony, errors: dict[tuple[int, int], int]) -> dict[int, ReceivedShares]:
    """What hospitals hold when dealers were wrong: (dealer, recipient) to what is added in one place."""
    received = dict(played.received)
    for (dealer, recipient), error in errors.items():
        held = received[recipient]
        words = share_words(played.ctx.parameters, held.shares[1, dealer]).copy()
        words[0, 99] = (int(words[0, 99]) + error) % played.ctx.parameters.data_primes[0]
        shares = {**held.shares, (1, dealer): words.astype("<u8").tobytes()}
        received[recipient] = replace(held, shares=shares)
    return received


def transcript_of(
    played: PlayedCeremony, received: dict[int, ReceivedShares], tests: tuple[OpeningTest, ...]
) -> CeremonyTranscript:
    shares = {p: make_test_shares(played.ctx, p, played.seeds[p], received[p], tests) for p in played.ctx.parties}
    return replace(played.transcript, test_shares=shares)


def opens(
    played: PlayedCeremony, received: dict[int, ReceivedShares], included: tuple[int, ...], quorum: tuple[int, ...]
) -> bool:
    """Whether the round's keys open a sum over a set."""
    ctx = played.ctx.round_context(1)
    # A share that came as a seed stands in full where a dealer was wrong; that is no matter to the arithmetic.
    plain = {p: round_secrets(played.ctx, p, played.seeds[p], played.received[p], 1) for p in ctx.parties}
    files = [encrypt(ctx, p, plain[p], extreme_values(ctx, p)) for p in included]
    total = add(ctx, [read_ciphertext(ctx, p, file) for p, file in zip(included, files, strict=True)])
    shares = [as_share(ctx, k, included, quorum, blocks(ctx, played, received, included, quorum, k)) for k in quorum]
    try:
        return open_sum(ctx, total, shares) == np.sum([extreme_values(ctx, p) for p in included], axis=0).tolist()
    except OpeningFailed:
        return False


def blocks(
    ctx: RoundContext,
    played: PlayedCeremony,
    received: dict[int, ReceivedShares],
    included: tuple[int, ...],
    quorum: tuple[int, ...],
    member: int,
) -> tuple[np.ndarray, ...]:
    raw = round_secrets(played.ctx, member, played.seeds[member], played.received[member], 1)
    shares = {dealer: received[member].shares[1, dealer] for dealer in ctx.parties}
    secrets = replace(read_round_secrets(ctx, member, raw), shares=shares)
    return tuple(weak_opening_share(ctx, secrets, included, 0, quorum))


def every_pair_at_once(tests: tuple[OpeningTest, ...], played: PlayedCeremony) -> tuple[OpeningTest, ...]:
    """The weakened choice of subsets: always all dealers."""
    return tuple(replace(test, included=tuple((1, dealer) for dealer in played.ctx.parties)) for test in tests)


def one_quorum_for_all(tests: tuple[OpeningTest, ...], played: PlayedCeremony) -> tuple[OpeningTest, ...]:
    """The weakened choice of quorums: always the first t hospitals."""
    return tuple(replace(test, quorum=played.ctx.parties[:2]) for test in tests)


def test_two_dealers_whose_errors_cancel_in_the_sum_over_all__pass_a_test_of_all_and_fail_ours(
    played: PlayedCeremony, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, victim, last = played.ctx.parties
    received = with_errors(played, {(first, victim): 12345, (second, victim): -12345})
    assert opens(played, received, played.ctx.parties, (victim, last))
    assert not opens(played, received, (first, third, last), (victim, last))

    with pytest.raises(CeremonyFailed, match=f"{victim}"):
        check_ceremony(played.ctx, transcript_of(played, received, played.tests))
    weak = every_pair_at_once(played.tests, played)
    monkeypatch.setattr("node.crypto.ceremony.draw_tests", lambda *_: weak)
    check_ceremony(played.ctx, transcript_of(played, received, weak))


def test_a_dealer_whose_shares_fit_only_some_recipients__passes_one_quorums_test_and_fails_ours(
    played: PlayedCeremony, monkeypatch: pytest.MonkeyPatch
) -> None:
    dealer, fitting, third, victim, _ = played.ctx.parties
    received = with_errors(played, {(dealer, victim): 1})
    included = (dealer, fitting, third)
    assert opens(played, received, included, (fitting, third))
    assert not opens(played, received, included, (fitting, victim))

    with pytest.raises(CeremonyFailed, match=f"{victim}"):
        check_ceremony(played.ctx, transcript_of(played, received, played.tests))
    weak = one_quorum_for_all(played.tests, played)
    monkeypatch.setattr("node.crypto.ceremony.draw_tests", lambda *_: weak)
    check_ceremony(played.ctx, transcript_of(played, received, weak))


def test_a_hospital_in_every_quorum__is_found_out_in_half_of_the_tests_it_serves_in(played: PlayedCeremony) -> None:
    """Forty tests or more, each of which a wrong dealing passes with probability one half: 2^-40."""
    dealer, victim = played.ctx.parties[0], played.ctx.parties[3]
    serving = [test for test in played.tests if victim in test.quorum]
    caught = [test for test in serving if (1, dealer) in test.included]
    assert len(serving) >= 40 and abs(len(caught) - len(serving) / 2) < 3 * (len(serving) / 4) ** 0.5


def test_every_dealer_and_recipient_pair__is_in_a_test_that_a_wrong_share_fails(played: PlayedCeremony) -> None:
    for dealer in played.ctx.parties:
        for recipient in played.ctx.parties:
            assert any((1, dealer) in test.included and recipient in test.quorum for test in played.tests)


def drawn_from_commitments(tag: str, *fields: bytes) -> bytes:
    """The weakened hash of test keys: of their commitments, which are all known to whoever commits last."""
    return public_hash(tag, *(map(commit_to_test_key, fields) if tag == "test keys" else fields))


def ground_test_key(
    played: PlayedCeremony, dealer: int, victim: int, monkeypatch: pytest.MonkeyPatch
) -> tuple[dict[int, bytes], dict[int, bytes]]:
    """Test keys and commitments with which no test drawn from commitments shows the dealer's wrong share."""
    monkeypatch.setattr("node.crypto.ceremony.public_hash", drawn_from_commitments)
    digests, honest = played.transcript.dealing_digests, played.transcript.test_keys[dealer]
    for left, right in itertools.product(range(64), repeat=2):
        # Errors of any size below the tests' noise pass, so there are as many keys as one likes.
        words = np.frombuffer(honest[HEADER_BYTES:], dtype="<u8").reshape(3, 64).copy()
        words[:, 0] += np.uint64(left)
        words[:, 1] += np.uint64(right)
        keys = {**played.transcript.test_keys, dealer: honest[:HEADER_BYTES] + words.tobytes()}
        commitments = {party: commit_to_test_key(key) for party, key in keys.items()}
        tests = draw_tests(played.ctx, digests, commitments, keys)
        if not any((1, dealer) in test.included and victim in test.quorum for test in tests):
            monkeypatch.undo()
            return keys, commitments
    raise AssertionError("a few thousand tries should do")


def test_the_last_to_commit__picks_its_tests_where_commitments_draw_them_and_not_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With eight tests a hospital for the sake of time: forty would take 2^40 tries."""
    eight = "node.crypto.parameters.TESTS_PER_PARTY"
    monkeypatch.setattr(eight, 8)
    played = played_ceremony(parties=3, threshold=2, rounds=1, count=41)
    dealer, _, victim = played.ctx.parties
    received = with_errors(played, {(dealer, victim): 1})
    keys, commitments = ground_test_key(played, dealer, victim, monkeypatch)

    def check() -> None:
        tests = draw_tests(played.ctx, played.transcript.dealing_digests, commitments, keys)
        ground = replace(transcript_of(played, received, tests), test_keys=keys, commitments=commitments)
        check_ceremony(played.ctx, ground)

    monkeypatch.setattr(eight, 8)
    with pytest.raises(CeremonyFailed):
        check()
    monkeypatch.setattr("node.crypto.ceremony.public_hash", drawn_from_commitments)
    check()


# Another's sealed dealing copied


class AnonymousBox:
    """A weakened box: a key made for it travels inside, and nothing says from whom it is and what for."""

    @staticmethod
    def seal(recipient: bytes, plaintext: bytes) -> bytes:
        once = X25519PrivateKey.generate()
        key = once.exchange(X25519PublicKey.from_public_bytes(recipient))
        return once.public_key().public_bytes_raw() + ChaCha20Poly1305(key).encrypt(bytes(12), plaintext, None)

    @staticmethod
    def open(private: X25519PrivateKey, box: bytes) -> bytes:
        key = private.exchange(X25519PublicKey.from_public_bytes(box[:32]))
        return ChaCha20Poly1305(key).decrypt(bytes(12), box[32:], None)


def test_anothers_sealed_box_sent_as_ones_own__opens_where_boxes_are_anonymous_and_not_ours() -> None:
    secret = b"a share of the victim's secret"
    recipient = X25519PrivateKey.generate()
    box = AnonymousBox.seal(recipient.public_key().public_bytes_raw(), secret)
    # Whoever sends it, it opens: the copier is now taken to have dealt the victim's secret.
    assert AnonymousBox.open(recipient, box) == secret

    victim, copier, reader = (SealingKey(bytes((number,)) * 32, b"ceremony") for number in (1, 2, 3))
    sealed = victim.seal(reader.public, b"dealer 1, round 1", secret)
    assert reader.open(victim.public, b"dealer 1, round 1", sealed) == secret
    for public, associated in (
        (copier.public, b"dealer 1, round 1"),
        (copier.public, b"dealer 2, round 1"),
        (victim.public, b"dealer 2, round 1"),
        (victim.public, b"dealer 1, round 2"),
    ):
        with pytest.raises(MalformedCeremonyMessage, match="does not open"):
            reader.open(public, associated, sealed)


def test_a_copied_dealing__would_let_its_copier_count_the_victims_update_twice() -> None:
    """What the copy is good for: with the victim's secret as its own, a copied ciphertext opens too."""
    ctx = ceremony_context(3, 2, 26, 42, 1).round_context(1)
    victim, honest, copier = ctx.parties
    raw = dealt_keys(ctx, ctx.parties, ctx.parties)
    files = {party: encrypt(ctx, party, raw[party], extreme_values(ctx, party)) for party in ctx.parties}
    files[copier] = files[victim]
    quorum = (honest, copier)
    total = add(ctx, [read_ciphertext(ctx, party, file) for party, file in files.items()])
    keys = all_keys(ctx, ctx.parties, ctx.parties)
    weak = []
    for member in quorum:
        shares = {**keys[member].shares, copier: keys[member].shares[victim]}
        copied = replace(keys[member], shares=shares)
        made = weak_opening_share(ctx, copied, ctx.parties, 0, quorum)
        weak.append(as_share(ctx, member, ctx.parties, quorum, made))
    twice = 2 * np.array(extreme_values(ctx, victim)) + np.array(extreme_values(ctx, honest))
    assert open_sum(ctx, total, weak) == twice.tolist()

    ours = [
        read_share(ctx, k, ctx.parties, 0, quorum, opening_share(ctx, k, raw[k], ctx.parties, 0, quorum))
        for k in quorum
    ]
    with pytest.raises(OpeningFailed):
        open_sum(ctx, total, ours)


def test_anothers_test_key_sent_as_ones_own__is_refused_even_with_its_commitment(played: PlayedCeremony) -> None:
    """The file names its sender, so the copier's commitment cannot be the victim's and its file cannot either."""
    victim, copier = played.ctx.parties[:2]
    copied = played.transcript.test_keys[victim]
    renamed = copied[:38] + copier.to_bytes(4, "big") + copied[HEADER_BYTES:]
    transcript = played.transcript
    for file, commitment in (
        (copied, transcript.commitments[victim]),
        (renamed, transcript.commitments[victim]),
    ):
        changed = replace(
            transcript,
            test_keys={**transcript.test_keys, copier: file},
            commitments={**transcript.commitments, copier: commitment},
        )
        with pytest.raises(MalformedCeremonyMessage, match=f"hospital {copier}"):
            check_ceremony(played.ctx, changed)
    # A renamed copy can only be committed to once the victim has shown its file: a step too late.
    assert commit_to_test_key(renamed) not in transcript.commitments.values()
