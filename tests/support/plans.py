# SPDX-License-Identifier: Apache-2.0
"""A valid plan for the small test circuits, of each kind."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from node.learning import privacy
from node.plan import (
    CLIPPED,
    MOMENTUM,
    NEIGHBOURS,
    PADS_ALONE,
    TINY_NETWORK,
    Aggregation,
    Encryption,
    Extractor,
    FeatureScaling,
    HeadPlan,
    ImageHeadPlan,
    ImageModel,
    Label,
    Model,
    Money,
    Network,
    NetworkPlan,
    Participation,
    Phases,
    Privacy,
    Quantisation,
    Training,
)
from node.plan_training import Augmentation, BoundedTraining, ClippedStep, LocalTraining


def small_plan() -> HeadPlan:
    """Four features, batches of four, for the circuits training_8x4 and aggregation_5."""
    return HeadPlan(
        title="A small study",
        question="Does it hold together?",
        model=Model(
            family="logistic-head",
            loss="hard-sigmoid-logistic",
            optimiser="mini-batch gradient descent",
            features=("a", "b", "c", "d"),
            label=Label("ill", "yes", "no"),
            initial=(0, 0, 0, 0, 0),
        ),
        scaling=tuple(FeatureScaling(mean, "2") for mean in ("0", "1.5", "-3", "0.25")),
        clip_warning_share_ppm=50_000,
        training=Training("training_8x4", batch_size=4, epochs=2, learning_rate=128, rows_maximum=8),
        quantisation=Quantisation(26, 24, 16, 8, 5),
        aggregation=Aggregation("aggregation_5"),
        encryption=Encryption(2, 64, "one-component-ckks"),
        participation=Participation(3, 5, 3, 3),
        phases=Phases(2, 60, 60, 60, 60, 60, patience=600, recovery=60),
        money=Money("1000", "300", 2, service_budget="100", service_fee="10", absence_fine="10", absence_cap="50"),
        privacy=Privacy(budget=0),
    )


def pads_alone(plan: HeadPlan) -> HeadPlan:
    """The plan where no sum is opened by CKKS."""
    return replace(plan, encryption=replace(plan.encryption, openings=PADS_ALONE))


def large_plan() -> HeadPlan:
    """Thirty features, for the circuits training_64x30 and aggregation_31."""
    plan, features = small_plan(), tuple(f"feature {number}" for number in range(1, 31))
    return replace(
        plan,
        model=replace(plan.model, features=features, initial=(0,) * 31),
        scaling=(FeatureScaling("0", "1"),) * 30,
        training=Training("training_64x30", batch_size=32, epochs=2, learning_rate=128, rows_maximum=64),
        aggregation=Aggregation("aggregation_31"),
    )


def fewer_features(plan: HeadPlan, count: int) -> HeadPlan:
    """The plan with the first `count` of its features alone, for the same circuits."""
    model = replace(plan.model, features=plan.model.features[:count])
    return replace(plan, model=model, scaling=plan.scaling[:count])


def private_plan() -> HeadPlan:
    """The same with noise: a round costs half the squared length over the noise of the two that are honest for sure."""
    plan, length, variance = small_plan(), 30_000, 3_000_000
    cost = length**2 * 10**9 // (2 * 2 * variance) + 1
    return replace(
        plan,
        training=replace(plan.training, update_bound=length**2),
        privacy=Privacy(
            budget=2 * cost,
            cost=cost,
            noise_bound=14_000,
            level="hospital",
            neighbours=NEIGHBOURS["hospital"],
            noise_variance=variance,
            delta="0.00001",
        ),
    )


def image_head_plan(extractor: bytes, scaling: Sequence[FeatureScaling]) -> ImageHeadPlan:
    """A head on this extractor's 24 features, for the circuit training_64x30."""
    head = small_plan()
    return ImageHeadPlan(
        title="A small study of what a network finds in images",
        question="Does it hold together?",
        model=ImageModel(
            family="logistic-head-on-images",
            loss="hard-sigmoid-logistic",
            optimiser="mini-batch gradient descent",
            features=tuple(f"feature {number}" for number in range(1, 25)),
            label=Label("label", "1", "0"),
            initial=(0,) * 31,
            extractor=Extractor(hashlib.sha256(extractor).hexdigest(), len(extractor)),
        ),
        scaling=tuple(scaling),
        clip_warning_share_ppm=200_000,
        training=Training("training_64x30", batch_size=32, epochs=2, learning_rate=64, rows_maximum=64),
        quantisation=head.quantisation,
        aggregation=Aggregation("aggregation_31"),
        encryption=head.encryption,
        participation=head.participation,
        phases=head.phases,
        money=head.money,
        privacy=head.privacy,
    )


def tiny_network_plan() -> NetworkPlan:
    """The network of twelve parameters, for the circuits bounded_12 and aggregation_12."""
    head = small_plan()
    return NetworkPlan(
        title="A small study of images",
        question="Does it hold together?",
        model=Network(
            family=TINY_NETWORK,
            loss="softmax-cross-entropy",
            optimiser=MOMENTUM,
            label=Label("label", "1", "0"),
            initial=tuple(range(-6000, 6000, 1000)),
        ),
        training=BoundedTraining(
            circuit="bounded_12",
            update_bound=1 << 24,
            local=LocalTraining(
                epochs=2,
                batch_size=4,
                learning_rates=("0.1", "0.05"),
                momentum="0.9",
                weight_decay="0",
                gradient_norm="1",
                smoothing="0",
                augmentation=Augmentation("1", "5", "0.1", 1, "0.1", "0.1", "0.1", "0.2"),
            ),
        ),
        quantisation=Quantisation(16, 24, 16, 8, 5),
        aggregation=Aggregation("aggregation_12"),
        encryption=head.encryption,
        participation=head.participation,
        phases=head.phases,
        money=head.money,
        privacy=Privacy(budget=0),
    )


def private(plan: NetworkPlan, *, rounds: int, local: LocalTraining | ClippedStep | None = None) -> NetworkPlan:
    """The plan with noise for epsilon 8 over so many rounds: of hospitals' updates, or of records by clipped steps."""
    training = replace(plan.training, local=local or plan.training.local)
    hidden = privacy.calibrated(
        training,
        8.0,
        "0.00001",
        parameters=plan.trained_weights,
        rounds=rounds,
        hospitals=plan.noise_shares,
    )
    optimiser = CLIPPED if hidden.level == "patient" else MOMENTUM
    return replace(plan, model=replace(plan.model, optimiser=optimiser), training=training, privacy=hidden)
