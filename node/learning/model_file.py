# SPDX-License-Identifier: Apache-2.0
"""The model file that `consilium model export` writes: a NumPy archive that plain `numpy.load` reads.

    weights        float64 [k+1] those of the features by name, then the bias; of a network, all
    weights_int    int64   [P]   weights · 2^16, and what else is hashed: the round's root is their Poseidon hash
    feature_names  text    [k]
    mean, std      float64 [k]   the plan's scaling; x = clamp(⌊(v − mean)/std · 32 + 1/2⌋, −128, 127) / 32
    extractor      int64   [E]   the frozen network of a head on images (`node.learning.extractor`); else E = 0
    meta           text    []    JSON: format, architecture, study, round, root, loss, optimiser, plan_digest,
                                 label, scaling (the exact constants)

Three architectures: "logistic-head" and "logistic-head-on-images", whose score is clamp(z/4 + 1/2, 0, 1) with
z = weights · [x, 1], on a table's columns and on an extractor's features; and "cnn-5162" (`node.learning.cnn`,
k = 0, P = 5162). A head's circuit can take more features than its plan names: between the named features' and the
bias, the last one, weights_int then holds weights that nothing is multiplied with.
One model has one sequence of bytes, so everybody's file has the same digest.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from node.document import read
from node.errors import DataError
from node.learning.datasets.archive import unpack, write_arrays
from node.learning.reference import check_weights
from node.padding import named
from node.plan import (
    EXTRACTED,
    HEAD,
    IMAGE_HEAD,
    NETWORKS,
    WEIGHT_FRACTION_BITS,
    FeatureScaling,
    HeadPlan,
    ImageHeadPlan,
    Label,
    TrainingPlan,
)

FORMAT = "consilium/model/3"
FILE_LIMIT = 16 * 1024 * 1024
MEMBERS = ("weights", "weights_int", "feature_names", "mean", "std", "extractor", "meta")
META_KEYS = {
    "format", "architecture", "study", "round", "root", "loss", "optimiser", "plan_digest", "label", "scaling",
}  # fmt: skip


@dataclass(frozen=True)
class ModelFile:
    """A round's model with all that is needed to use it and to check it against the chain.

    `weights`: all P integers that are hashed, also those of features that no plan names.
    """

    architecture: str
    study: int
    round: int
    root: int
    plan_digest: bytes
    loss: str
    optimiser: str
    label: Label
    features: tuple[str, ...]
    scaling: tuple[FeatureScaling, ...]
    weights: tuple[int, ...]
    extractor: tuple[int, ...] = ()

    @property
    def takes_images(self) -> bool:
        """Whether it scores images; else it scores a table's records."""
        return self.architecture in (IMAGE_HEAD, *NETWORKS)

    def class_of(self, probability: float) -> str:
        """The class that is likelier, by the name that tables have for it."""
        return self.label.positive if probability >= 0.5 else self.label.negative

    @classmethod
    def of(
        cls,
        plan: TrainingPlan,
        *,
        study: int,
        round: int,
        root: int,
        weights: Sequence[int],
        extractor: Sequence[int] = (),
    ) -> ModelFile:
        """The model file of a round of a plan's study; `root` is the hash of `weights` on chain.

        `extractor`: the weights of the plan's, for a head on images.
        """
        check_weights(weights)
        if bool(extractor) != isinstance(plan, ImageHeadPlan):
            raise DataError("The model of a head on images needs the plan's extractor, and no other has one.")
        if len(weights) != len(plan.model.initial):
            raise DataError(f"{len(weights)} weights do not fit a plan of {len(plan.model.initial)}.")
        model = plan.model
        return cls(
            architecture=model.family,
            study=study,
            round=round,
            root=root,
            plan_digest=plan.digest(),
            loss=model.loss,
            optimiser=model.optimiser,
            label=model.label,
            features=plan.model.features if isinstance(plan, HeadPlan) else (),
            scaling=plan.scaling if isinstance(plan, HeadPlan) else (),
            weights=tuple(weights),
            extractor=tuple(extractor),
        )


