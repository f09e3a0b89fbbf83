# SPDX-License-Identifier: Apache-2.0
"""How a round's payloads are made, checked and opened: one interface over CKKS-once-then-pads and pads alone.

A round asks `round_opening` for its rules and no more about which they are. A payload is the update under a pad, which
anybody checks against the commitment, and before a CKKS opening a ciphertext of the same update, which nobody can
check: a false one makes that opening fail, and the pads open.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from node.crypto import pads
from node.crypto.context import RoundContext, in_index_order
from node.crypto.encryption import Ciphertext, add, ciphertext_size, encrypt, read_ciphertext
from node.crypto.opening import open_sum, opening_share, read_share, share_size
from node.crypto.parameters import MINIMUM_INCLUDED
from node.crypto.round_secrets import read_pad_secrets
from node.crypto.updates import OpenedSum
from node.errors import MalformedCiphertext, MalformedPayload, MalformedShare, OpeningFailed, OpeningRefused
from node.group.babyjubjub import Point


@dataclass(frozen=True)
class Payload:
    """One hospital's checked payload: its masked update, and its ciphertext in a round that CKKS opens first."""

    sender: int
    masked: tuple[int, ...]
    ciphertext: Ciphertext | None


class SumOpening(ABC):
    """One way to open the sum over a set: its shares, and what they give."""

    #: The contract's name for the way.
    name: str

    @property
    @abstractmethod
    def share_size(self) -> int:
        """Exact size in bytes of every share."""

    @abstractmethod
    def share(self, me: int, secrets: bytes, included: Sequence[int]) -> bytes:
        """Returns this hospital's share, the same bytes each time; record the set before it leaves.

        Raises OpeningRefused where this hospital has no share to give, or none should be given.
        """

    @abstractmethod
    def check_share(self, sender: int, included: Sequence[int], data: bytes) -> None:
        """Raises MalformedShare for a share that is none of the sender's for this set."""

    @abstractmethod
    def open(self, payloads: Collection[Payload], shares: Mapping[int, bytes], commitment: Point) -> OpenedSum:
        """Returns the sum over the payloads' senders, which opens `commitment`, the sum of their commitments.

        Raises OpeningFailed where shares are missing or false.
        """


class RoundOpening(ABC):
    """The rules of one round; `dealings` are the round's pads of the batch's participants, as everybody sees them."""

    def __init__(self, ctx: RoundContext, dealings: Mapping[int, pads.PadDealing]) -> None:
        self.ctx = ctx
        self.dealings = dealings

    @property
    @abstractmethod
    def payload_size(self) -> int:
        """Exact size in bytes of every payload of the round."""

    @abstractmethod
    def make_payload(self, me: int, secrets: bytes, update: Sequence[int], blinding: int) -> bytes:
        """Returns the payload of an update that is committed to with `blinding`.

        One payload a round, ever: store it before its digest or a byte of it leaves, and send the stored one.
        """

    @abstractmethod
    def read_payload(self, sender: int, data: bytes, commitment: Point) -> Payload:
        """Reads a payload; raises MalformedPayload where all see, in its bytes and the commitment, that it is false."""

    @abstractmethod
    def first(self, quorum: Sequence[int]) -> SumOpening:
        """The way of the opening's first window; `quorum` is who the contract drew, for the way that has one."""

    def later(self) -> SumOpening:
        """The way of every later window, of a suspended round, and of recovery."""
        return _Pads(self)

    @property
    def _masked_size(self) -> int:
        return pads.masked_size(self.ctx.pads)

    def _mask(self, me: int, secrets: bytes, update: Sequence[int], blinding: int) -> bytes:
        pad = read_pad_secrets(self.ctx, me, secrets).pad
        return pads.write_masked(pads.mask(self.ctx.pads, self.ctx.form.to_scalars(update), blinding, pad))

    def _unmasked(self, sender: int, data: bytes, commitment: Point) -> tuple[int, ...]:
        if len(data) != self.payload_size:
            raise MalformedPayload(
                f"the payload of hospital {sender} has {len(data)} bytes; the plan implies {self.payload_size}"
            )
        if sender not in self.dealings:
            raise MalformedPayload(f"hospital {sender} has no pad in the round's batch")
        masked = pads.read_masked(self.ctx.pads, sender, data[: self._masked_size])
        if not pads.masked_fits(self.ctx.pads, masked, commitment, self.dealings[sender]):
            raise MalformedPayload(f"the payload of hospital {sender} holds another update than it committed to")
        return masked


class PadsAlone(RoundOpening):
    """Pads open at once; payloads have no ciphertext."""

    @property
    def payload_size(self) -> int:
        return self._masked_size

    def make_payload(self, me: int, secrets: bytes, update: Sequence[int], blinding: int) -> bytes:
        return self._mask(me, secrets, update, blinding)

    def read_payload(self, sender: int, data: bytes, commitment: Point) -> Payload:
        return Payload(sender, self._unmasked(sender, data, commitment), None)

    def first(self, quorum: Sequence[int]) -> SumOpening:
        return self.later()


