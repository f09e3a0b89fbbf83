# SPDX-License-Identifier: Apache-2.0
"""Plays the ciphertexts' part of a key ceremony in one process and counts what one hospital spends and sends.

What pads add to it, `scripts/bench_pads.py` measures.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node import crypto
from node.crypto import boxes
from node.crypto.framing import HEADER_BYTES
from node.crypto.prf import derive
from node.crypto.round_secrets import PadSecrets, RoundSecrets, write_round_secrets
from node.group.pedersen import limb_count

CONTRACT = "0x" + "11" * 20
#: Parties, threshold, value bits, values.
CEREMONIES = ((3, 2, 26, 42), (16, 8, 26, 42), (64, 32, 26, 42))

Result = TypeVar("Result")


@dataclass
class Played:
    """A ceremony of one round, with its cost for the median hospital."""

    ctx: crypto.CeremonyContext
    secrets: dict[int, bytes] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def sent_bytes(self) -> int:
        """What one hospital posts: key, boxes of its dealing, digest."""
        return sum(self.sent.values())

    def figures(self) -> dict[str, Any]:
        """What the report says of this ceremony."""
        parameters = self.ctx.parameters
        seconds = {name: round(median(values), 4) for name, values in self.seconds.items()}
        return {
            "parties": parameters.parties,
            "threshold": parameters.threshold,
            "degree": parameters.degree,
            "rounds": self.ctx.rounds,
            "sent_bytes": self.sent_bytes,
            "sent": self.sent,
            "read_bytes": (parameters.parties - 1) * self.sent_bytes,
            "seconds": seconds,
            "seconds_per_hospital": round(sum(seconds.values()), 3),
        }

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        """Adds the processor time of one hospital's step."""
        started = time.process_time()
        result = work()
        self.seconds.setdefault(name, []).append(time.process_time() - started)
        return result


def played_ceremony(parties: int, threshold: int, value_bits: int, count: int) -> Played:
    """Deals and reads the boxes of all hospitals and returns their round secrets; long updates are packed."""
    form = crypto.UpdateForm(count - limb_count(value_bits), value_bits, packed=count > 1000)
    numbers = tuple(range(1, parties + 1))
    ctx = crypto.CeremonyContext(
        crypto.CeremonyIdentity(1337, CONTRACT, 1, 1), bytes(32), numbers, tuple(range(parties)), threshold, 1, 1,
        form, form.parameters(parties, threshold),
    )  # fmt: skip
    played = Played(ctx)
    seeds = {me: crypto.new_ceremony_seed() for me in numbers}
    keys = {me: boxes.sealing_key(ctx.identified, seeds[me]).public for me in numbers}
    sealed = {me: played.timed("deal", lambda me=me: boxes.seal_boxes(ctx, me, seeds[me], 1, keys)) for me in numbers}
    for me in numbers:
        opened = played.timed("read dealings", lambda me=me: _opened(ctx, me, seeds[me], keys, sealed))
        played.secrets[me] = _secrets(ctx, me, seeds[me], opened)
    played.sent = {"box key": 32, "header and boxes": HEADER_BYTES + len(sealed[1]), "acknowledgement": 32}
    return played


def _opened(
    ctx: crypto.CeremonyContext, me: int, seed: bytes, keys: dict[int, bytes], sealed: dict[int, bytes]
) -> dict[int, boxes.BoxContent]:
    opened = {me: boxes.own_content(ctx, me, seed, 1)}
    for dealer in boxes.others(ctx, me):
        content = boxes.open_own_box(ctx, me, seed, dealer, 1, keys[dealer], sealed[dealer])
        if content is None:
            raise SystemExit("a box does not open")
        opened[dealer] = content
    return opened


def _secrets(ctx: crypto.CeremonyContext, me: int, seed: bytes, opened: dict[int, boxes.BoxContent]) -> bytes:
    pairs = {
        other: boxes.pair_seed(ctx, 1, {me: boxes.mask_half(ctx, seed, 1, other), other: opened[other].mask_half})
        for other in boxes.others(ctx, me)
    }
    shares = {dealer: content.share for dealer, content in opened.items()}
    ckks = RoundSecrets(me, boxes.secret_seed(ctx, seed, 1), derive(seed, "bench noise"), pairs, shares)
    return write_round_secrets(ctx.round_context(1), PadSecrets(me, (0,) * (ctx.form.scalars + 1), {}), ckks)
