# SPDX-License-Identifier: Apache-2.0
"""The plan of a study: the canonical JSON document whose SHA-256 is on chain, and the fixed formats it names.

A plan is checked as a whole wherever one is made: read from bytes, or built by a sponsor.
Source: docs/encoding.md, "Plan document".
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from node.document import (
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Across,
    Amount,
    Broken,
    Decimal,
    Integer,
    Many,
    Part,
    Section,
    Text,
    across,
    check_section,
    load,
    read,
    refuse,
    to_bytes,
    told,
)
from node.plan_training import BoundedTraining, ClippedStep, LocalTraining

FORMAT_KEY, FORMAT_VALUE = "consilium", "plan/2"

# The fixed-point formats that the circuits are compiled for; a plan names them and may not change them.
FEATURE_BITS = 8
FEATURE_FRACTION_BITS = 5
WEIGHT_BITS = 24
WEIGHT_FRACTION_BITS = 16
NETWORK_VALUE_BITS = 16
PROBABILITY_FRACTION_BITS = 12
LEARNING_RATE_FRACTION_BITS = 8
LEARNING_RATE_LIMIT = 1 << 10
# Of the factor that shortens a head's update to its bound.
SHORTENING_BITS = 16
# The contract counts privacy in 10^-9 rho of zero-concentrated differential privacy.
RHO_UNITS = 10**9
VALUE_BITS_MAX = 40
ROWS_LIMIT = 1 << 22
FEATURES_MAX = 4096
HOSPITALS_MAX = 64
# What the encryption's parameters allow for: `node.crypto.parameters.MAXIMUM_ROUNDS`.
BATCH_ROUNDS_MAX = 1024
# Seconds: whoever locks a bond knows how long a stalled study can hold it.
LONGEST_PHASE = 30 * 86_400
LONGEST_ENROLMENT = 180 * 86_400
# The contract derives a quorum through all earlier attempts: this bounds its gas.
ATTEMPTS_MAX = 16
# The second is not proved: the loss of a network of which a proof says how far it moved, and no more.
LOSSES = {"hard-sigmoid-logistic": 1, "softmax-cross-entropy": 2}
# One raw block, so that the digest on chain is the plain SHA-256 of the document.
DOCUMENT_LIMIT = 262_144

# Families of models: a head on a table's columns, one on what a frozen network makes of images of 28 × 28 pixels,
# and networks on such images, one of them for tests.
HEAD, IMAGE_HEAD, NETWORK, TINY_NETWORK = "logistic-head", "logistic-head-on-images", "cnn-5162", "cnn-12"

# How many features a frozen network gives (`node.learning.extractor`).
EXTRACTED = 24

# How many parameters each network has.
NETWORKS = {NETWORK: 5162, TINY_NETWORK: 12}
MOMENTUM = "stochastic gradient descent with momentum"
CLIPPED = "one gradient step a round, each record's gradient clipped"

# What two data sets differ in that a study of each privacy level cannot tell apart.
NEIGHBOURS = {
    "none": "none",
    "hospital": "one hospital's update there or all zeros",
    "patient": "one record there or not",
}
# Sampling would make privacy cheaper; nothing is sampled.
SAMPLING = "none: every hospital and every record in every round"

SHA256 = re.compile("[0-9a-f]{64}")

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


@dataclass(frozen=True)
class Encryption(Section):
    """The threshold t, the attempts K at opening, and the smudging noise's bits of statistical security."""

    threshold: Annotated[int, Integer(2, HOSPITALS_MAX)]
    statistical_security: Annotated[int, Integer(40, 128)]
    attempts: Annotated[int, Integer(1, ATTEMPTS_MAX)]
    scheme: Annotated[str, Text(40, ("one-component-ckks",))]


@dataclass(frozen=True)
class Participation(Section):
    """How many hospitals and rounds, and for how many rounds one key ceremony makes keys."""

    minimum: Annotated[int, Integer(3, HOSPITALS_MAX)]
    maximum: Annotated[int, Integer(3, HOSPITALS_MAX)]
    rounds: Annotated[int, Integer(1, UINT16)]
    batch_rounds: Annotated[int, Integer(1, BATCH_ROUNDS_MAX)]

    @across("minimum", "maximum")
    @staticmethod
    def _in_order(minimum: int, maximum: int) -> Broken:
        if maximum < minimum:
            yield "maximum", f"is below the minimum {minimum}{told(maximum)}"

    @across("batch_rounds", "rounds")
    @staticmethod
    def _batches_fit(batch_rounds: int, rounds: int) -> Broken:
        if batch_rounds > rounds:
            yield "batch_rounds", f"is more than the study's {rounds} rounds{told(batch_rounds)}"


@dataclass(frozen=True)
class Phases(Section):
    """Lengths in seconds, and the confirmations (blocks) after which a block counts as final.

    How short a phase can be follows from the network's blocks (`node.steps.plan_rules`).
    """

    confirmations: Annotated[int, Integer(1, UINT16)]
    enrol: Annotated[int, Integer(1, LONGEST_ENROLMENT)]
    ceremony_step: Annotated[int, Integer(1, LONGEST_PHASE)]
    submit: Annotated[int, Integer(1, LONGEST_PHASE)]
    attest: Annotated[int, Integer(1, LONGEST_PHASE)]
    open: Annotated[int, Integer(1, LONGEST_PHASE)]


