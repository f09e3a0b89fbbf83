# SPDX-License-Identifier: Apache-2.0
"""A batch's dealings of pads, and rounds under them, among hospitals with gaps between their numbers and points."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from node.crypto import pads
from node.crypto.pads.boxes import unseal
from node.crypto.pads.dealing import polynomial, write_section
from node.crypto.pads.polynomials import commit as commit_vectors
from node.group.babyjubjub import ORDER, Point, multiply
from node.group.pedersen import commit

CONTRACT = "0x" + "0123456789abcdef" * 2 + "01234567"


def pad_context(parties: int = 5, threshold: int = 3, scalars: int = 4, *, round_number: int = 1) -> pads.PadContext:
    """Hospitals 3, 5, 7, … at the points 1, 3, 4, 5, …: the second of those enrolled was not dealt to."""
    dealt = tuple(range(3, 3 + 2 * parties, 2))
    points = {number: place + (2 if place else 1) for place, number in enumerate(dealt)}
    return pads.PadContext(31337, CONTRACT, 5, 2, round_number, dealt, points, threshold, scalars, bytes(range(32)))


@dataclass(frozen=True)
class DealtRound:
    """All that the hospitals of a round hold, from seeds that follow from their numbers."""

    ctx: pads.PadContext

    def seed(self, hospital: int) -> bytes:
        return hospital.to_bytes(32, "big")

    @cached_property
    def keys(self) -> dict[int, pads.PadKey]:
        return {number: pads.pad_key(self.seed(number), b"a ceremony") for number in self.ctx.dealt}

    @cached_property
    def publics(self) -> dict[int, Point]:
        return {number: key.public for number, key in self.keys.items()}

    @cached_property
    def sections(self) -> dict[int, bytes]:
        return {number: pads.deal(self.ctx, number, self.seed(number), self.publics) for number in self.ctx.dealt}

    @cached_property
    def dealings(self) -> dict[int, pads.PadDealing]:
        return {number: pads.read_section(self.ctx, number, data) for number, data in self.sections.items()}

    def shares(self, me: int) -> dict[int, pads.PadShare]:
        """What one hospital holds of everybody's pads."""
        held = {
            dealer: pads.open_box(self.ctx, dealing, me, self.keys[me].secret)
            for dealer, dealing in self.dealings.items()
            if dealer != me
        }
        return {**held, me: pads.own_share(self.ctx, me, self.seed(me))}

    def contents(self, dealer: int) -> dict[int, bytes]:
        """What the dealer's boxes hold, each opened with its recipient's key."""
        dealing = self.dealings[dealer]
        about = {
            number: (dealing.ephemeral, key.public, multiply(key.secret, dealing.ephemeral))
            for number, key in self.keys.items()
        }
        return {number: unseal(self.ctx, dealer, number, *about[number], box) for number, box in dealing.boxes.items()}

    def written(
        self,
        dealer: int,
        contents: Mapping[int, bytes],
        commitments: Sequence[Point] | None = None,
        secret: int = 4321,
    ) -> bytes:
        """A section that a dealer writes as it likes: sound points and a proof that holds, whatever the boxes hold."""
        honest = commit_vectors(polynomial(self.ctx, dealer, self.seed(dealer)))
        return write_section(self.ctx, dealer, secret, commitments or honest, contents, self.publics)

    def sigma(self, me: int, included: Iterable[int]) -> bytes:
        return pads.pad_share(self.ctx, self.shares(me), included)

    @cached_property
    def updates(self) -> dict[int, tuple[list[int], int]]:
        """Each hospital's scalars, of both signs, and its blinding."""
        rng = random.Random("updates under pads")
        width = range(self.ctx.scalars)
        return {
            n: ([rng.randrange(-(1 << 240), 1 << 240) for _ in width], rng.randrange(ORDER)) for n in self.ctx.dealt
        }

    @cached_property
    def commitments(self) -> dict[int, Point]:
        return {number: commit(*update) for number, update in self.updates.items()}

    @cached_property
    def masked(self) -> dict[int, tuple[int, ...]]:
        return {
            number: pads.mask(self.ctx, *update, pads.own_pad(self.ctx, number, self.seed(number)))
            for number, update in self.updates.items()
        }

    def expected(self, included: Iterable[int]) -> tuple[list[int], int]:
        chosen = [self.updates[number] for number in included]
        sums = [sum(column) for column in zip(*(scalars for scalars, _ in chosen), strict=True)]
        return sums, sum(blinding for _, blinding in chosen) % ORDER


@lru_cache
def dealt_round(parties: int = 5, threshold: int = 3, scalars: int = 4) -> DealtRound:
    return DealtRound(pad_context(parties, threshold, scalars))