class CkksThenPads(RoundOpening):
    """CKKS opens once, by the quorum that the contract drew; if it does not, pads do."""

    @property
    def payload_size(self) -> int:
        return self._masked_size + ciphertext_size(self.ctx)

    def make_payload(self, me: int, secrets: bytes, update: Sequence[int], blinding: int) -> bytes:
        values = self.ctx.form.to_values(update, blinding)
        return self._mask(me, secrets, update, blinding) + encrypt(self.ctx, me, secrets, values)

    def read_payload(self, sender: int, data: bytes, commitment: Point) -> Payload:
        masked = self._unmasked(sender, data, commitment)
        try:
            return Payload(sender, masked, read_ciphertext(self.ctx, sender, data[self._masked_size :]))
        except MalformedCiphertext as error:
            raise MalformedPayload(str(error)) from None

    def first(self, quorum: Sequence[int]) -> SumOpening:
        return _Ckks(self.ctx, tuple(quorum))


def round_opening(ctx: RoundContext, dealings: Mapping[int, pads.PadDealing], *, ckks_first: bool) -> RoundOpening:
    """The rules of a round; `ckks_first`: whether the contract lets its sum open by CKKS first.

    Raises ParameterError where it does and the ceremony dealt nothing for ciphertexts.
    """
    if not ckks_first:
        return PadsAlone(ctx, dealings)
    _ = ctx.parameters
    return CkksThenPads(ctx, dealings)


class _Ckks(SumOpening):
    name = "ckks"

    def __init__(self, ctx: RoundContext, quorum: tuple[int, ...]) -> None:
        self._ctx = ctx
        self._quorum = quorum

    @property
    def share_size(self) -> int:
        return share_size(self._ctx)

    def share(self, me: int, secrets: bytes, included: Sequence[int]) -> bytes:
        return opening_share(self._ctx, me, secrets, included, self._quorum)

    def check_share(self, sender: int, included: Sequence[int], data: bytes) -> None:
        read_share(self._ctx, sender, included, self._quorum, data)

    def open(self, payloads: Collection[Payload], shares: Mapping[int, bytes], commitment: Point) -> OpenedSum:
        included = [payload.sender for payload in payloads]
        ciphertexts = [payload.ciphertext for payload in payloads if payload.ciphertext is not None]
        if len(ciphertexts) < len(included):
            raise OpeningFailed("a payload has no ciphertext")
        try:
            read = [
                read_share(self._ctx, member, included, self._quorum, shares[member])
                for member in self._quorum
                if member in shares
            ]
        except MalformedShare as error:
            raise OpeningFailed(str(error)) from None
        opened = self._ctx.form.from_values(open_sum(self._ctx, add(self._ctx, ciphertexts), read))
        return _opening(self._ctx, opened, commitment)


class _Pads(SumOpening):
    name = "pads"

    def __init__(self, rules: RoundOpening) -> None:
        self._ctx = rules.ctx
        self._dealings = rules.dealings

    @property
    def share_size(self) -> int:
        return pads.masked_size(self._ctx.pads)

    def share(self, me: int, secrets: bytes, included: Sequence[int]) -> bytes:
        ordered = in_index_order(self._ctx, included)
        if len(ordered) < MINIMUM_INCLUDED:
            raise OpeningRefused(f"a sum over {len(ordered)} updates is never opened; {MINIMUM_INCLUDED} or more are")
        shares = read_pad_secrets(self._ctx, me, secrets).shares
        strangers = [dealer for dealer in ordered if dealer not in shares]
        if strangers:
            raise OpeningRefused(f"hospitals {strangers} are no participants of this round's batch")
        return pads.pad_share(self._ctx.pads, shares, ordered)

    def check_share(self, sender: int, included: Sequence[int], data: bytes) -> None:
        if not pads.share_fits(self._ctx.pads, self._dealings, included, sender, data):
            raise MalformedShare(f"the pad share of hospital {sender} is not the one for this set")

    def open(self, payloads: Collection[Payload], shares: Mapping[int, bytes], commitment: Point) -> OpenedSum:
        masked = {payload.sender: payload.masked for payload in payloads}
        good: dict[int, bytes] = {}
        for sender, data in shares.items():
            if len(good) == self._ctx.batch.threshold:
                break
            if pads.share_fits(self._ctx.pads, self._dealings, masked, sender, data):
                good[sender] = data
        sums, blinding = pads.open_pads(self._ctx.pads, masked, good, masked)
        return _opening(self._ctx, self._ctx.form.from_scalars(sums, blinding), commitment)


def _opening(ctx: RoundContext, opened: OpenedSum, commitment: Point) -> OpenedSum:
    """What was opened, once it is seen to open the commitments."""
    if ctx.form.commitment(opened) != commitment:
        raise OpeningFailed(
            "what was opened is not what was committed to. A ciphertext or share is wrong, nobody can tell whose"
        )
    return opened
