# SPDX-License-Identifier: Apache-2.0
"""What is proved: public signals in the verifier's order, and private inputs that never leave."""

from __future__ import annotations

from dataclasses import dataclass, field

from node.group.babyjubjub import Point
from node.group.pedersen import commit, pack
from node.padding import padded_row
from node.plan import SHORTENING_BITS
from node.proofs.commitments import LOSS_UNPROVED, data_commitment, plan_root, weights_root

#: A circuit's input: signal names with decimal strings, nested as the signals' dimensions.
CircuitInputs = dict[str, object]

TRAINING_SIGNALS = ("context", "rootBefore", "dataRoot", "rows", "planRoot", "cx", "cy")
AGGREGATION_SIGNALS = ("context", "sumCx", "sumCy", "sumRows", "rootBefore", "rootAfter")

Vector = tuple[int, ...]


@dataclass(frozen=True)
class TrainingStatement:
    """One hospital's update in one round: rows that hash to `data_root` led to commitment C.

    `shortening`: the factor by which the update was shortened to the bound of its squared length; C holds the noise
    besides.
    """

    context: int
    root_before: int
    data_root: int
    row_count: int
    plan_root: int
    commitment: Point
    capacity: int
    epochs: int
    learning_rate: int
    update_bound: int
    noise_bound: int
    weights: Vector
    rows: tuple[Vector, ...] = field(repr=False)
    labels: Vector = field(repr=False)
    salt: int = field(repr=False)
    shortening: int = field(repr=False)
    noise: Vector = field(repr=False)
    blinding: int = field(repr=False)

    def public_signals(self) -> Vector:
        """Return the public signals in the order of TRAINING_SIGNALS."""
        return (
            self.context,
            self.root_before,
            self.data_root,
            self.row_count,
            self.plan_root,
            self.commitment.x,
            self.commitment.y,
        )

    def circuit_inputs(self) -> CircuitInputs:
        """Return the circuit's inputs, rows and labels filled with zeros up to the capacity."""
        missing = self.capacity - len(self.rows)
        width = len(self.weights) - 1
        inputs = _named(TRAINING_SIGNALS, self.public_signals())
        inputs |= {
            "weights": _texts(self.weights),
            "features": [_texts(row) for row in self.rows] + [["0"] * width] * missing,
            "labels": _texts(self.labels) + ["0"] * missing,
            "salt": str(self.salt),
            "epochs": str(self.epochs),
            "learningRate": str(self.learning_rate),
            "updateBound": str(self.update_bound),
            "noiseBound": str(self.noise_bound),
            "shortening": str(self.shortening),
            "noise": _texts(self.noise),
            "blinding": str(self.blinding),
        }
        return inputs


@dataclass(frozen=True)
class BoundedStatement:
    """One hospital's update in one round: of bounded length, with bounded noise, and C commits to their sum."""

    context: int
    root_before: int
    data_root: int
    plan_root: int
    commitment: Point
    update_bound: int
    noise_bound: int
    update: Vector = field(repr=False)
    noise: Vector = field(repr=False)
    blinding: int = field(repr=False)

    def public_signals(self) -> Vector:
        """Return the public signals in the order of TRAINING_SIGNALS; every hospital counts as one row."""
        return (
            self.context,
            self.root_before,
            self.data_root,
            1,
            self.plan_root,
            self.commitment.x,
            self.commitment.y,
        )

    def circuit_inputs(self) -> CircuitInputs:
        """Return the circuit's inputs."""
        inputs = _named(TRAINING_SIGNALS, self.public_signals())
        inputs |= {
            "update": _texts(self.update),
            "noise": _texts(self.noise),
            "updateBound": str(self.update_bound),
            "noiseBound": str(self.noise_bound),
            "blinding": str(self.blinding),
        }
        return inputs


@dataclass(frozen=True)
class AggregationStatement:
    """One round's result: the sum that opens ΣC moves the model from one root to the next."""

    context: int
    commitment_sum: Point
    row_sum: int
    root_before: int
    root_after: int
    weights: Vector
    sums: Vector = field(repr=False)
    blinding: int = field(repr=False)

    def public_signals(self) -> Vector:
        """Return the public signals in the order of AGGREGATION_SIGNALS."""
        return (
            self.context,
            self.commitment_sum.x,
            self.commitment_sum.y,
            self.row_sum,
            self.root_before,
            self.root_after,
        )

    def circuit_inputs(self) -> CircuitInputs:
        """Return the circuit's inputs."""
        inputs = _named(AGGREGATION_SIGNALS, self.public_signals())
        inputs |= {
            "weights": _texts(self.weights),
            "sums": _texts(self.sums),
            "blinding": str(self.blinding),
        }
        return inputs


