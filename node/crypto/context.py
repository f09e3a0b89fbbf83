# SPDX-License-Identifier: Apache-2.0
"""What a ceremony and a round are bound to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from node.crypto.parameters import MAXIMUM_ROUNDS, ThresholdParameters
from node.crypto.prf import public_hash
from node.errors import CryptoError, ParameterError

_LAST_ROUND = (1 << 32) - 1
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


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
        if not 1 <= self.rounds <= MAXIMUM_ROUNDS or not 1 <= self.first_round <= _LAST_ROUND - self.rounds:
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
        if not 1 <= self.round <= _LAST_ROUND:
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
    limits = (("chain id", ctx.chain_id, 64), ("study", ctx.study_id, 64), ("ceremony", ctx.ceremony, 32))
    for name, value, bits in limits:
        if not 0 <= value < 1 << bits:
            raise ParameterError(f"the {name} is {value}; it must lie between 0 and 2^{bits} - 1")


def _address(contract: str) -> bytes:
    return bytes.fromhex(contract[2:])
