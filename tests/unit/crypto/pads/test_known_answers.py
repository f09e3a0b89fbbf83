# SPDX-License-Identifier: Apache-2.0
"""The printed answers against a second derivation in plain integers; CI compares them with the library's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from node.errors import MalformedEncoding
from node.group import encoding
from scripts.pad_vectors import pad_vectors
from scripts.vectors import FOLDER, text
from tests.support import plain_pads as plain

FILE = FOLDER / "pads.json"
ANSWERS: dict[str, Any] = json.loads(FILE.read_text())
ROUND = plain.Plain(ANSWERS["context"])
HOSPITALS = {entry["number"]: entry for entry in ANSWERS["hospitals"]}
NUMBERS = list(HOSPITALS)
SEEDS = {number: bytes.fromhex(entry["seed"]) for number, entry in HOSPITALS.items()}


def scalars(printed: str) -> plain.Values:
    return plain.scalars_of(bytes.fromhex(printed))


def point(printed: str) -> plain.Pair:
    found = plain.point_of(bytes.fromhex(printed))
    assert found is not None
    return found


def test_the_library__gives_the_printed_answers() -> None:
    assert text(pad_vectors()) == FILE.read_text()


def test_the_base__follows_from_its_label() -> None:
    assert plain.point_bytes(ROUND.base).hex() == ANSWERS["base"]


@pytest.mark.parametrize("number", NUMBERS)
def test_keys__follow_from_seed_and_binding(number: int) -> None:
    entry = HOSPITALS[number]
    secret = plain.secret_key(bytes.fromhex(ANSWERS["binding"]), SEEDS[number])
    assert plain.scalar_bytes([secret]).hex() == entry["secret"]
    assert plain.times(secret, ROUND.base) == point(entry["public"]) == plain.times(8, point(entry["posted"]))


@pytest.mark.parametrize("dealer", NUMBERS)
def test_pads_and_shares__follow_from_the_seed(dealer: int) -> None:
    entry = HOSPITALS[dealer]
    assert ROUND.pad(dealer, SEEDS[dealer]) == scalars(entry["pad"])
    assert ROUND.at(dealer, SEEDS[dealer], ROUND.points[dealer]) == scalars(entry["own_share"])
    assert [box["recipient"] for box in entry["boxes"]] == ROUND.recipients(dealer)
    for box in entry["boxes"]:
        assert ROUND.at(dealer, SEEDS[dealer], ROUND.points[box["recipient"]]) == scalars(box["share"])


@pytest.mark.parametrize("dealer", NUMBERS)
def test_a_section__is_what_the_page_says(dealer: int) -> None:
    entry = HOSPITALS[dealer]
    section = ROUND.cut(bytes.fromhex(entry["section"]))
    assert section.commitments == [ROUND.commit(scalars(vector)) for vector in entry["coefficients"]]
    secret = ROUND.ephemeral(dealer, SEEDS[dealer])
    assert section.ephemeral == plain.times(secret, ROUND.base)
    assert ROUND.proves_key(dealer, section)
    assert not ROUND.proves_key(dealer, section._replace(ephemeral=plain.add(section.ephemeral, ROUND.base)))
    for box, printed in zip(section.boxes, entry["boxes"], strict=True):
        recipient, key = printed["recipient"], point(HOSPITALS[printed["recipient"]]["public"])
        shared = plain.times(secret, key)
        assert shared == plain.times(scalars(HOSPITALS[recipient]["secret"])[0], section.ephemeral)
        content = ROUND.open(dealer, recipient, section.ephemeral, key, shared, box)
        assert content == bytes.fromhex(printed["content"])
        share = ROUND.share(dealer, recipient, content)
        assert share == scalars(printed["share"])
        assert ROUND.fits(section.commitments, ROUND.points[recipient], share)


@pytest.mark.parametrize("case", ANSWERS["complaints"], ids=lambda case: case["about"])
def test_a_complaint__is_judged_as_printed(case: dict[str, Any]) -> None:
    dealer, complainer = case["dealer"], case["complainer"]
    section = ROUND.cut(bytes.fromhex(case["section"]))
    assert ROUND.proves_key(dealer, section)
    key, shared = point(HOSPITALS[complainer]["public"]), point(case["D"])
    guilty = "complainer"
    if ROUND.proves_equal(dealer, complainer, section.ephemeral, key, shared, scalars(case["proof"])):
        box = section.boxes[ROUND.recipients(dealer).index(complainer)]
        content = ROUND.open(dealer, complainer, section.ephemeral, key, shared, box)
        assert content is not None
        share = ROUND.share(dealer, complainer, content)
        if not ROUND.fits(section.commitments, ROUND.points[complainer], share):
            guilty = "dealer"
    assert guilty == case["guilty"]


def test_the_complaints__have_every_verdict() -> None:
    assert [case["guilty"] for case in ANSWERS["complaints"]] == ["complainer", "dealer", "dealer", "complainer"]


def test_a_round__opens_to_the_printed_sum() -> None:
    printed = ANSWERS["round"]
    included = {entry["number"]: entry for entry in printed["included"]}
    sections = {number: ROUND.cut(bytes.fromhex(HOSPITALS[number]["section"])) for number in included}
    masked = {number: scalars(entry["masked"]) for number, entry in included.items()}
    for number, entry in included.items():
        blinding = scalars(entry["blinding"])
        update = [*entry["values"], *blinding]
        pad = ROUND.pad(number, SEEDS[number])
        assert masked[number] == [(a + b) % plain.ORDER for a, b in zip(update, pad, strict=True)]
        assert ROUND.commit(update) == point(entry["commitment"])
        expected = plain.add(point(entry["commitment"]), sections[number].commitments[0])
        assert ROUND.commit(masked[number]) == expected
    summed = [plain.total(list(column)) for column in zip(*(s.commitments for s in sections.values()), strict=True)]
    sigmas = {}
    for entry in printed["shares"]:
        x, sigma = ROUND.points[entry["number"]], scalars(entry["sigma"])
        shares = [ROUND.at(dealer, SEEDS[dealer], x) for dealer in included]
        assert sigma == [sum(column) % plain.ORDER for column in zip(*shares, strict=True)]
        assert ROUND.fits(summed, x, sigma)
        sigmas[x] = sigma
    pads = plain.lagrange(sigmas, 0)
    whole = [sum(column) for column in zip(*masked.values(), strict=True)]
    opened = [(value - pad) % plain.ORDER for value, pad in zip(whole, pads, strict=True)]
    signed = [value - plain.ORDER if value > plain.ORDER // 2 else value for value in opened[:-1]]
    expected_sums = [sum(column) for column in zip(*(entry["values"] for entry in included.values()), strict=True)]
    assert signed == printed["sums"] == expected_sums
    assert opened[-1:] == scalars(printed["blinding"])


def test_encodings_of_points__are_read_or_refused_as_printed() -> None:
    read = 0
    for case in ANSWERS["points"]:
        data = bytes.fromhex(case["bytes"])
        expected = case["point"] and (int(case["point"]["x"]), int(case["point"]["y"]))
        assert plain.point_of(data) == expected
        if expected is None:
            with pytest.raises(MalformedEncoding):
                encoding.read_point(data, identity=True)
        else:
            read += 1
            assert encoding.read_point(data, identity=True) == expected
    assert 4 <= read < len(ANSWERS["points"])