def training_statement(
    *,
    context: int,
    weights: Vector,
    rows: tuple[Vector, ...],
    labels: Vector,
    salt: int,
    update: Vector,
    blinding: int,
    capacity: int,
    batch_size: int,
    epochs: int,
    learning_rate: int,
    value_bits: int,
    update_bound: int = 0,
    noise_bound: int = 0,
    shortening: int = 1 << SHORTENING_BITS,
    noise: Vector | None = None,
) -> TrainingStatement:
    """Return the statement about a finished update, its roots and commitment computed here.

    `weights` are the global model (D features, then bias), `rows` the n rows in use, of D features or of fewer where
    the others are zero; `update` the clipped, sample-weighted D + 1 coordinates. A false update gives a statement
    that cannot be proved.

    With privacy, the plan's `update_bound` is on Σ update² and its `noise_bound` on every |noise|; `shortening` is
    the factor (scale 2^16) that made the update as short, and `noise` is added to it. Without, all are left out.
    """
    if noise is None:
        noise = (0,) * len(update)
    features = len(weights) - 1
    rows = tuple(padded_row(row, features) for row in rows)
    return TrainingStatement(
        context=context,
        root_before=weights_root(weights),
        data_root=data_commitment(rows, labels, capacity=capacity, batch_size=batch_size, salt=salt),
        row_count=len(rows),
        plan_root=plan_root(
            features=features,
            batch_size=batch_size,
            epochs=epochs,
            learning_rate=learning_rate,
            value_bits=value_bits,
            update_bound=update_bound,
            noise_bound=noise_bound,
        ),
        commitment=commit(_sums(update, noise), blinding),
        capacity=capacity,
        epochs=epochs,
        learning_rate=learning_rate,
        update_bound=update_bound,
        noise_bound=noise_bound,
        weights=weights,
        rows=rows,
        labels=labels,
        salt=salt,
        shortening=shortening,
        noise=noise,
        blinding=blinding,
    )


def bounded_statement(
    *,
    context: int,
    weights: Vector,
    data_root: int,
    update: Vector,
    noise: Vector,
    blinding: int,
    update_bound: int,
    noise_bound: int,
    value_bits: int,
) -> BoundedStatement:
    """Return the statement about a finished update and the noise added to it, the commitment computed here.

    `update_bound` is on Σ update², `noise_bound` on every |noise|. An update beyond its bound gives a
    statement that cannot be proved.
    """
    return BoundedStatement(
        context=context,
        root_before=weights_root(weights),
        data_root=data_root,
        plan_root=plan_root(
            features=len(update) - 1,
            batch_size=0,
            epochs=0,
            learning_rate=0,
            value_bits=value_bits,
            loss=LOSS_UNPROVED,
            update_bound=update_bound,
            noise_bound=noise_bound,
        ),
        commitment=sum_commitment(_sums(update, noise), blinding, value_bits),
        update_bound=update_bound,
        noise_bound=noise_bound,
        update=update,
        noise=noise,
        blinding=blinding,
    )


def aggregation_statement(
    *,
    context: int,
    weights: Vector,
    weights_after: Vector,
    sums: Vector,
    blinding: int,
    row_sum: int,
    packed_bits: int | None = None,
) -> AggregationStatement:
    """Return the statement about an opened sum, its roots and commitment computed here.

    `blinding` is the sum of the blinding values mod ℓ, `sums` the sum of the included updates;
    `packed_bits`: the bits of an update's value in a bounded study, whose commitments are packed.
    """
    return AggregationStatement(
        context=context,
        commitment_sum=sum_commitment(sums, blinding, packed_bits),
        row_sum=row_sum,
        root_before=weights_root(weights),
        root_after=weights_root(weights_after),
        weights=weights,
        sums=sums,
        blinding=blinding,
    )


def sum_commitment(values: Vector, blinding: int, packed_bits: int | None) -> Point:
    """Return what commitments to updates, or one of them, open to; `packed_bits` as in `aggregation_statement`."""
    return commit(values if packed_bits is None else pack(values, packed_bits), blinding)


def _sums(update: Vector, noise: Vector) -> Vector:
    return tuple(u + e for u, e in zip(update, noise, strict=True))


def _texts(values: Vector) -> list[str]:
    return [str(value) for value in values]


def _named(names: tuple[str, ...], values: Vector) -> CircuitInputs:
    return {name: str(value) for name, value in zip(names, values, strict=True)}
