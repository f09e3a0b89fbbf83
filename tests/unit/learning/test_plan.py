# SPDX-License-Identifier: Apache-2.0
"""One plan has one sequence of bytes; everything else is refused by the name of its key."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from node.errors import DataError
from node.plan import Participation, TrainingPlan, survives
from tests.support.plans import fewer_features, pads_alone, small_plan


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(small_plan().canonical())
    change(document)
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def test_plan__written_and_read__is_the_same_with_one_digest() -> None:
    plan = replace(small_plan(), title="Brustkrebs: gut- oder bösartig?")
    content = plan.canonical()
    assert content.startswith(b'{"aggregation":{"circuit":"aggregation_5"},')
    assert TrainingPlan.parse(content) == plan
    assert plan.digest() == sha256(content).digest()


def test_root__packs_the_proved_numbers_injectively() -> None:
    plan = small_plan()
    assert plan.root() == 4 + (4 << 16) + (2 << 32) + (128 << 48) + (26 << 80) + (1 << 88)
    roots = {plan.root()}
    for change in ({"batch_size": 8}, {"epochs": 1}, {"learning_rate": 127}):
        roots.add(replace(plan, training=replace(plan.training, **change)).root())
    assert len(roots) == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.pop("question"), "question is missing"),
        (lambda d: d["money"].pop("bond"), "money.bond is missing"),
        (lambda d: d["training"].update(momentum=1), "training.momentum' is a key that no plan has"),
        (lambda d: d.update(consilium="plan/4"), "is it a plan"),
        (lambda d: d.update(consilium="plan/1"), "is of the older format plan/1: have it drafted anew as plan/3"),
        (lambda d: d.update(consilium="plan/2"), "is of the older format plan/2: have it drafted anew as plan/3"),
        (lambda d: d.update(model=[]), "model is not an object"),
        (lambda d: d.update(scaling={}), "scaling is not a list"),
        (lambda d: d.update(title=""), "title is not a text"),
        (lambda d: d.update(title="a\nb"), "title is not a text"),
        (lambda d: d["model"].update(loss="hinge"), "model.loss is not one of"),
        (lambda d: d["model"]["features"].__setitem__(1, d["model"]["features"][0]), "a name twice"),
        (lambda d: d["model"]["features"].__setitem__(1, 7), r"model.features\[1\] is not a text"),
        (lambda d: d["model"]["label"].update(name="a"), "model.label.name is also"),
        (
            lambda d: d["model"]["label"].update(positive="no"),
            "model.label.negative is the same as the one that is positive",
        ),
        (lambda d: d["model"]["initial"].pop(), "model.initial has 4 weights for 4 features and one bias"),
        (
            lambda d: (d["model"]["initial"].__setitem__(3, 1), d["model"]["features"].pop(), d["scaling"].pop()),
            "model.initial has a weight other than 0 for a feature that the plan does not name",
        ),
        (lambda d: d["model"]["initial"].__setitem__(2, 1 << 23), r"model.initial\[2\] is not an integer"),
        (lambda d: d["model"]["initial"].__setitem__(2, True), r"model.initial\[2\] is not an integer"),
        (lambda d: d["scaling"].pop(), "scaling has 3 entries for 4 features"),
        (lambda d: d["scaling"][3].update(std="0.0"), r"scaling\[3\].std is not above zero"),
        (lambda d: d["scaling"][0].update(mean="1e3"), r"scaling\[0\].mean is not a decimal"),
        (lambda d: d["scaling"][0].update(mean="NaN"), r"scaling\[0\].mean is not a decimal"),
        (lambda d: d["training"].update(learning_rate=1024), "training.learning_rate is not an integer in"),
        (lambda d: d["training"].update(learning_rate=0.5), "0.5 is not an integer"),
        (lambda d: d["training"].update(batch_size=3), "training.batch_size is not a power of two"),
        (lambda d: d["training"].update(rows_maximum=10), "training.rows_maximum is not a multiple"),
        (lambda d: d["quantisation"].update(weight_bits=32), "quantisation.weight_bits is not 24"),
        (lambda d: d["encryption"].update(threshold=1), "encryption.threshold"),
        (lambda d: d["encryption"].update(attempts=3), "encryption.attempts' is a key that no plan has"),
        (lambda d: d["encryption"].update(openings=["ckks"]), "encryption.openings is neither"),
        (lambda d: d["encryption"].update(openings=["pads", "ckks"]), "encryption.openings is neither"),
        (lambda d: d["encryption"].update(openings=["rsa"]), r"encryption.openings\[0\] is not one of: ckks, pads"),
        (lambda d: d["participation"].update(joining="open"), "participation.joining is not one of: closed, approved"),
        (
            lambda d: d["money"].update(unopened_rounds=1),
            "money.unopened_rounds is below encryption.threshold 2: it is 1",
        ),
        (lambda d: d["money"].update(verified_share_bps=1), "money.verified_share_bps' is a key that no plan has"),
        (lambda d: d["money"].update(absence_fine="51"), "money.absence_fine is above the absence_cap 50"),
        (lambda d: d["money"].update(absence_cap="250"), "money.absence_cap is not below a quarter of the bond, 250"),
        (lambda d: d["money"].update(service_fee="101"), "money.service_fee is above the service_budget 100"),
        (lambda d: d["money"].update(service_fee="0"), "money.service_fee is 0: nobody could earn"),
        (lambda d: d["phases"].update(patience=479), "phases.patience is below 480 s, the length of"),
        (lambda d: d["phases"].update(patience=361 * 86_400), "phases.patience is not an integer in"),
        (lambda d: d["phases"].update(recovery=59), "phases.recovery is below the length of submit, 60: it is 59"),
        (lambda d: d["encryption"].update(threshold=3), "participation.minimum is below"),
        (lambda d: d["participation"].update(minimum=2), "participation.minimum"),
        (lambda d: d["participation"].update(minimum=5, maximum=4), "participation.maximum is below"),
        (lambda d: d["participation"].update(maximum=65), "participation.maximum"),
        (lambda d: d["participation"].update(batch_rounds=0), "participation.batch_rounds is not an integer in"),
        (lambda d: d["participation"].update(batch_rounds=4), "participation.batch_rounds is more than"),
        (
            lambda d: (d["encryption"].update(threshold=5), d["participation"].update(minimum=6, maximum=8)),
            "participation.maximum is below 2",
        ),
        (lambda d: d["money"].update(bond=5), "money.bond is not a whole number as text"),
        (lambda d: d["money"].update(bond="-5"), "money.bond is not a whole number as text"),
        (lambda d: d["privacy"].update(budget=1), "privacy.budget is 0 exactly where the level is none"),
        (lambda d: d["privacy"].update(cost=1), "privacy.cost is 0 exactly where the level is none"),
        (lambda d: d["privacy"].update(noise_bound=1), "privacy.noise_bound is 0 exactly where the level is none"),
        (
            lambda d: d["training"].update(update_bound=1),
            "training.update_bound is 0 exactly where the level of privacy is none",
        ),
    ],
)
def test_parse__one_wrong_key__is_refused_by_its_name(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        TrainingPlan.parse(edited(change))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"null",
        b"[]",
        b"[" * 100_000,
        b'{"consilium":"plan/3","clip_warning_share_ppm":NaN}',
        b'{"consilium":"plan/3","clip_warning_share_ppm":' + b"9" * 5000 + b"}",
        b" " * 262_145,
        small_plan().canonical() + b"\n",
        small_plan().canonical().replace(b":", b": ", 1),
        small_plan().canonical().replace(b'{"budget":0,', b'{"budget":0,"budget":0,'),
        small_plan().canonical().replace(b'"title":"', b'"title":"\\ud800'),
    ],
)
def test_parse__bytes_that_are_no_canonical_plan__are_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="The plan cannot be used"):
        TrainingPlan.parse(content)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_plan__fewer_features_than_the_circuit__is_read_and_proves_by_the_circuits_number(count: int) -> None:
    plan = fewer_features(replace(small_plan(), model=replace(small_plan().model, initial=(7, 0, 0, 0, -7))), count)
    assert TrainingPlan.parse(plan.canonical()) == plan
    assert (plan.width, plan.trained_weights, plan.root()) == (4, count + 1, small_plan().root())


def test_plan__built_wrong__is_refused_like_one_that_was_read() -> None:
    with pytest.raises(DataError, match="question is not a text"):
        replace(small_plan(), question="")
    with pytest.raises(DataError, match="training is not an object: it is null"):
        replace(small_plan(), training=None)  # type: ignore[arg-type]


def test_survives__counts_what_may_fall_away_before_too_few_submit() -> None:
    plan = replace(small_plan(), participation=Participation(3, 9, 3, 3))
    assert [plan.survives(hospitals) for hospitals in (2, 3, 4, 9)] == [0, 0, 1, 6]
    assert survives(9, minimum=4, threshold=6) == 3


def test_plan__funding_and_noise__count_services_and_only_the_honest() -> None:
    plan = small_plan()
    assert plan.required_funding == 300 * 3 + 100
    assert plan.noise_shares == 3 - (2 - 1)


def test_openings__pads_alone__has_no_ckks() -> None:
    assert not small_plan().encryption.pads_only and pads_alone(small_plan()).encryption.pads_only
