# SPDX-License-Identifier: Apache-2.0
"""Who is guilty in a ceremony, by bytes that everybody has, and the transcript that everybody acknowledges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from node.crypto import (
    CeremonyKeys,
    Objection,
    PostedComplaint,
    PostedDealing,
    dealing_size,
    judge_ceremony,
    make_dealing,
    read_dealing,
    receive_dealing,
)
from node.crypto.framing import HEADER_BYTES
from node.crypto.pads import Complaint, complain
from node.errors import CeremonyFailed
from node.group.babyjubjub import IDENTITY, ORDER, Point
from node.group.field import MODULUS
from tests.support.liars import changed_box, false_complaint, pad_secret
from tests.support.threshold import PlayedCeremony, played_ceremony

WAYS = {"with ciphertexts": True, "pads alone": False}


@pytest.fixture(scope="module", params=WAYS.values(), ids=WAYS)
def played(request: pytest.FixtureRequest) -> PlayedCeremony:
    return played_ceremony(parties=4, threshold=2, with_ckks=request.param)


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


def test_who_lacks_a_dealing_that_counts__judges_nothing(played: PlayedCeremony) -> None:
    ctx, dealer = played.ctx, played.ctx.parties[2]
    on_chain = played.on_chain()
    on_chain[dealer] = replace(on_chain[dealer], content=None)
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


def test_the_complaint_of_an_honest_hospital__shows_nothing_of_its_other_boxes(played: PlayedCeremony) -> None:
    """D is of one round's ephemeral key: it opens one pad box, and no box for ciphertexts."""
    ctx = played.ctx
    dealer, victim = ctx.parties[:2]
    content = read_dealing(ctx, dealer, played.dealings[dealer])
    secret = pad_secret(ctx, played.seeds[victim])
    shown = {n: complain(ctx.round_context(n).pads, content.pads[n], victim, secret).D for n in ctx.round_numbers}
    assert shown[1] != shown[2]
