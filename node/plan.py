# SPDX-License-Identifier: Apache-2.0
"""The plan of a study: the canonical JSON document whose SHA-256 is on chain, and the fixed formats it names.

A plan is checked as a whole wherever one is made: read from bytes, or built by a sponsor.
Source: docs/encoding.md, "Plan document".
"""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from typing import Annotated

from node.document import (
    UINT8,
    UINT16,
    UINT32,
    UINT64,
    Amount,
    Decimal,
    Integer,
    Many,
    Part,
    Section,
    Text,
    check_section,
    load,
    read,
    refuse,
    to_bytes,
)
from node.plan_training import BoundedTraining, ClippedStep

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

    def check(self, where: str) -> None:
        if self.positive == self.negative:
            refuse(where, "has the same value for positive and negative")


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

    def check(self, where: str) -> None:
        if len(set(self.features)) != len(self.features):
            refuse(f"{where}.features", "has a name twice")
        if self.label.name in self.features:
            refuse(f"{where}.label.name", "is also the name of a feature")
        if len(self.initial) < len(self.features) + 1:
            refuse(
                f"{where}.initial",
                f"has {len(self.initial)} weights for {len(self.features)} features and one bias",
            )
        if any(self.initial[len(self.features) : -1]):
            refuse(f"{where}.initial", "has a weight other than 0 for a feature that the plan does not name")


@dataclass(frozen=True)
class Extractor(Section):
    """The file of a frozen network: its SHA-256 in hexadecimal, and its size in bytes; both give its CID."""

    digest: Annotated[str, Text(64)]
    size: Annotated[int, Integer(1, DOCUMENT_LIMIT)]

    def check(self, where: str) -> None:
        if not SHA256.fullmatch(self.digest):
            refuse(f"{where}.digest", "is not a SHA-256 as 64 digits of hexadecimal")


@dataclass(frozen=True)
class ImageModel(Model):
    """A head on images: its features are those of the extractor."""

    family: Annotated[str, Text(40, (IMAGE_HEAD,))]
    extractor: Extractor

    def check(self, where: str) -> None:
        super().check(where)
        if len(self.features) != EXTRACTED:
            refuse(f"{where}.features", f"are {len(self.features)}, and an extractor gives {EXTRACTED}")


@dataclass(frozen=True)
class Network(Section):
    """What is trained on images: all P parameters of a network, in its canonical order (`node.learning.cnn`)."""

    family: Annotated[str, Text(40, tuple(NETWORKS))]
    loss: Annotated[str, Text(40, ("softmax-cross-entropy",))]
    optimiser: Annotated[str, Text(60, (MOMENTUM, CLIPPED))]
    label: Label
    initial: Annotated[tuple[int, ...], Many(Weight, max(NETWORKS.values()))]

    def check(self, where: str) -> None:
        if len(self.initial) != NETWORKS[self.family]:
            refuse(f"{where}.initial", f"has {len(self.initial)} weights and not {NETWORKS[self.family]}")


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

    def check(self, where: str) -> None:
        if self.batch_size & (self.batch_size - 1):
            refuse(f"{where}.batch_size", "is not a power of two")
        if self.rows_maximum % self.batch_size:
            refuse(f"{where}.rows_maximum", "is not a multiple of the batch size")


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

    def check(self, where: str) -> None:
        if self.maximum < self.minimum:
            refuse(f"{where}.maximum", "is below the minimum")
        if self.batch_rounds > self.rounds:
            refuse(f"{where}.batch_rounds", "is more than the study's rounds")


@dataclass(frozen=True)
class Phases(Section):
    """Lengths in seconds, and the confirmations (blocks) after which a block counts as final."""

    confirmations: Annotated[int, Integer(1, UINT16)]
    enrol: Annotated[int, Integer(1, UINT32)]
    ceremony_step: Annotated[int, Integer(1, UINT32)]
    submit: Annotated[int, Integer(1, UINT32)]
    attest: Annotated[int, Integer(1, UINT32)]
    open: Annotated[int, Integer(1, UINT32)]


