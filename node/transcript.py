# SPDX-License-Identifier: Apache-2.0
"""The digest of what counts in a key ceremony: what hospitals acknowledge, and anybody can compute from the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from node.hashing import Field, public_hash

#: Chain, contract (20 bytes), study, ceremony.
Identity = tuple[int, bytes, int, int]


class CountedDealing(NamedTuple):
    """A dealing that counts: its dealer's number, digest and size in bytes."""

    dealer: int
    digest: bytes
    size: int


class CountedComplaint(NamedTuple):
    """A complaint about such a dealing: hospital numbers, round, the point D and the proof (c, s)."""

    complainer: int
    dealer: int
    round: int
    dx: int
    dy: int
    challenge: int
    response: int


def transcript_digest(
    identity: Identity,
    keys_hash: bytes,
    dealings: Sequence[CountedDealing],
    complaints: Sequence[CountedComplaint],
    guilty: int,
) -> bytes:
    """The digest, 32 bytes; dealings in index order, complaints by complainer's and then dealer's index.

    `guilty`: bitmap over enrolment indices.
    """
    fields: list[Field] = ["ceremony transcript", *identity, keys_hash, len(dealings)]
    for dealing in dealings:
        fields += dealing
    fields.append(len(complaints))
    for complaint in complaints:
        fields += complaint
    return public_hash(*fields, guilty)
