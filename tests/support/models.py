# SPDX-License-Identifier: Apache-2.0
"""Model files of images, as a study would leave them: not trained, so no accuracy of theirs means anything."""

from __future__ import annotations

from node.learning import cnn, extractor
from node.learning.model_file import ModelFile
from node.plan import IMAGE_HEAD, NETWORK, Label
from tests.support.xrays import synthetic

LABEL = Label(name="finding", positive="pneumonia", negative="normal")
PADDING = 6


def cnn_model(seed: str = "0") -> ModelFile:
    """The whole network, at its starting weights."""
    return ModelFile(
        architecture=NETWORK,
        study=7,
        round=3,
        root=1,
        loss="softmax cross-entropy",
        optimiser="momentum SGD",
        plan_digest=bytes(32),
        label=LABEL,
        features=(),
        scaling=(),
        weights=tuple(cnn.initial_weights(seed)),
    )


def head_model(seed: str = "0") -> ModelFile:
    """A head on the 24 features of a frozen network, for a circuit of 30; its first feature counts, and the bias."""
    weights = cnn.initial_weights(seed)
    return ModelFile(
        architecture=IMAGE_HEAD,
        study=7,
        round=3,
        root=1,
        loss="hard-sigmoid-logistic",
        optimiser="mini-batch gradient descent",
        plan_digest=bytes(32),
        label=LABEL,
        features=extractor.FEATURES,
        scaling=extractor.fit_scaling(extractor.features(weights, synthetic(20)[0])).features,
        weights=(1 << 16, *(0,) * (len(extractor.FEATURES) - 1), *(1 << 20,) * PADDING, 1 << 14),
        extractor=tuple(weights),
    )
