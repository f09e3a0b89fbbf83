# SPDX-License-Identifier: Apache-2.0
"""Folders of images with a CSV: what cannot be used is listed with the reason; nothing leads out of the folder."""

from __future__ import annotations

import contextlib
import os
import struct
import unicodedata
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.errors import DataError
from node.learning.datasets import pixels
from node.learning.datasets.folder import read_folder
from node.learning.datasets.images import ImageSet
from node.learning.datasets.pixels import read_image
from node.learning.datasets.records import summary
from tests.support.xrays import synthetic


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images as files: two PNG, two JPEG, one of them in a folder of its own."""
    images, _ = synthetic(4)
    made = tmp_path / "radiographs"
    (made / "more").mkdir(parents=True)
    for place, name in enumerate(("a.png", "b.PNG", "c.jpg", "more/d.jpeg")):
        Image.fromarray(images[place]).resize((80, 60)).save(made / name, "PNG" if "png" in name.lower() else "JPEG")
    write(made, "a.png,pneumonia\nb.PNG,normal\nc.jpg,normal\nmore/d.jpeg,pneumonia\n")
    return made


def write(folder: Path, lines: str, header: str = "file,label\n") -> None:
    (folder / "labels.csv").write_text(header + lines)


def read(folder: Path, positive: str | None = "pneumonia") -> ImageSet:
    return read_folder(folder, folder / "labels.csv", image_column="file", label_column="label", positive=positive)


def png(width: int, height: int, content: bytes = b"") -> bytes:
    """A PNG that says that it is so large, whatever it holds."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


def test_read_folder__labelled_images__come_in_the_order_of_the_lines(folder: Path) -> None:
    found = read(folder)
    train = found.split("train")
    assert train.labels.tolist() == [1, 0, 0, 1] and train.pixels.shape == (4, 28, 28)
    assert (found.label.name, found.label.positive, found.label.negative) == ("label", "pneumonia", "normal")
    assert np.array_equal(train.pixels[3], read_image(folder / "more" / "d.jpeg").pixels)
    assert found.refused == () and found.to_bytes() == read(folder).to_bytes()


def test_read_folder__column_named_split__parts_the_images(folder: Path) -> None:
    write(folder, "a.png,1,train\nb.PNG,0,test\nc.jpg,0,test\nmore/d.jpeg,1,val\n", "file,label,split\n")
    found = read(folder, positive=None)
    assert {name: len(images) for name, images in found.splits.items()} == {"train": 1, "val": 1, "test": 2}


def test_read_folder__files_that_cannot_be_used__are_listed_with_reasons_and_the_rest_is_read(folder: Path) -> None:
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:-200])
    (folder / "text.png").write_text("not an image")
    (folder / "bomb.png").write_bytes(png(30_000, 30_000))
    (folder / "large.png").write_bytes(png(9_000, 9_000))
    (folder / "tiny.png").write_bytes(png(8, 8, bytes(72)))
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "chest.dcm").write_bytes(b"DICM")
    (folder / "moving.png").write_bytes(b"")
    frames = [Image.new("L", (40, 40), shade) for shade in (10, 90)]
    frames[0].save(folder / "moving.png", save_all=True, append_images=frames[1:])
    (folder / "dir.png").mkdir()
    (folder / "unlabelled.png").write_bytes((folder / "a.png").read_bytes())
    names = ("cut.png", "text.png", "bomb.png", "large.png", "tiny.png", "empty.jpg", "chest.dcm", "moving.png")
    lines = "a.png,pneumonia\nb.PNG,normal\nc.jpg,\nmore/d.jpeg,pneumonia\nabsent.png,normal\ndir.png,normal\n"
    write(folder, lines + "".join(f"{name},normal\n" for name in names))
    found = read(folder)
    assert found.split("train").labels.tolist() == [1, 0, 1]
    reasons = {item.file: item.reason for item in found.refused}
    expected = {
        "c.jpg": "no label", "absent.png": "no such file", "dir.png": "no such file", "cut.png": "cut off",
        "text.png": "neither a PNG nor a JPEG", "bomb.png": "far more pixels", "large.png": "9000 × 9000",
        "tiny.png": "at least 28", "empty.jpg": "neither", "chest.dcm": "neither", "moving.png": "several",
        "unlabelled.png": "no line of labels.csv",
    }  # fmt: skip
    assert reasons.keys() == expected.keys()
    for name, words in expected.items():
        assert words in reasons[name], (name, reasons[name])
    assert len(summary(found)["unreadable"]) == len(expected)


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/passwd.png", "more/../../secret.png", "..\\secret.png", "", "a\tb.png", "link.png"]
)
def test_read_folder__name_that_leads_out_of_the_folder__is_refused_unread(folder: Path, name: str) -> None:
    Image.new("L", (40, 40)).save(folder.parent / "secret.png")
    (folder / "link.png").symlink_to(folder.parent / "secret.png")
    write(folder, f"a.png,pneumonia\n{name},normal\n")
    with pytest.raises(DataError, match=r"labels.csv, line 3: .*(name of a file in the folder|leads out)"):
        read(folder)