@dataclass(frozen=True)
class Money(Section):
    """Bond and reward in the token's smallest unit, and what is earned before a round is finalised."""

    bond: Annotated[str, Amount()]
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

    def check(self, where: str) -> None:
        if self.neighbours != NEIGHBOURS[self.level]:
            refuse(f"{where}.neighbours", f"is not, as the level says: {NEIGHBOURS[self.level]}")
        for name in ("budget", "cost", "noise_bound", "noise_variance", "delta"):
            if (float(getattr(self, name)) == 0) != (self.level == "none"):
                refuse(f"{where}.{name}", "is 0 exactly where the level is none")
        if self.cost > self.budget:
            refuse(f"{where}.cost", "is above the budget: not one round could be held")


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

    def check(self, where: str) -> None:
        threshold, people = self.encryption.threshold, self.participation
        if people.minimum < threshold + 1:
            refuse("participation.minimum", f"is below encryption.threshold + 1 = {threshold + 1}")
        if people.maximum < 2 * threshold - 1:
            refuse("participation.maximum", f"is below 2 · encryption.threshold − 1 = {2 * threshold - 1}")
        if len(self.canonical()) > DOCUMENT_LIMIT:
            refuse("the document", f"is longer than {DOCUMENT_LIMIT} bytes")

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
        """The bits of a value where commitments to updates are packed (`node.proofs.pedersen.pack`), else None."""
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
    def parse(document: bytes) -> TrainingPlan:
        """Reads a stored plan; raises DataError for any byte that the canonical form would not have."""
        if len(document) > DOCUMENT_LIMIT:
            refuse("the document", f"is longer than {DOCUMENT_LIMIT} bytes")
        value = load(document)
        if not isinstance(value, dict) or value.pop(FORMAT_KEY, None) != FORMAT_VALUE:
            refuse("the document", f'does not say "{FORMAT_KEY}":"{FORMAT_VALUE}"; is it a plan?')
        model = value.get("model")
        family = str(model.get("family")) if isinstance(model, dict) else HEAD
        kind = NetworkPlan if family in NETWORKS else ImageHeadPlan if family == IMAGE_HEAD else HeadPlan
        plan = read(kind, value, "")
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

    def check(self, where: str) -> None:
        super().check(where)
        features = self.model.features
        if len(self.scaling) != len(features):
            refuse("scaling", f"has {len(self.scaling)} entries for {len(features)} features")
        # Nothing bounds how far one row moves a proved update.
        if self.privacy.level not in ("none", "hospital"):
            refuse("privacy.level", "is not none or hospital")
        if (self.training.update_bound == 0) != (self.privacy.level == "none"):
            refuse("training.update_bound", "is 0 exactly where the level of privacy is none")
        # No coordinate is longer than the update, so nothing that is sent has to be cut.
        furthest = math.isqrt(self.training.update_bound) + self.privacy.noise_bound
        if furthest >= 1 << self.quantisation.value_bits - 1:
            refuse("privacy.noise_bound", "and training.update_bound do not fit quantisation.value_bits together")


@dataclass(frozen=True)
class ImageHeadPlan(HeadPlan):
    """The plan of a study whose training is proved: a head on the features of images."""

    model: ImageModel


@dataclass(frozen=True)
class NetworkPlan(TrainingPlan):
    """The plan of a study of images: a whole network, of whose update a proof says how far it moves the model."""

    model: Network
    training: BoundedTraining

    def check(self, where: str) -> None:
        super().check(where)
        if self.quantisation.value_bits != NETWORK_VALUE_BITS:
            refuse("quantisation.value_bits", f"is not {NETWORK_VALUE_BITS}")
        if self.privacy.noise_bound >= (1 << NETWORK_VALUE_BITS - 1) - 1:
            refuse("privacy.noise_bound", f"leaves no room for an update in {NETWORK_VALUE_BITS} bits")
        clipped = isinstance(self.training.local, ClippedStep)
        if clipped != (self.privacy.level == "patient"):
            refuse("training.local", "is one step of clipped gradients exactly where privacy.level is patient")
        if self.model.optimiser != (CLIPPED if clipped else MOMENTUM):
            refuse("model.optimiser", "is not what training.local says")

    @property
    def packed_bits(self) -> int:
        """A network's commitments are packed."""
        return self.quantisation.value_bits