@dataclass(frozen=True)
class Money(Section):
    """Bond and reward in the token's smallest unit, and what is earned before a round is finalised."""

    bond: Annotated[str, Amount(low=1)]
    reward_per_round: Annotated[str, Amount()]
    verified_share_bps: Annotated[int, Integer(0, 10_000)]
    unopened_rounds: Annotated[int, Integer(1, UINT8)]


@dataclass(frozen=True)
class Privacy(Section):
    """Differential privacy of the sum, by discrete Gaussian noise of each hospital (`node.learning.privacy`).

    `budget` and `cost`: what the study may spend and what a round costs (zCDP, rho in 1e-9); `noise_bound`: the most
    that a coordinate's noise can be. `level`: whose part is hidden, of which `neighbours` is the relation in words.
    `noise_variance` of one hospital's coordinate, in integer units squared; `delta`: for which epsilon is told. All
    numbers are 0 where the level is none.
    """

    budget: Annotated[int, Integer(0, UINT64)]
    cost: Annotated[int, Integer(0, UINT64)] = 0
    noise_bound: Annotated[int, Integer(0, UINT32)] = 0
    level: Annotated[str, Text(20, tuple(NEIGHBOURS))] = "none"
    neighbours: Annotated[str, Text(80, tuple(NEIGHBOURS.values()))] = NEIGHBOURS["none"]
    sampling: Annotated[str, Text(80, (SAMPLING,))] = SAMPLING
    noise_variance: Annotated[int, Integer(0, UINT64)] = 0
    delta: Annotated[str, Decimal(low="0", high="0.01")] = "0"

    @across("level", "neighbours")
    @staticmethod
    def _neighbours_fit(level: str, neighbours: str) -> Broken:
        if neighbours != NEIGHBOURS[level]:
            yield "neighbours", f"is not, as the level says: {NEIGHBOURS[level]}"

    @across("level", "budget", "cost", "noise_bound", "noise_variance", "delta")
    @staticmethod
    def _all_or_nothing(
        level: str, budget: int, cost: int, noise_bound: int, noise_variance: int, delta: str
    ) -> Broken:
        numbers: dict[str, int | str] = {"budget": budget, "cost": cost, "noise_bound": noise_bound}
        for name, value in (numbers | {"noise_variance": noise_variance, "delta": delta}).items():
            if (float(value) == 0) != (level == "none"):
                yield name, f"is 0 exactly where the level is none{told(value)}"
        if cost > budget:
            yield "cost", f"is above the budget {budget}: not one round could be held{told(cost)}"


@dataclass(frozen=True)
class TrainingPlan(Section):
    """What every plan has, checked as it is made; raises DataError, naming the key, for what does not fit.

    Its kinds are `HeadPlan`, with `ImageHeadPlan`, and `NetworkPlan`: `model` and `training` differ.
    """

    title: Annotated[str, Text(200)]
    question: Annotated[str, Text(2000)]
    model: Model | Network
    training: Training | BoundedTraining
    quantisation: Quantisation
    aggregation: Aggregation
    encryption: Encryption
    participation: Participation
    phases: Phases
    money: Money
    privacy: Privacy

    def __post_init__(self) -> None:
        check_section(self, "")
        if len(self.canonical()) > DOCUMENT_LIMIT:
            refuse("the document", f"is longer than {DOCUMENT_LIMIT} bytes")

    @across("encryption.threshold", "participation.minimum")
    @staticmethod
    def _openers_are_fewer(threshold: int, minimum: int) -> Broken:
        if minimum < threshold + 1:
            yield "participation.minimum", f"is below encryption.threshold + 1 = {threshold + 1}{told(minimum)}"

    @across("encryption.threshold", "participation.maximum")
    @staticmethod
    def _enough_take_part(threshold: int, maximum: int) -> Broken:
        if maximum < 2 * threshold - 1:
            yield "participation.maximum", f"is below 2 · encryption.threshold − 1 = {2 * threshold - 1}{told(maximum)}"

    @across("participation.maximum", "training.rows_maximum")
    @staticmethod
    def _rows_can_be_added_up(maximum: int, rows_maximum: int) -> Broken:
        if maximum * rows_maximum >= ROWS_LIMIT:
            yield (
                "participation.maximum",
                f"times training.rows_maximum {rows_maximum} is not below 2^22{told(maximum)}",
            )

    @property
    def width(self) -> int:
        """The number D of features that the circuit takes, of which a head's plan may name fewer."""
        return len(self.model.initial) - 1

    @property
    def trained_weights(self) -> int:
        """How many weights training moves: all of a network's."""
        return len(self.model.initial)

    @property
    def packed_bits(self) -> int | None:
        """The bits of a value where commitments to updates are packed (`node.group.pedersen.pack`), else None."""
        return None

    def canonical(self) -> bytes:
        """The document as it is stored and hashed."""
        return to_bytes(self, {FORMAT_KEY: FORMAT_VALUE})

    def digest(self) -> bytes:
        """SHA-256 of the document: 32 bytes, as published on chain and as in the document's CID."""
        return hashlib.sha256(self.canonical()).digest()

    def root(self) -> int:
        """The plan root: the proved numbers packed into one integer, as contract and circuits compute it."""
        return (
            self.width
            | self.training.batch_size << 16
            | self.training.epochs << 32
            | self.training.learning_rate << 48
            | self.quantisation.value_bits << 80
            | LOSSES[self.model.loss] << 88
            | self.training.update_bound << 96
            | self.privacy.noise_bound << 160
        )

    @staticmethod
    def parse(document: bytes, more: Sequence[Across] = ()) -> TrainingPlan:
        """Reads a stored plan; raises DataError for any byte that the canonical form would not have.

        `more`: rules that do not follow from the document alone; what is wrong by them is told with all else.
        """
        if len(document) > DOCUMENT_LIMIT:
            refuse("the document", f"is longer than {DOCUMENT_LIMIT} bytes")
        value = load(document)
        if not isinstance(value, dict) or value.pop(FORMAT_KEY, None) != FORMAT_VALUE:
            refuse("the document", f'does not say "{FORMAT_KEY}":"{FORMAT_VALUE}"; is it a plan?')
        model = value.get("model")
        family = str(model.get("family")) if isinstance(model, dict) else HEAD
        kind = NetworkPlan if family in NETWORKS else ImageHeadPlan if family == IMAGE_HEAD else HeadPlan
        plan = read(kind, value, "", more)
        if plan.canonical() != document:
            refuse("the document", "is not canonical (keys in order, none twice, no spaces)")
        return plan


