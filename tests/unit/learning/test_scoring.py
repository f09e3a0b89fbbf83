# SPDX-License-Identifier: Apache-2.0
"""What a model file says of images and tables that it never saw."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import DataError, UsageError
from node.learning import cnn, extractor, model_file, scoring
from node.learning.datasets.source import Reading
from node.learning.evaluation import evaluate
from node.learning.model_file import ModelFile
from node.learning.scaling import Scaling
from tests.support.models import PADDING, cnn_model, head_model
from tests.support.plans import small_plan
from tests.support.xrays import synthetic, write_npz

HOW = Reading(None, None, None, None)


@pytest.mark.parametrize("make", [cnn_model, head_model])
def test_model_file__of_images__written_and_read_is_the_same(make) -> None:
    content = model_file.to_bytes(make())
    assert model_file.from_bytes(content) == make()
    assert model_file.to_bytes(make()) == content


@pytest.mark.parametrize(
    "wrong",
    [
        replace(cnn_model(), weights=cnn_model().weights[:-1]),
        replace(cnn_model(), extractor=head_model().extractor),
        replace(cnn_model(), architecture="cnn-1"),
        replace(head_model(), extractor=head_model().extractor[:-1]),
        replace(head_model(), features=head_model().features[:3], scaling=head_model().scaling[:3]),
    ],
    ids=["short network", "network with an extractor", "another network", "short extractor", "few features"],
)
def test_model_file__parts_that_do_not_fit_its_architecture__are_refused(wrong: ModelFile) -> None:
    with pytest.raises(DataError):
        scoring.of_images(model_file.from_bytes(model_file.to_bytes(wrong)), synthetic(4)[0])


def test_of_images__network__is_its_softmax() -> None:
    pixels, _ = synthetic(20)
    model = cnn_model()
    assert scoring.of_images(model, pixels).tolist() == cnn.probabilities(model.weights, pixels).tolist()


def test_of_images__head__is_the_hard_sigmoid_of_the_scaled_features() -> None:
    pixels, _ = synthetic(20)
    model = head_model()
    scaled = Scaling(model.scaling).apply(extractor.features(model.extractor, pixels))
    # Weight one on the first feature, in 1/32, and a bias of a quarter; the six that have no name count for nothing.
    wanted = [min(max((row[0] / 32 + 0.25) / 4 + 0.5, 0), 1) for row in scaled]
    found = scoring.of_images(model, pixels)
    assert len(set(wanted)) > 5 and len(model.weights) == len(model.features) + PADDING + 1
    assert np.abs(found - wanted).max() <= 2**-12


def test_evaluate_file__images__are_those_of_the_split(tmp_path: Path) -> None:
    source = write_npz(tmp_path / "images.npz", train=40, val=20, test=30)
    with np.load(source) as arrays:
        pixels, labels = arrays["val_images"], arrays["val_labels"].ravel()
    model = cnn_model()
    found = scoring.evaluate_file(model, source, HOW, "val")
    assert found == evaluate(cnn.probabilities(model.weights, pixels), labels)
    assert scoring.evaluate_file(model, source, HOW).rows == 30


def test_evaluate_file__what_the_model_cannot_score__says_what_it_takes(tmp_path: Path) -> None:
    images = write_npz(tmp_path / "images.npz")
    table = tmp_path / "table.csv"
    table.write_text("a,b,c,d,y\n1,2,3,4,1\n1,2,3,4,0\n")
    tabular = ModelFile.of(small_plan(), study=1, round=2, root=3, weights=[0] * 5)
    with pytest.raises(UsageError, match=r"\.csv"):
        scoring.evaluate_file(tabular, images, HOW)
    with pytest.raises(UsageError, match="split"):
        scoring.evaluate_file(tabular, table, HOW, "test")
    with pytest.raises(UsageError, match="images"):
        scoring.evaluate_file(cnn_model(), table, Reading("y", "1", None, None))
    with pytest.raises(DataError, match="table"):
        scoring.of_images(tabular, synthetic(4)[0])
