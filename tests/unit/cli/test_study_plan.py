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
from node.plan import HeadPlan, ImageHeadPlan, Privacy, TrainingPlan
from node.plan_training import ClippedStep
from node.steps.enrolment import check_rules
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


def test_plan__draft_with_many_faults__tells_all_of_them_at_once_with_value_and_remedy(
    offline: Run, records: Path, tmp_path: Path
) -> None:
    """Faults of single values, of values together, of the circuit and of the encryption, and a key too many."""
    draft = json.loads(EXAMPLE.read_text())
    draft["training"] |= {"epochs": 9, "batch_size": 16, "learning_rate": 5000}
    draft["encryption"]["threshold"] = 4
    draft["participation"] |= {"minimum": 2, "batch_rounds": 4}
    draft["phases"]["submit"] = 31 * 86_400
    draft["money"] |= {"bond": "0", "absence_fine": "-1"}
    draft["quantisation"]["value_bits"] = 24
    draft["aggregation"]["circuit"] = "aggregation_5"
    draft["colour"] = "red"
    del draft["money"]["unopened_rounds"]
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    wide = table_with_columns(31, tmp_path / "wide.csv")
    ended = offline("study", "plan", "draft.json", "--records", wide)
    assert ended.code == 3 and not (tmp_path / "plan.json").exists() and ended.err.count("\n") == 1
    for told in (
        "14 things are wrong",
        "'colour' is a key that no plan has",
        "training.epochs is above 4, the most that training_192x30 proves: it is 9",
        "training.batch_size is not 32, as training_192x30 has it: it is 16",
        "training.learning_rate is not an integer in [1, 1023]: it is 5000",
        "participation.minimum is not an integer in [3, 64]: it is 2",
        "participation.maximum is below 2 · encryption.threshold − 1 = 7: it is 3",
        "participation.batch_rounds is more than the study's 3 rounds: it is 4",
        "phases.submit is not an integer in [1, 2592000]: it is 2678400",
        "money.bond is not from 1 to 2^128 − 1",
        'money.absence_fine is not a whole number as text, such as "1000": it is "-1"',
        "money.unopened_rounds is missing",
        "quantisation.value_bits is not 26, as training_192x30 has it: it is 24",
        "aggregation.circuit has 5 weights and values of 26 bits, and training_192x30 31 of 26",
        "model.features are 31, and training_192x30 takes 30: choose which to use",
    ):
        assert told in ended.err


def table_with_columns(count: int, path: Path) -> Path:
    """So many features and the label, on three records."""
    names = [f"column {number}" for number in range(count)]
    rows = [[str(row + place) for place in range(count)] for row in range(3)]
    text = "\n".join(
        ",".join([*cells, label])
        for cells, label in zip([names, *rows], ["diagnosis", "benign", "malignant", "benign"], strict=True)
    )
    path.write_text(text + "\n")
    return path


@pytest.mark.parametrize("count", [1, 13, 29, 30])
def test_plan__of_a_table_with_up_to_thirty_columns__is_a_study_without_naming_what_is_not_there(
    offline: Run, tmp_path: Path, count: int
) -> None:
    table = table_with_columns(count, tmp_path / "own.csv")
    draft = json.loads(EXAMPLE.read_text())
    draft["model"]["initial"] = [*range(1, count + 2)]
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    assert offline("study", "plan", "draft.json", "--records", table).code == 0
    made = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    assert isinstance(made, HeadPlan) and len(made.model.features) == len(made.scaling) == count
    assert made.model.initial == (*range(1, count + 1), *(0,) * (30 - count), count + 1)
    # What was written is a draft of itself.
    assert offline("study", "plan", "plan.json").code == 0


def test_plan__encryption_or_privacy_that_enrolling_would_refuse__is_refused_here(
    offline: Run, records: Path, tmp_path: Path
) -> None:
    draft = json.loads(EXAMPLE.read_text())
    draft["encryption"]["statistical_security"] = 128
    draft["participation"] |= {"rounds": 1000, "batch_rounds": 1000, "maximum": 64}
    draft["training"]["update_bound"] = private_plan().training.update_bound
    draft["privacy"] = asdict(private_plan().privacy) | {"cost": 5, "noise_bound": 3}
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    ended = offline("study", "plan", "draft.json", "--records", records)
    assert ended.code == 3
    for told in ("encryption gives no keys for", "privacy.cost is below", "privacy.noise_bound is below 13857"):
        assert told in ended.err


def test_plan__epsilon_that_no_noise_can_be_found_for__tells_that_with_everything_else(
    offline: Run, records: Path, tmp_path: Path
) -> None:
    draft = json.loads(EXAMPLE.read_text())
    draft["privacy"] = {"epsilon": "2", "delta": "0.00001"}
    draft["phases"]["open"] = 0
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    ended = offline("study", "plan", "draft.json", "--records", records)
    assert ended.code == 3 and "phases.open is not" in ended.err
    assert "training.update_bound is 0: no noise hides an update of any length" in ended.err
    # Where the training has faults of its own, nothing is made up about the privacy.
    draft["training"] |= {"update_bound": 10**9, "epochs": 0}
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    ended = offline("study", "plan", "draft.json", "--records", records)
    assert ended.code == 3 and "2 things are wrong" in ended.err and "privacy" not in ended.err


def test_plan__where_the_network_is_known__is_checked_against_it(run: Run, records: Path, tmp_path: Path) -> None:
    draft = json.loads(EXAMPLE.read_text())
    draft["phases"] |= {"confirmations": 300, "open": 301}
    draft["training"]["circuit"] = "training_64x300"
    (tmp_path / "draft.json").write_text(json.dumps(draft))
    ended = run("study", "plan", "draft.json", "--records", records)
    assert ended.code == 3
    for told in (
        "phases.open is below 302 s, the least on this network (300 confirmations of 1 s, and 2 s): it is 301",
        "phases.attest is below 302 s",
        "training.circuit is not one of: aggregation_31, training_192x30, training_64x30: it is",
    ):
        assert told in ended.err
    assert run("study", "plan", EXAMPLE, "--records", records, "--json").value["network_asked"] is True
    # A network that does not answer, or that nobody named, is no obstacle; it is said that it was not asked.
    ended = run("--rpc", "http://127.0.0.1:9", "study", "plan", EXAMPLE, "--records", records)
    assert ended.code == 0 and "did not answer" in ended.err


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
    check_rules(plan)
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
    assert made.scaling == wanted.scaling and made.model.features[::23] == ("channel 01", "channel 24")
    assert len(made.model.features) == 24 and made.model.initial == (0,) * 31
    (tmp_path / "extractor.bin").write_bytes(EXTRACTOR[:-4])
    ended = offline(*given)
    assert ended.code == 3 and "not in a format that this version reads" in ended.err
    assert offline("study", "plan", "draft.json", "--extractor", "absent.bin").code == 3
