# SPDX-License-Identifier: Apache-2.0
"""A valid plan for the small test circuits."""

from __future__ import annotations

from node.plan import (
    Aggregation,
    Encryption,
    FeatureScaling,
    HeadPlan,
    Label,
    Model,
    Money,
    Participation,
    Phases,
    Privacy,
    Quantisation,
    Training,
)


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
        encryption=Encryption(2, 64, 3, "one-component-ckks"),
        participation=Participation(3, 5, 3, 3),
        phases=Phases(2, 60, 60, 60, 60, 60),
        money=Money("1000", "300", 2_000, 2),
        privacy=Privacy(0),
    )
