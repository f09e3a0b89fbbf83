# SPDX-License-Identifier: Apache-2.0
"""What a ceremony and a round are bound to, and the header that every file of theirs begins with."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import TypeAlias

from node.crypto.parameters import MAXIMUM_ROUNDS, ThresholdParameters
from node.crypto.prf import public_hash
from node.errors import CryptoError, ParameterError

HEADER_BYTES = 42
_MAGIC = b"CNSL"
_VERSION = 1
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


class Kind(IntEnum):
    """What a file holds."""

    DEALING = 1
    TEST_KEY = 2
    TEST_SHARES = 3
    ROUND_SECRETS = 4
    OPENING_SHARE = 5


@dataclass(frozen=True)
class CeremonyContext:
    """One key ceremony: `contract` is the study registry's address, `parties` hospital ids in index order.

    The ceremony makes keys for `rounds` rounds from `first_round` on.
    """

    chain_id: int
    contract: str
    study_id: int
    ceremony: int
    first_round: int
    rounds: int
    parties: tuple[int, ...]
    parameters: ThresholdParameters

    def __post_init__(self) -> None:
        _check(self)
        if not 1 <= self.rounds <= MAXIMUM_ROUNDS or self.first_round < 1:
            raise ParameterError(
                f"a ceremony for {self.rounds} rounds from round {self.first_round} is not possible: "
                f"rounds count from 1, and one ceremony serves at most {MAXIMUM_ROUNDS}"
            )

    @cached_property
    def digest(self) -> bytes:
        """Binds keys and messages to this ceremony and these parameters."""
        return public_hash(
            "ceremony", *self.identity, self.first_round, self.rounds, self.parties,
            self.parameters.encoded(),
        )  # fmt: skip

    @property
    def identity(self) -> tuple[int, bytes, int, int]:
        """Chain, contract, study and ceremony: the start of every domain-separated input."""
        return (self.chain_id, _address(self.contract), self.study_id, self.ceremony)

    @property
    def round_numbers(self) -> range:
        """The rounds that this ceremony makes keys for."""
        return range(self.first_round, self.first_round + self.rounds)

    def round_context(self, round_number: int) -> RoundContext:
        """The context of one of its rounds; raises ParameterError for another round."""
        if round_number not in self.round_numbers:
            raise ParameterError(
                f"round {round_number} is not one of this ceremony's rounds "
                f"{self.first_round} to {self.first_round + self.rounds - 1}"
            )
        return RoundContext(
            self.chain_id, self.contract, self.study_id, self.ceremony, round_number,
            self.parties, self.parameters,
        )  # fmt: skip


@dataclass(frozen=True)
class RoundContext:
    """One round under one ceremony's keys."""

    chain_id: int
    contract: str
    study_id: int
    ceremony: int
    round: int
    parties: tuple[int, ...]
    parameters: ThresholdParameters

    def __post_init__(self) -> None:
        _check(self)
        if self.round < 1:
            raise ParameterError(f"round {self.round} does not exist: rounds count from 1")

    @cached_property
    def digest(self) -> bytes:
        """Binds secrets and shares to this round and these parameters."""
        return public_hash("round", *self.identity, self.parties, self.parameters.encoded())

    @property
    def identity(self) -> tuple[int, bytes, int, int, int]:
        """Chain, contract, study, ceremony and round: the start of every domain-separated input."""
        return (self.chain_id, _address(self.contract), self.study_id, self.ceremony, self.round)


Context: TypeAlias = CeremonyContext | RoundContext


def index_of(ctx: Context, party: int) -> int:
    """The party's index, from 0; raises ParameterError for a hospital that is not a party."""
    try:
        return ctx.parties.index(party)
    except ValueError:
        raise ParameterError(f"hospital {party} is not a party of ceremony {ctx.ceremony}") from None


def bitmap_of(ctx: Context, parties: Iterable[int]) -> int:
    """The set of parties as a bitmap over their indices."""
    return sum(1 << index_of(ctx, party) for party in set(parties))


def in_index_order(ctx: Context, parties: Iterable[int]) -> tuple[int, ...]:
    """The parties sorted by index; raises ParameterError for a stranger or a repeated one."""
    listed = list(parties)
    if len(set(listed)) != len(listed):
        raise ParameterError("a hospital is listed twice")
    return tuple(sorted(listed, key=lambda party: index_of(ctx, party)))


def require_all(ctx: Context, given: Iterable[int], what: str, error: type[CryptoError]) -> None:
    """Raises `error` naming who is missing or too many unless `given` are exactly the parties."""
    present = set(given)
    missing = [party for party in ctx.parties if party not in present]
    strangers = sorted(present - set(ctx.parties))
    if missing or strangers:
        raise error(f"{what}: missing from hospitals {missing}, not expected from {strangers}")


def frame(kind: Kind, context_digest: bytes, sender: int, payload: bytes) -> bytes:
    """Puts the header in front: magic, kind, version, context digest, sender's hospital id."""
    return b"".join((
        _MAGIC, bytes((kind, _VERSION)), context_digest, sender.to_bytes(4, "big"), payload,
    ))  # fmt: skip


def unframe(kind: Kind, context_digest: bytes, sender: int, size: int, data: bytes, error: type[CryptoError]) -> bytes:
    """Checks size and header and returns the payload; raises `error` naming sender and fault."""
    what = f"the {kind.name.lower().replace('_', ' ')} of hospital {sender}"
    if len(data) != size:
        raise error(f"{what} has {len(data)} bytes; the plan implies {size}")
    if data[:5] != _MAGIC + bytes((kind,)):
        raise error(f"{what} is another kind of file")
    if data[5] != _VERSION:
        raise error(f"{what} has format version {data[5]}; this node reads version {_VERSION}")
    if data[6:38] != context_digest:
        raise error(f"{what} belongs to another study, ceremony or round, or to other parameters")
    if int.from_bytes(data[38:42], "big") != sender:
        raise error(f"{what} names another hospital as its sender")
    return data[HEADER_BYTES:]


def _check(ctx: Context) -> None:
    if not _ADDRESS.fullmatch(ctx.contract):
        raise ParameterError("the contract's address must be 0x and 40 hexadecimal digits")
    if len(ctx.parties) != ctx.parameters.parties:
        raise ParameterError(
            f"{len(ctx.parties)} hospitals take part, but the parameters are for {ctx.parameters.parties}"
        )
    if len(set(ctx.parties)) != len(ctx.parties):
        raise ParameterError("a hospital is listed twice among the parties")
    if not all(0 < party < 1 << 32 for party in ctx.parties):
        raise ParameterError("hospital ids lie between 1 and 2^32 - 1")
    if min(ctx.chain_id, ctx.study_id, ctx.ceremony) < 0:
        raise ParameterError("chain id, study and ceremony are not negative")


def _address(contract: str) -> bytes:
    return bytes.fromhex(contract[2:])
