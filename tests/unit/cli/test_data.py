# SPDX-License-Identifier: Apache-2.0
"""`consilium data`: what a hospital does with its files before a study."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from node.group.field import MODULUS
from node.learning.datasets.medmnist import read_images
from node.learning.datasets.records import tree_root
from node.learning.scaling import Scaling
from node.plan import TrainingPlan
from node.proofs.commitments import data_commitment
from node.proofs.poseidon import poseidon
from scripts.demo_plan import table_cast
from tests.support.image_heads import small_image_head
from tests.support.network import Run
from tests.support.plans import small_plan
from tests.support.small_study import records, write_table
from tests.support.xrays import shared_images, synthetic, write_npz


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_npz(tmp_path / "source.npz", train=60, val=10, test=12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "radiographs"
    made.mkdir()
    images, labels = synthetic(6)
    lines = ["file,label"]
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        Image.fromarray(image).save(made / f"{place}.png")
        lines.append(f"{place}.png,{'pneumonia' if label else 'normal'}")
    (made / "labels.csv").write_text("\n".join(lines) + "\n")
    return made


def test_import__images__writes_a_private_canonical_file_and_its_commitment(
    offline: Run, source: Path, tmp_path: Path
) -> None:
    made = offline("data", "import", source, "--out", "records.npz", "--json").value
    written, salt_file = tmp_path / "records.npz", tmp_path / "records.npz.salt"
    assert made["records"] == 82 and made["splits"]["train"]["positives"] == 30 and made["unreadable"] == []
    for file in (written, salt_file):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    salt, root = int(salt_file.read_text(), 16), tree_root(read_images(source).records())
    assert made["commitment"] == str(poseidon([salt, 82, int.from_bytes(root, "big") % MODULUS]))
    assert 0 < salt < 1 << 248 and salt_file.read_text().strip() not in json.dumps(made)


def test_import__again__same_bytes_and_same_commitment_elsewhere_another(offline: Run, source: Path) -> None:
    first = offline("data", "import", source, "--out", "records.npz", "--json").value
    assert offline("data", "import", source, "--out", "records.npz", "--json").value == first
    # The canonical file is its own source.
    assert offline("data", "import", "records.npz", "--out", "records.npz", "--json").value == first
    other = offline("data", "import", source, "--out", "other.npz", "--json").value
    assert other["sha256"] == first["sha256"] and other["commitment"] != first["commitment"]


def test_import__file_in_the_way__is_kept(offline: Run, source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.npz").write_bytes(b"mine")
    ended = offline("data", "import", source, "--out", "mine.npz")
    assert ended.code == 2 and "exists already" in ended.err and (tmp_path / "mine.npz").read_bytes() == b"mine"


def test_import__salt_that_others_read_or_that_is_none__is_refused(offline: Run, source: Path, tmp_path: Path) -> None:
    assert offline("data", "import", source, "--out", "records.npz").code == 0
    salt = tmp_path / "records.npz.salt"
    salt.chmod(0o644)
    ended = offline("data", "import", source, "--out", "records.npz")
    assert ended.code == 2 and "chmod 600" in ended.err
    salt.chmod(0o600)
    salt.write_text("zz" * 31 + "\n")
    assert offline("data", "import", source, "--out", "records.npz").code == 3


def test_import__folder_with_unusable_files__lists_them_and_with_strict_stops(
    offline: Run, folder: Path, tmp_path: Path
) -> None:
    (folder / "0.png").write_bytes((folder / "0.png").read_bytes()[:100])
    (folder / "1.png").unlink()
    given = ("data", "import", folder, "--positive", "pneumonia", "--out", "records.npz")
    ended = offline(*given, "--strict")
    assert ended.code == 3 and "2 files cannot be used" in ended.err and not (tmp_path / "records.npz").exists()
    made = offline(*given, "--json").value
    assert made["records"] == 4 and [item["file"] for item in made["unreadable"]] == ["0.png", "1.png"]
    shown = offline(*given)
    assert "cut off" in shown.out and "no such file" in shown.out


def test_import__table__is_canonical_and_with_a_plan_has_the_root_of_enrolling(offline: Run, tmp_path: Path) -> None:
    players = table_cast(3, 2, 0)
    players.write(tmp_path / "data")
    (tmp_path / "plan.json").write_bytes(players.plan.canonical())
    plan = TrainingPlan.parse((tmp_path / "plan.json").read_bytes())
    table = players.tables.hospitals[0]
    source = tmp_path / "data" / "hospital-1.csv"
    made = offline("data", "import", source, "--plan", "plan.json", "--out", "records.csv", "--json").value
    expected = data_commitment(
        Scaling(plan.scaling).apply(table.rows),
        table.labels,
        capacity=plan.training.rows_maximum,
        batch_size=plan.training.batch_size,
        salt=int((tmp_path / "records.csv.salt").read_text(), 16),
    )
    assert made["commitment"] == str(expected) and made["commitment_over"] == "rows of the plan"
    label = ("--label-column", "diagnosis", "--positive", "malignant")
    plain = offline("data", "import", source, *label, "--out", "records.csv", "--json").value
    assert plain["sha256"] == made["sha256"] and plain["commitment"] != made["commitment"]


def test_import__with_a_plan_that_says_nothing_of_the_data__is_refused(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(small_plan().canonical())
    write_table(tmp_path / "many.csv", records(1, 9))
    ended = offline("data", "import", "many.csv", "--plan", "plan.json", "--out", "records.csv")
    assert ended.code == 2 and "draws an order" in ended.err
    (tmp_path / "head.json").write_bytes(small_image_head().canonical())
    ended = offline("data", "import", "many.csv", "--plan", "head.json", "--out", "records.csv")
    assert ended.code == 2 and "leave it out for images" in ended.err


def test_import__table_of_the_same_numbers_written_otherwise__is_the_same_file(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y,label\n1.50,-0,1\n100,1e-9,0\n")
    (tmp_path / "b.csv").write_bytes(b'\xef\xbb\xbfx, y,label\r\n"1.5",0.0,1\r\n\r\n1E2,.000000001,0\r\n')
    digests = {offline("data", "import", f"{n}.csv", "-o", f"{n}2.csv", "--json").value["sha256"] for n in "ab"}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("absent.npz", "--out", "x.npz"), 3, "cannot be read"),
        (("records.txt", "--out", "x.npz"), 2, "neither a folder"),
        (("source.npz", "--out", "x.npz", "--labels", "l.csv"), 2, "folders"),
        (("source.npz", "--out", "x.npz", "--positive", "ill"), 2, "number"),
        (("source.npz", "--out", "x.npz", "--plan", "absent.json"), 3, "cannot be read"),
        (("source.npz", "--out", "x.csv"), 2, ".npz"),
        (("nan.csv", "--out", "x.csv"), 3, "not a finite number"),
        (("inf.csv", "--out", "x.csv"), 3, "not a finite number"),
        (("three.csv", "--out", "x.csv"), 3, "3 different values"),
        (("three.csv", "--label-column", "z", "--out", "x.csv"), 2, "--label-column"),
        (("source.npz",), 2, "--out"),
    ],
)
def test_import__what_cannot_be_imported__says_what_to_do(
    offline: Run, source: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    (tmp_path / "nan.csv").write_text("a,label\nnan,1\n2,0\n")
    (tmp_path / "inf.csv").write_text("a,label\n1,1\n-inf,0\n")
    (tmp_path / "three.csv").write_text("a,label\n1,1\n2,0\n3,2\n")
    ended = offline("data", "import", *arguments)
    assert ended.code == code and words in ended.err and not list(tmp_path.glob("x.*"))


def test_split__images__gives_every_training_image_to_one_hospital_and_holds_the_rest_back(
    offline: Run, source: Path, tmp_path: Path
) -> None:
    given = ("data", "split", source, "--hospitals", 3, "--scheme", "dirichlet", "--seed", 4)
    rows = offline(*given, "--out", "one", "--json").value
    assert [Path(row["file"]).name for row in rows] == [*(f"hospital-{n}.npz" for n in (1, 2, 3)), "held-out.npz"]
    parts = [read_images(tmp_path / row["file"]) for row in rows]
    assert all(list(part.splits) == ["train"] for part in parts[:3]) and list(parts[3].splits) == ["val", "test"]
    whole = read_images(source)
    dealt = np.concatenate([part.split("train").pixels for part in parts[:3]])
    assert sorted(map(bytes, dealt)) == sorted(map(bytes, whole.split("train").pixels))
    assert np.array_equal(parts[3].split("test").pixels, whole.split("test").pixels)
    assert offline(*given, "--out", "two").code == 0
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()
    assert json.loads((tmp_path / "one" / "split.json").read_text())["seed"] == 4
    # Another split never mixes with one that is there.
    assert offline(*given[:-1], 5, "--out", "one").code == 2


def test_split__table__gives_tables_that_a_node_takes(offline: Run, tmp_path: Path) -> None:
    lines = [f"{n},{n % 3},{'ill' if n % 2 else 'well'}" for n in range(40)]
    (tmp_path / "all.csv").write_text("\n".join(["a,b,state", *lines]) + "\n")
    label = ("--label-column", "state", "--positive", "ill")
    rows = offline(
        "data", "split", "all.csv", *label, "--hospitals", 2, "--scheme", "size", "--seed", 1, "-o", "d", "--json"
    ).value
    assert sum(row["records"] for row in rows) == 40 and len(rows) == 2
    dealt = [line for n in (1, 2) for line in (tmp_path / "d" / f"hospital-{n}.csv").read_text().splitlines()[1:]]
    assert sorted(dealt) == sorted(lines)


def test_import_and_split__what_looks_wrong__is_refused_until_accepted(offline: Run, tmp_path: Path) -> None:
    lines = [f"{n + 0.5},{n % 3},{n % 2}" for n in range(40)]
    (tmp_path / "all.csv").write_text("\n".join(["a,b,label", "-9999,1,1", *lines]) + "\n")
    split = ("data", "split", "all.csv", "--hospitals", 2, "--seed", 1, "-o", "d")
    for arguments in (("data", "import", "all.csv", "-o", "x.csv"), split):
        ended = offline(*arguments)
        assert ended.code == 3 and "Column 'a': -9999 (occurs 1 time)" in ended.err and "--accept a" in ended.err
        assert not (tmp_path / "x.csv").exists() and not (tmp_path / "d").exists()
    made = offline("data", "import", "all.csv", "-o", "x.csv", "--accept", "a", "--json").value
    assert made["accepted"] == ["a"] and made["records"] == 41
    assert offline(*split, "--accept", "a").code == 0


def test_import__folder_with_blank_and_dark_images__names_their_files(offline: Run, folder: Path) -> None:
    Image.new("L", (40, 40), 90).save(folder / "0.png")
    deep = np.asarray(Image.open(folder / "1.png"), dtype=np.uint16)
    Image.fromarray(deep << 4).save(folder / "1.png")
    ended = offline("data", "import", folder, "--positive", "pneumonia", "--out", "x.npz", "--json")
    found = {told["name"]: told["kind"] for told in ended.error["findings"]}
    assert ended.code == 3 and found == {"0.png": "blank", "1.png": "shallow"}


def test_import__with_a_plan__refuses_what_is_in_another_unit_than_its_constants(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(small_plan().canonical())
    rows = [(a, b, 1000 * float(c), d, ill) for a, b, c, d, ill in records(1, 8)]
    write_table(tmp_path / "table.csv", rows)
    given = ("data", "import", "table.csv", "--plan", "plan.json", "--out", "records.csv")
    ended = offline(*given)
    assert ended.code == 3 and "Column 'c': 8 of 8 values lie outside the plan's range" in ended.err
    assert offline(*given, "--accept", "c").code == 0


def test_split__too_few_rows__says_so(offline: Run, source: Path) -> None:
    ended = offline("data", "split", source, "--hospitals", 30, "--seed", 1, "--out", "d")
    assert ended.code == 2 and "do not suffice" in ended.err


def test_fetch__from_a_file_that_is_not_the_official_one__is_refused(
    offline: Run, source: Path, tmp_path: Path
) -> None:
    ended = offline("data", "fetch", "pneumoniamnist", "--from", source, "--out", "p.npz")
    assert ended.code == 3 and "28209eda62fecd6e6a2d98b1501bb15f" in ended.err and not (tmp_path / "p.npz").exists()
    assert offline("data", "fetch", "chestmnist").code == 2


@pytest.mark.skipif(shared_images() is None, reason="the shared PneumoniaMNIST file is not here")
def test_import__pneumoniamnist__takes_every_image(offline: Run) -> None:
    made = offline("data", "import", shared_images(), "--out", "p.npz", "--json").value
    assert made["records"] == 5544 and made["duplicates"]["contradicting"] == 0
