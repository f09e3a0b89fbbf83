# SPDX-License-Identifier: Apache-2.0
"""The proved head: its frozen features, and a simulation that is to the bit what the proofs are about."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np
import pytest

from node.errors import DataError
from node.learning import baseline, cnn, extractor, reference
from node.plan import Training
from tests.support.xrays import synthetic

WEIGHTS = cnn.initial_weights("0")


def test_features__summed_with_a_constant__are_the_networks_logit() -> None:
    pixels, _ = synthetic(30)
    sums = [float(sum(row)) for row in extractor.features(WEIGHTS, pixels)]
    positive = cnn.probabilities(WEIGHTS, pixels)
    constants = np.log(positive / (1 - positive)) - sums
    assert np.ptp(constants) < 1e-5 < np.ptp(sums)


def test_features__of_a_batch__are_those_of_single_images() -> None:
    pixels, _ = synthetic(9)
    together = np.array(extractor.features(WEIGHTS, pixels), dtype=float)
    alone = np.array([extractor.features(WEIGHTS, pixels[place : place + 1])[0] for place in range(9)], dtype=float)
    assert np.abs(together - alone).max() < 1e-5


def test_fit_scaling__channel_that_never_fires__gives_zeros_and_the_others_vary() -> None:
    rows = extractor.features(WEIGHTS, synthetic(40)[0])
    silenced = [(*row[:3], Decimal("0.25"), *row[4:]) for row in rows]
    scaled = np.array(extractor.fit_scaling(silenced).apply(silenced))
    assert (scaled[:, 3] == 0).all() and np.ptp(scaled[:, :3], axis=0).min() > 0


def test_extractor_file__is_read_only_under_its_address() -> None:
    content = extractor.to_bytes(WEIGHTS)
    digest = hashlib.sha256(content).digest()
    assert extractor.from_bytes(content, digest) == WEIGHTS
    with pytest.raises(DataError, match="plan names"):
        extractor.from_bytes(content[:-1] + bytes([content[-1] ^ 1]), digest)
    for other in (content[:-4], b"x" + content[1:], b""):
        with pytest.raises(DataError, match="format"):
            extractor.from_bytes(other, hashlib.sha256(other).digest())


def test_simulation_of_a_head__is_the_reference_of_both_proofs_to_the_bit() -> None:
    plan = Training(circuit="training_64x30", batch_size=32, epochs=2, learning_rate=128, rows_maximum=64)
    random = np.random.default_rng(0)
    hospitals = [
        (
            [[int(x) for x in row] for row in random.integers(-128, 128, (count, 24))],
            [int(y) for y in random.integers(0, 2, count)],
        )
        for count in (40, 64, 9)
    ]
    weights = [0] * 25
    for found in baseline.federated(weights, hospitals, plan, 3, 26):
        updates = []
        for rows, labels in hospitals:
            local = reference.train(
                weights, rows, labels, capacity=64, batch_size=32, epochs=plan.epochs, learning_rate=plan.learning_rate
            )
            updates.append(reference.update(weights, local, len(rows), 26))
        opened = [sum(column) for column in zip(*updates, strict=True)]
        weights = reference.aggregate(weights, opened, sum(len(rows) for rows, _ in hospitals))
        assert found == weights and any(weights)
