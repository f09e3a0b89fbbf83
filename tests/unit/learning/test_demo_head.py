# SPDX-License-Identifier: Apache-2.0
"""The demo of a proved head: whose images are whose, and what the sponsor publishes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from node.errors import DataError
from node.learning import extractor
from node.plan import TrainingPlan
from scripts import demo_head
from scripts.demo_head import head_cast
from tests.support.xrays import arrays, write_npz


def test_cast__sponsors_images__are_no_hospitals_and_give_extractor_and_scaling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_head, "EXTRACTOR_ROUNDS", 1)
    cast = head_cast(write_npz(tmp_path / "images.npz", train=120, val=4, test=40), 3, 2, 5)
    plan = TrainingPlan.parse(cast.plan.canonical())
    assert plan == cast.plan and plan.participation.rounds == 2
    assert extractor.from_bytes(cast.extractor, bytes.fromhex(cast.plan.model.extractor.digest)) == list(cast.weights)
    assert sum(cast.records) == 90 and cast.hospitals == 3 and cast.held_out == 40
    everything = {image.tobytes() for image in arrays(train=120, val=4, test=40)["train_images"]}
    dealt = [image.tobytes() for part in cast.parts for image in part.split("train").pixels]
    assert len(dealt) == len(set(dealt)) == 90 and set(dealt) < everything
    cast.write(tmp_path / "data")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [f"hospital-{n}.npz" for n in (1, 2, 3)]
    for quality in (cast.pooled(), cast.quality(cast.plan.model.initial), *cast.alone()):
        assert quality.rows == 40 and 0 <= quality.auc <= 1


def test_cast__test_split_of_one_class__is_refused(tmp_path: Path) -> None:
    found = arrays(train=40, val=4, test=4)
    np.savez(tmp_path / "images.npz", **found | {"test_labels": np.zeros((4, 1), dtype=np.uint8)})
    with pytest.raises(DataError, match="one class only"):
        head_cast(tmp_path / "images.npz", 3, 2, 5)
