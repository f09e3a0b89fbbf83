# SPDX-License-Identifier: Apache-2.0
"""Many operations in the group at once: by the native program where it is built and pays, else in Python.

Both give the same points. The program takes its commands, which may hold secrets, on standard input, and what it
answers is read back strictly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from node.errors import GroupProgramFailed, MalformedEncoding
from node.group import babyjubjub, encoding
from node.group.babyjubjub import IDENTITY, Point
from node.group.encoding import POINT_BYTES, SCALAR_BYTES
from node.group.field import MODULUS
from node.programs import run_program

BINARY = Path(__file__).resolve().parents[2] / ".cache" / "native" / "group"

#: Starting the program takes as long as Python takes for about this many multiples of points.
_WORTH_IT = 8
_COORDINATE_DIGITS = 64


def combinations(points: Sequence[Point], rows: Sequence[Sequence[int]]) -> list[Point]:
    """Return Σ scalar·point for every row of scalars in [0, ℓ); a row has one scalar for each point of the curve.

    Raises ValueError for a scalar out of range or a row of another length.
    """
    encoded = [encoding.write_scalars(row) for row in rows]
    if any(len(row) != SCALAR_BYTES * len(points) for row in encoded):
        raise ValueError("a row has one scalar for each point")
    if not _is_native(len(points) * len(rows)):
        return [babyjubjub.combine(list(row), list(points)) for row in rows]
    table = "".join(_number(coordinate) for point in points for coordinate in point)
    answers = _answers([f"table {table}", *(f"combine {row.hex()}" for row in encoded)], len(rows))
    return [_points(answer, 1)[0] for answer in answers]


def read_points(data: bytes, *, identity: bool = False) -> list[Point]:
    """Return the points of order ℓ that consecutive 32 bytes encode, the identity only where `identity` says so.

    Raises MalformedEncoding as `encoding.read_point` does for the first that is none.
    """
    pieces = [data[start : start + POINT_BYTES] for start in range(0, len(data), POINT_BYTES)]
    if not _is_native(len(pieces)) or len(data) % POINT_BYTES:
        return [encoding.read_point(piece, identity=identity) for piece in pieces]
    [answer] = _answers([f"decode {data.hex()}"], 1)
    if answer.startswith("refused "):
        _refuse(pieces, answer.removeprefix("refused "))
    points = _points(answer, len(pieces))
    if IDENTITY in points and not identity:
        raise MalformedEncoding("a point is the identity")
    return points


def _is_native(multiples: int) -> bool:
    return multiples >= _WORTH_IT and BINARY.is_file()


def _refuse(pieces: Sequence[bytes], place: str) -> None:
    """Raises what Python has against the refused encoding: guilt hangs on it, so both have to refuse it."""
    if not (place.isdecimal() and int(place) < len(pieces)):
        raise GroupProgramFailed(f"{BINARY} refuses a point that it was not given: run `make setup`")
    encoding.read_point(pieces[int(place)], identity=True)
    raise GroupProgramFailed(f"{BINARY} refuses a point that is sound: remove it and run `make setup`")


def _answers(commands: Sequence[str], count: int) -> list[str]:
    """What the program answers to the commands: so many lines."""
    try:
        done = run_program([str(BINARY)], given="".join(f"{command}\n" for command in commands))
    except UnicodeDecodeError:
        raise GroupProgramFailed(f"{BINARY} answers with no text: remove it and run `make setup`") from None
    lines = done.stdout.split("\n")
    if done.returncode or len(lines) != count + 1 or lines[-1]:
        # Its own words are one line that quotes no number.
        raise GroupProgramFailed(f"{BINARY} did not answer: {done.stderr.strip() or 'no message'}; run `make setup`")
    return lines[:-1]


def _points(answer: str, count: int) -> list[Point]:
    """So many points of the curve from a line of coordinates."""
    width = _COORDINATE_DIGITS
    if len(answer) != 2 * width * count or not set(answer) <= set("0123456789abcdef"):
        raise GroupProgramFailed(f"{BINARY} answers with something else than points: remove it and run `make setup`")
    words = [
        int.from_bytes(bytes.fromhex(answer[start : start + width]), "little") for start in range(0, len(answer), width)
    ]
    points = [Point(x, y) for x, y in zip(words[::2], words[1::2], strict=True)]
    if not all(map(babyjubjub.is_on_curve, points)):
        raise GroupProgramFailed(f"{BINARY} answers with a point off the curve: remove it and run `make setup`")
    return points


def _number(value: int) -> str:
    """A number below the field's order as the program reads it."""
    if not 0 <= value < MODULUS:
        raise ValueError("a coordinate must be below the field's order")
    return value.to_bytes(SCALAR_BYTES, "little").hex()