@dataclass(frozen=True)
class HeadPlan(TrainingPlan):
    """The plan of a study whose training is proved: a head on the columns of a table."""

    model: Model
    training: Training
    scaling: Annotated[tuple[FeatureScaling, ...], Many(Part(FeatureScaling), FEATURES_MAX)]
    clip_warning_share_ppm: Annotated[int, Integer(0, 1_000_000)]

    @property
    def trained_weights(self) -> int:
        """Those of the named features, and the bias: an honest hospital's update is zero everywhere else."""
        return len(self.model.features) + 1

    @across("model.features", "scaling")
    @staticmethod
    def _every_feature_is_scaled(features: tuple[str, ...], scaling: tuple[FeatureScaling, ...]) -> Broken:
        if len(scaling) != len(features):
            yield "scaling", f"has {len(scaling)} entries for {len(features)} features"

    @across("privacy.level", "training.update_bound")
    @staticmethod
    def _privacy_fits(level: str, update_bound: int) -> Broken:
        # Nothing bounds how far one row moves a proved update.
        if level not in ("none", "hospital"):
            yield "privacy.level", f"is not none or hospital{told(level)}"
        if (update_bound == 0) != (level == "none"):
            yield "training.update_bound", f"is 0 exactly where the level of privacy is none{told(update_bound)}"

    @across("training.update_bound", "privacy.noise_bound", "quantisation.value_bits")
    @staticmethod
    def _values_fit(update_bound: int, noise_bound: int, value_bits: int) -> Broken:
        # No coordinate is longer than the update, so nothing that is sent has to be cut.
        if math.isqrt(update_bound) + noise_bound >= 1 << value_bits - 1:
            yield "privacy.noise_bound", "and training.update_bound do not fit quantisation.value_bits together"


@dataclass(frozen=True)
class ImageHeadPlan(HeadPlan):
    """The plan of a study whose training is proved: a head on the features of images."""

    model: ImageModel


@dataclass(frozen=True)
class NetworkPlan(TrainingPlan):
    """The plan of a study of images: a whole network, of whose update a proof says how far it moves the model."""

    model: Network
    training: BoundedTraining

    @across("quantisation.value_bits", "privacy.noise_bound")
    @staticmethod
    def _values_fit(value_bits: int, noise_bound: int) -> Broken:
        if value_bits != NETWORK_VALUE_BITS:
            yield "quantisation.value_bits", f"is not {NETWORK_VALUE_BITS}{told(value_bits)}"
        if noise_bound >= (1 << NETWORK_VALUE_BITS - 1) - 1:
            room = f"leaves no room for an update in {NETWORK_VALUE_BITS} bits"
            yield "privacy.noise_bound", f"{room}{told(noise_bound)}"

    @across("training.local", "privacy.level", "model.optimiser")
    @staticmethod
    def _training_fits(local: LocalTraining | ClippedStep, level: str, optimiser: str) -> Broken:
        clipped = isinstance(local, ClippedStep)
        if clipped != (level == "patient"):
            yield "training.local", "is one step of clipped gradients exactly where privacy.level is patient"
        if optimiser != (CLIPPED if clipped else MOMENTUM):
            yield "model.optimiser", f"is not what training.local says{told(optimiser)}"

    @property
    def packed_bits(self) -> int:
        """A network's commitments are packed."""
        return self.quantisation.value_bits
