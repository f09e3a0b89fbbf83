# SPDX-License-Identifier: Apache-2.0
"""Writes the bytes that SEAL 4.3 and TenSEAL 0.3.18 read, and reads ciphertext files strictly.

A ciphertext file is a serialised TenSEAL CKKSVector whose SEAL ciphertexts are "seeded": they hold the
first component only, and the public seed from which SEAL expands the second. All of a file but the
coefficients follows from the plan, so the reader compares every byte and never hands a stranger's bytes
to SEAL. Nothing is compressed: 60-bit residues do not shrink, and there is no bomb to defuse.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from node.crypto.parameters import ThresholdParameters
from node.crypto.prf import Words
from node.errors import MalformedCiphertext

SEAL_VERSION = (4, 3)

_SEAL_HEADER = struct.Struct("<HBBBBHQ")
_MAGIC = 0xA15E
_UNCOMPRESSED = 0
_SCHEME_CKKS = 2
_PRNG_SHAKE256 = 2
_SYMMETRIC = 1
_SEED = "seed (study, round or block)"


def parms_id(degree: int, primes: Sequence[int]) -> bytes:
    """SEAL's identifier of a parameter level: BLAKE2b-256 over scheme, degree, primes and a zero."""
    words = (_SCHEME_CKKS, degree, *primes, 0)
    return hashlib.blake2b(struct.pack(f"<{len(words)}Q", *words), digest_size=32).digest()


def private_context(parameters: ThresholdParameters, secret_key: Words) -> bytes:
    """A TenSEAL context for symmetric encryption under a key given in the NTT domain for all primes."""
    degree, primes = parameters.degree, parameters.primes
    parms = struct.pack("<BQQ", _SCHEME_CKKS, degree, len(primes))
    parms += b"".join(_seal_object(struct.pack("<Q", prime)) for prime in (*primes, 0))
    count = len(primes) * degree
    plaintext = parms_id(degree, primes) + struct.pack("<Qd", count, 1.0)
    plaintext += _seal_object(struct.pack("<Q", count) + secret_key.astype("<u8").tobytes())
    public = b"\x10\x00" + b"\x19" + struct.pack("<d", vector_scale(parameters))
    private = _bytes_field(1, _seal_object(plaintext))
    return b"".join((
        _bytes_field(1, _seal_object(parms)), _bytes_field(2, public), _bytes_field(3, private),
        bytes((4 << 3, _SYMMETRIC)),
    ))  # fmt: skip


class VectorShape(Protocol):
    """What the bytes of a ciphertext file depend on, its residues and seeds apart."""

    @property
    def degree(self) -> int:
        """N."""

    @property
    def data_primes(self) -> tuple[int, ...]:
        """The primes of ciphertexts."""

    @property
    def blocks(self) -> int:
        """How many polynomials."""

    @property
    def shift(self) -> int:
        """Bits below the payload."""


def vector_scale(shape: VectorShape) -> float:
    """The CKKS scale of a file: the payload's unit, above the noise."""
    return float(1 << shape.shift)


def vector_size(shape: VectorShape) -> int:
    """Exact size in bytes of every ciphertext file of this shape."""
    polynomial = len(shape.data_primes) * shape.degree * 8
    seeds = [bytes(64)] * shape.blocks
    fixed = sum(len(part) for _, part in _layout(shape, seeds) if part is not None)
    return fixed + shape.blocks * polynomial


def write_vector(shape: VectorShape, seeds: Sequence[bytes], blocks: Sequence[Words]) -> bytes:
    """Serialises first components, NTT domain, shape (data primes, N), with their public seeds."""
    remaining = iter(blocks)
    parts = _layout(shape, seeds)
    return b"".join(next(remaining).astype("<u8").tobytes() if part is None else part for _, part in parts)


