# SPDX-License-Identifier: Apache-2.0
"""Records, training and real proofs of the small circuits, for as many hospitals as a test wants.

What was proved once in a process is not proved again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

from node.group.babyjubjub import ORDER
from node.learning import shortening
from node.learning.reference import aggregate, train, update
from node.proofs.artefacts import find_artefacts
from node.proofs.commitments import data_commitment, weights_root
from node.proofs.proof import Proved
from node.proofs.prover import NativeProver
from node.proofs.statements import aggregation_statement, training_statement
from tests.support.suite import add_points

#: Training and aggregation. What a verification costs does not depend on a circuit's size.
CIRCUITS = ("training_8x4", "aggregation_5")
SHAPE = {"capacity": 8, "batch_size": 4}
EPOCHS, LEARNING_RATE, VALUE_BITS = 2, 128, 26
WEIGHTS = (120_000, -40_000, 5, 0, -77_777)

Weights = tuple[int, ...]


@dataclass(frozen=True)
class Records:
    """A hospital's rows, and what it hides them and its updates with."""

    rows: tuple[tuple[int, ...], ...]
    labels: tuple[int, ...]
    salt: int
    blinding: int

    @cached_property
    def root(self) -> int:
        """What the hospital enrols with."""
        return int(data_commitment(self.rows, self.labels, salt=self.salt, **SHAPE))


@dataclass(frozen=True)
class Bounds:
    """What a plan with privacy allows: Σ update², and each |noise|; 0 without."""

    update: int
    noise: int


NO_BOUNDS = Bounds(0, 0)


@dataclass(frozen=True)
class Work:
    """A hospital's update, with its noise, and the proof of it."""

    records: Records = field(repr=False)
    update: tuple[int, ...] = field(repr=False)
    proved: Proved

    @property
    def commitment(self) -> tuple[int, int]:
        """C, which is submitted."""
        return self.proved.public_signals[5], self.proved.public_signals[6]


def records_of(number: int) -> Records:
    """Four to eight rows, always the same for a number."""
    rng = random.Random(f"records of {number}")
    rows = tuple(tuple(rng.randint(-128, 127) for _ in range(4)) for _ in range(4 + number % 5))
    labels = tuple(rng.randint(0, 1) for _ in rows)
    return Records(rows, labels, rng.getrandbits(248), rng.randrange(ORDER))


@cache
def prove_training(records: Records, weights: Weights, context: int, bounds: Bounds = NO_BOUNDS) -> Work:
    """Train on the records, from the weights, and prove it."""
    rng = random.Random(f"noise of {context}")
    local = train(weights, records.rows, records.labels, epochs=EPOCHS, learning_rate=LEARNING_RATE, **SHAPE)
    learned = update(weights, local, len(records.rows), VALUE_BITS)
    factor = shortening.factor(learned, bounds.update)
    short = tuple(shortening.shorten(learned, factor))
    noise = tuple(rng.randint(-bounds.noise, bounds.noise) for _ in short)
    statement = training_statement(
        context=context,
        weights=weights,
        rows=records.rows,
        labels=records.labels,
        salt=records.salt,
        update=short,
        shortening=factor,
        noise=noise,
        blinding=records.blinding,
        epochs=EPOCHS,
        learning_rate=LEARNING_RATE,
        value_bits=VALUE_BITS,
        update_bound=bounds.update,
        noise_bound=bounds.noise,
        **SHAPE,
    )
    made = tuple(u + e for u, e in zip(short, noise, strict=True))
    return Work(records, made, NativeProver().prove(find_artefacts(CIRCUITS[0]), statement))


@cache
def prove_aggregation(works: tuple[Work, ...], weights: Weights, context: int) -> tuple[Weights, Proved]:
    """The new weights, and the proof that they follow from the sum of the updates."""
    sums = tuple(sum(parts) for parts in zip(*(work.update for work in works), strict=True))
    rows = sum(len(work.records.rows) for work in works)
    after = tuple(aggregate(weights, sums, rows))
    statement = aggregation_statement(
        context=context,
        weights=weights,
        weights_after=after,
        sums=sums,
        blinding=sum(work.records.blinding for work in works) % ORDER,
        row_sum=rows,
    )
    return after, NativeProver().prove(find_artefacts(CIRCUITS[1]), statement)


def sum_of(works: Sequence[Work]) -> tuple[int, int]:
    """The commitments added up."""
    total = (0, 1)
    for work in works:
        total = add_points(total, work.commitment)
    return total


def proof_of(proved: Proved) -> tuple[Any, Any, Any]:
    """A proof as the contracts take it."""
    return proved.proof.a, proved.proof.b, proved.proof.c


def root_of(weights: Weights) -> int:
    """The root that stands for weights on the chain."""
    return int(weights_root(weights))
