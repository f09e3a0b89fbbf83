# SPDX-License-Identifier: Apache-2.0
"""Images that are wrong in kind are told of by name; chest X-rays never are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.errors import DataDoubtful
from node.learning.datasets.folder import read_folder
from node.learning.datasets.image_checks import check_images
from node.learning.datasets.images import Images
from node.learning.datasets.medmnist import read_images
from node.learning.findings import Kind, refuse
from node.plan import Label
from tests.support.xrays import arrays, shared_images, synthetic

LABEL = Label("label", "1", "0")


def test_read_images__blank_and_dim_images__are_named_by_split_and_place(tmp_path: Path) -> None:
    made = arrays(train=30, val=4, test=4)
    made["train_images"][3] = 0
    made["train_images"][17] = 40 + made["train_images"][17] // 12
    made["test_images"][2] = 255
    np.savez(tmp_path / "x.npz", **made)
    found = read_images(tmp_path / "x.npz").findings
    assert [(told.name, told.kind) for told in found] == [
        ("train/3", Kind.BLANK),
        ("train/17", Kind.NARROW),
        ("test/2", Kind.BLANK),
    ]
    with pytest.raises(DataDoubtful, match="--accept train/3 --accept train/17 --accept test/2"):
        refuse("x.npz", found, [])


def test_read_images__one_class_only__is_named(tmp_path: Path) -> None:
    made = arrays(train=30, val=4, test=4)
    made["train_labels"][:] = 0
    np.savez(tmp_path / "x.npz", **made)
    (found,) = read_images(tmp_path / "x.npz").findings
    assert (found.name, found.kind) == ("label", Kind.ONE_CLASS)


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
def test_read_folder__sixteen_bits_that_hold_fewer__is_told_by_file(tmp_path: Path, bits: int) -> None:
    grey = np.asarray(synthetic(2)[0], dtype=np.uint16)
    Image.fromarray(grey[0] << 8).save(tmp_path / "whole.png")
    Image.fromarray((grey[1] << 8) >> (16 - bits)).save(tmp_path / "dark.png")
    (tmp_path / "labels.csv").write_text("file,label\nwhole.png,1\ndark.png,0\n")
    data = read_folder(tmp_path, tmp_path / "labels.csv", image_column="file", label_column="label", positive=None)
    (found,) = data.findings
    assert (found.name, found.kind) == ("dark.png", Kind.SHALLOW) and f"needs {bits}:" in found.evidence


def test_check_images__one_white_corner_in_the_dark__is_still_narrow() -> None:
    dark = np.full((1, 28, 28), 5, dtype=np.uint8)
    dark[0, :3, :3], dark[0, 9:20, 9:20] = 255, 12
    images = {"val": Images(dark, np.zeros(1, dtype=np.uint8))}
    (found,) = check_images(images, LABEL, {"val": [("a.png", None)]})
    assert found.kind is Kind.NARROW


def test_check_images__made_up_x_rays__are_not_told_of() -> None:
    pixels, labels = synthetic(300)
    names = [(str(place), None) for place in range(300)]
    assert check_images({"train": Images(pixels, labels)}, LABEL, {"train": names}) == ()


@pytest.mark.skipif(shared_images() is None, reason="the shared PneumoniaMNIST file is not here")
def test_read_images__pneumoniamnist__has_nothing_to_tell_of() -> None:
    path = shared_images()
    assert path is not None and read_images(path).findings == ()
