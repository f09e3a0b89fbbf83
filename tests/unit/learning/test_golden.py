# SPDX-License-Identifier: Apache-2.0
"""Training and aggregation agree with the golden vectors that the circuits are tested with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node.learning import fixed_point, reference, shortening
from node.plan import NEIGHBOURS, Privacy
from node.proofs.artefacts import circuits
from tests.support.plans import fewer_features, large_plan, small_plan

VECTORS = Path(__file__).parents[2] / "vectors"
TRAINING = [
    case
    for name in ("training", "padding")
    for case in json.loads((VECTORS / f"{name}.json").read_text())["statements"]
]
AGGREGATION = json.loads((VECTORS / "aggregation.json").read_text())["statements"]
PLANS = {"training_8x4": small_plan, "training_64x30": large_plan}
# The order of a training proof's public signals: context, rootBefore, dataRoot, rows, planRoot, Cx, Cy.
ROWS, PLAN_ROOT = 3, 4


@pytest.mark.parametrize("case", TRAINING, ids=range(len(TRAINING)))
@pytest.mark.parametrize("module", [reference, fixed_point])
def test_update__golden_statement__is_the_circuit_s(case: dict[str, Any], module: Any) -> None:
    local = module.train(
        case["weights"],
        case["rows"],
        case["labels"],
        capacity=circuits()[case["circuit"]].parameters["capacity"],
        batch_size=circuits()[case["circuit"]].parameters["batch_size"],
        epochs=case["epochs"],
        learning_rate=case["learning_rate"],
    )
    clipped = module.update(case["weights"], local, len(case["rows"]), 26)
    assert shortening.factor(clipped, int(case["update_bound"])) == case["shortening"]
    assert shortening.shorten(clipped, case["shortening"]) == case["update"]
    assert int(case["public_signals"][ROWS]) == len(case["rows"])


@pytest.mark.parametrize("case", TRAINING, ids=range(len(TRAINING)))
def test_plan_root__golden_statement__is_the_circuit_s(case: dict[str, Any]) -> None:
    features = len(case["rows"][0])
    plan, bound = fewer_features(PLANS[case["circuit"]](), features), int(case["update_bound"])
    training = replace(plan.training, epochs=case["epochs"], learning_rate=case["learning_rate"], update_bound=bound)
    hidden = plan.privacy
    if bound:
        hidden = Privacy(
            1,
            1,
            case["noise_bound"],
            level="hospital",
            neighbours=NEIGHBOURS["hospital"],
            noise_variance=1,
            delta="0.00001",
        )
    plan = replace(plan, training=training, privacy=hidden)
    assert plan.root() == int(case["public_signals"][PLAN_ROOT])


@pytest.mark.parametrize("case", AGGREGATION, ids=range(len(AGGREGATION)))
@pytest.mark.parametrize("module", [reference, fixed_point])
def test_aggregate__golden_statement__is_the_circuit_s(case: dict[str, Any], module: Any) -> None:
    assert module.aggregate(case["weights"], case["sums"], case["row_sum"]) == case["weights_after"]
