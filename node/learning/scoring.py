# SPDX-License-Identifier: Apache-2.0
"""The probabilities that a model file gives, whatever its architecture."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from node.errors import DataError, UsageError
from node.learning import cnn, extractor
from node.learning.datasets.images import ImageSet, Pixels
from node.learning.datasets.source import Reading, load
from node.learning.evaluation import Evaluation, evaluate
from node.learning.model_file import ModelFile
from node.learning.reference import score
from node.learning.scaling import Scaling
from node.learning.tables import read_table
from node.plan import NETWORKS, PROBABILITY_FRACTION_BITS


def of_images(model: ModelFile, pixels: Pixels) -> NDArray[np.float64]:
    """The probability of the positive class, float64 [n], for images uint8 [n, 28, 28]; raises DataError."""
    if not model.takes_images:
        raise DataError("This model was trained on a table and not on images: score a .csv file of its columns.")
    if model.architecture in NETWORKS:
        return cnn.probabilities(model.weights, pixels)
    return of_rows(model, extractor.features(model.extractor, pixels))


def of_rows(model: ModelFile, rows: Sequence[Sequence[Decimal]]) -> NDArray[np.float64]:
    """As `of_images`, for n rows of D features as measured: the hard-sigmoid probability in steps of 2^−12."""
    scaled = Scaling(model.scaling).apply(rows)
    return np.array([score(model.weights, row) for row in scaled]) / (1 << PROBABILITY_FRACTION_BITS)


def evaluate_file(model: ModelFile, source: Path, how: Reading, split: str | None = None) -> Evaluation:
    """Evaluates a model on a file of labelled records that it need not have seen.

    Images come from a split of any source of images, "test" where none is named; a table has exactly the model's
    columns and no splits. Raises DataError, and UsageError for options that do not fit.
    """
    if not model.takes_images:
        if split is not None or source.suffix.lower() != ".csv":
            raise UsageError("This model scores tables: name a .csv file of its columns, without a split.")
        table = read_table(source, model.features, model.label, capacity=sys.maxsize)
        return evaluate(of_rows(model, table.rows), np.array(table.labels))
    data = load(source, how)
    if not isinstance(data, ImageSet):
        raise UsageError("This model scores images: name an .npz file or a folder of images.")
    images = data.split(split or "test")
    return evaluate(of_images(model, images.pixels), images.labels)
