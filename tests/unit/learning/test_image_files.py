# SPDX-License-Identifier: Apache-2.0
"""Archives of images: read exactly or refused with the reason, whatever their author meant; one canonical form."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from node.errors import DataError
from node.learning.datasets import archive
from node.learning.datasets.images import Images
from node.learning.datasets.medmnist import read_images
from node.learning.datasets.records import summary, tree_root
from tests.support.xrays import arrays, shared_images, synthetic, write_npz


def save(path: Path, **changed: Any) -> Path:
    """A MedMNIST file with some arrays replaced; None removes one."""
    content = arrays(train=12, val=4, test=6) | changed
    np.savez(path, **{name: array for name, array in content.items() if array is not None})
    return path


def member(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_read_images__medmnist_file__gives_its_splits(tmp_path: Path) -> None:
    found = read_images(write_npz(tmp_path / "x.npz", train=20, val=6, test=8))
    expected = arrays(train=20, val=6, test=8)
    assert list(found.splits) == ["train", "val", "test"] and found.label.positive == "1"
    for name, images in found.splits.items():
        assert np.array_equal(images.pixels, expected[f"{name}_images"])
        assert np.array_equal(images.labels, expected[f"{name}_labels"].ravel())


def test_to_bytes__canonical_file__is_the_same_from_any_packing_and_reads_as_itself(tmp_path: Path) -> None:
    packed = read_images(write_npz(tmp_path / "packed.npz", train=12, val=4, test=6))
    reordered = dict(reversed(arrays(train=12, val=4, test=6).items()))
    reordered["train_labels"] = np.asfortranarray(reordered["train_labels"].astype(np.int64).ravel())
    reordered["train_images"] = np.asfortranarray(reordered["train_images"])
    np.savez(tmp_path / "stored.npz", **reordered)
    content = packed.to_bytes()
    assert read_images(tmp_path / "stored.npz").to_bytes() == content
    (tmp_path / "canonical.npz").write_bytes(content)
    again = read_images(tmp_path / "canonical.npz")
    assert again.to_bytes() == content and summary(again) == summary(packed)
    with np.load(io.BytesIO(content), allow_pickle=False) as plain:
        assert plain["train_images"].shape == (12, 28, 28) and plain["test_labels"].shape == (6, 1)


def test_to_bytes__one_pixel_or_label_or_place_changes__file_and_tree_change(tmp_path: Path) -> None:
    pixels, labels = synthetic(6)
    seen = set()
    for change in ("none", "pixel", "label", "order", "split"):
        p, y = pixels.copy(), labels.copy()
        if change == "pixel":
            p[0, 0, 0] ^= 1
        if change == "label":
            y[0] ^= 1
        if change == "order":
            p, y = p[::-1], y[::-1]
        split = "val" if change == "split" else "train"
        np.savez(tmp_path / "x.npz", **{f"{split}_images": p, f"{split}_labels": y})
        found = read_images(tmp_path / "x.npz")
        seen.add((found.to_bytes(), tree_root(found.records())))
    assert len({content for content, _ in seen}) == len({root for _, root in seen}) == 5


def test_read_images__more_than_two_classes__needs_the_positive_one(tmp_path: Path) -> None:
    labels = np.array([[0], [4], [7], [4]] * 3, dtype=np.uint8)
    path = save(tmp_path / "x.npz", train_labels=labels)
    with pytest.raises(DataError, match="choose the one that counts as 1 with --positive"):
        read_images(path)
    found = read_images(path, positive=4)
    assert found.split("train").labels.tolist() == [0, 1, 0, 1] * 3
    assert found.classes["train"] == {"0": 3, "4": 6, "7": 3} and found.label.negative == "not 4"
    with pytest.raises(DataError, match="no image has the label 9"):
        read_images(path, positive=9)


def test_read_images__several_labels_for_an_image__one_is_chosen(tmp_path: Path) -> None:
    several = {
        f"{name}_labels": np.tile([0, 1, 0], (count, 1)) for name, count in (("train", 12), ("val", 4), ("test", 6))
    }
    path = save(tmp_path / "x.npz", **several)
    with pytest.raises(DataError, match="--label-column"):
        read_images(path)
    assert read_images(path, column=1).split("train").labels.all()
    with pytest.raises(DataError, match="there is no 3"):
        read_images(path, column=3)


def test_read_images__colours__become_grey_as_pillow_makes_them(tmp_path: Path) -> None:
    from PIL import Image

    colours = np.random.default_rng(0).integers(0, 256, (12, 28, 28, 3), dtype=np.uint8)
    found = read_images(save(tmp_path / "x.npz", train_images=colours)).split("train").pixels
    for image, grey in zip(colours, found, strict=True):
        assert np.array_equal(np.asarray(Image.fromarray(image).convert("L")), grey)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"train_images": np.full((12, 28, 28), np.nan)}, "float64 and not uint8"),
        ({"train_images": np.full((12, 28, 28), np.inf, dtype=np.float32)}, "float32 and not uint8"),
        ({"train_images": np.zeros((12, 64, 64), dtype=np.uint8)}, "64×64 and not 28×28"),
        ({"train_images": np.zeros((12, 28, 28, 28), dtype=np.uint8)}, "28×28×28"),
        ({"train_images": np.uint8(3)}, "nothing"),
        ({"train_labels": np.full(12, np.nan)}, "whole numbers"),
        ({"train_labels": np.full(12, -1)}, "outside of 0 to 1000"),
        ({"train_labels": np.full(12, 2**63, dtype=np.uint64)}, "outside of 0 to 1000"),
        ({"train_labels": np.zeros((12, 0), dtype=np.uint8)}, "not one label"),
        ({"train_labels": np.zeros((12, 1, 1), dtype=np.uint8)}, "not one label"),
        ({"train_labels": np.zeros(11, dtype=np.uint8)}, "12 images and 11 labels"),
        ({"train_labels": np.array(["ill"] * 12)}, "whole numbers"),
        ({"train_labels": None}, "does not hold the arrays"),
        ({"weights": np.zeros(3)}, "does not hold the arrays"),
        ({"train_labels": np.array([{"a": 1}] * 12, dtype=object)}, "pickled objects"),
        ({"meta": np.array("{}")}, "meta"),
        ({"meta": np.array("[" * 9999)}, "meta"),
        ({"meta": np.zeros(3)}, "meta"),
    ],
    ids=str,
)
def test_read_images__arrays_of_another_shape_or_type__are_refused(
    tmp_path: Path, changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_images(save(tmp_path / "x.npz", **changed))
    assert caught.value.__cause__ is None


def test_read_images__cut_anywhere_or_damaged__is_a_data_error(tmp_path: Path) -> None:
    whole = save(tmp_path / "x.npz").read_bytes()
    for end in range(0, len(whole), len(whole) // 40):
        (tmp_path / "cut.npz").write_bytes(whole[:end])
        with pytest.raises(DataError):
            read_images(tmp_path / "cut.npz")
    random = np.random.default_rng(1)
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= 1 << random.integers(8)
        (tmp_path / "damaged.npz").write_bytes(bytes(damaged))
        # A flipped bit in a date or the like changes nothing; elsewhere the checksum tells.
        with contextlib.suppress(DataError):
            assert read_images(tmp_path / "damaged.npz").to_bytes() == read_images(tmp_path / "x.npz").to_bytes()


def test_read_images__sizes_that_would_fill_the_memory__are_refused_before_anything_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.npz"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train_images.npy", member(np.zeros((3000, 28, 28), dtype=np.uint8)))
    assert bomb.stat().st_size < 20_000
    monkeypatch.setattr(archive, "UNPACKED_LIMIT", 1 << 20)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(DataError, match="would unpack to more than 1 MiB"):
        read_images(bomb)


def test_read_images__directory_that_understates_a_size__does_not_unpack_more(tmp_path: Path) -> None:
    content = member(np.zeros((3000, 28, 28), dtype=np.uint8))
    path = tmp_path / "liar.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train_images.npy", content)
    data = path.read_bytes().replace(struct.pack("<I", len(content)), struct.pack("<I", 500))
    path.write_bytes(data.replace(struct.pack("<I", zlib.crc32(content)), struct.pack("<I", zlib.crc32(content[:500]))))
    with pytest.raises(DataError, match="not as many bytes"):
        read_images(path)


@pytest.mark.parametrize("shape", ["(999999999, 28, 28)", "(9999999999, 9999999999)", "(12, 28, 27)", "(12,)", "()"])
def test_read_images__header_with_another_size_than_its_bytes__is_refused(tmp_path: Path, shape: str) -> None:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(12 * 28 * 28)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr("train_images.npy", content)
    with pytest.raises(DataError, match="not as many bytes"):
        read_images(tmp_path / "x.npz")


@pytest.mark.parametrize("name", ["../train_images.npy", "/etc/x.npy", "train_images", "train_images.npy.exe", "ä.npy"])
def test_read_images__members_that_are_no_arrays__are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as file:
        file.writestr(name, member(np.zeros(3)))
    with pytest.raises(DataError, match="no array"):
        read_images(tmp_path / "x.npz")


def test_read_images__absent_or_folder_or_other_file__says_so(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("not an archive")
    for path, message in (
        (tmp_path / "no.npz", "cannot be read"),
        (tmp_path, "cannot"),
        (tmp_path / "text.npz", "whole"),
    ):
        with pytest.raises(DataError, match=message):
            read_images(path)


def test_images__wrong_arrays__cannot_be_made() -> None:
    pixels, labels = synthetic(4)
    for wrong in ((pixels.astype(float), labels), (pixels, labels[:3]), (pixels, labels + 1), (pixels[:, :27], labels)):
        with pytest.raises(DataError):
            Images(*wrong)


def test_summary__copies__are_counted_within_and_across_splits_and_with_both_labels(tmp_path: Path) -> None:
    pixels, labels = synthetic(6)
    train = np.concatenate([pixels, pixels[:2]])
    path = tmp_path / "x.npz"
    np.savez(
        path,
        train_images=train,
        train_labels=np.concatenate([labels, labels[:1], 1 - labels[1:2]]),
        test_images=pixels[3:5],
        test_labels=labels[3:5],
    )
    found = summary(read_images(path))
    assert found["records"] == 10 and found["splits"]["train"]["records"] == 8
    assert found["duplicates"] == {"within": {"train": 2, "test": 0}, "across": {"train/test": 2}, "contradicting": 1}


@pytest.mark.skipif(shared_images() is None, reason="the shared PneumoniaMNIST file is not here")
def test_read_images__pneumoniamnist__has_the_numbers_of_its_description() -> None:
    path = shared_images()
    assert path is not None
    found = summary(read_images(path))
    assert {name: part["records"] for name, part in found["splits"].items()} == {"train": 4708, "val": 524, "test": 312}
    assert found["splits"]["train"]["classes"] == {"0": 1214, "1": 3494}
    assert found["duplicates"]["across"]["train/test"] == 0
