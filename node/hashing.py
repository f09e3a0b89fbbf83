# SPDX-License-Identifier: Apache-2.0
"""Hashes of fields, each named by its use: the one encoding behind every derived byte and every digest."""

from __future__ import annotations

import hashlib
from typing import TypeAlias

Field: TypeAlias = "int | bytes | str | tuple[int, ...]"

_PREFIX = b"consilium/threshold-ckks/v1/"
_HASH_BYTES = 32


def encode(*fields: Field) -> bytes:
    """Encodes fields so that different lists never give the same bytes; integers below 2^256."""
    parts = []
    for field in fields:
        if isinstance(field, int):
            parts.append(b"i" + field.to_bytes(32, "big"))
        elif isinstance(field, str):
            parts.append(b"s" + len(field.encode()).to_bytes(4, "big") + field.encode())
        elif isinstance(field, bytes):
            parts.append(b"b" + len(field).to_bytes(4, "big") + field)
        else:
            parts.append(b"t" + len(field).to_bytes(4, "big") + encode(*field))
    return b"".join(parts)


def expand(key: bytes, length: int, *fields: Field) -> bytes:
    """Returns `length` bytes of the PRF under `key` for the input `fields`; the first names the use."""
    return hashlib.shake_256(_PREFIX + encode(key, *fields)).digest(length)


def public_hash(*fields: Field) -> bytes:
    """Returns the 32-byte domain-separated SHAKE-256 hash of public fields."""
    return expand(b"", _HASH_BYTES, *fields)
