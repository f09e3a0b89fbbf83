# SPDX-License-Identifier: Apache-2.0
"""`consilium model evaluate` and `consilium predict` on files that the project never saw."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.learning import model_file, scoring
from node.learning.evaluation import evaluate
from node.learning.model_file import ModelFile
from node.learning.scaling import Scaling
from tests.support.models import cnn_model, head_model
from tests.support.network import Run
from tests.support.plans import fewer_features, small_plan
from tests.support.small_study import records as table_rows
from tests.support.small_study import write_table
from tests.support.xrays import synthetic, write_npz


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    path.write_bytes(model_file.to_bytes(cnn_model()))
    return path


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    paths = []
    for place, image in enumerate(synthetic(4)[0]):
        paths.append(tmp_path / f"radiograph-{place}.png")
        Image.fromarray(image).save(paths[-1])
    return paths


@pytest.mark.parametrize("make", [cnn_model, head_model])
def test_evaluate__split_of_an_npz_file__prints_every_figure(offline: Run, tmp_path: Path, make) -> None:
    source = write_npz(tmp_path / "images.npz", train=10, val=16, test=30)
    (tmp_path / "model.npz").write_bytes(model_file.to_bytes(make()))
    found = offline("model", "evaluate", "model.npz", "--data", source, "--split", "test", "--json").value
    with np.load(source) as arrays:
        pixels, labels = arrays["test_images"], arrays["test_labels"].ravel()
    wanted = evaluate(scoring.of_images(make(), pixels), labels)
    assert (found["rows"], found["positives"]) == (30, 15)
    for name in ("auc", "accuracy", "sensitivity_at_95_specificity", "calibration_error"):
        assert found[name] == getattr(wanted, name)
    assert sum(entry["rows"] for entry in found["bins"]) == 30


def test_evaluate__no_split_named__is_the_test_split_and_says_so(offline: Run, model: Path, tmp_path: Path) -> None:
    source = write_npz(tmp_path / "images.npz", train=10, val=16, test=30)
    ended = offline("model", "evaluate", model, "--data", source)
    assert ended.code == 0 and "images.npz, test" in ended.out and "auc" in ended.out


def test_evaluate__file_without_that_split_or_no_model__says_so(offline: Run, model: Path, tmp_path: Path) -> None:
    source = tmp_path / "images.npz"
    pixels, labels = synthetic(12)
    np.savez(source, train_images=pixels, train_labels=labels.reshape(-1, 1))
    ended = offline("model", "evaluate", model, "--data", source, "--split", "test")
    assert ended.code == 3 and "test" in ended.err
    ended = offline("model", "evaluate", source, "--data", source)
    assert ended.code == 3 and "model" in ended.err.lower()
    ended = offline("model", "evaluate", tmp_path / "none.npz", "--data", source)
    assert ended.code == 3 and "cannot be read" in ended.err


def test_predict__images__one_probability_each_in_order(offline: Run, model: Path, images: list[Path]) -> None:
    found = offline("predict", *images, "--model", model, "--json").value
    wanted = scoring.of_images(cnn_model(), synthetic(4)[0])
    assert [entry["file"] for entry in found] == [str(path) for path in images]
    assert [entry["probability"] for entry in found] == [round(float(p), 6) for p in wanted]
    assert [entry["label"] for entry in found] == ["pneumonia" if p >= 0.5 else "normal" for p in wanted]


def test_predict__a_file_that_is_no_image__is_listed_and_the_others_are_scored(
    offline: Run, model: Path, images: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n")
    ended = offline("predict", images[0], broken, tmp_path / "none.png", "--model", model, "--json")
    assert ended.code == 3
    good, bad, none = json.loads(ended.out)
    assert good["problem"] is None and 0 <= good["probability"] <= 1
    assert bad["probability"] is None and bad["problem"] and "no such file" in none["problem"]


def test_predict__model_of_a_table__is_refused(offline: Run, images: list[Path], tmp_path: Path) -> None:
    (tmp_path / "table.npz").write_bytes(
        model_file.to_bytes(ModelFile.of(small_plan(), study=1, round=2, root=3, weights=[0] * 5))
    )
    ended = offline("predict", images[0], "--model", "table.npz")
    assert ended.code == 3 and "table" in ended.err


@pytest.fixture
def table_model(tmp_path: Path) -> Path:
    """A model of three columns on the circuit of four."""
    path = tmp_path / "table.npz"
    plan = fewer_features(small_plan(), 3)
    weights = [40_000, -90_000, 25_000, 1 << 20, 3_000]
    path.write_bytes(model_file.to_bytes(ModelFile.of(plan, study=1, round=2, root=3, weights=weights)))
    return path


def labelled(path: Path, count: int = 12) -> Path:
    """Records with the model's columns and the label."""
    rows = [(a, b, c, ill) for a, b, c, _, ill in table_rows(5, count)]
    write_table(path, rows, ("a", "b", "c", "ill"))
    return path


def unlabelled(path: Path) -> Path:
    """The same records as a hospital has them before anybody knows: other order, other columns, no label."""
    rows = [(f"P{number}", c, "ward, 3", a, b) for number, (a, b, c, *_) in enumerate(table_rows(5, 12))]
    write_table(path, rows, ("patient", "c", "ward", "a", "b"))
    return path


