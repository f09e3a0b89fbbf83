# SPDX-License-Identifier: Apache-2.0
"""What a ceremony and a round are bound to: who, where, under which keys, for updates of which form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from node.crypto.pads import PadContext
from node.crypto.parameters import MAXIMUM_PARTIES, MAXIMUM_ROUNDS, MINIMUM_PARTIES, ThresholdParameters
from node.crypto.updates import UpdateForm
from node.errors import ParameterError
from node.group.pedersen import limb_count
from node.hashing import public_hash

_LAST_ROUND = (1 << 32) - 1
_HASH_BYTES = 32
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")


@dataclass(frozen=True)
class CeremonyIdentity:
    """Which ceremony it is, before anybody's key is known; `contract` is the key ceremony's address."""

    chain_id: int
    contract: str
    study_id: int
    ceremony: int

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.contract):
            raise ParameterError("the contract's address must be 0x and 40 hexadecimal digits")
        limits = (("chain id", self.chain_id, 64), ("study", self.study_id, 64), ("ceremony", self.ceremony, 32))
        for name, value, bits in limits:
            if not 0 <= value < 1 << bits:
                raise ParameterError(f"the {name} is {value}; it must lie between 0 and 2^{bits} - 1")

    @property
    def fields(self) -> tuple[int, bytes, int, int]:
        """Chain, contract, study and ceremony: the start of every domain-separated input."""
        return (self.chain_id, bytes.fromhex(self.contract[2:]), self.study_id, self.ceremony)


@dataclass(frozen=True)
class CeremonyContext:
    """One key ceremony, once its keys are posted.

    `parties` are the dealt, by number, in the order of enrolment, and `indices` their enrolment indices;
    `keys_hash` is the contract's hash of their keys. The ceremony makes keys for `rounds` rounds from `first_round`
    on, of updates of the form `form`. `ckks` are the parameters of the ciphertexts, None where the ceremony's rounds
    open by pads alone.
    """

    identified: CeremonyIdentity
    keys_hash: bytes
    parties: tuple[int, ...]
    indices: tuple[int, ...]
    threshold: int
    first_round: int
    rounds: int
    form: UpdateForm
    ckks: ThresholdParameters | None

    def __post_init__(self) -> None:
        _check_parties(self)
        if len(self.keys_hash) != _HASH_BYTES:
            raise ParameterError(f"the hash of the keys has {_HASH_BYTES} bytes")
        if not 1 <= self.rounds <= MAXIMUM_ROUNDS or not 1 <= self.first_round <= _LAST_ROUND - self.rounds:
            raise ParameterError(
                f"a ceremony for {self.rounds} rounds from round {self.first_round} is not possible: "
                f"rounds count from 1, and one ceremony serves at most {MAXIMUM_ROUNDS}"
            )
        if self.ckks is not None:
            wanted = (len(self.parties), self.threshold, self.form.value_bits)
            values = self.form.coordinates + limb_count(self.form.value_bits)
            if (self.ckks.parties, self.ckks.threshold, self.ckks.value_bits) != wanted or (
                self.ckks.value_count != values
            ):
                raise ParameterError("the parameters are for other numbers of hospitals, threshold, bits or values")

    @property
    def with_ckks(self) -> bool:
        """Whether dealings have boxes for ciphertexts, so that rounds may open by CKKS first."""
        return self.ckks is not None

    @property
    def parameters(self) -> ThresholdParameters:
        """The parameters of ciphertexts; raises ParameterError in a ceremony that has none."""
        if self.ckks is None:
            raise ParameterError("this ceremony's rounds open by pads alone: there are no ciphertexts")
        return self.ckks

    @cached_property
    def digest(self) -> bytes:
        """Binds files to this ceremony, its keys, its hospitals and all its numbers."""
        return public_hash(
            "ceremony", *self.identity, self.keys_hash, self.parties, self.indices, self.threshold, self.first_round,
            self.rounds, self.form.coordinates, self.form.value_bits, int(self.form.packed),
            self.ckks.encoded() if self.ckks else b"",
        )  # fmt: skip

    @property
    def identity(self) -> tuple[int, bytes, int, int]:
        """Chain, contract, study and ceremony."""
        return self.identified.fields

    @property
    def round_numbers(self) -> range:
        """The rounds that this ceremony makes keys for."""
        return range(self.first_round, self.first_round + self.rounds)

    def round_context(self, round_number: int) -> RoundContext:
        """The context of one of its rounds; raises ParameterError for another round."""
        return RoundContext(self, round_number)


@dataclass(frozen=True)
class RoundContext:
    """One round under one ceremony's keys; raises ParameterError where it is none of that ceremony's."""

    batch: CeremonyContext
    round: int

    def __post_init__(self) -> None:
        if self.round not in self.batch.round_numbers:
            first, last = self.batch.round_numbers[0], self.batch.round_numbers[-1]
            raise ParameterError(f"round {self.round} is not one of this ceremony's rounds {first} to {last}")

    @cached_property
    def digest(self) -> bytes:
        """Binds secrets and shares to this round."""
        return public_hash("round", self.batch.digest, self.round)

    @property
    def identity(self) -> tuple[int, bytes, int, int, int]:
        """Chain, contract, study, ceremony and round: the start of every domain-separated input."""
        return (*self.batch.identity, self.round)

    @property
    def identified(self) -> CeremonyIdentity:
        """Which ceremony made its keys."""
        return self.batch.identified

    @property
    def parties(self) -> tuple[int, ...]:
        """The dealt, in the order of enrolment."""
        return self.batch.parties

    @property
    def indices(self) -> tuple[int, ...]:
        """Their enrolment indices."""
        return self.batch.indices

    @property
    def form(self) -> UpdateForm:
        """The form of the round's updates."""
        return self.batch.form

    @property
    def parameters(self) -> ThresholdParameters:
        """The parameters of ciphertexts; raises ParameterError where the ceremony has none."""
        return self.batch.parameters

    @cached_property
    def pads(self) -> PadContext:
        """What binds the round's pads."""
        identified = self.batch.identified
        return PadContext(
            chain_id=identified.chain_id,
            contract=identified.contract,
            study_id=identified.study_id,
            ceremony=identified.ceremony,
            round=self.round,
            dealt=self.parties,
            points={party: index_of(self, party) + 1 for party in self.parties},
            threshold=self.batch.threshold,
            scalars=self.form.scalars,
            keys_hash=self.batch.keys_hash,
        )


