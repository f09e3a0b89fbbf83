# SPDX-License-Identifier: Apache-2.0
"""Every lie about pads is found by everybody, and falls on whoever told it.

Of hospitals 3, 5, 7, 9, 11, any three of whom open, 7 deals: 3 and 5 get seeds, 9 and 11 whole shares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.crypto import pads
from node.crypto.pads import dealing as dealing_module
from node.crypto.pads.boxes import unseal
from node.crypto.pads.keys import base
from node.crypto.pads.polynomials import commit
from node.errors import FalseBox, MalformedPadDealing
from node.group.babyjubjub import IDENTITY, ORDER, A, D, Point, add, multiply, negate
from node.group.encoding import read_scalars, write_point, write_scalars
from node.group.field import MODULUS, inverse
from node.group.pedersen import generator
from tests.support.malformed import SMALL_ORDER
from tests.support.pads import DealtRound, dealt_round

DEALER = 7
SEEDED, WHOLE = (3, 5), (9, 11)


@pytest.fixture(scope="module")
def dealt() -> DealtRound:
    return dealt_round()


def verdict(dealt: DealtRound, section: bytes, recipient: int) -> str | None:
    """What comes of a section at one recipient: None where it takes its share, else who is found guilty."""
    dealing = pads.read_section(dealt.ctx, DEALER, section)
    key = dealt.keys[recipient]
    try:
        pads.open_box(dealt.ctx, dealing, recipient, key.secret)
    except FalseBox:
        complaint = pads.complain(dealt.ctx, dealing, recipient, key.secret)
        return pads.judge(dealt.ctx, dealing, recipient, key.public, complaint)
    return None


def plus_one(content: bytes) -> bytes:
    first, *rest = read_scalars(content, len(content) // 32)
    return write_scalars([(first + 1) % ORDER, *rest])


def one_above(content: bytes) -> bytes:
    """The same share modulo ℓ: it fits the commitments, and is no encoding."""
    return (int.from_bytes(content[:32], "little") + ORDER).to_bytes(32, "little") + content[32:]


def other_seed(content: bytes) -> bytes:
    return bytes([content[0] ^ 1]) + content[1:]


@pytest.mark.parametrize(
    ("victim", "lie"),
    [(9, plus_one), (11, plus_one), (9, one_above), (11, one_above), (3, other_seed), (5, other_seed)],
)
def test_a_false_box__makes_its_dealer_guilty_before_its_recipient_alone(
    dealt: DealtRound, victim: int, lie: Callable[[bytes], bytes]
) -> None:
    contents = dealt.contents(DEALER)
    section = dealt.written(DEALER, {**contents, victim: lie(contents[victim])})
    found = {recipient: verdict(dealt, section, recipient) for recipient in contents}
    assert found == {**dict.fromkeys(contents), victim: "dealer"}


@pytest.mark.parametrize("victim", [*SEEDED, *WHOLE])
def test_a_box_that_does_not_open__makes_its_dealer_guilty(dealt: DealtRound, victim: int) -> None:
    section = dealt.sections[DEALER]
    box = dealt.dealings[DEALER].boxes[victim]
    garbage = section.replace(box, bytes(len(box)))
    assert garbage != section
    found = {recipient: verdict(dealt, garbage, recipient) for recipient in (*SEEDED, *WHOLE)}
    assert found == {**dict.fromkeys(found), victim: "dealer"}


def test_a_box_for_another_hospital__makes_its_dealer_guilty(dealt: DealtRound) -> None:
    first, second = (dealt.dealings[DEALER].boxes[number] for number in WHOLE)
    section = dealt.sections[DEALER].replace(first + second, second + first)
    assert [verdict(dealt, section, number) for number in WHOLE] == ["dealer", "dealer"]


@pytest.mark.parametrize("place", range(3))
def test_a_false_commitment__makes_its_dealer_guilty_before_all(dealt: DealtRound, place: int) -> None:
    commitments = list(dealt.dealings[DEALER].commitments)
    commitments[place] = add(commitments[place], generator(0))
    section = dealt.written(DEALER, dealt.contents(DEALER), commitments)
    assert {verdict(dealt, section, recipient) for recipient in (*SEEDED, *WHOLE)} == {"dealer"}


def test_a_polynomial_of_a_higher_degree__makes_its_dealer_guilty_before_someone(dealt: DealtRound) -> None:
    """With t + 1 coefficients, t shares would open something else for every t: no t commitments bear them all out."""
    contents = dealt.contents(DEALER)
    for recipient in WHOLE:
        extra = dealt.ctx.points[recipient] ** 3
        shares = read_scalars(contents[recipient], dealt.ctx.width)
        contents[recipient] = write_scalars([(share + extra) % ORDER for share in shares])
    section = dealt.written(DEALER, contents)
    assert [verdict(dealt, section, recipient) for recipient in WHOLE] == ["dealer", "dealer"]


@pytest.mark.parametrize("place", range(4))
def test_commitments_other_than_those_proved_about__make_the_dealing_malformed(dealt: DealtRound, place: int) -> None:
    section = bytearray(dealt.sections[DEALER])
    section[32 * place : 32 * place + 32] = write_point(generator(7))
    with pytest.raises(MalformedPadDealing, match="does not prove"):
        pads.read_section(dealt.ctx, DEALER, bytes(section))


def test_another_dealers_section__is_refused(dealt: DealtRound) -> None:
    with pytest.raises(MalformedPadDealing, match="does not prove"):
        pads.read_section(dealt.ctx, 5, dealt.sections[DEALER])


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 1}, {"contract": "0x" + "22" * 20}, {"study_id": 6}, {"ceremony": 3}, {"round": 2},
        {"keys_hash": bytes(32)}, {"points": {3: 1, 5: 3, 7: 4, 9: 5, 11: 7}}, {"dealt": (3, 5, 7, 9, 13),
        "points": {3: 1, 5: 3, 7: 4, 9: 5, 13: 6}},
    ],
)  # fmt: skip
def test_a_section_of_another_context__is_refused(dealt: DealtRound, change: dict[str, object]) -> None:
    with pytest.raises(MalformedPadDealing, match="does not prove"):
        pads.read_section(replace(dealt.ctx, **change), DEALER, dealt.sections[DEALER])


class RelatedKey:
    """Hospital 7 wants hospital 9's share of 3's pad: it deals under E_3 + δ·B, whose secret it does not know, with
    a box for 9 that cannot open, and takes the shared point for 3's box out of the complaint.
    """

    VICTIM, RECIPIENT, DELTA = 3, 9, 987654321

    def __init__(self, dealt: DealtRound) -> None:
        self.dealt, self.watched = dealt, dealt.dealings[self.VICTIM]
        related = add(self.watched.ephemeral, multiply(self.DELTA, base()))
        own = dealt.sections[DEALER]
        self.section = own[:96] + write_point(related) + own[128:192] + bytes(len(own) - 192)

    def stolen(self, complaint: pads.Complaint) -> tuple[int, ...]:
        """The share of another's pad, from a complaint about one's own dealing."""
        key = self.dealt.publics[self.RECIPIENT]
        shared = add(complaint.D, negate(multiply(self.DELTA, key)))
        box = self.watched.boxes[self.RECIPIENT]
        about = (self.dealt.ctx, self.VICTIM, self.RECIPIENT, self.watched.ephemeral, key, shared)
        return read_scalars(unseal(*about, box), self.dealt.ctx.width)


def test_a_related_ephemeral_key__is_refused_before_anybody_complains(dealt: DealtRound) -> None:
    with pytest.raises(MalformedPadDealing, match="does not prove"):
        pads.read_section(dealt.ctx, DEALER, RelatedKey(dealt).section)


def test_a_related_ephemeral_key__without_the_proof_of_knowledge__shows_another_dealers_box(
    dealt: DealtRound, monkeypatch: pytest.MonkeyPatch
) -> None:
    attack = RelatedKey(dealt)
    monkeypatch.setattr(dealing_module, "proves_key", lambda *_: True)
    dealing = pads.read_section(dealt.ctx, DEALER, attack.section)
    complaint = pads.complain(dealt.ctx, dealing, attack.RECIPIENT, dealt.keys[attack.RECIPIENT].secret)
    wanted = pads.open_box(dealt.ctx, attack.watched, attack.RECIPIENT, dealt.keys[attack.RECIPIENT].secret)
    assert attack.stolen(complaint) == wanted.scalars


def test_a_proof_for_another_key__does_not_carry_over_to_a_related_one(dealt: DealtRound) -> None:
    """E + δ·B with the response moved by c·δ: the challenge is over the key."""
    section = bytearray(dealt.sections[DEALER])
    dealing = dealt.dealings[DEALER]
    c, s = read_scalars(bytes(section[128:192]), 2)
    section[96:128] = write_point(add(dealing.ephemeral, multiply(5, base())))
    section[128:192] = write_scalars([c, (s + 5 * c) % ORDER])
    with pytest.raises(MalformedPadDealing, match="does not prove"):
        pads.read_section(dealt.ctx, DEALER, bytes(section))


def judged(dealt: DealtRound, complaint: pads.Complaint, complainer: int = 9, dealer: int = DEALER) -> str:
    return pads.judge(dealt.ctx, dealt.dealings[dealer], complainer, dealt.publics[complainer], complaint)


@pytest.mark.parametrize("complainer", [*SEEDED, *WHOLE])
def test_a_complaint_about_a_sound_share__makes_its_complainer_guilty(dealt: DealtRound, complainer: int) -> None:
    complaint = pads.complain(dealt.ctx, dealt.dealings[DEALER], complainer, dealt.keys[complainer].secret)
    assert judged(dealt, complaint, complainer) == "complainer"


def false_box_for_nine(dealt: DealtRound) -> tuple[pads.PadDealing, pads.Complaint]:
    """A guilty dealing and the true complaint about it."""
    contents = dealt.contents(DEALER)
    section = dealt.written(DEALER, {**contents, 9: plus_one(contents[9])})
    dealing = pads.read_section(dealt.ctx, DEALER, section)
    return dealing, pads.complain(dealt.ctx, dealing, 9, dealt.keys[9].secret)


ALTERED: dict[str, Callable[[pads.Complaint], pads.Complaint]] = {
    "another D": lambda true: replace(true, D=add(true.D, base())),
    "no D": lambda true: replace(true, D=IDENTITY),
    "D with a part of small order": lambda true: replace(true, D=add(true.D, SMALL_ORDER[4])),
    "D of small order": lambda true: replace(true, D=SMALL_ORDER[1]),
    "D off the curve": lambda true: replace(true, D=Point(true.D.x, true.D.y + 1)),
    "D not canonical": lambda true: replace(true, D=Point(true.D.x + (1 << 256), true.D.y)),
    "D negative": lambda true: replace(true, D=Point(-1, -1)),
    "another challenge": lambda true: replace(true, c=(true.c + 1) % ORDER),
    "another response": lambda true: replace(true, s=(true.s + 1) % ORDER),
    "a challenge above the order": lambda true: replace(true, c=true.c + ORDER),
    "a response above the order": lambda true: replace(true, s=true.s + ORDER),
    "a negative response": lambda true: replace(true, s=true.s - ORDER),
    "zeros": lambda true: pads.Complaint(true.D, 0, 0),
    "numbers of 256 bits": lambda true: pads.Complaint(true.D, 2**256 - 1, 2**256 - 1),
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_complaint_with_a_false_point_or_proof__makes_its_complainer_guilty_whatever_the_dealer_did(
    dealt: DealtRound, name: str
) -> None:
    dealing, true = false_box_for_nine(dealt)
    assert pads.judge(dealt.ctx, dealing, 9, dealt.publics[9], true) == "dealer"
    assert pads.judge(dealt.ctx, dealing, 9, dealt.publics[9], ALTERED[name](true)) == "complainer"


def test_a_complaint__names_nobody_elses_dealing_round_or_key(dealt: DealtRound) -> None:
    dealing, true = false_box_for_nine(dealt)
    another_round = replace(dealt.ctx, round=2)
    assert pads.judge(another_round, dealing, 9, dealt.publics[9], true) == "complainer"
    assert pads.judge(dealt.ctx, dealing, 9, dealt.publics[11], true) == "complainer"
    assert pads.judge(dealt.ctx, dealing, 11, dealt.publics[9], true) == "complainer"
    assert pads.judge(dealt.ctx, dealt.dealings[DEALER], 9, dealt.publics[9], true) == "complainer"
    assert pads.judge(dealt.ctx, replace(dealing, dealer=5), 9, dealt.publics[9], true) == "complainer"


@pytest.mark.parametrize("complainer", [DEALER, 4, 0])
def test_a_complaint_by_no_recipient__makes_its_complainer_guilty(dealt: DealtRound, complainer: int) -> None:
    dealing, true = false_box_for_nine(dealt)
    assert pads.judge(dealt.ctx, dealing, complainer, dealt.publics[9], true) == "complainer"


@pytest.mark.parametrize("stranger", [DEALER, 4])
def test_a_complaint_by_no_recipient__makes_its_complainer_guilty_although_it_proves_its_point(
    dealt: DealtRound, stranger: int
) -> None:
    dealing, _ = false_box_for_nine(dealt)
    key = pads.pad_key(bytes(32), b"a stranger's")
    complaint = pads.complain(dealt.ctx, dealing, stranger, key.secret)
    assert pads.judge(dealt.ctx, dealing, stranger, key.public, complaint) == "complainer"


def test_a_complaint__shows_what_opens_its_one_box_and_no_other(dealt: DealtRound) -> None:
    dealing, true = false_box_for_nine(dealt)
    opened = 0
    for recipient, box in dealing.boxes.items():
        try:
            unseal(dealt.ctx, DEALER, recipient, dealing.ephemeral, dealt.publics[recipient], true.D, box)
        except FalseBox:
            assert recipient != 9
        else:
            opened += recipient
    assert opened == 9


@pytest.mark.parametrize("place", [0, 3, 4])
def test_a_masked_update_other_than_the_one_committed_to__does_not_fit(dealt: DealtRound, place: int) -> None:
    masked = list(dealt.masked[DEALER])
    masked[place] = (masked[place] + 7) % ORDER
    commitment, dealing = dealt.commitments[DEALER], dealt.dealings[DEALER]
    assert pads.masked_fits(dealt.ctx, dealt.masked[DEALER], commitment, dealing)
    assert not pads.masked_fits(dealt.ctx, tuple(masked), commitment, dealing)
    assert not pads.masked_fits(dealt.ctx, dealt.masked[DEALER], dealt.commitments[5], dealing)
    assert not pads.masked_fits(dealt.ctx, dealt.masked[DEALER], commitment, dealt.dealings[5])
    assert not pads.masked_fits(dealt.ctx, dealt.masked[DEALER][:-1], commitment, dealing)


def test_a_masked_update_with_one_scalar_more__does_not_fit_although_it_is_zero(dealt: DealtRound) -> None:
    *scalars, blinding = dealt.masked[DEALER]
    longer = (*scalars, 0, blinding)
    assert commit([longer]) == commit([dealt.masked[DEALER]])
    assert not pads.masked_fits(dealt.ctx, longer, dealt.commitments[DEALER], dealt.dealings[DEALER])


def test_a_commitment_off_the_curve__does_not_fit_although_the_formulas_say_so(dealt: DealtRound) -> None:
    """The formulas of addition, x₁y₂ + y₁x₂ = x₃(1 + k·p) and y₁y₂ − A·x₁x₂ = y₃(1 − k·p) with k = D·x₂y₂ and
    p = x₁y₁, have two solutions for (x₁, y₁), of which one is a point.
    """
    (x2, y2), masked, true = dealt.dealings[DEALER].commitments[0], dealt.masked[DEALER], dealt.commitments[DEALER]
    x3, y3 = commit([masked])[0]
    k, scale = D * x2 * y2, inverse(y2 * y2 + A * x2 * x2)
    at_zero = ((y2 * x3 - x2 * y3) * scale, (y2 * y3 + A * x2 * x3) * scale)
    slope = ((y2 * x3 + x2 * y3) * k * scale, (A * x2 * x3 - y2 * y3) * k * scale)
    other = at_zero[0] * at_zero[1] * inverse(slope[0] * slope[1] * true.x * true.y)
    strange = Point(*((start + step * other) % MODULUS for start, step in zip(at_zero, slope, strict=True)))
    assert strange != true and add(strange, Point(x2, y2)) == Point(x3, y3)
    assert not pads.masked_fits(dealt.ctx, masked, strange, dealt.dealings[DEALER])


@pytest.mark.parametrize("strange", [Point(1, 1), Point(0, 0), Point(1 << 300, 1)])
def test_a_commitment_off_the_curve__fits_nothing(dealt: DealtRound, strange: Point) -> None:
    assert not pads.masked_fits(dealt.ctx, dealt.masked[DEALER], strange, dealt.dealings[DEALER])


SIGMAS: dict[str, Callable[[DealtRound, tuple[int, ...]], bytes]] = {
    "one more in the first scalar": lambda dealt, _: plus_one(dealt.sigma(9, dealt.ctx.dealt)),
    "one more in the last": lambda dealt, _: _last_plus_one(dealt.sigma(9, dealt.ctx.dealt)),
    "of another set": lambda dealt, _: dealt.sigma(9, dealt.ctx.dealt[1:]),
    "of another hospital": lambda dealt, _: dealt.sigma(11, dealt.ctx.dealt),
    "above the order": lambda dealt, _: one_above(dealt.sigma(9, dealt.ctx.dealt)),
    "shorter": lambda dealt, _: dealt.sigma(9, dealt.ctx.dealt)[:-1],
    "longer": lambda dealt, _: dealt.sigma(9, dealt.ctx.dealt) + bytes(32),
    "empty": lambda *_: b"",
    "zeros": lambda dealt, _: bytes(32 * dealt.ctx.width),
}


def _last_plus_one(sigma: bytes) -> bytes:
    *rest, last = read_scalars(sigma, len(sigma) // 32)
    return write_scalars([*rest, (last + 1) % ORDER])


@pytest.mark.parametrize("name", SIGMAS)
def test_a_false_share_of_the_summed_pads__does_not_fit(dealt: DealtRound, name: str) -> None:
    included = dealt.ctx.dealt
    assert pads.share_fits(dealt.ctx, dealt.dealings, included, 9, dealt.sigma(9, included))
    assert not pads.share_fits(dealt.ctx, dealt.dealings, included, 9, SIGMAS[name](dealt, included))


def test_three_liars_at_once__are_named_and_the_others_open(dealt: DealtRound) -> None:
    """A false box, a false payload, a false share: the set is what is left of the payloads, any three good σ open."""
    ctx = dealt.ctx
    contents = dealt.contents(DEALER)
    assert verdict(dealt, dealt.written(DEALER, {**contents, 3: other_seed(contents[3])}), 3) == "dealer"
    masked = {**dealt.masked, 5: tuple((value + 1) % ORDER for value in dealt.masked[5])}
    fits = {
        number: pads.masked_fits(ctx, masked[number], dealt.commitments[number], dealt.dealings[number])
        for number in ctx.dealt
    }
    included = tuple(number for number in ctx.dealt if fits[number] and number != DEALER)
    assert included == (3, 9, 11)
    sigmas = {number: dealt.sigma(number, included) for number in ctx.dealt}
    sigmas[11] = plus_one(sigmas[11])
    good = {n: sigma for n, sigma in sigmas.items() if pads.share_fits(ctx, dealt.dealings, included, n, sigma)}
    assert set(good) == {3, 5, 7, 9}
    assert pads.open_pads(ctx, masked, good, included) == dealt.expected(included)
