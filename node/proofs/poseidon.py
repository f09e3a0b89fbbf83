# SPDX-License-Identifier: Apache-2.0
"""Poseidon over BN254's scalar field, equal to circomlib's and circomlibjs' for arities 1 to 16."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from node.proofs.field import MODULUS

#: Largest number of inputs that one permutation takes; `tree16` goes beyond it.
MAX_ARITY = 16

_FULL_ROUNDS = 8
#: By width t = arity + 1, from t = 2 (table 2 of eprint 2019/458, as circomlib rounds it).
_PARTIAL_ROUNDS = (56, 57, 56, 60, 60, 63, 64, 63, 60, 66, 60, 65, 70, 60, 64, 68)
_WORD = 32
_CONSTANTS_FILE = "poseidon_constants.bin"

_Parameters = tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]


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
    rounds = len(constants)
    first_partial = _FULL_ROUNDS // 2
    last_partial = rounds - _FULL_ROUNDS // 2
    state = [0, *inputs]
    for index, added in enumerate(constants):
        state = [value + constant for value, constant in zip(state, added, strict=True)]
        if first_partial <= index < last_partial:
            state[0] = pow(state[0], 5, MODULUS)
        else:
            state = [pow(value, 5, MODULUS) for value in state]
        state = [sum(factor * value for factor, value in zip(row, state, strict=True)) % MODULUS for row in matrix]
    return state[0]


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
