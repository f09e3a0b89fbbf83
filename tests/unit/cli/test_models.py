# SPDX-License-Identifier: Apache-2.0
"""`consilium model evaluate` and `consilium predict` on files that the project never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.learning import model_file, scoring
from node.learning.evaluation import evaluate
from node.learning.model_file import ModelFile
from tests.support.models import cnn_model, head_model
from tests.support.network import Run
from tests.support.plans import small_plan
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
