# SPDX-License-Identifier: Apache-2.0
"""Who takes part in the demo, with which records, under which plan."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from node.learning import simulation
from node.learning.scaling import Scaling
from node.learning.simulation import Simulation
from node.plan import (
    BATCH_ROUNDS_MAX,
    Aggregation,
    Encryption,
    HeadPlan,
    Model,
    Money,
    Participation,
    Phases,
    Privacy,
    Quantisation,
)

BOND_TOKENS = 100
REWARD_TOKENS = 1000
TOKEN = 10**18
# No sum of fewer updates is ever opened.
HOSPITALS_LEAST = 3
NAMES = tuple(f"Hospital {letter}" for letter in "ABCDEFGHIJKLM")


@dataclass(frozen=True)
class Cast:
    """The demo's records and plan."""

    hospitals: int
    records: Simulation
    plan: HeadPlan

    def write(self, data: Path, plan: Path) -> None:
        """Write each participant's table and the plan document."""
        simulation.write(self.records, data)
        plan.write_bytes(self.plan.canonical())


def cast(hospitals: int, rounds: int, seed: int) -> Cast:
    """The demo with so many hospitals and rounds; raises `DataError` where that makes no study."""
    records = simulation.split(hospitals, seed=seed)
    features = records.sponsor.features
    threshold = max(2, (hospitals + 1) // 2)
    plan = HeadPlan(
        title="Breast cancer: malignant or benign?",
        question=(
            "Can cell measurements from a fine-needle aspirate tell malignant from benign breast masses, "
            "with one model trained by several hospitals?"
        ),
        model=Model(
            family="logistic-head",
            loss="hard-sigmoid-logistic",
            optimiser="mini-batch gradient descent",
            features=features,
            label=simulation.LABEL,
            initial=(0,) * (len(features) + 1),
        ),
        # The sponsor's own records, held by no hospital: public constants, not a peek at anybody's data.
        scaling=Scaling.fit(records.sponsor.rows, features).features,
        clip_warning_share_ppm=50_000,
        training=simulation.TRAINING,
        quantisation=Quantisation(
            value_bits=26, weight_bits=24, weight_fraction_bits=16, feature_bits=8, feature_fraction_bits=5
        ),
        aggregation=Aggregation(circuit="aggregation_31"),
        encryption=Encryption(
            threshold=threshold,
            statistical_security=64,
            # Enough for all but t to fall away one by one; five to go around a liar, too.
            attempts=max(5, hospitals - threshold + 1),
            scheme="one-component-ckks",
        ),
        participation=Participation(
            minimum=max(3, threshold + 1), maximum=hospitals, rounds=rounds, batch_rounds=min(rounds, BATCH_ROUNDS_MAX)
        ),
        # Phases end as soon as everybody has acted; the lengths only matter when somebody is away.
        phases=Phases(confirmations=2, enrol=900, ceremony_step=300, submit=600, attest=120, open=120),
        money=Money(
            bond=str(BOND_TOKENS * TOKEN),
            # Not divisible by the hospitals' rows: the last unit has to be accounted for.
            reward_per_round=str(REWARD_TOKENS * TOKEN + 1),
            verified_share_bps=5000,
            unopened_rounds=3,
        ),
        privacy=Privacy(budget=0),
    )
    return Cast(hospitals, records, plan)
