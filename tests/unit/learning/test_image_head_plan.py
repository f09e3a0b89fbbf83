# SPDX-License-Identifier: Apache-2.0
"""The plan of a head on images: what it names besides a head's, and what it cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node.errors import DataError
from node.learning import extractor, model_file
from node.learning.model_file import ModelFile
from node.plan import HeadPlan, ImageHeadPlan, TrainingPlan
from node.storage.cid import Address
from tests.support.image_heads import EXTRACTOR, WEIGHTS, small_image_head
from tests.support.plans import small_plan


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(small_image_head().canonical())
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_plan__written_and_read__is_the_same_and_a_heads() -> None:
    plan = small_image_head()
    read = TrainingPlan.parse(plan.canonical())
    assert read == plan and isinstance(read, ImageHeadPlan) and isinstance(read, HeadPlan)
    # The proved numbers of a head on images are those of any head of as many features.
    assert plan.root() & 0xFFFF == 30 and plan.root() >> 88 == 1
    assert not isinstance(TrainingPlan.parse(small_plan().canonical()), ImageHeadPlan)


def test_plan__names_its_extractor_by_what_gives_the_cid() -> None:
    named = small_image_head().model.extractor
    assert Address(bytes.fromhex(named.digest), named.size).cid.startswith("bafkrei")
    assert named.size == len(EXTRACTOR)
    assert extractor.from_bytes(EXTRACTOR, bytes.fromhex(named.digest)) == WEIGHTS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["model"].pop("extractor"), "model.extractor is missing"),
        (lambda d: d["model"].update(family="logistic-head"), "extractor' is a key that no plan has"),
        (lambda d: d["model"]["extractor"].update(digest="ab"), "model.extractor.digest is not a SHA-256"),
        (lambda d: d["model"]["extractor"].update(digest="AB" * 32), "model.extractor.digest is not a SHA-256"),
        (lambda d: d["model"]["extractor"].update(size=0), "model.extractor.size is not an integer"),
        (lambda d: d["model"]["extractor"].update(size=262_145), "model.extractor.size is not an integer"),
        (lambda d: d["scaling"].pop(), "scaling has 23 entries for 24 features"),
        (
            lambda d: (d["model"].update(features=list("abcd"), initial=[0] * 5), d.update(scaling=d["scaling"][:4])),
            "model.features are 4, and an extractor gives 24",
        ),
        (
            lambda d: (d["model"]["features"].append("25"), d["scaling"].append({"mean": "0", "std": "1"})),
            "model.features are 25, and an extractor gives 24",
        ),
        (lambda d: d["privacy"].update(budget=1), "privacy"),
    ],
)
def test_parse__one_wrong_key__is_refused_by_its_name(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TrainingPlan.parse(edited(change))


def test_parse__table_plan_under_the_family_of_images__lacks_an_extractor() -> None:
    document = json.loads(small_plan().canonical())
    document["model"]["family"] = "logistic-head-on-images"
    with pytest.raises(DataError, match=r"model\.extractor is missing"):
        TrainingPlan.parse(json.dumps(document, sort_keys=True, separators=(",", ":")).encode())


def test_model_file__of_a_head_on_images__carries_the_extractor_and_scores_images() -> None:
    plan, known = small_image_head(), {"study": 1, "round": 2, "root": 3, "weights": [7] * 31}
    model = ModelFile.of(plan, **known, extractor=WEIGHTS)  # type: ignore[arg-type]
    assert model.takes_images and model_file.from_bytes(model_file.to_bytes(model)) == model
    with pytest.raises(DataError, match="needs the plan's extractor"):
        ModelFile.of(plan, **known)  # type: ignore[arg-type]
    without = replace(model, extractor=())
    with pytest.raises(DataError, match="do not fit its architecture"):
        model_file.from_bytes(model_file.to_bytes(without))
