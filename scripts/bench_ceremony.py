# SPDX-License-Identifier: Apache-2.0
"""Plays a whole key ceremony in one process and counts what one hospital spends and sends."""

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

CONTRACT = "0x" + "11" * 20
#: Parties, threshold, value bits, values.
CEREMONIES = ((3, 2, 26, 42), (16, 8, 26, 42), (64, 32, 26, 42))

Result = TypeVar("Result")


@dataclass
class Played:
    """A ceremony of one round that all hospitals acknowledged, with its cost for the median hospital."""

    ctx: crypto.CeremonyContext
    secrets: dict[int, bytes] = field(default_factory=dict)
    sent: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    @property
    def sent_bytes(self) -> int:
        """What one hospital posts: key, dealing, test key with its commitment, test shares, digest."""
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
    """Runs all steps of all hospitals and returns their round secrets."""
    parameters = crypto.choose_parameters(parties, threshold, value_bits, count)
    ctx = crypto.CeremonyContext(1337, CONTRACT, 1, 1, 1, 1, tuple(range(1, parties + 1)), parameters)
    played = Played(ctx)
    seeds = {me: crypto.new_ceremony_seed() for me in ctx.parties}
    publics = {me: crypto.sealing_public(ctx, me, seeds[me]) for me in ctx.parties}
    dealings = {
        me: played.timed("deal", lambda me=me: crypto.make_dealing(ctx, me, seeds[me], publics)) for me in ctx.parties
    }
    digests = {me: crypto.dealing_digest(dealings[me]) for me in ctx.parties}
    keys = {
        me: played.timed("test key", lambda me=me: crypto.make_test_key(ctx, me, seeds[me], digests))
        for me in ctx.parties
    }
    commitments = {me: crypto.commit_to_test_key(keys[me]) for me in ctx.parties}
    tests = crypto.draw_tests(ctx, digests, commitments, keys)
    shares = {}
    for me in ctx.parties:
        received = played.timed(
            "read dealings", lambda me=me: crypto.read_dealings(ctx, me, seeds[me], publics, dealings)
        )
        shares[me] = played.timed(
            "test shares",
            lambda me=me, received=received: crypto.make_test_shares(ctx, me, seeds[me], received, tests),
        )
        played.secrets[me] = crypto.round_secrets(ctx, me, seeds[me], received, 1)
    transcript = crypto.CeremonyTranscript(publics, digests, commitments, keys, shares)
    played.timed("check", lambda: crypto.check_ceremony(ctx, transcript))
    first = ctx.parties[0]
    played.sent = {
        "sealing key": len(publics[first]),
        "dealing": len(dealings[first]),
        "test-key commitment": len(commitments[first]),
        "test key": len(keys[first]),
        "test shares": max(map(len, shares.values())),
        "acknowledgement": 32,
    }
    return played
