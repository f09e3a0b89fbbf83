# SPDX-License-Identifier: Apache-2.0
"""The model file that `consilium model export` writes: a NumPy archive that plain `numpy.load` reads.

    weights        float64 [P]   D feature weights, then the bias (= weights_int / 2^16)
    weights_int    int64   [P]   the integers whose Poseidon hash is the round's root
    feature_names  text    [D]
    mean, std      float64 [D]   the plan's scaling; x = clamp(⌊(v − mean)/std · 32 + 1/2⌋, −128, 127) / 32
    meta           text    []    JSON: format, study, round, root, loss, optimiser, plan_digest, label,
                                 scaling (the exact constants)

The score of a record is clamp(z/4 + 1/2, 0, 1) with z = weights · [x, 1]. One model has one sequence of
bytes: members are stored uncompressed, in order, with a fixed date, so everybody's file has the same digest.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from node.document import Many, Part, check_section, read
from node.errors import DataError
from node.learning.reference import check_weights
from node.plan import FEATURES_MAX, WEIGHT_FRACTION_BITS, FeatureScaling, Label, TrainingPlan

# NumPy does not annotate the module of its file format.
npy: Any = np.lib.format
HEADER = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>..)"
    rb"(?P<text>\{'descr': '(?P<dtype><(?:f8|i8|U[0-9]{1,8}))', 'fortran_order': False, "
    rb"'shape': \((?:(?P<count>[0-9]{1,4}),)?\), \} *\n)",
    re.DOTALL,
)
FORMAT = "consilium/model/1"
FILE_LIMIT = 16 * 1024 * 1024
MEMBERS = ("weights", "weights_int", "feature_names", "mean", "std", "meta")
META_KEYS = {
    "format", "study", "round", "root", "loss", "optimiser", "plan_digest", "label", "scaling",
}  # fmt: skip
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class ModelFile:
    """A round's model with all that is needed to use it and to check it against the chain."""

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

    @classmethod
    def of(cls, plan: TrainingPlan, *, study: int, round: int, root: int, weights: Sequence[int]) -> ModelFile:
        """The model file of a round of a plan's study; `root` is the hash of `weights` on chain."""
        check_weights(weights)
        if len(weights) != len(plan.model.initial):
            raise DataError(f"{len(weights)} weights do not fit a plan of {len(plan.model.initial)}.")
        model = plan.model
        return cls(
            study=study,
            round=round,
            root=root,
            plan_digest=plan.digest(),
            loss=model.loss,
            optimiser=model.optimiser,
            label=model.label,
            features=model.features,
            scaling=plan.scaling,
            weights=tuple(weights),
        )


def to_bytes(model: ModelFile) -> bytes:
    """The archive as bytes."""
    meta = {
        "format": FORMAT,
        "study": model.study,
        "round": model.round,
        "root": str(model.root),
        "plan_digest": model.plan_digest.hex(),
        "loss": model.loss,
        "optimiser": model.optimiser,
        "label": asdict(model.label),
        "scaling": [asdict(entry) for entry in model.scaling],
    }
    integers = np.array(model.weights, dtype=np.int64)
    arrays: dict[str, NDArray[Any]] = {
        "weights": integers / float(1 << WEIGHT_FRACTION_BITS),
        "weights_int": integers,
        "feature_names": np.array(model.features, dtype=np.str_),
        "mean": np.array([float(entry.mean) for entry in model.scaling]),
        "std": np.array([float(entry.std) for entry in model.scaling]),
        "meta": np.array(json.dumps(meta, sort_keys=True, separators=(",", ":"), ensure_ascii=False)),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in MEMBERS:
            member = io.BytesIO()
            npy.write_array(member, arrays[name], version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH), member.getvalue())
    return stream.getvalue()


def from_bytes(content: bytes) -> ModelFile:
    """Reads a model file; raises DataError for any archive that `to_bytes` would not have written.

    Nothing in the file is executed or trusted for its size: objects (pickles) are refused.
    """
    if len(content) > FILE_LIMIT:
        _refuse(f"it is larger than {FILE_LIMIT} bytes")
    try:
        model = _model(_arrays(content))
        same = to_bytes(model) == content
    except (
        ValueError,
        OverflowError,
        RecursionError,
        zipfile.BadZipFile,
        OSError,
        EOFError,
        NotImplementedError,
    ):
        _refuse("it is not a complete archive of a model")
    if not same:
        _refuse("its parts disagree with each other")
    return model


def _model(arrays: dict[str, NDArray[Any]]) -> ModelFile:
    meta = json.loads(str(arrays["meta"]))
    if not isinstance(meta, dict) or meta.keys() != META_KEYS or meta["format"] != FORMAT:
        _refuse(f"its meta does not describe a model of the format {FORMAT}")
    try:
        label = read(Label, meta["label"], "label")
        scaling = Many(Part(FeatureScaling), FEATURES_MAX).build(meta["scaling"], "scaling")
        check_section(label, "label")
        Many(Part(FeatureScaling), FEATURES_MAX).check(scaling, "scaling")
    except DataError:
        _refuse("its label or scaling is malformed")
    model = ModelFile(
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
    )
    check_weights(model.weights)
    if not len(model.features) == len(model.scaling) == len(model.weights) - 1:
        _refuse("features, scaling and weights differ in number")
    return model


def _arrays(content: bytes) -> dict[str, NDArray[Any]]:
    """The members of the archive as arrays, each no larger than the bytes that are really there."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if [entry.filename for entry in entries] != [f"{name}.npy" for name in MEMBERS]:
            _refuse(f"it does not hold the arrays {', '.join(MEMBERS)}, in this order")
        # Stored members cannot be larger than the file: no archive can unfold to fill the memory.
        if any(entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 for entry in entries):
            _refuse("its members are compressed or encrypted")
        return {name: _array(name, archive.read(entry)) for name, entry in zip(MEMBERS, entries, strict=True)}


def _array(name: str, data: bytes) -> NDArray[Any]:
    """One member, its header read by a pattern: NumPy's own parser evaluates it and fails in many ways."""
    found = HEADER.match(data)
    if found is None or int.from_bytes(found["length"], "little") != len(found["text"]):
        _refuse(f"its array {name} has a header that no model file has")
    dtype = np.dtype(found["dtype"].decode())
    if dtype.kind != {"weights_int": "i", "feature_names": "U", "meta": "U"}.get(name, "f"):
        _refuse(f"its array {name} holds another type")
    count = int(found["count"]) if found["count"] else None
    body = data[found.end() :]
    if (count is None) != (name == "meta") or (1 if count is None else count) * dtype.itemsize != len(body):
        _refuse(f"its array {name} has another shape")
    return np.frombuffer(body, dtype=dtype).reshape(() if count is None else (count,))


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