Context: TypeAlias = CeremonyContext | RoundContext


def index_of(ctx: Context, party: int) -> int:
    """The party's enrolment index, from 0; raises ParameterError for a hospital that is not one of the dealt."""
    try:
        return ctx.indices[ctx.parties.index(party)]
    except ValueError:
        raise ParameterError(
            f"hospital {party} is not a party of ceremony {ctx.identified.ceremony}: no key was dealt to it"
        ) from None


def bitmap_of(ctx: Context, parties: Iterable[int]) -> int:
    """The set of parties as a bitmap over enrolment indices."""
    return sum(1 << index_of(ctx, party) for party in set(parties))


def in_index_order(ctx: Context, parties: Iterable[int]) -> tuple[int, ...]:
    """The parties sorted by index; raises ParameterError for a stranger or a repeated one."""
    listed = list(parties)
    if len(set(listed)) != len(listed):
        raise ParameterError("a hospital is listed twice")
    return tuple(sorted(listed, key=lambda party: index_of(ctx, party)))


def _check_parties(ctx: CeremonyContext) -> None:
    if not MINIMUM_PARTIES <= len(ctx.parties) <= MAXIMUM_PARTIES or len(ctx.indices) != len(ctx.parties):
        raise ParameterError(
            f"{len(ctx.parties)} hospitals with {len(ctx.indices)} indices: a ceremony is of "
            f"{MINIMUM_PARTIES} to {MAXIMUM_PARTIES}, each with one"
        )
    if len(set(ctx.parties)) != len(ctx.parties):
        raise ParameterError("a hospital is listed twice among the parties")
    if list(ctx.indices) != sorted(set(ctx.indices)) or not 0 <= ctx.indices[0] <= ctx.indices[-1] < MAXIMUM_PARTIES:
        raise ParameterError(f"enrolment indices grow, from 0 on and below {MAXIMUM_PARTIES}")
    if not all(0 < party < 1 << 32 for party in ctx.parties):
        raise ParameterError("hospital ids lie between 1 and 2^32 - 1")
    if not 2 <= ctx.threshold < len(ctx.parties):
        raise ParameterError(f"the threshold is {ctx.threshold}; it must lie between 2 and {len(ctx.parties) - 1}")