def read_vector(shape: VectorShape, seeds: Sequence[bytes], data: bytes) -> tuple[Words, ...]:
    """Reads a file that must be exactly what `write_vector` writes; raises MalformedCiphertext.

    Returns one array of shape (data primes, N) for each block, every residue below its prime.
    """
    expected = vector_size(shape)
    if len(data) != expected:
        raise MalformedCiphertext(f"the ciphertext has {len(data)} bytes; the plan implies {expected}")
    primes = np.array(shape.data_primes, dtype=np.uint64)[:, None]
    polynomial = primes.size * shape.degree * 8
    blocks: list[Words] = []
    position = 0
    for name, part in _layout(shape, seeds):
        if part is None:
            words = np.frombuffer(data, dtype="<u8", count=polynomial // 8, offset=position)
            block = words.astype(np.uint64).reshape(primes.size, shape.degree)
            if not (block < primes).all():
                raise MalformedCiphertext(f"block {len(blocks)} holds a coefficient that is not reduced")
            blocks.append(block)
            position += polynomial
            continue
        found = data[position : position + len(part)]
        if found != part:
            raise MalformedCiphertext(_complaint(name, part, found, len(blocks)))
        position += len(part)
    return tuple(blocks)


def read_seeds(shape: VectorShape, data: bytes) -> list[bytes]:
    """The public seeds in a file of the right size, whatever they are."""
    seeds = []
    position = 0
    for name, part in _layout(shape, [bytes(64)] * shape.blocks):
        size = 8 * len(shape.data_primes) * shape.degree if part is None else len(part)
        if name == _SEED:
            seeds.append(data[position : position + size])
        position += size
    return seeds


def slot_count(degree: int) -> bytes:
    """How many numbers TenSEAL sees in one block, as the list of sizes has it."""
    return _varint(degree // 2)


def read_varint(data: bytes, position: int) -> tuple[int, int]:
    """A protobuf integer and the position after it; one without an end within 5 bytes is MalformedCiphertext."""
    value = 0
    for place, byte in enumerate(data[position : position + 5]):
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, position + place + 1
    raise MalformedCiphertext("a length in the file has no end")


def _complaint(name: str, expected: bytes, found: bytes, block: int) -> str:
    if name == "SEAL version":
        given, known = ".".join(map(str, found)), ".".join(map(str, expected))
        return f"block {block} was written by SEAL {given}; all hospitals need the TenSEAL with SEAL {known}"
    if name == "compression":
        return f"block {block} is compressed (mode {found[0]}); ciphertexts are sent uncompressed"
    shown, wanted = found[:16].hex(), expected[:16].hex()
    return f"block {block} has another {name} than the plan implies: {shown}, not {wanted}"


def _layout(shape: VectorShape, seeds: Sequence[bytes]) -> list[tuple[str, bytes | None]]:
    """All parts of a file in order, by name; None stands for a block's coefficients."""
    degree, primes = shape.degree, shape.data_primes
    count = len(primes) * degree
    parts: list[tuple[str, bytes | None]] = []
    sizes = slot_count(degree) * shape.blocks
    parts.append(("list of sizes", _bytes_field(1, sizes)))
    members = struct.pack("<BQQQ", 1, 2, degree, len(primes))
    metadata = parms_id(degree, primes) + members + struct.pack("<dQ", vector_scale(shape), 1)
    array_size = _SEAL_HEADER.size + 8 + 8 * count
    generator_size = _SEAL_HEADER.size + 1 + 64
    total = _SEAL_HEADER.size + len(metadata) + array_size + generator_size
    for seed in seeds:
        parts.append(("length", bytes((2 << 3 | 2,)) + _varint(total)))
        parts += _header_parts(total)
        parts += [
            ("parameter id", metadata[:32]),
            ("NTT flag", members[:1]),
            ("number of components", members[1:9]),
            ("degree", members[9:17]),
            ("number of primes", members[17:]),
            ("scale", metadata[32 + len(members) : -8]),
            ("correction factor", metadata[-8:]),
        ]
        parts += _header_parts(array_size)
        parts += [("number of coefficients", struct.pack("<Q", count)), ("coefficients", None)]
        parts += _header_parts(generator_size)
        parts += [("generator", bytes((_PRNG_SHAKE256,))), (_SEED, seed)]
    parts.append(("scale", b"\x19" + struct.pack("<d", vector_scale(shape))))
    return parts


def _header_parts(size: int) -> list[tuple[str, bytes | None]]:
    header = _SEAL_HEADER.pack(_MAGIC, _SEAL_HEADER.size, *SEAL_VERSION, _UNCOMPRESSED, 0, size)
    return [
        ("SEAL magic number", header[:3]),
        ("SEAL version", header[3:5]),
        ("compression", header[5:6]),
        ("object size", header[6:]),
    ]


def _seal_object(payload: bytes) -> bytes:
    size = _SEAL_HEADER.size + len(payload)
    return _SEAL_HEADER.pack(_MAGIC, _SEAL_HEADER.size, *SEAL_VERSION, _UNCOMPRESSED, 0, size) + payload


def _bytes_field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
