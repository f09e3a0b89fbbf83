# SPDX-License-Identifier: Apache-2.0
"""The parts of a plan that say how a hospital trains a network, and what a proof says of it.

Source: docs/encoding.md, "Plan document".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from node.document import UINT8, UINT16, UINT64, Decimal, Either, Integer, Many, Section, Text


@dataclass(frozen=True)
class Augmentation(Section):
    """How far an image is distorted at most each time it is used (`node.learning.cnn_training.Augmentation`)."""

    shift: Annotated[str, Decimal(low="0", high="14")]
    rotation: Annotated[str, Decimal(low="0", high="180")]
    zoom: Annotated[str, Decimal(low="0", high="1")]
    mirror: Annotated[int, Integer(0, 1)]
    contrast: Annotated[str, Decimal(low="0", high="1")]
    brightness: Annotated[str, Decimal(low="0", high="4")]
    noise: Annotated[str, Decimal(low="0", high="4")]
    blur: Annotated[str, Decimal(low="0", high="1")]


@dataclass(frozen=True)
class LocalTraining(Section):
    """How a hospital trains a network: named, not proved. `learning_rates`: by round, the last for all that follow."""

    epochs: Annotated[int, Integer(1, 64)]
    batch_size: Annotated[int, Integer(1, UINT16)]
    learning_rates: Annotated[tuple[str, ...], Many(Decimal(low="0", high="10"), UINT8)]
    momentum: Annotated[str, Decimal(low="0", high="1")]
    weight_decay: Annotated[str, Decimal(low="0", high="1")]
    gradient_norm: Annotated[str, Decimal(low="0.000001", high="1000000")]
    smoothing: Annotated[str, Decimal(low="0", high="1")]
    augmentation: Augmentation


@dataclass(frozen=True)
class ClippedStep(Section):
    """One gradient step a round over all images: `clip`, the L2 norm to which each image's gradient is shortened;
    `reach`, how far one image moves the update at most, in integer units (`node.learning.patient_step`).
    """

    clip: Annotated[str, Decimal(low="0.000001", high="1000000")]
    reach: Annotated[int, Integer(1, (1 << 15) - 1)]


@dataclass(frozen=True)
class BoundedTraining(Section):
    """What a proof says of a network's training: Σ u² ≤ `update_bound` (integer units squared).

    How a hospital trains is named and not proved; every hospital counts as one row.
    """

    circuit: Annotated[str, Text(60)]
    update_bound: Annotated[int, Integer(1, UINT64)]
    local: Annotated[LocalTraining | ClippedStep, Either((LocalTraining, ClippedStep))]
    batch_size: Annotated[int, Integer(0, 0)] = 0
    epochs: Annotated[int, Integer(0, 0)] = 0
    learning_rate: Annotated[int, Integer(0, 0)] = 0
    rows_maximum: Annotated[int, Integer(1, 1)] = 1
