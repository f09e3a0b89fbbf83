# SPDX-License-Identifier: Apache-2.0
"""Poseidon over BN254's scalar field, equal to circomlib's and circomlibjs' for arities 1 to 16."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from operator import mul

from node.group.field import MODULUS

#: Largest number of inputs that one permutation takes; `tree16` goes beyond it.
MAX_ARITY = 16

_FULL_ROUNDS = 8
#: By width t = arity + 1, from t = 2 (table 2 of eprint 2019/458, as circomlib rounds it).
_PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
_WORD = 32
_CONSTANTS_FILE = "poseidon_constants.bin"

_Vector = tuple[int, ...]
_Parameters = tuple[tuple[_Vector, ...], tuple[_Vector, ...]]


@dataclass(frozen=True)
class _Middle:
    """The partial rounds of a width t as what they are but for their S-boxes: one linear map.

    In them the S-box changes the first element alone. Call it u_k after the S-box of round k (of R), the others s
    before the first round, and write the mixing matrix as [[m, v], [w, N]]. Then round k leaves as its first element
    m·u_k + Σ_{j<k} v·N^(k−1−j)·w·u_j + v·N^k·s + a constant, and all of them leave N^R·s + Σ_j N^(R−1−j)·w·u_j + a
    constant as the others: a third of the products of R times the whole matrix.

    `first`: the constant that round k adds to the first element; `echo`: R of m, v·w, v·N·w, …, the last first;
    `seen`: R rows v·N^k; `added`: R constants; `others`: t − 1 rows of N^R and, the last first, N^k·w; `left`:
    t − 1 constants.
    """

    first: _Vector
    echo: _Vector
    seen: tuple[_Vector, ...]
    added: _Vector
    others: tuple[_Vector, ...]
    left: _Vector


@lru_cache(maxsize=1)
def _constants() -> bytes:
    return (resources.files(__package__) / _CONSTANTS_FILE).read_bytes()


@lru_cache(maxsize=MAX_ARITY)
def _parameters(width: int) -> _Parameters:
    """Return the round constants (one tuple per round) and the mixing matrix of a width.

    The file holds, for t = 2 to 17, the t·rounds round constants and then the t·t matrix row by
    row, each as 32 big-endian bytes (written by `scripts/generate.py` from circomlibjs).
    """
    data = _constants()
    offset = 0
    for t in range(2, width + 1):
        rounds = _FULL_ROUNDS + _PARTIAL_ROUNDS[t - 2]
        count = t * (rounds + t)
        if t < width:
            offset += count * _WORD
    words = [int.from_bytes(data[at : at + _WORD], "big") for at in range(offset, offset + count * _WORD, _WORD)]
    rows = [tuple(words[at : at + width]) for at in range(0, count, width)]
    return tuple(rows[:rounds]), tuple(rows[rounds:])


def poseidon(inputs: Sequence[int]) -> int:
    """Return the Poseidon hash of 1 to 16 field elements.

    Inputs are reduced mod p; the result is in [0, p). Raises ValueError for another count.
    Source: eprint 2019/458 with circomlib's constants, capacity element first and zero.
    """
    if not 1 <= len(inputs) <= MAX_ARITY:
        raise ValueError(f"Poseidon takes 1 to {MAX_ARITY} inputs, not {len(inputs)}; use tree16")
    width = len(inputs) + 1
    constants, matrix = _parameters(width)
    state = [0, *inputs]
    for added in constants[: _FULL_ROUNDS // 2]:
        state = _full_round(state, added, matrix)
    state = _partial_rounds(state, _middle(width))
    for added in constants[-_FULL_ROUNDS // 2 : -1]:
        state = _full_round(state, added, matrix)
    # Of the last round the first element is the hash, and nobody needs the others.
    return _full_round(state, constants[-1], matrix[:1])[0]


def _full_round(state: Sequence[int], added: _Vector, matrix: tuple[_Vector, ...]) -> list[int]:
    boxed = [pow(value + constant, 5, MODULUS) for value, constant in zip(state, added, strict=True)]
    return [_dot(row, boxed) for row in matrix]


def _partial_rounds(state: Sequence[int], middle: _Middle) -> list[int]:
    head, others = state[0], state[1:]
    boxed: list[int] = []
    rounds = len(middle.first)
    for number, (constant, seen, added) in enumerate(zip(middle.first, middle.seen, middle.added, strict=True), 1):
        boxed.append(pow(head + constant, 5, MODULUS))
        head = (_dot(middle.echo[rounds - number :], boxed) + _dot(seen, others) + added) % MODULUS
    whole = [*others, *boxed]
    return [head, *(_dot(row, whole) + left for row, left in zip(middle.others, middle.left, strict=True))]


@lru_cache(maxsize=MAX_ARITY)
def _middle(width: int) -> _Middle:
    constants, matrix = _parameters(width)
    constants = constants[_FULL_ROUNDS // 2 : -_FULL_ROUNDS // 2]
    top, inner = matrix[0][1:], tuple(row[1:] for row in matrix[1:])
    seen, spread = [top], [tuple(row[0] for row in matrix[1:])]
    added, left = [], (0,) * (width - 1)
    for constant in constants:
        seen += _product((seen[-1],), inner)
        spread.append(tuple(_dot(row, spread[-1]) for row in inner))
        moved = [value + more for value, more in zip(left, constant[1:], strict=True)]
        added.append(_dot(top, moved))
        left = tuple(_dot(row, moved) for row in inner)
    rounds = len(constants)
    echo = (matrix[0][0], *(_dot(top, column) for column in spread[: rounds - 1]))
    power: tuple[_Vector, ...] = inner
    for bit in format(rounds, "b")[1:]:
        power = _product(power, power)
        power = _product(power, inner) if bit == "1" else power
    others = tuple((*power[i], *(column[i] for column in reversed(spread[:rounds]))) for i in range(width - 1))
    return _Middle(
        tuple(constant[0] for constant in constants), echo[::-1], tuple(seen[:rounds]), tuple(added), others, left
    )


def _product(left: Sequence[_Vector], right: Sequence[_Vector]) -> tuple[_Vector, ...]:
    columns = tuple(zip(*right, strict=True))
    return tuple(tuple(_dot(row, column) for column in columns) for row in left)


def _dot(row: Sequence[int], column: Sequence[int]) -> int:
    total: int = sum(map(mul, row, column))
    return total % MODULUS


def tree16(elements: Sequence[int]) -> int:
    """Return the root of the 16-ary Poseidon tree over at least one element.

    Up to 16 elements are hashed together; more are cut into chunks of 16 (the last one shorter,
    never padded), whose hashes are treated alike. The shape follows from the count alone.
    """
    if not elements:
        raise ValueError("tree16 needs at least one element")
    level = list(elements)
    while len(level) > MAX_ARITY:
        level = [poseidon(level[at : at + MAX_ARITY]) for at in range(0, len(level), MAX_ARITY)]
    return poseidon(level)
