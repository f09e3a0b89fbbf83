# SPDX-License-Identifier: Apache-2.0
"""`consilium study plan`: from a sponsor's draft and records to the document that is published."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.cli.local import ROOT
from node.learning.cnn import initial_weights
from node.learning.privacy import epsilon
from node.plan import ImageHeadPlan, Privacy, TrainingPlan
from node.plan_training import ClippedStep
from node.steps.enrolment import check_privacy
from scripts.demo_plan import table_cast
from tests.support.image_heads import EXTRACTOR, small_image_head
from tests.support.network import Run
from tests.support.plans import private, private_plan, tiny_network_plan
from tests.support.xrays import synthetic

EXAMPLE = ROOT / "docs" / "examples" / "plan.json"


@pytest.fixture
def records(tmp_path: Path) -> Path:
    table_cast(3, 3, 0).write(tmp_path / "data")
    return tmp_path / "data" / "sponsor.csv"


def test_plan__example_with_the_sponsors_records__is_the_demos_plan(
    offline: Run, records: Path, tmp_path: Path
) -> None:
    made = offline("study", "plan", EXAMPLE, "--records", records, "--json").value
    assert (tmp_path / "plan.json").read_bytes() == table_cast(3, 3, 0).plan.canonical()
    assert made["digest"] == "0x" + table_cast(3, 3, 0).plan.digest().hex()
    # A plan is a draft of itself, and what is there already is written again but never replaced.
    assert offline("study", "plan", "plan.json").code == 0
    (tmp_path / "other.json").write_text(EXAMPLE.read_text().replace("benign?", "benign??"))
    ended = offline("study", "plan", "other.json", "--records", records)
    assert ended.code == 2 and "exists already" in ended.err


def test_plan__features_named_in_the_draft__keep_their_order(offline: Run, records: Path, tmp_path: Path) -> None:
    draft = json.loads(EXAMPLE.read_text())
    draft["model"]["features"] = sorted(table_cast(3, 3, 0).plan.model.features)
    (tmp_path / "draft.json").write_text(json.dumps(draft, indent=4))
    assert offline("study", "plan", "draft.json", "--records", records).code == 0
    made = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    assert list(made.model.features) == draft["model"]["features"] and set(made.model.initial) == {0}


def test_plan__code_among_the_sponsors_values__is_refused_until_accepted(
    offline: Run, records: Path, tmp_path: Path
) -> None:
    """Everybody's values would be scaled by it."""
    names, first, *others = records.read_text().splitlines()
    records.write_text("\n".join([names, ",".join(["-9999", *first.split(",")[1:]]), *others]) + "\n")
    ended = offline("study", "plan", EXAMPLE, "--records", records)
    assert ended.code == 3 and "Column 'mean radius': -9999 (occurs 1 time) among 24 values" in ended.err
    assert not (tmp_path / "plan.json").exists()
    assert offline("study", "plan", EXAMPLE, "--records", records, "--accept", "mean radius").code == 0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"training": None}, "training is missing"),
        ({"model": None}, '"model"'),
        ({"model": {"label": 1}}, "model.label is not an object"),
        ({"privacy": {"budget": 3, "cost": 0, "noise_bound": 0}}, "privacy.delta is missing"),
        ({"privacy": asdict(Privacy(budget=0)) | {"budget": 3}}, "privacy.budget"),
        ({"privacy": asdict(private_plan().privacy)}, "training.update_bound"),
        ({"title": 1.5}, "1.5 is not an integer"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_plan__draft_that_does_not_fit__is_refused_naming_the_key(
    offline: Run, records: Path, tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    draft = json.loads(EXAMPLE.read_text()) | change
    draft = {key: value for key, value in draft.items() if value is not None}
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    ended = offline("study", "plan", "draft.json", "--records", records)
    assert ended.code == 3 and named in ended.err and not (tmp_path / "plan.json").exists()


def test_plan__no_table_to_take_the_scaling_from__says_so(offline: Run, tmp_path: Path) -> None:
    ended = offline("study", "plan", EXAMPLE)
    assert ended.code == 3 and "--records" in ended.err
    for table in (tmp_path / "none.csv", tmp_path):
        assert offline("study", "plan", EXAMPLE, "--records", table).code == 3


def network_draft() -> dict[str, Any]:
    """A plan of clipped steps without what follows from the rest."""
    plan = json.loads(private(tiny_network_plan(), rounds=3, local=ClippedStep("0.5", 40)).canonical())
    del plan["model"]["initial"]
    plan["privacy"] = {"epsilon": "2.5", "delta": "0.00001"}
    return plan


def test_plan__of_a_network_with_an_epsilon__has_the_least_noise_and_says_the_rest_in_words(
    offline: Run, tmp_path: Path
) -> None:
    (tmp_path / "draft.json").write_text(json.dumps(network_draft(), indent=4))
    ended = offline("study", "plan", "draft.json", "--json")
    assert ended.code == 0, ended.err
    plan = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    hidden = plan.privacy
    assert isinstance(hidden, Privacy)
    assert (hidden.level, hidden.neighbours, hidden.delta) == ("patient", "one record there or not", "0.00001")
    assert hidden.sampling == "none: every hospital and every record in every round"
    assert epsilon(hidden.budget / 1e9, 1e-5) == pytest.approx(2.5, rel=1e-3)
    check_privacy(plan)
    assert list(plan.model.initial) == initial_weights(plan.title, "cnn-12")


@pytest.mark.parametrize(
    ("privacy", "named"),
    [
        ({"epsilon": 2, "delta": "0.00001"}, "privacy.epsilon is not a decimal"),
        ({"epsilon": "0", "delta": "0.00001"}, "privacy.epsilon is not above zero"),
        ({"epsilon": "2"}, "privacy.delta is not a decimal"),
        ({"epsilon": "2", "delta": "0.00001", "level": "hospital"}, "privacy.neighbours"),
        ({"epsilon": "2", "delta": "0.00001", "sampling": "some"}, "privacy.sampling"),
        ({"epsilon": "2", "delta": "0.00001", "colour": "red"}, "privacy.colour"),
        ({"epsilon": "0.0001", "delta": "0.00001"}, "privacy.noise"),
    ],
)
def test_plan__of_a_network_with_privacy_that_does_not_fit__is_refused_naming_the_key(
    offline: Run, tmp_path: Path, privacy: dict[str, Any], named: str
) -> None:
    (tmp_path / "draft.json").write_text(json.dumps(network_draft() | {"privacy": privacy}))
    ended = offline("study", "plan", "draft.json")
    assert ended.code == 3 and named in ended.err and not (tmp_path / "plan.json").exists()


def test_plan__of_a_head_on_images__takes_extractor_and_scaling_from_the_sponsors_files(
    offline: Run, tmp_path: Path
) -> None:
    wanted = small_image_head()
    draft = json.loads(wanted.canonical())
    for key in ("features", "extractor", "initial"):
        del draft["model"][key]
    del draft["scaling"]
    (tmp_path / "draft.json").write_text(json.dumps(draft, indent=1))
    (tmp_path / "extractor.bin").write_bytes(EXTRACTOR)
    pixels, labels = synthetic(60, seed=99)
    np.savez(tmp_path / "own.npz", train_images=pixels, train_labels=labels.reshape(-1, 1))
    given = ("study", "plan", "draft.json", "--records", "own.npz", "--extractor", "extractor.bin")
    assert offline(*given).code == 0
    made = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    assert isinstance(made, ImageHeadPlan) and made.model.extractor == wanted.model.extractor
    assert made.scaling == wanted.scaling and made.model.features[:1] == ("channel 01",)
    assert made.model.features[24:] == tuple(f"unused {number}" for number in range(1, 7))
    assert made.model.initial == (0,) * 31
    (tmp_path / "extractor.bin").write_bytes(EXTRACTOR[:-4])
    ended = offline(*given)
    assert ended.code == 3 and "not in a format that this version reads" in ended.err
    assert offline("study", "plan", "draft.json", "--extractor", "absent.bin").code == 3
