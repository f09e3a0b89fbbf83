# SPDX-License-Identifier: Apache-2.0
"""The header that every file of a ceremony and a round begins with, ciphertexts excepted.

The digest binds a file to its context; the numbers after it say the same to a person, and to
`consilium keys inspect`, who do not have the plan at hand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from node.crypto.context import CeremonyContext, Context
from node.errors import CryptoError

_LAYOUT = struct.Struct(">4sBB32sIQQIIIBBBBBI")
_MAGIC = b"CNSL"
_VERSION = 2

HEADER_BYTES = _LAYOUT.size


class Kind(IntEnum):
    """What a file holds."""

    DEALING = 1
    TEST_KEY = 2
    TEST_SHARES = 3
    ROUND_SECRETS = 4
    OPENING_SHARE = 5

    @property
    def label(self) -> str:
        """The kind in words."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Header:
    """What a file says of itself; a round's file has one round."""

    kind: Kind
    context_digest: bytes
    sender: int
    chain_id: int
    study_id: int
    ceremony: int
    first_round: int
    rounds: int
    parties: int
    threshold: int
    value_bits: int
    statistical_security: int
    attempts: int
    value_count: int


def header_of(kind: Kind, ctx: Context, sender: int) -> Header:
    """The header that a sender's file of this kind has."""
    rounds = ctx.round_numbers if isinstance(ctx, CeremonyContext) else range(ctx.round, ctx.round + 1)
    parameters = ctx.parameters
    return Header(
        kind, ctx.digest, sender, ctx.chain_id, ctx.study_id, ctx.ceremony, rounds[0], len(rounds),
        parameters.parties, parameters.threshold, parameters.value_bits, parameters.statistical_security,
        parameters.attempts, parameters.value_count,
    )  # fmt: skip


def is_framed(data: bytes) -> bool:
    """Whether a file begins as ours do."""
    return data[: len(_MAGIC)] == _MAGIC


def read_header(data: bytes, error: type[CryptoError]) -> Header:
    """Reads a header whatever it is about; raises `error` where it is none of ours."""
    if len(data) < HEADER_BYTES or not is_framed(data):
        raise error("this is no file of a ceremony or a round, or it is cut off in its header")
    _, kind, version, *rest = _LAYOUT.unpack_from(data)
    if version != _VERSION:
        raise error(f"the file has format version {version}; this node reads version {_VERSION}")
    if kind not in set(Kind):
        raise error(f"the file is of kind {kind}, which this node does not know")
    return Header(Kind(kind), *rest)


def frame(kind: Kind, ctx: Context, sender: int, payload: bytes) -> bytes:
    """Puts the header in front."""
    head = header_of(kind, ctx, sender)
    values = [value for name, value in vars(head).items() if name != "kind"]
    return _LAYOUT.pack(_MAGIC, kind, _VERSION, *values) + payload


def unframe(kind: Kind, ctx: Context, sender: int, size: int, data: bytes, error: type[CryptoError]) -> bytes:
    """Checks size and header and returns the payload; raises `error` naming sender and fault."""
    what = f"the {kind.label} of hospital {sender}"
    if len(data) != size:
        raise error(f"{what} has {len(data)} bytes; the plan implies {size}")
    try:
        found = read_header(data, error)
    except CryptoError as fault:
        raise error(f"{what}: {fault}") from None
    expected = header_of(kind, ctx, sender)
    if found.kind is not kind:
        raise error(f"{what} is another kind of file: {found.kind.label}")
    if found.sender != sender:
        raise error(f"{what} names another hospital as its sender")
    if found != expected:
        raise error(f"{what} belongs to another study, ceremony or round, or to other parameters")
    return data[HEADER_BYTES:]
