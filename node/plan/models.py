# SPDX-License-Identifier: Apache-2.0
"""The parts of a plan that say what is trained, on what, and what a proof says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from node.document import UINT16, UINT64, Broken, Decimal, Integer, Many, Section, Text, across, told
from node.plan.formats import (
    CLIPPED,
    DOCUMENT_LIMIT,
    EXTRACTED,
    FEATURE_BITS,
    FEATURE_FRACTION_BITS,
    FEATURES_MAX,
    HEAD,
    IMAGE_HEAD,
    LEARNING_RATE_LIMIT,
    MOMENTUM,
    NETWORKS,
    ROWS_LIMIT,
    SHA256,
    VALUE_BITS_MAX,
    WEIGHT_BITS,
    WEIGHT_FRACTION_BITS,
)

# A starting weight.
Weight = Integer(-(1 << WEIGHT_BITS - 1), (1 << WEIGHT_BITS - 1) - 1)


@dataclass(frozen=True)
class Label(Section):
    """The column that says what is to be predicted, and its two values as written in a table."""

    name: Annotated[str, Text(200)]
    positive: Annotated[str, Text(200)]
    negative: Annotated[str, Text(200)]

    @across("positive", "negative")
    @staticmethod
    def _tell_apart(positive: str, negative: str) -> Broken:
        if positive == negative:
            yield "negative", f"is the same as the one that is positive{told(negative)}"


@dataclass(frozen=True)
class Model(Section):
    """What is trained: k named features, the label, P = D + 1 starting weights (scale 2^16, bias last).

    D ≥ k is the number of features that the circuit takes: the weights of those that no plan names are zero.
    """

    family: Annotated[str, Text(40, (HEAD,))]
    loss: Annotated[str, Text(40, ("hard-sigmoid-logistic",))]
    optimiser: Annotated[str, Text(60, ("mini-batch gradient descent",))]
    features: Annotated[tuple[str, ...], Many(Text(200), FEATURES_MAX)]
    label: Label
    initial: Annotated[tuple[int, ...], Many(Weight, FEATURES_MAX + 1)]

    @across("features")
    @staticmethod
    def _names_differ(features: tuple[str, ...]) -> Broken:
        if len(set(features)) != len(features):
            yield "features", "has a name twice"

    @across("features", "label.name")
    @staticmethod
    def _label_is_no_feature(features: tuple[str, ...], name: str) -> Broken:
        if name in features:
            yield "label.name", f"is also the name of a feature{told(name)}"

    @across("features", "initial")
    @staticmethod
    def _weights_fit(features: tuple[str, ...], initial: tuple[int, ...]) -> Broken:
        if len(initial) < len(features) + 1:
            yield "initial", f"has {len(initial)} weights for {len(features)} features and one bias"
        if any(initial[len(features) : -1]):
            yield "initial", "has a weight other than 0 for a feature that the plan does not name"


@dataclass(frozen=True)
class Extractor(Section):
    """The file of a frozen network: its SHA-256 in hexadecimal, and its size in bytes; both give its CID."""

    digest: Annotated[str, Text(64)]
    size: Annotated[int, Integer(1, DOCUMENT_LIMIT)]

    @across("digest")
    @staticmethod
    def _is_a_digest(digest: str) -> Broken:
        if not SHA256.fullmatch(digest):
            yield "digest", f"is not a SHA-256 as 64 digits of hexadecimal{told(digest)}"


@dataclass(frozen=True)
class ImageModel(Model):
    """A head on images: its features are those of the extractor."""

    family: Annotated[str, Text(40, (IMAGE_HEAD,))]
    extractor: Extractor

    @across("features")
    @staticmethod
    def _features_are_the_extractors(features: tuple[str, ...]) -> Broken:
        if len(features) != EXTRACTED:
            yield "features", f"are {len(features)}, and an extractor gives {EXTRACTED}"


@dataclass(frozen=True)
class Network(Section):
    """What is trained on images: all P parameters of a network, in its canonical order (`node.learning.cnn`)."""

    family: Annotated[str, Text(40, tuple(NETWORKS))]
    loss: Annotated[str, Text(40, ("softmax-cross-entropy",))]
    optimiser: Annotated[str, Text(60, (MOMENTUM, CLIPPED))]
    label: Label
    initial: Annotated[tuple[int, ...], Many(Weight, max(NETWORKS.values()))]

    @across("family", "initial")
    @staticmethod
    def _weights_fit(family: str, initial: tuple[int, ...]) -> Broken:
        if len(initial) != NETWORKS[family]:
            yield "initial", f"has {len(initial)} weights and not {NETWORKS[family]}"


@dataclass(frozen=True)
class FeatureScaling(Section):
    """Public constants of one feature, as decimal texts: `node.learning.scaling` says how they are used."""

    mean: Annotated[str, Decimal()]
    std: Annotated[str, Decimal(positive=True)]


@dataclass(frozen=True)
class Training(Section):
    """The proved hyper-parameters; `learning_rate` is an integer of scale 2^8.

    `update_bound` is of an update's squared L2 norm, in integer units; 0 where nothing shortens it, since there is
    no privacy.
    """

    circuit: Annotated[str, Text(60)]
    batch_size: Annotated[int, Integer(1, UINT16)]
    epochs: Annotated[int, Integer(1, UINT16)]
    learning_rate: Annotated[int, Integer(1, LEARNING_RATE_LIMIT - 1)]
    rows_maximum: Annotated[int, Integer(1, ROWS_LIMIT - 1)]
    update_bound: Annotated[int, Integer(0, UINT64)] = 0

    @across("batch_size", "rows_maximum")
    @staticmethod
    def _batches_fit(batch_size: int, rows_maximum: int) -> Broken:
        if batch_size & (batch_size - 1):
            yield "batch_size", f"is not a power of two{told(batch_size)}"
        if rows_maximum % batch_size:
            yield "rows_maximum", f"is not a multiple of the batch size {batch_size}{told(rows_maximum)}"


@dataclass(frozen=True)
class Quantisation(Section):
    """Widths of the integers; only `value_bits`, of one value of an update, differs between circuits."""

    value_bits: Annotated[int, Integer(2, VALUE_BITS_MAX)]
    weight_bits: Annotated[int, Integer(WEIGHT_BITS, WEIGHT_BITS)]
    weight_fraction_bits: Annotated[int, Integer(WEIGHT_FRACTION_BITS, WEIGHT_FRACTION_BITS)]
    feature_bits: Annotated[int, Integer(FEATURE_BITS, FEATURE_BITS)]
    feature_fraction_bits: Annotated[int, Integer(FEATURE_FRACTION_BITS, FEATURE_FRACTION_BITS)]


@dataclass(frozen=True)
class Aggregation(Section):
    """The circuit that proves a round's new model."""

    circuit: Annotated[str, Text(60)]
