# SPDX-License-Identifier: Apache-2.0
"""Records for the demo: scikit-learn's breast-cancer table (WDBC, 569 records, 30 features) among hospitals.

A fifth is held out and never used for a choice; 24 records are the sponsor's own, for scaling; the rest is
dealt out independently of its content, so every hospital sees the same population. The order comes from
SHA-256 and not from a random generator, so a seed gives the same records with every version of every library.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from sklearn.datasets import load_breast_cancer

from node.errors import DataError
from node.learning.tables import Table, table_bytes
from node.plan import Label, Training

LABEL = Label(name="diagnosis", positive="malignant", negative="benign")
SPONSOR_RECORDS = 24
HELD_OUT_SHARE = 5
# Rate 128/256: of the powers of two from 16 to 512 it has the best mean AUC (0.9946) in five-fold
# cross-validation (`tuning`) on the hospitals' training records of seeds 0 to 9. The held-out records took
# no part in the choice.
TRAINING = Training(circuit="training_192x30", batch_size=32, epochs=4, learning_rate=128, rows_maximum=192)


@dataclass(frozen=True)
class Simulation:
    """The tables of one demo, pairwise disjoint."""

    sponsor: Table
    hospitals: tuple[Table, ...]
    held_out: Table


def split(hospitals: int, *, seed: int = 0) -> Simulation:
    """Splits the records for so many hospitals; both classes keep their share in each held-back part."""
    data = load_breast_cancer()
    features = tuple(str(name) for name in data.feature_names)
    # In this table 0 means malignant.
    labels = [int(target == 0) for target in data.target]
    order = sorted(range(len(labels)), key=lambda index: _place(seed, index))
    held_out = _stratified(order, labels, len(order) // HELD_OUT_SHARE)
    left = [index for index in order if index not in held_out]
    sponsor = _stratified(left, labels, SPONSOR_RECORDS)
    rest = [index for index in left if index not in sponsor]
    if not 1 <= hospitals <= len(rest) // TRAINING.batch_size:
        most = len(rest) // TRAINING.batch_size
        raise DataError(f"The demo's records suffice for 1 to {most} hospitals, not for {hospitals}.")

    def table(indices: list[int]) -> Table:
        rows = tuple(tuple(Decimal(repr(float(v))) for v in data.data[index]) for index in indices)
        return Table(features, rows, tuple(labels[index] for index in indices))

    return Simulation(
        sponsor=table([index for index in left if index in sponsor]),
        hospitals=tuple(table(rest[number::hospitals]) for number in range(hospitals)),
        held_out=table([index for index in order if index in held_out]),
    )


def write(simulation: Simulation, folder: Path) -> list[Path]:
    """Writes sponsor.csv, held_out.csv, hospital-1.csv … as a hospital exports them; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"sponsor": simulation.sponsor, "held_out": simulation.held_out}
    tables |= {f"hospital-{number}": table for number, table in enumerate(simulation.hospitals, start=1)}
    paths = []
    for name, table in tables.items():
        path = folder / f"{name}.csv"
        path.write_bytes(table_bytes(table, LABEL))
        paths.append(path)
    return paths


def _place(seed: int, index: int) -> bytes:
    return hashlib.sha256(f"consilium/simulation/{seed}/{index}".encode()).digest()


def _stratified(order: list[int], labels: list[int], count: int) -> set[int]:
    """`count` records from the front of `order`, with both classes in the share they have in it."""
    positives = [index for index in order if labels[index]]
    negatives = [index for index in order if not labels[index]]
    wanted = round(count * len(positives) / len(order))
    return {*positives[:wanted], *negatives[: count - wanted]}
