# SPDX-License-Identifier: Apache-2.0
"""The network of an image study, and its parameters as the integers that chain, proofs and encryption know.

    28×28 grey -> 3×3 convolution, 8 channels -> max pooling by 2 -> ReLU      14×14
               -> 3×3 convolution, 16 channels -> max pooling by 2 -> ReLU      7×7
               -> 3×3 convolution, 24 channels -> max pooling by 2 -> ReLU      3×3
               -> linear, 216 to 2 logits (negative, positive)

Its 5,162 parameters in canonical order, each in C order, of which an integer of 24 bits is w · 2^16:

    conv1.weight [8,1,3,3]    0 –   71    conv1.bias [8]      72 –   79
    conv2.weight [16,8,3,3]  80 – 1231    conv2.bias [16]   1232 – 1247
    conv3.weight [24,16,3,3] 1248 – 4703  conv3.bias [24]   4704 – 4727
    head.weight [2,216]     4728 – 5159   head.bias [2]     5160 – 5161
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from node.errors import DataError, TrainingDiverged
from node.learning.reference import WEIGHT_MAX, WEIGHT_MIN, check_weights
from node.plan import NETWORK, NETWORKS, TINY_NETWORK, WEIGHT_FRACTION_BITS

SIDE = 28
PARAMETERS = NETWORKS[NETWORK]
# Mean and standard deviation of the grey values of chest X-rays (of the training split, in two digits): public.
GREY_MEAN, GREY_STD = 0.57, 0.17
_SCALE = 1 << WEIGHT_FRACTION_BITS
_EVALUATION_BATCH = 512


class Cnn(nn.Module):
    """The network; `features` are the 216 numbers between convolutions and head."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.conv3 = nn.Conv2d(16, 24, 3, padding=1)
        self.head = nn.Linear(24 * 3 * 3, 2)

    def maps(self, images: Tensor) -> Tensor:
        """The last feature maps, float32 [n, 24, 3, 3], of prepared images [n, 1, 28, 28]."""
        x = images
        for convolution in (self.conv1, self.conv2, self.conv3):
            # Pooling before ReLU gives the same, for a quarter of the work.
            x = functional.relu(functional.max_pool2d(convolution(x), 2))
        return x

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float32 [n, 2]."""
        logits: Tensor = self.head(self.maps(images).flatten(1))
        return logits


class TinyCnn(nn.Module):
    """Twelve parameters between the same inputs and outputs, for tests: a convolution, its mean, one logit."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 1, 3, padding=1)
        self.head = nn.Linear(1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Logits, float32 [n, 2], the first of them zero."""
        z: Tensor = self.head(functional.relu(self.conv1(images)).mean(dim=(2, 3)))
        return torch.cat([torch.zeros_like(z), z], dim=1)


Network = Cnn | TinyCnn
_BY_FAMILY: dict[str, type[Network]] = {NETWORK: Cnn, TINY_NETWORK: TinyCnn}
_BY_SIZE = {NETWORKS[family]: network for family, network in _BY_FAMILY.items()}


def initial_weights(seed: str, family: str = NETWORK) -> list[int]:
    """Starting weights that are the same on every machine: uniform within ±1/√(inputs of the layer).

    That is the range that PyTorch draws from too; here the draws are from SHAKE-256 and not from its generator,
    whose numbers may change with a version.
    """
    raw = hashlib.shake_256(f"consilium/cnn/{seed}".encode()).digest(4 * NETWORKS[family])
    draws = iter(np.frombuffer(raw, dtype="<u4").tolist())
    weights = []
    for parameter, inputs in _layers(_BY_FAMILY[family]()):
        limit = math.isqrt(_SCALE * _SCALE // inputs)
        weights += [((2 * limit + 1) * next(draws) >> 32) - limit for _ in range(parameter.numel())]
    return weights


def from_integers(weights: Sequence[int], device: torch.device | None = None) -> Network:
    """The network with these P integer weights; raises DataError where no network has so many."""
    check_weights(weights)
    if len(weights) not in _BY_SIZE:
        raise DataError(f"{len(weights)} weights do not fit a network; one has {' or '.join(map(str, _BY_SIZE))}.")
    network = _BY_SIZE[len(weights)]()
    # 24 bits fit a float32 exactly, so nothing is rounded here.
    nn.utils.vector_to_parameters(torch.tensor(weights, dtype=torch.float32) / _SCALE, network.parameters())
    return network.to(device=device or torch.device("cpu"), memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def to_integers(network: Network) -> list[int]:
    """The parameters as P integers w · 2^16, rounded to the nearest (halves to even) and kept within 24 bits.

    Raises TrainingDiverged where a parameter is not a finite number.
    """
    vector = torch.cat([p.detach().cpu().contiguous().flatten() for p in network.parameters()]).double()
    if not torch.isfinite(vector).all():
        raise TrainingDiverged("Training ended with weights that are not finite numbers: nothing of it can be sent.")
    return [int(w) for w in (vector * _SCALE).round().clamp(WEIGHT_MIN, WEIGHT_MAX)]


def prepare(pixels: NDArray[np.uint8]) -> Tensor:
    """Images uint8 [n, 28, 28] as the network takes them, float32 [n, 1, 28, 28]; raises DataError otherwise."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[1:] != (SIDE, SIDE):
        raise DataError(f"The network takes grey images of {SIDE}×{SIDE} pixels, uint8 [n, {SIDE}, {SIDE}].")
    return (torch.from_numpy(pixels.astype(np.float32))[:, None] / 255 - GREY_MEAN) / GREY_STD


def probabilities(weights: Sequence[int], pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The probability of the positive class, float64 [n], for images uint8 [n, 28, 28]."""
    with reproducible() as device, torch.no_grad():
        network = from_integers(weights, device)
        batches = torch.split(prepare(pixels), _EVALUATION_BATCH)
        logits = torch.cat([network(batch.to(device)).cpu() for batch in batches]).double()
    return np.asarray(functional.softmax(logits, dim=1)[:, 1], dtype=np.float64)


@contextmanager
def reproducible() -> Iterator[torch.device]:
    """The device to compute on, the GPU where there is one; inside, a run repeats to the bit on one machine.

    One thread: with more, sums are taken in another order on a machine with other cores, and the images are too
    small to gain from them.
    """
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    # cuBLAS reads it when it starts; without it PyTorch refuses to be deterministic.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield torch.device("cuda" if torch.cuda.is_available() else "cpu")
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(strict)


def _layers(network: Network) -> Iterator[tuple[Tensor, int]]:
    """Each parameter in canonical order with the number of inputs of its layer."""
    for layer in network.children():
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        inputs = layer.weight[0].numel()
        yield layer.weight, inputs
        if layer.bias is not None:
            yield layer.bias, inputs
