# SPDX-License-Identifier: Apache-2.0
"""The key ceremony: what follows from a seed, and what a recipient makes of a dealing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from node.crypto import (
    Malformed,
    Objection,
    PostedComplaint,
    ReceivedDealing,
    dealing_size,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    opening_share,
    read_dealing,
    receive_dealing,
    round_secrets,
)
from node.crypto.boxes import secret_key, secret_seed, share_words
from node.crypto.context import index_of
from node.crypto.framing import HEADER_BYTES
from node.crypto.ring import ring
from node.crypto.shamir import interpolate
from node.errors import MalformedCeremonyMessage, OpeningRefused
from node.group.field import MODULUS
from tests.support.liars import changed_box, inconsistent_dealing
from tests.support.threshold import PlayedCeremony, played_ceremony, seed_of

WAYS = {"with ciphertexts": True, "pads alone": False}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def played(request: pytest.FixtureRequest) -> PlayedCeremony:
    return played_ceremony(parties=4, threshold=2, with_ckks=request.param)


@pytest.fixture
def encrypting() -> PlayedCeremony:
    return played_ceremony(parties=4, threshold=2)


# What follows from a seed


def test_every_step__repeated__gives_the_same_bytes(played: PlayedCeremony) -> None:
    ctx, party = played.ctx, played.ctx.parties[1]
    seed = played.seeds[party]
    assert keys_to_post(ctx.identified, seed) == played.posted[party]
    assert make_dealing(ctx, party, seed, played.keys) == played.dealings[party]
    assert played.secrets(party, 1) == played.secrets(party, 1)


def test_keys_and_dealings__differ_with_ceremony_keys_and_seed(played: PlayedCeremony) -> None:
    ctx, party, seed = played.ctx, played.ctx.parties[0], seed_of(1)
    later = replace(ctx, identified=replace(ctx.identified, ceremony=2))
    assert keys_to_post(later.identified, seed) != keys_to_post(ctx.identified, seed)
    others = [
        make_dealing(binding, party, made, played.keys)[HEADER_BYTES:]
        for binding, made in ((ctx, seed), (ctx, seed_of(2)), (later, seed), (replace(ctx, keys_hash=bytes(32)), seed))
    ]
    # A chain that goes back gives other keys: not one box or commitment of one dealing is in the other.
    pieces = [{file[start : start + 32] for start in range(0, len(file) - 31)} for file in others[:1]]
    assert len(set(others)) == 4
    for file in others[1:]:
        assert not any(file[start : start + 32] in pieces[0] for start in range(0, len(file) - 31, 16))


def test_dealings__have_the_size_that_the_plan_implies(played: PlayedCeremony) -> None:
    assert {len(file) for file in played.dealings.values()} == {dealing_size(played.ctx)}


def test_shares_in_boxes__of_any_quorum__give_each_dealers_ternary_secret(encrypting: PlayedCeremony) -> None:
    ctx = encrypting.ctx
    domain = ring(ctx.parameters.degree, ctx.parameters.data_primes)
    for number in ctx.round_numbers:
        for dealer in ctx.parties:
            seed = secret_seed(ctx, encrypting.seeds[dealer], number)
            secret = secret_key(ctx.parameters, seed, ctx.parameters.data_primes)
            for quorum in (ctx.parties[:2], ctx.parties[2:], ctx.parties[::3]):
                points = {}
                for member in quorum:
                    box = encrypting.received[member][dealer].boxes[number]
                    assert box is not None
                    points[index_of(ctx, member) + 1] = share_words(ctx.parameters, box.share)
                assert np.array_equal(interpolate(domain, points, 0), secret)
            assert set(domain.inverse(secret)[0].tolist()) <= {0, 1, domain.primes[0] - 1}


def test_secrets_of_different_rounds__have_nothing_in_common(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    first, second = (played.secrets(party, number)[HEADER_BYTES + 8 :] for number in (1, 2))
    pieces = [first[start : start + 32] for start in range(0, len(first) - 32, 32)]
    assert not any(piece in second for piece in pieces if len(set(piece)) > 4)
    assert seed_of(party) not in first + second


def test_secrets__never_show_in_a_representation(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    found = played.received[party][played.ctx.parties[1]]
    assert repr(found) == f"ReceivedDealing(dealer={found.dealer}, secret)"
    box = found.boxes.get(1)
    assert not played.ctx.with_ckks or repr(box) == "BoxContent(secret)"


# What a recipient makes of a dealing


@pytest.mark.parametrize("change", ["short", "long", "empty", "magic", "version", "context", "sender", "flags"])
def test_a_malformed_dealing__makes_its_dealer_guilty_without_a_complaint(played: PlayedCeremony, change: str) -> None:
    ctx = played.ctx
    me, dealer = ctx.parties[0], ctx.parties[1]
    good = played.dealings[dealer]
    places = {"magic": 0, "version": 5, "context": 20, "sender": 41, "flags": 74}
    if change in places:
        data = bytearray(good)
        data[places[change]] ^= 1
        bad = bytes(data)
    else:
        bad = {"short": good[:-1], "long": good + b"\0", "empty": b""}[change]
    found = receive_dealing(ctx, me, played.seeds[me], played.keys, dealer, bad)
    assert isinstance(found, Malformed) and found.dealer == dealer
    assert judge_ceremony(ctx, played.keys, played.on_chain({dealer: bad}), ()).guilty == {dealer}


def places_of_pads(played: PlayedCeremony) -> Iterator[tuple[str, int]]:
    """Where the parts of both rounds' sections begin: two commitments, the ephemeral key, the proof's scalars."""
    one = (dealing_size(played.ctx) - HEADER_BYTES) // played.ctx.rounds
    for start in (HEADER_BYTES, HEADER_BYTES + one):
        for place, name in enumerate(("commitment 0", "commitment 1", "ephemeral", "challenge", "response")):
            yield name, start + 32 * place


@pytest.mark.parametrize("value", ["another", "off the group", "not canonical", "identity"])
def test_points_and_scalars_that_are_not_the_dealers__make_it_guilty(played: PlayedCeremony, value: str) -> None:
    ctx, dealer = played.ctx, played.ctx.parties[1]
    words = {
        "another": played.dealings[ctx.parties[2]][HEADER_BYTES : HEADER_BYTES + 32],
        "off the group": (0).to_bytes(32, "little"),
        "not canonical": MODULUS.to_bytes(32, "little"),
        "identity": (1).to_bytes(32, "little"),
    }
    for name, start in places_of_pads(played):
        file = played.dealings[dealer]
        bad = file[:start] + words[value] + file[start + 32 :]
        with pytest.raises(MalformedCeremonyMessage, match=f"hospital {dealer}"):
            read_dealing(ctx, dealer, bad)
        assert judge_ceremony(ctx, played.keys, played.on_chain({dealer: bad}), ()).guilty == {dealer}, name


def test_a_copied_dealing__makes_its_copier_guilty(played: PlayedCeremony) -> None:
    """As it is, renamed, and with the copier's own proof missing: another's ephemeral key is no use to it."""
    ctx = played.ctx
    victim, copier = ctx.parties[1:3]
    copied = played.dealings[victim]
    renamed = copied[:38] + copier.to_bytes(4, "big") + copied[42:]
    for file in (copied, renamed):
        judged = judge_ceremony(ctx, played.keys, played.on_chain({copier: file}), ())
        assert judged.guilty == {copier}


def test_a_dealing_of_another_ceremony_or_for_other_keys__makes_its_dealer_guilty(played: PlayedCeremony) -> None:
    dealer = played.ctx.parties[1]
    for other in (
        replace(played.ctx, identified=replace(played.ctx.identified, ceremony=9)),
        replace(played.ctx, keys_hash=bytes(32)),
    ):
        file = make_dealing(other, dealer, played.seeds[dealer], played.keys)
        with pytest.raises(MalformedCeremonyMessage, match="another study, ceremony or round"):
            read_dealing(played.ctx, dealer, file)


@pytest.mark.parametrize("number", [1, 2])
def test_a_false_pad_box__is_complained_of_and_its_dealer_is_guilty(played: PlayedCeremony, number: int) -> None:
    ctx, dealer = played.ctx, played.ctx.parties[1]
    for victim in (ctx.parties[0], ctx.parties[3]):
        bad = changed_box(played, dealer, victim, number)
        finding = receive_dealing(ctx, victim, played.seeds[victim], played.keys, dealer, bad)
        assert isinstance(finding, Objection) and (finding.dealer, finding.round) == (dealer, number)
        posted = PostedComplaint(victim, dealer, number, finding.complaint)
        judged = judge_ceremony(ctx, played.keys, played.on_chain({dealer: bad}), (posted,))
        assert judged.guilty == {dealer} and judged.bitmap == 1 << index_of(ctx, dealer)
        for other in set(ctx.parties) - {victim}:
            found = receive_dealing(ctx, other, played.seeds[other], played.keys, dealer, bad)
            assert isinstance(found, ReceivedDealing)


def test_a_dealer_whose_pad_shares_do_not_fit__is_complained_of_and_guilty(played: PlayedCeremony) -> None:
    """Its boxes open, its proof holds, every commitment is well formed: only the equation is wrong."""
    ctx, dealer, victim = played.ctx, played.ctx.parties[0], played.ctx.parties[3]
    bad = inconsistent_dealing(played, dealer, victim)
    finding = receive_dealing(ctx, victim, played.seeds[victim], played.keys, dealer, bad)
    assert isinstance(finding, Objection)
    posted = PostedComplaint(victim, dealer, finding.round, finding.complaint)
    assert judge_ceremony(ctx, played.keys, played.on_chain({dealer: bad}), (posted,)).guilty == {dealer}


# CKKS boxes blame nobody


def test_a_ckks_box_that_does_not_open__blames_nobody_and_means_no_share(encrypting: PlayedCeremony) -> None:
    ctx = encrypting.ctx
    dealer, victim = ctx.parties[0], ctx.parties[3]
    data = bytearray(encrypting.dealings[dealer])
    data[-5] ^= 1  # the last round's last box
    bad = bytes(data)
    found = receive_dealing(ctx, victim, encrypting.seeds[victim], encrypting.keys, dealer, bad)
    assert isinstance(found, ReceivedDealing)
    assert found.boxes[2] is None and found.boxes[1] is not None and set(found.pads) == {1, 2}
    assert not judge_ceremony(ctx, encrypting.keys, encrypting.on_chain({dealer: bad}), ()).guilty

    received = {**encrypting.received[victim], dealer: found}
    secrets = round_secrets(ctx, victim, encrypting.seeds[victim], received, 2)
    rnd, others = ctx.round_context(2), ctx.parties[1:]
    for included, quorum in ((ctx.parties, (ctx.parties[2], victim)), (others, (dealer, victim))):
        with pytest.raises(OpeningRefused, match=rf"no share from hospitals \[{dealer}\]"):
            opening_share(rnd, victim, secrets, included, quorum)
    without = opening_share(rnd, victim, secrets, others, (ctx.parties[2], victim))
    assert without == opening_share(rnd, victim, encrypting.secrets(victim, 2), others, (ctx.parties[2], victim))


@pytest.mark.parametrize("unusable", [bytes(32), (1).to_bytes(32, "little"), b"\xff" * 32], ids=["0", "1", "ff"])
def test_an_unusable_box_key__gets_a_filler_and_harms_its_owner_alone(
    encrypting: PlayedCeremony, unusable: bytes
) -> None:
    ctx = encrypting.ctx
    me, other, owner = ctx.parties[:3]
    keys = replace(encrypting.keys, boxes={**encrypting.keys.boxes, owner: unusable})
    file = make_dealing(ctx, me, encrypting.seeds[me], keys)
    assert len(file) == dealing_size(ctx) and file == make_dealing(ctx, me, encrypting.seeds[me], keys)
    found = receive_dealing(ctx, owner, encrypting.seeds[owner], keys, me, file)
    assert isinstance(found, ReceivedDealing) and found.boxes == {1: None, 2: None}
    unharmed = receive_dealing(ctx, other, encrypting.seeds[other], keys, me, file)
    assert isinstance(unharmed, ReceivedDealing) and None not in unharmed.boxes.values()
    # The owner's own dealing cannot be opened by anybody, and is sound all the same.
    theirs = make_dealing(ctx, owner, encrypting.seeds[owner], keys)
    received = receive_dealing(ctx, me, encrypting.seeds[me], keys, owner, theirs)
    assert isinstance(received, ReceivedDealing)
    assert not judge_ceremony(ctx, keys, encrypting.on_chain({me: file, owner: theirs}), ()).guilty


def test_a_copied_box_key__gives_its_copier_nothing(encrypting: PlayedCeremony) -> None:
    ctx = encrypting.ctx
    dealer, victim, copier = ctx.parties[:3]
    boxes = {**encrypting.keys.boxes, copier: encrypting.keys.boxes[victim]}
    keys = replace(encrypting.keys, boxes=boxes)
    file = make_dealing(ctx, dealer, encrypting.seeds[dealer], keys)
    assert receive_dealing(ctx, victim, encrypting.seeds[victim], keys, dealer, file) == receive_dealing(
        ctx, victim, encrypting.seeds[victim], encrypting.keys, dealer, encrypting.dealings[dealer]
    )
    found = receive_dealing(ctx, copier, encrypting.seeds[copier], keys, dealer, file)
    assert isinstance(found, ReceivedDealing) and set(found.boxes.values()) == {None}
