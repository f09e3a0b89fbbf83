# SPDX-License-Identifier: Apache-2.0
"""Points and scalars as bytes: one encoding for each, and nothing else is read."""

from __future__ import annotations

import json
import random
import subprocess
from contextlib import suppress

import pytest

from node.errors import MalformedEncoding
from node.group.babyjubjub import IDENTITY, ORDER, Point, add, multiply
from node.group.encoding import (
    checked_point,
    read_point,
    read_scalar,
    read_scalars,
    write_point,
    write_scalar,
    write_scalars,
)
from node.group.field import MODULUS
from node.group.pedersen import generator
from node.proofs.prover import node_program
from tests.support.malformed import MALFORMED_POINTS, SMALL_ORDER, packed
from tests.support.native import ROOT

PACK = """
import { buildBabyjub } from "circomlibjs";
const curve = await buildBabyjub();
const points = JSON.parse(process.argv[1]);
const pack = ([x, y]) => Buffer.from(curve.packPoint([curve.F.e(x), curve.F.e(y)])).toString("hex");
console.log(JSON.stringify(points.map(pack)));
process.exit(0);
"""


def points() -> list[Point]:
    rng = random.Random("points")
    return [multiply(rng.randrange(1, ORDER), generator(0)) for _ in range(20)]


def test_every_point__is_read_from_what_it_is_written_to() -> None:
    signs = set()
    for point in points():
        data = write_point(point)
        signs.add(data[31] >> 7)
        assert len(data) == 32 and read_point(data) == point
    assert signs == {0, 1}


def test_points__are_packed_as_circomlib_does() -> None:
    given = [*points(), IDENTITY]
    listed = json.dumps([[str(point.x), str(point.y)] for point in given])
    command = [node_program(), "--input-type=module", "-e", PACK, listed]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [write_point(point).hex() for point in given]


@pytest.mark.parametrize("name", MALFORMED_POINTS)
@pytest.mark.parametrize("identity", [False, True])
def test_a_malformed_point__is_refused(name: str, identity: bool) -> None:
    data, said = MALFORMED_POINTS[name]
    with pytest.raises(MalformedEncoding, match=said):
        read_point(data, identity=identity)


def test_the_identity__is_read_only_where_it_is_allowed() -> None:
    assert read_point(write_point(IDENTITY), identity=True) == IDENTITY
    with pytest.raises(MalformedEncoding, match="identity"):
        read_point(write_point(IDENTITY))


def test_a_flipped_bit__never_gives_the_same_point() -> None:
    point = points()[0]
    data = write_point(point)
    for bit in range(256):
        flipped = (int.from_bytes(data, "little") ^ 1 << bit).to_bytes(32, "little")
        with suppress(MalformedEncoding):
            assert read_point(flipped) != point


@pytest.mark.parametrize("place", range(1, 8))
def test_coordinates_with_a_part_of_small_order__are_refused(place: int) -> None:
    outside = add(points()[0], SMALL_ORDER[place])
    with pytest.raises(MalformedEncoding, match="subgroup"):
        checked_point(*outside)
    with pytest.raises(MalformedEncoding, match="subgroup"):
        read_point(write_point(outside))


def test_coordinates__are_checked_as_encodings_are() -> None:
    x, y = points()[0]
    assert checked_point(x, y) == Point(x, y)
    for wrong in ((x + MODULUS, y), (x, y + MODULUS), (-x, y), (x - MODULUS, y), (x, (y + 1) % MODULUS)):
        with pytest.raises(MalformedEncoding, match="not on the curve"):
            checked_point(*wrong)
    with pytest.raises(MalformedEncoding, match="identity"):
        checked_point(*IDENTITY)
    assert checked_point(*IDENTITY, identity=True) == IDENTITY


@pytest.mark.parametrize("scalar", [0, 1, ORDER - 1])
def test_a_scalar__is_read_from_what_it_is_written_to(scalar: int) -> None:
    assert read_scalar(write_scalar(scalar)) == scalar


@pytest.mark.parametrize("scalar", [ORDER, ORDER + 1, 2 * ORDER, MODULUS, 2**256 - 1])
def test_a_scalar_that_is_not_below_the_order__is_refused(scalar: int) -> None:
    data = write_scalar(1) + scalar.to_bytes(32, "little")
    with pytest.raises(MalformedEncoding, match="not below the group's order"):
        read_scalars(data, 2)
    with pytest.raises(ValueError, match="in"):
        write_scalar(scalar)


@pytest.mark.parametrize("length", [0, 31, 32, 63, 65, 96])
def test_scalars_of_another_length__are_refused(length: int) -> None:
    with pytest.raises(MalformedEncoding, match="64 bytes"):
        read_scalars(bytes(length), 2)


def test_scalars__keep_their_order() -> None:
    assert read_scalars(write_scalars([1, 2, 3]), 3) == (1, 2, 3)


def test_the_malformed_points__are_what_their_names_say() -> None:
    """Each differs from a sound encoding in its one fault alone."""
    assert packed(0, 1) == write_point(IDENTITY)
    assert all(multiply(8, point) == IDENTITY for point in SMALL_ORDER)
    assert len(set(SMALL_ORDER)) == 8
