# SPDX-License-Identifier: Apache-2.0
"""A study of three hospitals on real verifiers, and shortcuts that submit and finalise with real proofs."""

from __future__ import annotations

import dataclasses
from typing import Any

from ape.api import AccountAPI, ReceiptAPI

from node.proofs.proof import Proved
from tests.support.consents import consent
from tests.support.members import deploy_proving
from tests.support.proving import (
    CIRCUITS,
    EPOCHS,
    LEARNING_RATE,
    NO_BOUNDS,
    WEIGHTS,
    Bounds,
    Work,
    proof_of,
    prove_aggregation,
    prove_training,
    records_of,
    root_of,
)
from tests.support.stage import Hospital, Stage
from tests.support.suite import BOND

DIGEST = b"\xab" * 32


def make_proving(deployed: Stage, council: AccountAPI) -> Stage:
    """Deployed by the deployment itself, in round 1."""
    suite = deploy_proving(council)
    suite.token.transfer(deployed.sponsor, 10**12, sender=council)
    for hospital in deployed.hospitals[:3]:
        signed = consent(suite.registry, hospital.owner, hospital.operator)
        suite.registry.register(hospital.operator, signed, f"H{hospital.id}", "", sender=hospital.owner)
        suite.registry.admit(hospital.id, sender=council)
        suite.vault.deposit(hospital.id, 2 * BOND, sender=council)
    training, aggregation = (suite.record["circuits"][name]["id"] for name in CIRCUITS)
    stage = dataclasses.replace(
        deployed, suite=suite, training=training, aggregation=aggregation, members=deployed.hospitals[:3], plan={}
    )
    begin(stage)
    return stage


def begin(stage: Stage, bounds: Bounds = NO_BOUNDS) -> None:
    """Another study of the same hospitals on the same records, in round 1."""
    numbers = {
        "epochs": EPOCHS,
        "learningRate": LEARNING_RATE,
        "updateBound": bounds.update,
        "noiseBound": bounds.noise,
    }
    stage.publish(maximum=3, initialRoot=root_of(WEIGHTS), **numbers)
    for hospital in stage.members:
        records = records_of(hospital.id)
        stage.enrol(hospital, rows=len(records.rows), root=records.root)
    stage.hold_ceremony(stage.members)


def work_of(
    stage: Stage, hospital: Hospital, round_: int = 1, digest: bytes = DIGEST, bounds: Bounds = NO_BOUNDS
) -> Work:
    """Train on the hospital's records and prove it."""
    context = stage.suite.rounds.trainingContext(stage.study, round_, hospital.id, digest)
    return prove_training(records_of(hospital.id), WEIGHTS, context, bounds)


def submit(stage: Stage, hospital: Hospital, work: Work, round_: int = 1, **changes: Any) -> ReceiptAPI:
    """Submit what the work proves; `changes` replace parts of it."""
    x, y = work.commitment
    given = {"digest": DIGEST, "cx": x, "cy": y, "proof": proof_of(work.proved), **changes}
    return stage.submit(hospital, round_, **given)


def prove_sum(stage: Stage, works: dict[int, Work], round_: int = 1) -> tuple[int, Proved]:
    """The new weights' root, and the proof that they follow from the sum of all three."""
    context = stage.suite.rounds.aggregationContext(stage.study, round_, 0b111)
    after, proved = prove_aggregation(tuple(works.values()), WEIGHTS, context)
    return root_of(after), proved


def finalise(stage: Stage, root: int, proof: tuple[Any, Any, Any]) -> ReceiptAPI:
    """Set the model of round 1; a stranger does it."""
    return stage.suite.rounds.finalise(stage.study, 1, *stage.sum(), root, proof, sender=stage.stranger)
