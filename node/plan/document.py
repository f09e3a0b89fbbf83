# SPDX-License-Identifier: Apache-2.0
"""The plan of a study: the canonical JSON document whose SHA-256 is on chain.

A plan is checked as a whole wherever one is made: read from bytes, or built by a sponsor.
Source: docs/encoding.md, "Plan document".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from node.document import (
    Across,
    Broken,
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
from node.plan.formats import (
    CLIPPED,
    DOCUMENT_LIMIT,
    FEATURES_MAX,
    FORMAT_KEY,
    FORMAT_VALUE,
    HEAD,
    IMAGE_HEAD,
    LOSSES,
    MOMENTUM,
    NETWORK_VALUE_BITS,
    NETWORKS,
    OLDER_FORMATS,
    ROWS_LIMIT,
)
from node.plan.models import Aggregation, FeatureScaling, ImageModel, Model, Network, Quantisation, Training
from node.plan.terms import Encryption, Money, Participation, Phases, Privacy
from node.plan_training import BoundedTraining, ClippedStep, LocalTraining


def survives(hospitals: int, minimum: int, threshold: int) -> int:
    """How many of the `hospitals` that may submit can be silent or lie, and rounds still be held and opened.

    `minimum` must submit, and the threshold be there to open. Below t − 1, fewer liars can stop a study than it takes
    to read an update.
    """
    return max(0, hospitals - max(minimum, threshold))


def noise_shares(minimum: int, threshold: int) -> int:
    """The fewest hospitals whose noise counts in a sum: fewer than t may lie, and liars add none."""
    return minimum - (threshold - 1)


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

    @across("encryption.threshold", "money.unopened_rounds")
    @staticmethod
    def _liars_sit_out_one_by_one(threshold: int, unopened_rounds: int) -> Broken:
        # Each round that fails for too few takes those that were missing out of the next batch.
        if unopened_rounds < threshold:
            yield "money.unopened_rounds", f"is below encryption.threshold {threshold}{told(unopened_rounds)}"

    @across("money.unopened_rounds", "phases")
    @staticmethod
    def _patience_lasts(unopened_rounds: int, phases: Phases) -> Broken:
        least = unopened_rounds * phases.round
        if phases.patience < least:
            yield (
                "phases.patience",
                f"is below {least} s, the length of money.unopened_rounds = {unopened_rounds} rounds, each of submit, "
                f"attest and twice open{told(phases.patience)}",
            )

    @property
    def noise_shares(self) -> int:
        """The fewest hospitals whose noise counts in a sum."""
        return noise_shares(self.participation.minimum, self.encryption.threshold)

    @property
    def required_funding(self) -> int:
        """Tokens that the sponsor escrows: all rounds' rewards and the budget for services."""
        return int(self.money.reward_per_round) * self.participation.rounds + int(self.money.service_budget)

    def survives(self, hospitals: int) -> int:
        """How many of so many hospitals can be silent or lie, and rounds still be held and opened."""
        return survives(hospitals, self.participation.minimum, self.encryption.threshold)

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
        said = value.pop(FORMAT_KEY, None) if isinstance(value, dict) else None
        if said in OLDER_FORMATS:
            refuse("the document", f"is of the older format {said}: have it drafted anew as {FORMAT_VALUE}")
        if not isinstance(value, dict) or said != FORMAT_VALUE:
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