def to_bytes(model: ModelFile) -> bytes:
    """The archive as bytes."""
    meta = {
        "format": FORMAT,
        "architecture": model.architecture,
        "study": model.study,
        "round": model.round,
        "root": str(model.root),
        "plan_digest": model.plan_digest.hex(),
        "loss": model.loss,
        "optimiser": model.optimiser,
        "label": asdict(model.label),
        "scaling": [asdict(entry) for entry in model.scaling],
    }
    used = model.weights if model.architecture in NETWORKS else named(model.weights, len(model.features))
    arrays: dict[str, NDArray[Any]] = {
        "weights": np.array(used, dtype=np.int64) / float(1 << WEIGHT_FRACTION_BITS),
        "weights_int": np.array(model.weights, dtype=np.int64),
        "feature_names": np.array(model.features, dtype=np.str_),
        "mean": np.array([float(entry.mean) for entry in model.scaling]),
        "std": np.array([float(entry.std) for entry in model.scaling]),
        "extractor": np.array(model.extractor, dtype=np.int64),
        "meta": np.array(json.dumps(meta, sort_keys=True, separators=(",", ":"), ensure_ascii=False)),
    }
    return write_arrays(arrays)


def from_bytes(content: bytes) -> ModelFile:
    """Reads a model file; raises DataError for any archive that `to_bytes` would not have written.

    Nothing in the file is executed or trusted for its size: objects (pickles) are refused.
    """
    arrays = unpack(io.BytesIO(content), "The model file", FILE_LIMIT)
    if tuple(arrays) != MEMBERS:
        _refuse(f"it does not hold the arrays {', '.join(MEMBERS)}, in this order")
    try:
        model = _model(arrays)
        same = to_bytes(model) == content
    except (ValueError, TypeError, OverflowError, RecursionError):
        _refuse("it is not a complete archive of a model")
    if not same:
        _refuse("its parts disagree with each other")
    return model


def read_model(path: Path) -> ModelFile:
    """As `from_bytes`, from a file."""
    try:
        with path.open("rb") as stream:
            content = stream.read(FILE_LIMIT + 1)
    except OSError as error:
        raise DataError(f"The model {path} cannot be read ({error.strerror}).") from None
    return from_bytes(content)


def _model(arrays: dict[str, NDArray[Any]]) -> ModelFile:
    meta = json.loads(str(arrays["meta"]))
    if not isinstance(meta, dict) or meta.keys() != META_KEYS or meta["format"] != FORMAT:
        _refuse(f"its meta does not describe a model of the format {FORMAT}")
    try:
        label = read(Label, meta["label"], "label")
        scaling = tuple(read(FeatureScaling, entry, "scaling") for entry in meta["scaling"])
    except DataError:
        _refuse("its label or scaling is malformed")
    model = ModelFile(
        architecture=str(meta["architecture"]),
        study=_integer(meta["study"]),
        round=_integer(meta["round"]),
        root=_integer_text(meta["root"]),
        plan_digest=_digest(meta["plan_digest"]),
        loss=str(meta["loss"]),
        optimiser=str(meta["optimiser"]),
        label=label,
        features=tuple(str(name) for name in arrays["feature_names"]),
        scaling=scaling,
        weights=tuple(int(w) for w in arrays["weights_int"]),
        extractor=tuple(int(w) for w in arrays["extractor"]),
    )
    check_weights(model.weights)
    if model.architecture not in (HEAD, IMAGE_HEAD, *NETWORKS):
        _refuse("its architecture is none that this version knows")
    features = len(model.features)
    fits = {
        HEAD: 1 <= features < len(model.weights),
        IMAGE_HEAD: features == EXTRACTED < len(model.weights),
    }.get(model.architecture, features == 0)
    if not fits or len(model.scaling) != features or bool(model.extractor) != (model.architecture == IMAGE_HEAD):
        _refuse("features, scaling and weights do not fit its architecture")
    return model


def _integer(value: object) -> int:
    if type(value) is not int or not 0 <= value < 1 << 64:
        _refuse("a number in its meta is out of range")
    return value


def _integer_text(value: object) -> int:
    if not isinstance(value, str) or not 1 <= len(value) <= 78 or not (value.isascii() and value.isdigit()):
        _refuse("the root in its meta is not a decimal number as text")
    return int(value)


def _digest(value: object) -> bytes:
    try:
        digest = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        digest = b""
    if len(digest) != 32:
        _refuse("the plan digest in its meta is not 32 bytes in hexadecimal")
    return digest


def _refuse(problem: str) -> NoReturn:
    raise DataError(f"This model file cannot be used: {problem}. Export it again, or fetch it by its digest.")
