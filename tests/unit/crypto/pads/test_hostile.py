# SPDX-License-Identifier: Apache-2.0
"""Whatever the bytes, readers of pads take them or refuse them with an error of their own; `make fuzz` tries longer."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.crypto import pads
from node.errors import CryptoError, FalseBox, MalformedPadDealing, MalformedPayload, MalformedShare
from node.group.babyjubjub import IDENTITY, ORDER, Point
from node.group.encoding import write_point
from tests.support.hostile import spoil
from tests.support.hostile_pads import pad_targets
from tests.support.malformed import MALFORMED_POINTS, MALFORMED_SCALARS
from tests.support.pads import dealt_round

NAMES = sorted(pad_targets())
ERRORS = {
    "pad section": MalformedPadDealing,
    "pad box": (MalformedPadDealing, FalseBox),
    "masked update": (MalformedPayload, MalformedShare),
    "sigma": MalformedShare,
    "point": CryptoError,
}
RECIPES = st.one_of(
    st.binary(min_size=6, max_size=36),
    st.binary(max_size=300).map(lambda content: b"\xff" + content),
)
DEALT = dealt_round()
SECTION = DEALT.sections[7]
#: t commitments and the ephemeral key; challenge and response; then boxes.
POINTS, SCALARS = 4, 2


@pytest.mark.parametrize("name", NAMES)
def test_valid_bytes__are_taken(name: str) -> None:
    target = pad_targets()[name]
    assert target.read(spoil(target.valid, b"")) is not None


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(recipe=RECIPES)
def test_spoiled_bytes__are_taken_or_refused_with_a_typed_error(name: str, recipe: bytes) -> None:
    target = pad_targets()[name]
    with suppress(ERRORS[name]):
        target.read(spoil(target.valid, recipe))


@pytest.mark.parametrize("length", [0, 1, 32 * POINTS, 32 * (POINTS + SCALARS), len(SECTION) - 1, len(SECTION) + 1])
def test_a_section_of_another_length__is_refused(length: int) -> None:
    with pytest.raises(MalformedPadDealing, match=f"have {length} bytes; the plan implies {len(SECTION)}"):
        pads.read_section(DEALT.ctx, 7, (SECTION + b"\0")[:length])


@pytest.mark.parametrize("place", range(POINTS))
@pytest.mark.parametrize("name", [name for name, (data, _) in MALFORMED_POINTS.items() if len(data) == 32])
def test_a_section_with_a_malformed_point__is_refused(place: int, name: str) -> None:
    data, said = MALFORMED_POINTS[name]
    with pytest.raises(MalformedPadDealing, match=said):
        pads.read_section(DEALT.ctx, 7, SECTION[: 32 * place] + data + SECTION[32 * place + 32 :])


def test_an_ephemeral_key_that_is_the_identity__is_refused() -> None:
    start = 32 * (POINTS - 1)
    with pytest.raises(MalformedPadDealing, match="identity"):
        pads.read_section(DEALT.ctx, 7, SECTION[:start] + write_point(IDENTITY) + SECTION[start + 32 :])


@pytest.mark.parametrize("place", range(SCALARS))
@pytest.mark.parametrize("name", MALFORMED_SCALARS)
def test_a_section_with_a_malformed_scalar__is_refused(place: int, name: str) -> None:
    start = 32 * (POINTS + place)
    with pytest.raises(MalformedPadDealing, match="not below the group's order"):
        pads.read_section(DEALT.ctx, 7, SECTION[:start] + MALFORMED_SCALARS[name] + SECTION[start + 32 :])


def test_a_response_that_is_the_same_modulo_the_order__is_refused() -> None:
    start = 32 * (POINTS + 1)
    response = int.from_bytes(SECTION[start : start + 32], "little") + ORDER
    with pytest.raises(MalformedPadDealing, match="not below the group's order"):
        pads.read_section(DEALT.ctx, 7, SECTION[:start] + response.to_bytes(32, "little") + SECTION[start + 32 :])


def test_any_flipped_bit_before_the_boxes__makes_the_dealing_malformed() -> None:
    rng = random.Random("flipped bits")
    for byte in range(32 * (POINTS + SCALARS)):
        flipped = bytearray(SECTION)
        flipped[byte] ^= 1 << rng.randrange(8)
        with pytest.raises(MalformedPadDealing):
            pads.read_section(DEALT.ctx, 7, bytes(flipped))


def test_any_flipped_bit_in_a_box__is_its_dealers_fault_before_its_recipient_alone() -> None:
    start = 32 * (POINTS + SCALARS)
    for recipient, box in DEALT.dealings[7].boxes.items():
        for byte in range(start, start + len(box), 7):
            flipped = bytearray(SECTION)
            flipped[byte] ^= 1 << byte % 8
            dealing = pads.read_section(DEALT.ctx, 7, bytes(flipped))
            complaint = pads.complain(DEALT.ctx, dealing, recipient, DEALT.keys[recipient].secret)
            verdict = pads.judge(DEALT.ctx, dealing, recipient, DEALT.publics[recipient], complaint)
            assert verdict == "dealer"
            with pytest.raises(FalseBox):
                pads.open_box(DEALT.ctx, dealing, recipient, DEALT.keys[recipient].secret)
        start += len(box)
    assert start == len(SECTION)


@pytest.mark.parametrize("name", MALFORMED_SCALARS)
@pytest.mark.parametrize("place", [0, 4])
def test_masked_updates_and_shares_with_a_malformed_scalar__are_refused(place: int, name: str) -> None:
    data = bytearray(pads.write_masked(DEALT.masked[7]))
    data[32 * place : 32 * place + 32] = MALFORMED_SCALARS[name]
    with pytest.raises(MalformedPayload, match=r"hospital 7 .* not below"):
        pads.read_masked(DEALT.ctx, 7, bytes(data))
    assert not pads.share_fits(DEALT.ctx, DEALT.dealings, DEALT.ctx.dealt, 7, bytes(data))
    shares = {number: bytes(data) for number in (3, 5, 7)}
    with pytest.raises(MalformedShare, match="not below"):
        pads.open_pads(DEALT.ctx, DEALT.masked, shares, DEALT.ctx.dealt)


@pytest.mark.parametrize("length", [0, 31, 32 * 4, 32 * 5 - 1, 32 * 5 + 1, 32 * 6])
def test_masked_updates_and_shares_of_another_length__are_refused(length: int) -> None:
    with pytest.raises(MalformedPayload, match="160 bytes"):
        pads.read_masked(DEALT.ctx, 7, bytes(length))
    assert not pads.share_fits(DEALT.ctx, DEALT.dealings, DEALT.ctx.dealt, 7, bytes(length))


NUMBERS = st.one_of(st.integers(0, 2**256 - 1), st.sampled_from([0, 1, ORDER - 1, ORDER, ORDER + 1]))


@settings(max_examples=80, deadline=None)
@given(x=NUMBERS, y=NUMBERS, c=NUMBERS, s=NUMBERS, complainer=st.sampled_from([0, 3, 7, 9, 2**32]))
def test_a_complaint_of_any_numbers__names_its_complainer(x: int, y: int, c: int, s: int, complainer: int) -> None:
    """Whatever stands in the transaction, the judges have an answer, and it is not the dealer's fault."""
    complaint = pads.Complaint(Point(x, y), c, s)
    assert pads.judge(DEALT.ctx, DEALT.dealings[7], complainer, DEALT.publics[9], complaint) == "complainer"
