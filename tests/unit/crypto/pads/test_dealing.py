# SPDX-License-Identifier: Apache-2.0
"""What a dealer makes follows from its seed and from the context, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from node.crypto import pads
from node.crypto.pads.boxes import unseal
from node.crypto.pads.polynomials import commit, commitment_at, evaluate
from node.errors import FalseBox, ParameterError
from node.group import native
from node.group.babyjubjub import COFACTOR, IDENTITY, is_in_subgroup, multiply
from tests.support.native import build_group
from tests.support.pads import dealt_round, pad_context

CTX = pad_context()
OTHERS: list[dict[str, Any]] = [
    {"chain_id": 1},
    {"contract": "0x" + "22" * 20},
    {"study_id": 6},
    {"ceremony": 3},
    {"round": 2},
    {"keys_hash": bytes(32)},
    {"scalars": 5},
    {"threshold": 4},
    {"points": {3: 1, 5: 3, 7: 4, 9: 5, 11: 7}},
    {"dealt": (3, 5, 7, 9), "points": {3: 1, 5: 3, 7: 4, 9: 5}},
]


def test_a_retry__repeats_the_same_bytes() -> None:
    dealt = dealt_round()
    again = pads.deal(replace(dealt.ctx), 7, dealt.seed(7), dict(reversed(dealt.publics.items())))
    assert again == dealt.sections[7]


def test_the_native_program__changes_no_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    dealt = dealt_round(7, 2)
    sections = []
    for binary in (build_group(), build_group().with_name("none")):
        monkeypatch.setattr(native, "BINARY", binary)
        sections.append(pads.deal(dealt.ctx, 7, dealt.seed(7), dealt.publics))
    assert sections[0] == sections[1] == dealt.sections[7]


@pytest.mark.parametrize("change", OTHERS)
def test_another_context__gives_another_pad_and_nothing_in_common(change: dict[str, Any]) -> None:
    """Other keys dealt to are another hash of the keys: a dealing under both would be two points of one polynomial."""
    dealt = dealt_round()
    other = replace(CTX, **change)
    publics = {number: dealt.publics[number] for number in other.dealt}
    first, second = (pads.own_pad(ctx, 7, dealt.seed(7)) for ctx in (CTX, other))
    assert not set(first) & set(second)
    section = pads.deal(other, 7, dealt.seed(7), publics)
    words = {section[start : start + 16] for start in range(0, len(section), 16)}
    assert not words & {dealt.sections[7][start : start + 16] for start in range(0, len(dealt.sections[7]), 16)}


def test_other_dealers_and_seeds__have_other_pads() -> None:
    found = [pads.own_pad(CTX, dealer, bytes([seed]) * 32) for dealer in CTX.dealt for seed in range(3)]
    assert len({scalar for pad in found for scalar in pad}) == len(found) * CTX.width


def test_every_share__lies_on_one_polynomial_that_the_commitments_bear_out() -> None:
    """The first t - 1 recipients' follow from seeds, the others' do not: all fit alike, the dealer's own too."""
    dealt = dealt_round()
    for dealer, dealing in dealt.dealings.items():
        assert len(dealing.commitments) == dealt.ctx.threshold
        for holder in dealt.ctx.dealt:
            share = dealt.shares(holder)[dealer]
            assert (share.dealer, share.holder) == (dealer, holder)
            assert commit([share.scalars])[0] == commitment_at(dealing.commitments, dealt.ctx.points[holder])
        assert commit([pads.own_pad(dealt.ctx, dealer, dealt.seed(dealer))])[0] == dealing.commitments[0]


def test_a_copied_key__does_not_make_one_hospitals_box_anothers() -> None:
    """Keys are posted without a proof, so that 11 may post 9's: what opens one box does not open the other."""
    dealt = dealt_round()
    ctx, key = dealt.ctx, dealt.keys[9]
    section = pads.deal(ctx, 7, dealt.seed(7), {**dealt.publics, 11: key.public})
    dealing = pads.read_section(ctx, 7, section)
    first, second = dealing.boxes[9], dealing.boxes[11]
    about = (dealing.ephemeral, key.public, multiply(key.secret, dealing.ephemeral))
    assert unseal(ctx, 7, 9, *about, first) != unseal(ctx, 7, 11, *about, second)
    for recipient, box in ((9, second), (11, first)):
        with pytest.raises(FalseBox):
            unseal(ctx, 7, recipient, *about, box)


def test_the_first_recipients_by_index__get_seeds() -> None:
    dealt = dealt_round()
    for dealer in (3, 7, 11):
        assert [len(content) for content in dealt.contents(dealer).values()] == [32, 32, 160, 160]
    assert list(dealt.dealings[3].boxes) == [5, 7, 9, 11]


def test_horners_rule__is_what_powers_give() -> None:
    coefficients = [(1, 2), (3, 4), (5, 6)]
    assert evaluate(coefficients, 10) == (531, 642)


def test_a_key__is_eight_times_what_is_posted_and_in_the_subgroup() -> None:
    key = pads.pad_key(bytes(32), b"a")
    assert key.public == multiply(COFACTOR, key.posted) != IDENTITY
    assert is_in_subgroup(key.public) and is_in_subgroup(key.posted)
    others = [pads.pad_key(bytes(32), b"b"), pads.pad_key(b"\1" * 32, b"a")]
    assert len({key.secret, *(other.secret for other in others)}) == 3


def test_keys_of_other_hospitals__are_the_callers_mistake() -> None:
    dealt = dealt_round()
    some = {number: dealt.publics[number] for number in (3, 5, 7, 9)}
    for keys in (some, {**dealt.publics, 12: dealt.publics[3]}):
        with pytest.raises(ParameterError, match="are dealt to"):
            pads.deal(dealt.ctx, 7, dealt.seed(7), keys)
    with pytest.raises(ParameterError, match="not dealt to"):
        pads.own_pad(dealt.ctx, 4, dealt.seed(4))
    with pytest.raises(ParameterError, match="has no box for hospital 7"):
        pads.open_box(dealt.ctx, dealt.dealings[7], 7, dealt.keys[7].secret)
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(ParameterError, match="32 bytes"):
            pads.own_pad(dealt.ctx, 7, seed)
        with pytest.raises(ParameterError, match="32 bytes"):
            pads.pad_key(seed, b"")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contract": "0x12"}, "40 hexadecimal digits"),
        ({"chain_id": 1 << 64}, "the chain id"),
        ({"study_id": -1}, "the study"),
        ({"ceremony": 1 << 32}, "the ceremony"),
        ({"round": 1 << 32}, "the round"),
        ({"dealt": (3, 5, 7, 9, 9)}, "has one point"),
        ({"dealt": (3, 5, 7, 9)}, "has one point"),
        ({"dealt": (5, 3, 7, 9, 11)}, "rise in index order"),
        ({"points": {3: 0, 5: 3, 7: 4, 9: 5, 11: 6}}, "count from 1"),
        ({"points": {3: 1, 5: 3, 7: 3, 9: 5, 11: 6}}, "differ"),
        ({"threshold": 1}, "1 of 5 hospitals cannot open"),
        ({"threshold": 6}, "6 of 5 hospitals cannot open"),
        ({"scalars": 0}, "0 scalars"),
        ({"keys_hash": b""}, "32 bytes"),
    ],
)
def test_a_context_that_makes_no_sense__is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        replace(CTX, **change)