def test_predict__table__gives_the_probabilities_that_evaluate_measures(
    offline: Run, table_model: Path, tmp_path: Path
) -> None:
    ended = offline("predict", unlabelled(tmp_path / "patients.csv"), "--model", table_model, "-o", "scores.csv")
    assert ended.code == 0 and "12 records" in ended.out and "'patient', 'ward'" in ended.err
    with (tmp_path / "scores.csv").open(newline="") as stream:
        scores = list(csv.DictReader(stream))
    assert list(scores[0]) == ["line", "probability", "label"]
    assert [row["line"] for row in scores] == [str(number) for number in range(2, 14)]
    found = [float(row["probability"]) for row in scores]
    assert len(set(found)) > 6 and [row["label"] for row in scores] == ["yes" if p >= 0.5 else "no" for p in found]
    measured = offline("model", "evaluate", table_model, "--data", labelled(tmp_path / "held-out.csv"), "--json").value
    wanted = evaluate(np.array(found), np.array([ill == "yes" for *_, ill in table_rows(5, 12)], dtype=np.int64))
    for name in ("auc", "accuracy", "sensitivity_at_95_specificity", "calibration_error"):
        assert measured[name] == getattr(wanted, name)
    # By the formula of the README, in exact integers.
    values = [(Decimal(a), Decimal(b), Decimal(c)) for a, b, c, *_ in table_rows(5, 12)]
    scaled = Scaling(small_plan().scaling[:3]).apply(values)
    z = [(40_000 * x + -90_000 * y + 25_000 * w + 3_000 * 32) / 2**21 for x, y, w in scaled]
    assert found == [np.floor(min(max(v / 4 + 0.5, 0), 1) * 4096) / 4096 for v in z]


def test_predict__table_with_an_identifier__writes_it_as_it_is_and_for_its_owner_alone(
    offline: Run, table_model: Path, tmp_path: Path
) -> None:
    source = unlabelled(tmp_path / "patients.csv")
    source.write_text(source.read_text().replace("P3,", '"=1+1, ""P3""",'))
    given = ("predict", source, "--model", table_model, "--id", "patient")
    printed = offline(*given, "--json").value
    assert printed[3]["patient"] == '=1+1, "P3"' and set(printed[0]) == {"line", "patient", "probability", "label"}
    done = offline(*given, "-o", "scores.csv", "--json").value
    assert done == {"file": "scores.csv", "records": 12, "study": 1, "round": 2}
    with (tmp_path / "scores.csv").open(newline="") as stream:
        assert [row["patient"] for row in csv.DictReader(stream)] == [row["patient"] for row in printed]
    assert (tmp_path / "scores.csv").stat().st_mode & 0o777 == 0o600
    # The same again is no harm; something else is never replaced.
    assert offline(*given, "-o", "scores.csv").code == 0
    (tmp_path / "scores.csv").write_text("notes")
    ended = offline(*given, "-o", "scores.csv")
    assert ended.code == 2 and "exists already" in ended.err and (tmp_path / "scores.csv").read_text() == "notes"
    assert offline("predict", source, "--model", table_model, "--id", "line").code == 2
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_predict__table_with_bad_cells__tells_every_one_of_them_and_scores_nothing(
    offline: Run, table_model: Path, tmp_path: Path
) -> None:
    rows = [["1", "2", "3"], ["secret", "2", "3"], ["1", "", "inf"], ["1", "2"], ["1", "1e99", "3"], ["1", "2", "3"]]
    write_table(tmp_path / "patients.csv", rows, ("a", "b", "c"))
    ended = offline("predict", "patients.csv", "--model", table_model, "-o", "scores.csv")
    assert ended.code == 3 and not (tmp_path / "scores.csv").exists() and "secret" not in ended.err
    for told in (
        "5 places",
        "line 3, column 'a': this is not a number",
        "line 4, column 'b': the value is missing",
        "line 4, column 'c': the value is not a finite number",
        "line 5: 2 cells, but there are 3 columns",
        "line 6, column 'b': the value is not between",
    ):
        assert told in ended.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a,d\n1,2\n", "lacks 2 of the 3 columns that are needed: 'b', 'c'"),
        ("a,b,c,b\n1,2,3,4\n", "has columns more than once: 'b'"),
        ("a,b,c\n", "has no records"),
        ("", "lacks 3 of the 3 columns"),
    ],
)
def test_predict__table_without_what_the_model_needs__says_what(
    offline: Run, table_model: Path, tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "patients.csv").write_text(text)
    ended = offline("predict", "patients.csv", "--model", table_model)
    assert ended.code == 3 and told in ended.err


def test_predict__images_into_a_file__writes_what_would_be_printed(
    offline: Run, model: Path, images: list[Path], tmp_path: Path
) -> None:
    printed = offline("predict", *images, "--model", model, "--json").value
    assert offline("predict", *images, "--model", model, "-o", "scores.csv").code == 0
    with (tmp_path / "scores.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["file"], float(row["probability"])) for row in rows] == [
        (entry["file"], entry["probability"]) for entry in printed
    ]
    assert offline("predict", *images, "--model", model, "--id", "patient").code == 2
