# SPDX-License-Identifier: Apache-2.0
"""Who contributed to a proving key: the history that snarkjs keeps in section 10 of a `.zkey` file.

A history says what a key claims; that the claim holds is checked by `snarkjs zkey verify`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from node.errors import ProofError

_MAGIC = b"zkey"
_HISTORY = 10
_WORD = 32
#: Order of BN254's base field, in which the coordinates of points are.
_BASE_FIELD = 21888242871839275222246405745257275088696311157297823662689037894645226208583
#: Coordinates lie in the file in Montgomery form: times 2^256.
_FROM_MONTGOMERY = pow(1 << 256, -1, _BASE_FIELD)
_NAME, _ITERATIONS, _BEACON = 1, 2, 3
_BEACON_TYPE = 1


@dataclass(frozen=True)
class Beacon:
    """A public value that nobody could choose, hashed 2^`iterations_exponent` times; `value` is hex."""

    value: str
    iterations_exponent: int


@dataclass(frozen=True)
class KeyContribution:
    """One contribution; `hash` is the BLAKE2b-512 (hex) that snarkjs shows to whoever contributes."""

    name: str
    hash: str
    beacon: Beacon | None


@dataclass(frozen=True)
class KeyHistory:
    """All contributions, oldest first; `circuit_hash` (hex) is what they started from."""

    circuit_hash: str
    contributions: tuple[KeyContribution, ...]


def read_history(key: Path) -> KeyHistory:
    """Read the history of a Groth16 proving key; ProofError where the file is no such key."""
    try:
        with key.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise ValueError
            _number(file)  # version
            for _ in range(_number(file)):
                kind, size = _number(file), _number(file, 8)
                if kind == _HISTORY:
                    circuit_hash = _bytes(file, 64).hex()
                    contributions = tuple(_contribution(file) for _ in range(_number(file)))
                    return KeyHistory(circuit_hash, contributions)
                file.seek(size, 1)
        raise ValueError
    except OSError as error:
        raise ProofError(f"the proving key {key} cannot be read ({error.strerror})") from None
    except ValueError:
        raise ProofError(f"{key} is no Groth16 proving key, or damaged: fetch it again") from None


def _contribution(file: BinaryIO) -> KeyContribution:
    # Three points of G1 and one of G2, then the hash of the transcript so far: the contribution's public key.
    points = [_bytes(file, 2 * _WORD) for _ in range(3)] + [_bytes(file, 4 * _WORD)]
    digest = hashlib.blake2b()
    for point in points:
        digest.update(_as_hashed(point))
    digest.update(_bytes(file, 64))
    is_beacon = _number(file) == _BEACON_TYPE
    name, value, exponent = "", b"", 0
    end = _number(file) + file.tell()
    while file.tell() < end:
        kind = _number(file, 1)
        if kind == _NAME:
            name = _bytes(file, _number(file, 1)).decode()
        elif kind == _ITERATIONS:
            exponent = _number(file, 1)
        elif kind == _BEACON:
            value = _bytes(file, _number(file, 1))
        else:
            raise ValueError
    # snarkjs recomputes what is typed as a beacon: what only carries a beacon's values was chosen by somebody.
    if is_beacon != bool(value):
        raise ValueError
    return KeyContribution(name, digest.hexdigest(), Beacon(value.hex(), exponent) if is_beacon else None)


def _as_hashed(point: bytes) -> bytes:
    """A point as snarkjs hashes it: plain big-endian words, the second part of an Fq2 value first."""
    words = [point[start : start + _WORD] for start in range(0, len(point), _WORD)]
    plain = [int.from_bytes(word, "little") * _FROM_MONTGOMERY % _BASE_FIELD for word in words]
    if len(plain) == 4:
        plain = [plain[1], plain[0], plain[3], plain[2]]
    return b"".join(number.to_bytes(_WORD, "big") for number in plain)


def _number(file: BinaryIO, size: int = 4) -> int:
    return int.from_bytes(_bytes(file, size), "little")


def _bytes(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) != size:
        raise ValueError
    return found
