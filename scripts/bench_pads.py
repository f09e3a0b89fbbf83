# SPDX-License-Identifier: Apache-2.0
"""What one-time pads cost: a round among five hospitals, and the ceremonies of 3, 16 and 64.

Seconds are processor time of one hospital, with that of the programs that it starts: the least of some repeats for a
round, the median hospital for a ceremony.
"""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

from node.crypto import pads
from node.group import native
from node.group.babyjubjub import ORDER, Point
from node.group.pedersen import commit, pack

CONTRACT = "0x" + "11" * 20
#: Name, values, bits of a value where they are packed.
MODELS = (("head", 31, None), ("network", 5162, 16))
PARTIES, THRESHOLD, REPEATS = 5, 3, 5
#: Parties and threshold of ceremonies; their rounds are a head's.
CEREMONIES = ((3, 2), (16, 8), (64, 32))

Result = TypeVar("Result")


def processor_seconds() -> float:
    """This process and the programs that it has run to their ends."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


@dataclass
class Clock:
    """Processor seconds of named steps."""

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def __call__(self, name: str, work: Callable[[], Result]) -> Result:
        started = processor_seconds()
        result = work()
        self.seconds.setdefault(name, []).append(processor_seconds() - started)
        return result

    def least(self) -> dict[str, float]:
        return {name: round(min(found), 5) for name, found in self.seconds.items()}

    def medians(self) -> dict[str, float]:
        return {name: round(median(found), 5) for name, found in self.seconds.items()}


@dataclass
class Hospitals:
    """Keys, sections, dealings and shares of one round."""

    ctx: pads.PadContext
    clock: Clock = field(default_factory=Clock)
    keys: dict[int, pads.PadKey] = field(default_factory=dict)
    sections: dict[int, bytes] = field(default_factory=dict)
    dealings: dict[int, pads.PadDealing] = field(default_factory=dict)

    def seed(self, number: int) -> bytes:
        return number.to_bytes(32, "big")

    def deal(self) -> None:
        """Everybody makes its section; one hospital reads all, as everybody does."""
        for number in self.ctx.dealt:
            self.keys[number] = pads.pad_key(self.seed(number), b"bench")
        publics: dict[int, Point] = {number: key.public for number, key in self.keys.items()}
        for number in self.ctx.dealt:
            self.sections[number] = self.clock(
                "deal", lambda number=number: pads.deal(self.ctx, number, self.seed(number), publics)
            )
        self.dealings = self.clock(
            "read sections",
            lambda: {number: pads.read_section(self.ctx, number, data) for number, data in self.sections.items()},
        )

    def shares(self, me: int) -> dict[int, pads.PadShare]:
        """What one hospital opens of its boxes, checked, and has of its own pad."""
        held = {
            dealer: pads.open_box(self.ctx, dealing, me, self.keys[me].secret)
            for dealer, dealing in self.dealings.items()
            if dealer != me
        }
        return {**held, me: pads.own_share(self.ctx, me, self.seed(me))}


def context(parties: int, threshold: int, scalars: int) -> pads.PadContext:
    """The first round of a study of hospitals 1, 2, …"""
    dealt = tuple(range(1, parties + 1))
    points = {number: number for number in dealt}
    return pads.PadContext(1337, CONTRACT, 1, 1, 1, dealt, points, threshold, scalars, bytes(32))


def pads_round(name: str, values: int, packed: int | None, parties: int = PARTIES, threshold: int = THRESHOLD) -> Any:
    """What a round of a model costs; it opens to the exact sum."""
    rng = random.Random(name)
    half = 1 << ((packed or 26) - 1)
    drawn = [[rng.randrange(-half, half) for _ in range(values)] for _ in range(parties)]
    packs = [pack(update, packed) if packed else update for update in drawn]
    ctx = context(parties, threshold, len(packs[0]))
    updates = {number: (scalars, rng.randrange(ORDER)) for number, scalars in zip(ctx.dealt, packs, strict=True)}
    hospitals = Hospitals(ctx)
    for _ in range(REPEATS):
        hospitals.deal()
    clock = hospitals.clock
    held = {number: clock("open boxes", lambda number=number: hospitals.shares(number)) for number in ctx.dealt}
    for _ in range(REPEATS):
        _open_once(hospitals, updates, held)
    seconds = clock.least()
    whole = ("read sections", "open boxes", "check payloads", "check shares")
    return {
        "name": "consilium-pads",
        "model": name,
        "count": values,
        "scalars": ctx.scalars,
        "hospitals": parties,
        "threshold": threshold,
        "native": native.BINARY.is_file(),
        "payload_bytes": pads.masked_size(ctx),
        "share_bytes": pads.masked_size(ctx),
        "bytes_per_parameter": round(pads.masked_size(ctx) / values, 3),
        "ceremony_bytes_per_round": len(hospitals.sections[ctx.dealt[0]]),
        "max_error": 0,
        "seconds": seconds,
        "whole_check_seconds": round(sum(seconds[step] for step in whole), 5),
        "who_can_read_one_update": f"any {threshold} of the {parties} hospitals together",
    }


def _open_once(
    hospitals: Hospitals, updates: dict[int, tuple[list[int], int]], held: dict[int, dict[int, pads.PadShare]]
) -> None:
    """A round from updates to their sum; SystemExit where a message does not fit or the sum is not exact."""
    ctx, clock, dealings = hospitals.ctx, hospitals.clock, hospitals.dealings
    commitments = {number: commit(*update) for number, update in updates.items()}

    def masked_by(number: int) -> tuple[int, ...]:
        return pads.mask(ctx, *updates[number], pads.own_pad(ctx, number, hospitals.seed(number)))

    masked = {number: clock("mask", lambda number=number: masked_by(number)) for number in ctx.dealt}
    fits = clock(
        "check payloads",
        lambda: [pads.masked_fits(ctx, masked[number], commitments[number], dealings[number]) for number in masked],
    )
    sigmas = {
        number: clock("share", lambda number=number: pads.pad_share(ctx, held[number], ctx.dealt))
        for number in ctx.dealt
    }
    fits += clock(
        "check shares",
        lambda: [pads.share_fits(ctx, dealings, ctx.dealt, number, sigma) for number, sigma in sigmas.items()],
    )
    opened = clock("open", lambda: pads.open_pads(ctx, masked, sigmas, ctx.dealt))
    sums = [sum(column) for column in zip(*(scalars for scalars, _ in updates.values()), strict=True)]
    if not all(fits) or opened != (sums, sum(blinding for _, blinding in updates.values()) % ORDER):
        raise SystemExit("the round under pads does not open to the exact sum")


def pads_ceremony(parties: int, threshold: int) -> dict[str, Any]:
    """A ceremony of one round of a head, without complaints, as one hospital sees it."""
    hospitals = Hospitals(context(parties, threshold, MODELS[0][1]))
    hospitals.deal()
    me = hospitals.ctx.dealt[-1]
    hospitals.clock("open boxes", lambda: hospitals.shares(me))
    seconds = hospitals.clock.medians()
    # A posted point and the hash that is acknowledged go to the chain.
    sent = {"key": 64, "dealing": len(hospitals.sections[me]), "acknowledgement": 32}
    return {
        "scheme": "pads",
        "parties": parties,
        "threshold": threshold,
        "rounds": 1,
        "sent_bytes": sum(sent.values()),
        "sent": sent,
        "read_bytes": (parties - 1) * sum(sent.values()),
        "seconds": seconds,
        "seconds_per_hospital": round(sum(seconds.values()), 3),
    }
