# SPDX-License-Identifier: Apache-2.0
"""What a draft leaves out gets its usual value, and what it says itself stays."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from node.cli.plans import resilience
from node.cli.usual import DAY, fill_in
from node.plan import TrainingPlan
from scripts.demo_plan import table_cast
from tests.support.network import Run

USUAL = {
    "encryption": ("openings",),
    "participation": ("joining",),
    "phases": ("patience", "recovery"),
    "money": ("service_budget", "service_fee", "absence_fine", "absence_cap"),
}


def bare() -> dict[str, Any]:
    """The demo's plan without anything that has a usual value."""
    draft: dict[str, Any] = json.loads(table_cast(5, 3, 0).plan.canonical())
    for section, names in USUAL.items():
        for name in names:
            del draft[section][name]
    return draft


def test_draft__without_them__has_the_usual_values_and_is_a_sound_plan(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "draft.json").write_text(json.dumps(bare()))
    ended = offline("study", "plan", "draft.json", "--json")
    assert ended.code == 0, ended.err
    plan = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    assert plan.encryption.openings == ("ckks", "pads") and plan.participation.joining == "closed"
    assert (plan.phases.patience, plan.phases.recovery) == (7 * DAY, DAY)
    money, reward, bond = plan.money, 1000 * 10**18 + 1, 100 * 10**18
    assert (int(money.service_fee), int(money.service_budget)) == (reward // 200, reward // 200 * 4 * 3)
    assert (int(money.absence_fine), int(money.absence_cap)) == (bond // 100, bond // 10)
    assert ended.value["survives"] == 2


@pytest.mark.parametrize(("section", "name"), [(section, name) for section, names in USUAL.items() for name in names])
def test_draft__that_says_it_itself__keeps_it(section: str, name: str) -> None:
    draft = bare()
    draft[section][name] = "its own"
    fill_in(draft)
    assert draft[section][name] == "its own"


def test_draft__with_long_phases__has_patience_for_them() -> None:
    draft = bare()
    draft["phases"] |= {"submit": 9 * DAY, "attest": DAY, "open": DAY}
    fill_in(draft)
    assert draft["phases"]["patience"] == draft["money"]["unopened_rounds"] * 12 * DAY
    assert draft["phases"]["recovery"] == 9 * DAY


def test_draft__without_rewards__pays_no_services() -> None:
    draft = bare()
    draft["money"]["reward_per_round"] = "0"
    fill_in(draft)
    assert draft["money"]["service_fee"] == draft["money"]["service_budget"] == "0"


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("phases", {"submit": "soon"}),
        ("phases", {"open": True}),
        ("money", {"bond": 7}),
        ("money", {"reward_per_round": "-1"}),
        ("participation", {"rounds": None}),
        ("encryption", 5),
        ("money", []),
        ("phases", None),
    ],
)
def test_draft__that_is_wrong_elsewhere__is_filled_in_without_a_fall(section: str, wrong: Any) -> None:
    draft = deepcopy(bare())
    draft[section] = draft[section] | wrong if isinstance(wrong, dict) else wrong
    fill_in(draft)
    assert draft["title"]


def test_resilience__few_that_may_fall_away__is_a_warning_with_a_remedy() -> None:
    told = resilience(table_cast(5, 3, 0).plan)
    assert told == ("Rounds go on without 2 silent or lying hospitals of 5, and without 0 where no more than 3 enrol.")
    weak = resilience(table_cast(3, 3, 0).plan)
    assert "without 0 silent or lying hospitals of 3" in weak
    assert "fewer than the 1 that can lie and learn nothing: lower participation.minimum" in weak
