# SPDX-License-Identifier: Apache-2.0
"""A model file opens with plain NumPy, is the same for everybody, and a hostile one is only refused."""

from __future__ import annotations

import io
import json
import pickle
import random
import zipfile
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from node.errors import DataError
from node.learning import model_file, scoring
from node.learning.model_file import ModelFile
from tests.support.plans import fewer_features, small_plan


def model() -> ModelFile:
    weights = [1 << 16, -(1 << 15), 0, 7, -8388608]
    return ModelFile.of(small_plan(), study=1, round=2, root=3 << 240, weights=weights)


def repacked(**changes: np.ndarray[Any, Any] | None) -> bytes:
    """The model's archive with some members replaced or (None) left out."""
    with np.load(io.BytesIO(model_file.to_bytes(model()))) as archive:
        arrays = {name: archive[name] for name in archive.files} | changes
    stream = io.BytesIO()
    np.savez(stream, **{name: array for name, array in arrays.items() if array is not None})
    return stream.getvalue()


def test_model_file__written_twice_and_read__is_the_same() -> None:
    content = model_file.to_bytes(model())
    assert model_file.to_bytes(model()) == content
    assert model_file.from_bytes(content) == model()


def test_model_file__opened_with_plain_numpy__has_the_documented_arrays() -> None:
    with np.load(io.BytesIO(model_file.to_bytes(model())), allow_pickle=False) as archive:
        assert archive["weights"].tolist() == [1.0, -0.5, 0.0, 7 / 65536, -128.0]
        assert archive["weights_int"].tolist() == list(model().weights)
        assert archive["feature_names"].tolist() == ["a", "b", "c", "d"]
        assert archive["mean"].tolist() == [0.0, 1.5, -3.0, 0.25]
        assert archive["std"].tolist() == [2.0] * 4
        meta = json.loads(str(archive["meta"]))
    assert (meta["study"], meta["round"], meta["root"]) == (1, 2, str(3 << 240))
    assert meta["plan_digest"] == small_plan().digest().hex()


def test_model_file__of_fewer_features_than_the_circuit__names_and_scores_its_own_and_keeps_what_is_hashed() -> None:
    weights = [1 << 16, -(1 << 15), 9, 99, 1 << 14]
    few = ModelFile.of(fewer_features(small_plan(), 2), study=1, round=2, root=3, weights=weights)
    content = model_file.to_bytes(few)
    assert model_file.from_bytes(content) == few
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert archive["weights"].tolist() == [1.0, -0.5, 0.25]
        assert archive["weights_int"].tolist() == weights
        assert archive["feature_names"].tolist() == ["a", "b"]
    # (a − 0)/2 = 1 and (b − 1.5)/2 = −1: z = 1 + 0.5 + 0.25, and nothing of the two other weights.
    assert scoring.of_rows(few, [(Decimal(2), Decimal("-0.5"))]).tolist() == [1.75 / 4 + 0.5]


def test_of__weights_that_do_not_fit_the_plan__are_refused() -> None:
    with pytest.raises(DataError, match="4 weights do not fit"):
        ModelFile.of(small_plan(), study=1, round=1, root=0, weights=[0] * 4)


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return exec, ("raise SystemExit('a model file ran code')",)


def with_member(name: str, data: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    content, stream = model_file.to_bytes(model()), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w", compression) as new:
        for entry in old.namelist():
            new.writestr(entry, data if entry == f"{name}.npy" else old.read(entry))
    return stream.getvalue()


def header(text: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK",
        pickle.dumps(Bomb()),
        repacked(meta=np.array(Bomb(), dtype=object)),
        repacked(weights_int=None),
        repacked(extra=np.zeros(3)),
        repacked(weights=np.zeros(5)),
        repacked(feature_names=np.array(["a", "b", "c"]), mean=np.zeros(3), std=np.ones(3)),
        repacked(weights_int=np.zeros(5, dtype=np.int64), weights=np.zeros(4)),
        repacked(weights_int=np.full(5, 1 << 40)),
        repacked(weights_int=np.zeros(4, dtype=np.int64), weights=np.zeros(4)),
        repacked(weights_int=np.zeros(5, dtype=np.float64)),
        repacked(mean=np.full(4, np.nan)),
        repacked(meta=np.array("{}")),
        repacked(meta=np.array("[" * 50_000)),
        repacked(meta=np.array('{"a":' * 3000)),
        with_member("weights", b""),
        with_member("weights", header("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }\n")),
        with_member("weights", header("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }\n")),
        with_member("weights", header("__import__('os').system('true')\n")),
        with_member("weights", header("{'descr': '|O', 'fortran_order': False, 'shape': (5,), }\n")),
        with_member("meta", b"\0" * (1 << 26), zipfile.ZIP_DEFLATED),
        b"\0" * (model_file.FILE_LIMIT + 1),
    ],
)
def test_from_bytes__hostile_file__is_refused_without_running_it(content: bytes) -> None:
    with pytest.raises(DataError, match=r"cannot be used|[wW]eight"):
        model_file.from_bytes(content)


def test_from_bytes__any_changed_byte__is_refused_and_nothing_else_happens() -> None:
    content, draw = model_file.to_bytes(model()), random.Random(1)
    for _ in range(3000):
        changed = bytearray(content)
        for _ in range(draw.choice([1, 1, 1, 20])):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        if bytes(changed) != content:
            with pytest.raises(DataError):
                model_file.from_bytes(bytes(changed))
    for length in range(0, len(content), 7):
        with pytest.raises(DataError):
            model_file.from_bytes(content[:length])