def test_read_folder__pipe_instead_of_a_file__is_listed_and_does_not_block(folder: Path) -> None:
    os.mkfifo(folder / "pipe.png")
    write(folder, "a.png,pneumonia\npipe.png,normal\n")
    assert "pipe.png" in {item.file for item in read(folder).refused}


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        ("a.png,1\n", "name,label\n", "column 'file' 0 times"),
        ("a.png,1,1\n", "file,label,label\n", "column 'label' 2 times"),
        ("", "file,label\n", "names no files"),
        ("a.png\n", "file,label\n", "line 2: 1 cells"),
        ("a.png,1\na.png,1\n", "file,label\n", "line 3: this file has a line already, number 2"),
        ("a.png,1\n./a.png,0\n", "file,label\n", "line 3: this file has a line already"),
        ("a.png,1,later\n", "file,label,split\n", "none of train, val, test"),
        ("a.png,normal\nb.PNG,ill\n", "file,label\n", "--positive"),
        ("a.png," + "x" * 101 + "\n", "file,label\n", "at most 100"),
        ("absent.png,1\n", "file,label\n", "not one usable image"),
    ],
)
def test_read_folder__csv_that_cannot_be_used__says_where_and_what_to_do(
    folder: Path, lines: str, header: str, message: str
) -> None:
    write(folder, lines, header)
    with pytest.raises(DataError, match=message):
        read(folder, positive=None)


def test_read_folder__positive_label_that_nobody_has__is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="Write it as in the file"):
        read(folder, positive="Pneumonia")


def test_read_image__centred_square__is_reduced_and_borders_are_cut(tmp_path: Path) -> None:
    wide = np.zeros((280, 480), dtype=np.uint8)
    wide[:, 100:380] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert (read_image(tmp_path / "wide.png").pixels == 200).all()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA", "1"])
def test_read_image__any_mode__gives_the_same_greys(tmp_path: Path, mode: str) -> None:
    grey = Image.fromarray(np.where(np.arange(60)[:, None] < 30, 0, 255).astype(np.uint8).repeat(60, axis=1))
    grey.convert(mode).save(tmp_path / "x.png")
    grey.save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "x.png").pixels, read_image(tmp_path / "grey.png").pixels)


def test_read_image__sixteen_bits__keeps_the_upper_eight(tmp_path: Path) -> None:
    deep = (np.arange(56 * 56).reshape(56, 56) * 20).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    Image.fromarray((deep >> 8).astype(np.uint8)).save(tmp_path / "grey.png")
    assert np.array_equal(read_image(tmp_path / "deep.png").pixels, read_image(tmp_path / "grey.png").pixels)
    assert read_image(tmp_path / "deep.png").pixels.max() > 230


def test_read_image__file_beyond_the_limit__is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (40, 40)).save(tmp_path / "x.png")
    monkeypatch.setattr(pixels, "FILE_LIMIT", 10)
    with pytest.raises(DataError, match="larger than"):
        read_image(tmp_path / "x.png")


def test_read_image__damaged_anywhere__is_a_data_error_or_an_image(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for kind in ("PNG", "JPEG"):
        Image.fromarray(synthetic(1)[0][0]).resize((64, 64)).save(tmp_path / "x", kind)
        whole = (tmp_path / "x").read_bytes()
        for _ in range(150):
            damaged = bytearray(whole[: random.integers(1, len(whole) + 1)])
            for _ in range(random.integers(4)):
                damaged[random.integers(len(damaged))] = random.integers(256)
            (tmp_path / "y").write_bytes(bytes(damaged))
            with contextlib.suppress(DataError):
                assert read_image(tmp_path / "y").pixels.shape == (28, 28)


LITTER = (".DS_Store", "._a.png", "Thumbs.db", "desktop.ini", "~$a.png", ".hidden.png")


def test_read_folder__litter_of_systems_and_programs__is_no_part_of_it(folder: Path) -> None:
    for name in LITTER:
        (folder / name).write_bytes(b"litter")
    for name in ("__MACOSX", ".ipynb_checkpoints", "@eaDir", ".Trash-1000", "more/__MACOSX"):
        (folder / name).mkdir()
        (folder / name / "a.png").write_bytes((folder / "a.png").read_bytes())
    found = read(folder)
    assert found.refused == () and len(found.split("train")) == 4


@pytest.mark.parametrize(("written", "named"), [("NFC", "NFD"), ("NFD", "NFC"), ("NFC", "NFC"), ("NFD", "NFD")])
def test_read_folder__names_in_another_form_of_unicode_than_the_csv_s__are_the_same(
    folder: Path, written: str, named: str
) -> None:
    (folder / "a.png").rename(folder / unicodedata.normalize(written, "Jörg Müller.png"))
    (folder / "more").rename(folder / unicodedata.normalize(written, "Zürich"))
    lines = "Jörg Müller.png,pneumonia\nb.PNG,normal\nc.jpg,normal\nZürich/d.jpeg,pneumonia\n"
    write(folder, unicodedata.normalize(named, lines))
    found = read(folder)
    assert found.refused == () and found.split("train").labels.tolist() == [1, 0, 0, 1]


def test_read_folder__two_files_whose_names_look_the_same__are_refused_by_name(folder: Path) -> None:
    for form in ("NFC", "NFD"):
        (folder / unicodedata.normalize(form, "Jörg.png")).write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(DataError, match=r"two files called 'Jörg.png'.*'Jo\\u0308rg.png'"):
        read(folder)


def test_read_folder__two_lines_whose_names_look_the_same__are_refused(folder: Path) -> None:
    names = [unicodedata.normalize(form, "Jörg.png") for form in ("NFC", "NFD")]
    write(folder, "".join(f"{name},normal\n" for name in names))
    with pytest.raises(DataError, match="line 3: this file has a line already, number 2"):
        read(folder)


def test_read_folder__link_with_a_name_of_another_form_that_leads_out__is_refused_unread(folder: Path) -> None:
    Image.new("L", (40, 40)).save(folder.parent / "secret.png")
    (folder / unicodedata.normalize("NFD", "Jörg.png")).symlink_to(folder.parent / "secret.png")
    write(folder, "a.png,pneumonia\n" + unicodedata.normalize("NFC", "Jörg.png") + ",normal\n")
    with pytest.raises(DataError, match="leads out of the folder"):
        read(folder)
