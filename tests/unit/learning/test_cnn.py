# SPDX-License-Identifier: Apache-2.0
"""The network of image studies: integers in and out, training that repeats to the bit, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from node.errors import DataError, TrainingDiverged
from node.learning import cnn, cnn_training
from node.learning.cnn_training import Augmentation, LocalTraining
from node.learning.reference import WEIGHT_MAX, WEIGHT_MIN
from tests.support.xrays import synthetic

STILL = Augmentation(shift=0, rotation=0, zoom=0, mirror=False, contrast=0, brightness=0, noise=0, blur=0)
MOVED = Augmentation(shift=2, rotation=10, zoom=0.1, mirror=True, contrast=0.2, brightness=0.2, noise=0.1, blur=0.2)
TRAINING = LocalTraining(
    epochs=1,
    batch_size=16,
    learning_rates=(0.05, 0.02),
    momentum=0.9,
    weight_decay=0.0,
    gradient_norm=1.0,
    smoothing=0.0,
    augmentation=MOVED,
)


def test_parameters__of_the_network__are_5162_in_the_documented_order() -> None:
    state = cnn.Cnn().state_dict()
    assert [(name, tuple(value.shape)) for name, value in state.items()] == [
        ("conv1.weight", (8, 1, 3, 3)),
        ("conv1.bias", (8,)),
        ("conv2.weight", (16, 8, 3, 3)),
        ("conv2.bias", (16,)),
        ("conv3.weight", (24, 16, 3, 3)),
        ("conv3.bias", (24,)),
        ("head.weight", (2, 216)),
        ("head.bias", (2,)),
    ]
    assert sum(value.numel() for value in state.values()) == cnn.PARAMETERS == 5162
    weights = list(range(cnn.PARAMETERS))
    network = cnn.from_integers(weights)
    assert [round(w * 65536) for w in network.conv2.bias.tolist()] == list(range(1232, 1248))
    # In C order, although the tensors lie in memory with channels last.
    assert [round(w * 65536) for w in network.conv2.weight[0, 1].flatten().tolist()] == list(range(89, 98))


def test_integers__of_any_weights__survive_the_network() -> None:
    random = np.random.default_rng(0)
    weights = [int(w) for w in random.integers(WEIGHT_MIN, WEIGHT_MAX, cnn.PARAMETERS, endpoint=True)]
    weights[:4] = [WEIGHT_MIN, WEIGHT_MAX, 0, -1]
    assert cnn.to_integers(cnn.from_integers(weights)) == weights


def test_to_integers__beyond_the_range_or_not_finite__saturates_or_is_refused() -> None:
    network = cnn.from_integers([0] * cnn.PARAMETERS)
    with torch.no_grad():
        network.head.bias[0], network.head.bias[1] = 1e9, -1e9
    assert cnn.to_integers(network)[-2:] == [WEIGHT_MAX, WEIGHT_MIN]
    for value in (float("nan"), float("inf")):
        with torch.no_grad():
            network.head.bias[0] = value
        with pytest.raises(TrainingDiverged):
            cnn.to_integers(network)


def test_initial_weights__of_a_seed__are_the_same_everywhere_and_within_the_layers_range() -> None:
    weights = cnn.initial_weights("0")
    assert weights == cnn.initial_weights("0") != cnn.initial_weights("1")
    # SHAKE-256 and integers: these figures hold on every machine.
    assert (weights[:3], sum(weights)) == ([9326, 8916, 12528], 178081)
    assert 21_000 < max(map(abs, weights[:80])) <= 65536 // 3
    assert 4400 < max(map(abs, weights[4728:])) <= 4459


def test_from_integers__another_length_or_range__is_refused() -> None:
    with pytest.raises(DataError, match="one has 5162 or 12"):
        cnn.from_integers([0] * 5161)
    with pytest.raises(DataError, match="not an integer"):
        cnn.from_integers([1 << 23] + [0] * 5161)


def test_train__repeated__gives_the_same_integers_and_leaves_the_settings_of_torch() -> None:
    pixels, labels = synthetic(64, seed=1)
    weights = cnn.initial_weights("0")
    before = (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    torch.manual_seed(1)
    first = cnn_training.train(weights, pixels, labels, TRAINING, round=1, seed="a")
    torch.manual_seed(2)
    assert cnn_training.train(weights, pixels, labels, TRAINING, round=1, seed="a") == first
    assert (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()) == before
    for other in ({"round": 2, "seed": "a"}, {"round": 1, "seed": "b"}):
        assert cnn_training.train(weights, pixels, labels, TRAINING, **other) != first


def test_train__on_synthetic_images__learns_to_tell_them_apart() -> None:
    pixels, labels = synthetic(256, seed=2)
    weights = cnn.initial_weights("0")
    cooling = dataclasses.replace(TRAINING, learning_rates=(0.05,) * 12 + (0.01,))
    for round in range(1, 17):
        weights = cnn_training.train(weights, pixels, labels, cooling, round=round, seed="a")
    unseen, truth = synthetic(128, seed=3)
    assert ((cnn.probabilities(weights, unseen) > 0.5) == truth).mean() > 0.9


def test_train__a_rate_that_diverges__is_a_typed_error() -> None:
    pixels, labels = synthetic(64, seed=1)
    wild = dataclasses.replace(TRAINING, learning_rates=(1e30,), epochs=3)
    with pytest.raises(TrainingDiverged):
        cnn_training.train(cnn.initial_weights("0"), pixels, labels, wild, round=1, seed="a")


def test_train__unusable_records_or_settings__are_refused() -> None:
    pixels, labels = synthetic(4, seed=1)
    weights = cnn.initial_weights("0")
    for images, targets in [
        (pixels[:0], labels[:0]),
        (pixels, labels[:3]),
        (pixels, labels + np.uint8(2)),
        (pixels.astype(np.float32), labels),
        (pixels[:, :27], labels),
    ]:
        with pytest.raises(DataError):
            cnn_training.train(weights, images, targets, TRAINING, round=1, seed="a")
    for wrong in ({"learning_rates": (float("nan"),)}, {"momentum": float("inf")}, {"epochs": 0}):
        with pytest.raises(DataError):
            dataclasses.replace(TRAINING, **wrong)


def test_learning_rate__beyond_the_schedule__is_its_last() -> None:
    assert [TRAINING.learning_rate(round) for round in (1, 2, 3, 30)] == [0.05, 0.02, 0.02, 0.02]


def test_distort__by_nothing__leaves_the_images_and_by_a_mirror_alone_some() -> None:
    pixels, _ = synthetic(8, seed=1)
    images = cnn.prepare(pixels)
    draws = cnn_training.generator("x")
    assert torch.allclose(cnn_training.distort(images, STILL, draws), images, atol=1e-4)
    mirrored = cnn_training.distort(images, dataclasses.replace(STILL, mirror=True), draws)
    flipped = [torch.allclose(a, b.flip(2), atol=1e-4) for a, b in zip(mirrored, images, strict=True)]
    same = [torch.allclose(a, b, atol=1e-4) for a, b in zip(mirrored, images, strict=True)]
    assert any(flipped) and any(same) and all(a or b for a, b in zip(flipped, same, strict=True))


def test_probabilities__in_batches__are_those_of_single_images() -> None:
    pixels, _ = synthetic(600, seed=4)
    weights = cnn.initial_weights("3")
    together = cnn.probabilities(weights, pixels)
    assert together.shape == (600,) and ((together > 0) & (together < 1)).all()
    assert np.allclose(together[[0, 599]], cnn.probabilities(weights, pixels[[0, 599]]), atol=1e-6)
