# SPDX-License-Identifier: Apache-2.0
"""The key ceremony: what a recipient makes of a dealing, who is guilty, and what everybody acknowledges."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from node.crypto import (
    CeremonyContext,
    CeremonyIdentity,
    CeremonyKeys,
    Malformed,
    Objection,
    PostedComplaint,
    PostedDealing,
    ReceivedDealing,
    dealing_digest,
    dealing_size,
    judge_ceremony,
    keys_to_post,
    make_dealing,
    new_ceremony_seed,
    opening_share,
    read_dealing,
    receive_dealing,
    round_secrets,
)
from node.crypto.boxes import secret_key, secret_seed, share_words
from node.crypto.context import index_of
from node.crypto.framing import HEADER_BYTES
from node.crypto.pads import Complaint, complain
from node.crypto.ring import ring
from node.crypto.shamir import interpolate
from node.errors import CeremonyFailed, CryptoError, MalformedCeremonyMessage, OpeningRefused, ParameterError
from node.group.babyjubjub import IDENTITY, ORDER, Point
from node.group.field import MODULUS
from tests.support.liars import changed_box, false_complaint, inconsistent_dealing, pad_secret
from tests.support.threshold import PlayedCeremony, ceremony_context, played_ceremony, seed_of

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


# Who is guilty


def test_an_honest_ceremony__has_nobody_guilty_and_one_digest(played: PlayedCeremony) -> None:
    judged = judge_ceremony(played.ctx, played.keys, played.on_chain(), ())
    shuffled = dict(reversed(played.on_chain().items()))
    assert not judged.guilty and judged.bitmap == 0 and len(judged.digest) == 32
    assert judge_ceremony(played.ctx, played.keys, shuffled, ()) == judged


def complaint_numbers(played: PlayedCeremony, complainer: int, dealer: int) -> Iterator[Complaint]:
    """False complaints about a sound dealing: a true D, and what a liar might make of the numbers."""
    true = false_complaint(played, complainer, dealer)
    yield true
    yield replace(true, D=IDENTITY)
    yield replace(true, D=Point(0, 0))
    yield replace(true, D=Point(2**256 - 1, 2**256 - 1))
    yield replace(true, D=Point(true.D.x + MODULUS, true.D.y))
    # On the curve and not in the subgroup: of order two, and the right point moved by it.
    yield replace(true, D=Point(0, MODULUS - 1))
    yield replace(true, D=Point(-true.D.x % MODULUS, -true.D.y % MODULUS))
    for c, s in ((0, 0), (true.c + 1, true.s), (true.c, true.s + 1), (true.c + ORDER, true.s), (2**256 - 1, true.s)):
        yield replace(true, c=c, s=s)


def test_a_false_complaint__makes_the_complainer_guilty(played: PlayedCeremony) -> None:
    ctx, (dealer, complainer) = played.ctx, played.ctx.parties[:2]
    for numbers in complaint_numbers(played, complainer, dealer):
        posted = PostedComplaint(complainer, dealer, 1, numbers)
        assert judge_ceremony(ctx, played.keys, played.on_chain(), (posted,)).guilty == {complainer}


def test_a_true_complaint_repeated_by_another_or_for_another_round__makes_who_repeats_it_guilty(
    played: PlayedCeremony,
) -> None:
    ctx = played.ctx
    dealer, victim, copier = ctx.parties[0], ctx.parties[3], ctx.parties[1]
    bad = changed_box(played, dealer, victim, 2)
    finding = receive_dealing(ctx, victim, played.seeds[victim], played.keys, dealer, bad)
    assert isinstance(finding, Objection)
    on_chain = played.on_chain({dealer: bad})
    copied = PostedComplaint(copier, dealer, 2, finding.complaint)
    elsewhere = PostedComplaint(victim, dealer, 1, finding.complaint)
    assert judge_ceremony(ctx, played.keys, on_chain, (copied,)).guilty == {copier}
    assert judge_ceremony(ctx, played.keys, on_chain, (elsewhere,)).guilty == {victim}


@pytest.mark.parametrize("number", [0, 3, 2**32 - 1])
def test_a_complaint_about_a_round_without_keys__makes_the_complainer_guilty(
    played: PlayedCeremony, number: int
) -> None:
    dealer, complainer = played.ctx.parties[:2]
    posted = PostedComplaint(complainer, dealer, number, false_complaint(played, complainer, dealer))
    assert judge_ceremony(played.ctx, played.keys, played.on_chain(), (posted,)).guilty == {complainer}


def test_a_complaint_about_ones_own_dealing__makes_its_maker_guilty(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    posted = PostedComplaint(party, party, 1, Complaint(IDENTITY, 0, 0))
    assert judge_ceremony(played.ctx, played.keys, played.on_chain(), (posted,)).guilty == {party}


def test_complaints_about_a_dealing_that_does_not_count__judge_nobody_and_are_in_no_transcript(
    played: PlayedCeremony,
) -> None:
    ctx = played.ctx
    dealer, victim = ctx.parties[0], ctx.parties[3]
    bad = changed_box(played, dealer, victim, 1)
    finding = receive_dealing(ctx, victim, played.seeds[victim], played.keys, dealer, bad)
    assert isinstance(finding, Objection)
    on_chain = played.on_chain({dealer: bad})
    # Nobody need hold what does not count.
    on_chain[dealer] = replace(on_chain[dealer], counts=False, content=None)
    judged = judge_ceremony(ctx, played.keys, on_chain, (PostedComplaint(victim, dealer, 1, finding.complaint),))
    false = PostedComplaint(victim, dealer, 1, false_complaint(played, victim, dealer))
    assert not judged.guilty
    assert judge_ceremony(ctx, played.keys, on_chain, (false,)) == judged
    assert judge_ceremony(ctx, played.keys, on_chain, ()) == judged


def test_complaints_about_a_malformed_dealing__make_nobody_else_guilty(played: PlayedCeremony) -> None:
    ctx = played.ctx
    dealer, complainer = ctx.parties[:2]
    file = bytearray(played.dealings[dealer])
    file[HEADER_BYTES + 32 * 4] ^= 1
    posted = PostedComplaint(complainer, dealer, 1, false_complaint(played, complainer, dealer))
    judged = judge_ceremony(ctx, played.keys, played.on_chain({dealer: bytes(file)}), (posted,))
    assert judged.guilty == {dealer}


def test_complaints_by_and_about_strangers__are_passed_over(played: PlayedCeremony) -> None:
    ctx, known = played.ctx, played.ctx.parties[0]
    numbers = false_complaint(played, known, ctx.parties[1])
    strange = [PostedComplaint(99, known, 1, numbers), PostedComplaint(known, 99, 1, numbers)]
    honest = judge_ceremony(ctx, played.keys, played.on_chain(), ())
    assert judge_ceremony(ctx, played.keys, played.on_chain(), strange) == honest
    beside = {**played.on_chain(), 99: PostedDealing(bytes(32), 1, True, b"")}
    assert judge_ceremony(ctx, played.keys, beside, ()) == honest


@pytest.mark.parametrize("counts", [True, False])
def test_a_dealing_announced_with_another_size__makes_its_dealer_guilty_whether_held_or_not(
    played: PlayedCeremony, counts: bool
) -> None:
    ctx, dealer = played.ctx, played.ctx.parties[2]
    on_chain = played.on_chain()
    on_chain[dealer] = PostedDealing(bytes(32), dealing_size(ctx) + 1, counts)
    assert judge_ceremony(ctx, played.keys, on_chain, ()).guilty == {dealer}


def test_who_lacks_a_dealing_that_counts_or_has_other_bytes__judges_nothing(played: PlayedCeremony) -> None:
    ctx, dealer = played.ctx, played.ctx.parties[2]
    for content in (None, played.dealings[ctx.parties[0]]):
        on_chain = played.on_chain()
        on_chain[dealer] = replace(on_chain[dealer], content=content)
        with pytest.raises(CeremonyFailed, match=f"hospital {dealer} counts and is not at hand"):
            judge_ceremony(ctx, played.keys, on_chain, ())


def test_several_liars__are_each_named_and_complaints_come_in_any_order(played: PlayedCeremony) -> None:
    ctx = played.ctx
    first, second, victim, last = ctx.parties
    bad = changed_box(played, first, victim, 1)
    finding = receive_dealing(ctx, victim, played.seeds[victim], played.keys, first, bad)
    assert isinstance(finding, Objection)
    complaints = [
        PostedComplaint(victim, first, 1, finding.complaint),
        PostedComplaint(second, last, 2, false_complaint(played, second, last, number=2)),
    ]
    on_chain = played.on_chain({first: bad})
    judged = judge_ceremony(ctx, played.keys, on_chain, complaints)
    assert judged.guilty == {first, second} and judged.bitmap == 0b11
    assert judge_ceremony(ctx, played.keys, on_chain, complaints[::-1]) == judged


def test_the_transcripts_digest__differs_with_everything_that_it_is_about(played: PlayedCeremony) -> None:
    ctx, (first, second, *_, last) = played.ctx, played.ctx.parties
    honest = played.on_chain()
    bad = changed_box(played, first, last, 1)
    false = [PostedComplaint(second, first, number, false_complaint(played, second, first, number=number))
             for number in (1, 2)]  # fmt: skip
    fewer = {**honest, last: replace(honest[last], counts=False)}
    other_keys = replace(ctx, keys_hash=bytes(32))
    files = {p: make_dealing(other_keys, p, played.seeds[p], CeremonyKeys.of(ctx, played.posted)) for p in ctx.parties}
    digests = [
        judge_ceremony(ctx, played.keys, honest, ()).digest,
        judge_ceremony(ctx, played.keys, fewer, ()).digest,
        judge_ceremony(ctx, played.keys, played.on_chain({first: bad}), ()).digest,
        judge_ceremony(ctx, played.keys, honest, false[:1]).digest,
        judge_ceremony(ctx, played.keys, honest, false[1:]).digest,
        judge_ceremony(ctx, played.keys, honest, false).digest,
        judge_ceremony(other_keys, played.keys, played.on_chain(files), ()).digest,
    ]
    assert len(set(digests)) == len(digests)


# What does not fit together


def test_contexts__refuse_what_does_not_fit_together() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    wrong: list[dict[str, object]] = [
        {"keys_hash": bytes(31)},
        {"parties": (1, 2)},
        {"parties": (1, 2, 2)},
        {"parties": (0, 1, 2)},
        {"indices": (0, 1)},
        {"indices": (0, 2, 1)},
        {"indices": (0, 1, 64)},
        {"indices": (-1, 0, 1)},
        {"threshold": 1},
        {"threshold": 3},
        {"rounds": 0},
        {"first_round": 0},
        {"form": replace(ctx.form, coordinates=30)},
        {"form": replace(ctx.form, value_bits=25)},
    ]
    for change in wrong:
        with pytest.raises(ParameterError):
            replace(ctx, **change)  # type: ignore[arg-type]
    for contract, chain in (("5c" * 20, 1), ("0x" + "5c" * 20, -1)):
        with pytest.raises(ParameterError):
            CeremonyIdentity(chain, contract, 1, 1)
    with pytest.raises(ParameterError, match="round 3 is not one"):
        ctx.round_context(3)
    with pytest.raises(ParameterError, match="hospital 99 is not a party"):
        index_of(ctx, 99)
    with pytest.raises(ParameterError, match="32 bytes"):
        keys_to_post(ctx.identified, b"short")


def test_digests__differ_with_every_field_of_the_context() -> None:
    ctx = ceremony_context(3, 2, 26, 42, 2)
    identity = ctx.identified
    changes: list[CeremonyContext] = [
        ctx,
        replace(ctx, identified=replace(identity, chain_id=1)),
        replace(ctx, identified=replace(identity, contract="0x" + "5d" * 20)),
        replace(ctx, identified=replace(identity, study_id=8)),
        replace(ctx, identified=replace(identity, ceremony=2)),
        replace(ctx, keys_hash=bytes(32)),
        replace(ctx, first_round=2),
        replace(ctx, rounds=1),
        replace(ctx, parties=(3, 5, 9)),
        replace(ctx, indices=(0, 1, 3)),
        replace(ctx, form=replace(ctx.form, packed=True)),
        replace(ctx, ckks=None),
        replace(ceremony_context(4, 2, 26, 42, 2), ckks=None),
        replace(ceremony_context(4, 3, 26, 42, 2), ckks=None),
        ceremony_context(3, 2, 25, 42, 2),
        ceremony_context(3, 2, 26, 43, 2),
    ]
    assert len({changed.digest for changed in changes}) == len(changes)
    assert ctx.round_context(1).digest != ctx.round_context(2).digest


def test_keys__are_of_exactly_the_dealt(played: PlayedCeremony) -> None:
    fewer = {party: played.posted[party] for party in played.ctx.parties[1:]}
    for posted in (fewer, {**played.posted, 99: played.posted[played.ctx.parties[0]]}):
        with pytest.raises(ParameterError, match="dealt to"):
            CeremonyKeys.of(played.ctx, posted)


def test_round_secrets__need_a_round_of_the_ceremony_and_ones_own_dealing(played: PlayedCeremony) -> None:
    party = played.ctx.parties[0]
    with pytest.raises(ParameterError):
        round_secrets(played.ctx, party, played.seeds[party], played.received[party], 9)
    without = {dealer: found for dealer, found in played.received[party].items() if dealer != party}
    with pytest.raises(ParameterError, match="own dealing"):
        round_secrets(played.ctx, party, played.seeds[party], without, 1)


def test_round_secrets__cut_off_or_longer__are_refused(played: PlayedCeremony) -> None:
    party, secrets = played.ctx.parties[0], played.secrets(played.ctx.parties[0], 1)
    from node.crypto.round_secrets import read_pad_secrets

    rnd = played.ctx.round_context(1)
    assert read_pad_secrets(rnd, party, secrets).me == party
    for wrong in (secrets[:-1], secrets + b"\0", secrets[:HEADER_BYTES], b""):
        with pytest.raises(CryptoError):
            read_pad_secrets(rnd, party, wrong)


def test_dealing_digest__is_sha256() -> None:
    assert dealing_digest(b"file") == hashlib.sha256(b"file").digest()
    assert len(new_ceremony_seed()) == 32


def test_the_complaint_of_an_honest_hospital__shows_nothing_of_its_other_boxes(played: PlayedCeremony) -> None:
    """D is of one round's ephemeral key: it opens one pad box, and no box for ciphertexts."""
    ctx = played.ctx
    dealer, victim = ctx.parties[:2]
    content = read_dealing(ctx, dealer, played.dealings[dealer])
    secret = pad_secret(ctx, played.seeds[victim])
    shown = {n: complain(ctx.round_context(n).pads, content.pads[n], victim, secret).D for n in ctx.round_numbers}
    assert shown[1] != shown[2]
