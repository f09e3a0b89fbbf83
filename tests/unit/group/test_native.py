# SPDX-License-Identifier: Apache-2.0
"""The native program of the group against Python, and what is made of it where it fails or lies."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path

import pytest

from node.errors import GroupProgramFailed, MalformedEncoding, ProgramKilled
from node.group import babyjubjub, native
from node.group.babyjubjub import IDENTITY, ORDER, Point, multiply
from node.group.encoding import read_point, write_point, write_points
from node.group.field import MODULUS
from node.group.pedersen import blinding_generator, generator
from node.programs import run_program
from scripts import circuits
from tests.support.malformed import MALFORMED_POINTS, SMALL_ORDER
from tests.support.native import ROOT, build_group

POINTS = [generator(index) for index in range(9)]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program, used however little there is to do."""
    built = build_group()
    monkeypatch.setattr(native, "BINARY", built)
    monkeypatch.setattr(native, "_WORTH_IT", 0)
    return built


@pytest.fixture
def impostor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program in its place, to be written."""
    path = tmp_path / "group"
    monkeypatch.setattr(native, "BINARY", path)
    return path


def answering(impostor: Path, shell: str) -> None:
    impostor.write_text(f"#!/bin/sh\ncat > /dev/null\n{shell}\n")
    impostor.chmod(0o755)


def rows(count: int, width: int) -> list[list[int]]:
    rng = random.Random(f"{count} rows of {width}")
    edges = [0, 1, 15, 16, ORDER - 1, 1 << 250, ORDER // 2]
    return [[rng.choice([rng.randrange(ORDER), rng.choice(edges)]) for _ in range(width)] for _ in range(count)]


@pytest.mark.parametrize(("count", "width"), [(1, 1), (1, 9), (5, 9), (3, 2), (0, 4)])
def test_combinations__equal_pythons(program: Path, count: int, width: int) -> None:
    points, given = POINTS[:width], rows(count, width)
    assert native.combinations(points, given) == [babyjubjub.combine(row, points) for row in given]


def test_combinations_of_every_kind_of_point__equal_pythons(program: Path) -> None:
    points = [*SMALL_ORDER, IDENTITY, POINTS[0], POINTS[0], babyjubjub.negate(POINTS[0])]
    for row in [*rows(4, len(points)), [1] * len(points), [0] * len(points)]:
        assert native.combinations(points, [row]) == [babyjubjub.combine(row, points)]


def test_points__are_read_as_python_reads_them(program: Path) -> None:
    points = [multiply(scalar, POINTS[0]) for scalar in range(1, 40)]
    assert native.read_points(write_points(points)) == points
    assert native.read_points(write_points([*points, IDENTITY]), identity=True) == [*points, IDENTITY]
    assert native.read_points(b"") == []


@pytest.mark.parametrize("name", [name for name, (data, _) in MALFORMED_POINTS.items() if len(data) == 32])
@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_malformed_point__is_refused_with_pythons_words(program: Path, name: str, place: int) -> None:
    data, said = MALFORMED_POINTS[name]
    pieces = [*map(write_point, POINTS)]
    pieces.insert(place, data)
    with pytest.raises(MalformedEncoding, match=said):
        native.read_points(b"".join(pieces), identity=True)


@pytest.mark.parametrize("length", [1, 31, 33, 9 * 32 - 1])
def test_points_that_are_cut_off__are_refused(program: Path, length: int) -> None:
    with pytest.raises(MalformedEncoding, match="32 bytes"):
        native.read_points(write_points(POINTS)[:length])


@pytest.mark.parametrize("identity", [False, True])
def test_bytes_at_random__are_read_or_refused_by_both(program: Path, identity: bool) -> None:
    rng, read = random.Random("bytes at random"), 0
    for _ in range(60):
        data = rng.randbytes(31) + bytes([rng.randrange(256) & 0xB1])
        try:
            expected = [read_point(data, identity=identity)]
        except MalformedEncoding as fault:
            with pytest.raises(MalformedEncoding, match=str(fault)):
                native.read_points(data, identity=identity)
        else:
            read += 1
            assert native.read_points(data, identity=identity) == expected
    assert read


def test_the_printed_commitments_and_points__are_what_the_program_gives(program: Path) -> None:
    printed = json.loads((ROOT / "tests" / "vectors" / "pedersen.json").read_text())["commitments"]
    for entry in printed:
        values = [value % ORDER for value in entry["values"]]
        points = [*map(generator, range(len(values))), blinding_generator()]
        expected = Point(int(entry["point"]["x"]), int(entry["point"]["y"]))
        assert native.combinations(points, [[*values, int(entry["blinding"])]]) == [expected]
    for case in json.loads((ROOT / "tests" / "vectors" / "pads.json").read_text())["points"]:
        data = bytes.fromhex(case["bytes"])
        if case["point"]:
            expected = Point(int(case["point"]["x"]), int(case["point"]["y"]))
            assert native.read_points(data, identity=True) == [expected]
        else:
            with pytest.raises(MalformedEncoding):
                native.read_points(data, identity=True)


def test_an_identity_among_points__is_refused_unless_allowed(program: Path) -> None:
    with pytest.raises(MalformedEncoding, match="identity"):
        native.read_points(write_points([*POINTS, IDENTITY]))


def test_where_the_program_is_not_built__python_gives_the_same(impostor: Path, program: Path) -> None:
    given = rows(3, 9)
    by_program = native.combinations(POINTS, given)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "BINARY", impostor)
        assert native.combinations(POINTS, given) == by_program
        assert native.read_points(write_points(POINTS)) == POINTS


def test_little_work__starts_no_program(impostor: Path) -> None:
    answering(impostor, "exit 1")
    assert native.combinations(POINTS[:2], [[1, 2]]) == [babyjubjub.combine([1, 2], POINTS[:2])]
    assert native.read_points(write_points(POINTS[:2])) == POINTS[:2]


@pytest.mark.parametrize("row", [[-1] * 9, [ORDER] * 9, [1] * 8, [1] * 10])
def test_a_row_that_does_not_fit__is_refused(program: Path, row: list[int]) -> None:
    with pytest.raises(ValueError, match="scalar"):
        native.combinations(POINTS, [row])


def test_a_point_that_is_none__is_refused_before_it_is_passed_on(program: Path) -> None:
    with pytest.raises(ValueError, match="below the field's order"):
        native.combinations([Point(MODULUS, 1)], [[1]])
    with pytest.raises(GroupProgramFailed, match="not on the curve"):
        native.combinations([Point(1, 1)], [[1]])


ONE = "0" * 64 + "01" + "0" * 62


@pytest.mark.parametrize(
    "shell",
    [
        "exit 0",
        "exit 3",
        f"echo {ONE}; exit 1",
        f"printf {ONE}",
        f"echo {ONE[:-1]}",
        f"echo {ONE}{ONE}",
        f"echo {ONE}; echo {ONE}",
        f"echo {ONE}; echo; echo",
        f"echo {ONE}; printf {ONE}",
        f"echo {ONE.replace('01', 'AB')}",
        f"echo {'0' * 126}0x",
        f"echo {'ff' * 64}",
        f"echo {'0' * 64}{'02'}{'0' * 62}",
        "echo refused 0",
        r"printf '\377\n'",
    ],
)
def test_a_malformed_answer__is_refused(impostor: Path, shell: str) -> None:
    answering(impostor, shell)
    with pytest.raises(GroupProgramFailed, match="make setup"):
        native.combinations(POINTS, [[1] * 9])


@pytest.mark.parametrize("answer", ["refused 0", "refused 9", "refused -1", "refused", "refused x", "refused ²", ONE])
def test_an_answer_about_sound_points__that_refuses_them__makes_nobody_guilty(impostor: Path, answer: str) -> None:
    answering(impostor, f"echo '{answer}'")
    with pytest.raises(GroupProgramFailed, match="make setup"):
        native.read_points(write_points(POINTS))


def test_a_program_that_reads_nothing__makes_nobody_guilty(impostor: Path) -> None:
    impostor.write_text("#!/bin/sh\nexit 1\n")
    impostor.chmod(0o755)
    with pytest.raises(GroupProgramFailed):
        native.read_points(write_points(POINTS * 2000))


def test_scalars__are_on_standard_input_and_not_on_the_command_line(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = []

    def recorded(command: list[str], given: str) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return run_program(command, given)

    monkeypatch.setattr(native, "run_program", recorded)
    assert native.combinations(POINTS[:1], [[12345]]) == [multiply(12345, POINTS[0])]
    assert commands == [[str(program)]]


def test_the_programs_sources__name_no_proving_key() -> None:
    """A change of them must not rebuild every development key."""
    own = {path.read_bytes() for path in (ROOT / "circuits" / "native" / "group").iterdir()}
    named = set(circuits._native_sources())
    assert len(own) == 2 and len(named) > 20 and not named & own


def test_a_program_that_is_killed__makes_nobody_guilty(impostor: Path) -> None:
    answering(impostor, "kill -9 $$")
    with pytest.raises(ProgramKilled):
        native.read_points(write_points(POINTS))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("multiply 01", "not a command"),
        ("table", "not a command"),
        ("table " + "0" * 64, "lacks a coordinate"),
        ("table " + "0" * 127, "cut off"),
        ("table " + "ff" * 64, "below the field"),
        ("table " + "01" + "0" * 126, "not on the curve"),
        ("combine " + "0" * 64, "one scalar for each point"),
        ("decode " + "0" * 63 + "G", "hexadecimal"),
        ("decode " + "0" * 63 + "A", "hexadecimal"),
        ("", "not a command"),
    ],
)
def test_the_program__refuses_a_line_that_is_none_of_its_own_and_quotes_no_number(given: str, said: str) -> None:
    done = subprocess.run([build_group()], input=f"{given}\n", capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and said in done.stderr and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and "0" not in done.stderr


def test_the_program__takes_nothing_from_its_command_line() -> None:
    done = subprocess.run([build_group(), "combine"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "standard input" in done.stderr
