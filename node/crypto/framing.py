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
_VERSION = 3

HEADER_BYTES = _LAYOUT.size


class Kind(IntEnum):
    """What a file holds."""

    DEALING = 1
    ROUND_SECRETS = 2
    OPENING_SHARE = 3

    @property
    def label(self) -> str:
        """The kind in words."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True)
class Header:
    """What a file says of itself; a round's file has one round, and one of pads alone no statistical security."""

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
    packed: int
    coordinates: int


def header_of(kind: Kind, ctx: Context, sender: int) -> Header:
    """The header that a sender's file of this kind has."""
    batch = ctx if isinstance(ctx, CeremonyContext) else ctx.batch
    rounds = ctx.round_numbers if isinstance(ctx, CeremonyContext) else range(ctx.round, ctx.round + 1)
    identified, form = batch.identified, batch.form
    return Header(
        kind, ctx.digest, sender, identified.chain_id, identified.study_id, identified.ceremony, rounds[0],
        len(rounds), len(batch.parties), batch.threshold, form.value_bits,
        batch.ckks.statistical_security if batch.ckks else 0, int(form.packed), form.coordinates,
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


def unframe(kind: Kind, ctx: Context, sender: int, size: int | None, data: bytes, error: type[CryptoError]) -> bytes:
    """Checks size, where it is known, and header and returns the payload; raises `error` naming sender and fault."""
    what = f"the {kind.label} of hospital {sender}"
    if size is not None and len(data) != size:
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
