# SPDX-License-Identifier: Apache-2.0
"""Rounds in any order of actions, honest or not, with real proofs: a shorter campaign than `tests/invariants`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis.stateful import run_state_machine_as_test

from tests.support.members import Member, deploy_proving, provable_plan
from tests.support.opening_machine import OpenedRounds
from tests.support.round_machine import COUNT, MINIMUM, ROUNDS, THRESHOLD
from tests.support.round_world import World
from tests.support.suite import BOND, rapidly

EXAMPLES, STEPS = 12, 30
#: So long that no phase is over while a call is on its way.
LENGTH = 100_000
LENGTHS = {
    **dict.fromkeys(("ceremonyStepLength", "submitLength", "attestLength", "openLength", "recovery"), LENGTH),
    "patience": 8 * LENGTH,
}


@pytest.fixture(scope="module")
def world(accounts: Any) -> World:
    """Four hospitals, t = 2, minimum 3, two rounds, real verifiers."""
    council = accounts[22]
    suite = deploy_proving(council)
    members = [Member(number) for number in range(1, COUNT + 1)]
    for member in members:
        rapidly(suite.registry.register, *member.register(suite), sender=member.owner)
        rapidly(suite.registry.admit, member.id, sender=council)
        rapidly(suite.vault.deposit, member.id, BOND, sender=council)
    terms = {"threshold": THRESHOLD, "minimum": MINIMUM, "maximum": COUNT, "rounds": ROUNDS, **LENGTHS}
    rapidly(suite.studies.publish, provable_plan(suite, **terms), sender=council)
    rapidly(suite.rewards.fund, 1, suite.studies.requiredFunding(1), sender=council)
    for member in members:
        rapidly(suite.studies.enrol, 1, *member.terms(), sender=member.operator)
    world = World(suite, 1, accounts[2], members, Counter())
    world.hold_ceremony([member.key for member in members])
    return world


def test_rounds__in_any_order_with_real_proofs__keep_to_the_rules(world: World) -> None:
    bounded = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        deadline=None,
        derandomize=True,
        # A failure is told as it was found: to make it smaller would take minutes.
        phases=[Stage.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(lambda: OpenedRounds(world), settings=bounded)
    needed = {"submitUpdate", "includeUpdates", "finalise", "reportEquivocation", "accuse", "convicted", "pot"}
    needed |= {"postShare", "postPadShare", "recordAbsence", "FINALISED", "FAILED", "refused"}
    assert not needed - set(world.reached), f"never reached: {needed - set(world.reached)}"
