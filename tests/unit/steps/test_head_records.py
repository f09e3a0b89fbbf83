# SPDX-License-Identifier: Apache-2.0
"""A hospital's rows for a head: from a table or from images, in one commitment or in blocks."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from node.errors import DataDoubtful, DataError
from node.learning import extractor
from node.learning.scaling import Scaling
from node.plan import FeatureScaling
from node.proofs.commitments import data_commitment
from node.steps.blocks import Blocks
from node.steps.extractors import extractor_file, extractor_weights
from node.steps.head_records import HeadRecords
from node.steps.records import read_records, stored_records
from tests.support.image_heads import EXTRACTOR, WEIGHTS, small_image_head
from tests.support.plans import fewer_features, private_plan, small_plan, tiny_network_plan
from tests.support.small_study import records as table_rows
from tests.support.small_study import write_table
from tests.support.xrays import arrays, write_npz


def images(folder: Path, count: int) -> Path:
    return write_npz(folder / "images.npz", train=count, val=2, test=2)


def table(folder: Path, count: int) -> Path:
    write_table(folder / "table.csv", table_rows(1, count))
    return folder / "table.csv"


def test_records_of_images__are_the_scaled_features_of_the_training_split(tmp_path: Path) -> None:
    plan = small_image_head()
    records, _ = read_records(images(tmp_path, 20), plan, 7, WEIGHTS)
    assert isinstance(records, HeadRecords) and records.count == records.rows == 20
    found = arrays(train=20, val=2, test=2)
    rows = Scaling(plan.scaling).apply(extractor.features(WEIGHTS, found["train_images"]))
    assert records.table == tuple(map(tuple, rows))
    assert records.labels == tuple(found["train_labels"].ravel().tolist())
    assert np.array(rows).shape == (20, 24) and np.ptp(np.array(rows), axis=0).min() > 0
    padded = [[*row, 0, 0, 0, 0, 0, 0] for row in rows]
    assert records.commitment() == data_commitment(padded, records.labels, capacity=64, batch_size=32, salt=7)


def test_records_of_images__kept_and_read_again__are_the_same(tmp_path: Path) -> None:
    records, _ = read_records(images(tmp_path, 20), small_image_head(), 7, WEIGHTS)
    assert stored_records(small_image_head(), records.to_bytes()) == records


def test_records_of_images__that_are_not_of_the_plans_kind__are_refused_and_say_where(tmp_path: Path) -> None:
    plan = small_image_head()
    other = replace(plan, scaling=(FeatureScaling("1000", "1"),) * 24)
    with pytest.raises(DataDoubtful, match=r"9 of 9 values lie outside the plan's range") as caught:
        read_records(images(tmp_path, 9), other, 7, WEIGHTS)
    assert {found["name"] for found in caught.value.findings} == set(plan.model.features)
    _, remarks = read_records(images(tmp_path, 9), other, 7, WEIGHTS, plan.model.features)
    # Features that the plan does not name do not make the share smaller.
    assert remarks.notes[0].startswith("100.00% of the values") and len(remarks.accepted) >= 24
    assert read_records(images(tmp_path, 9), plan, 7, WEIGHTS)[1].notes == ()


def test_read_records__a_table_or_other_labels_for_a_head_on_images__is_refused(tmp_path: Path) -> None:
    plan = small_image_head()
    with pytest.raises(DataError, match="This study is of images"):
        read_records(table(tmp_path, 4), plan, 7, WEIGHTS)
    other = replace(plan, model=replace(plan.model, label=replace(plan.model.label, name="fracture")))
    with pytest.raises(DataError, match="are not those of the plan"):
        read_records(images(tmp_path, 4), other, 7, WEIGHTS)


def test_extractor__another_than_the_plans__is_refused(tmp_path: Path) -> None:
    plan, file = small_image_head(), tmp_path / "extractor"
    file.write_bytes(EXTRACTOR)
    assert extractor_weights(plan, extractor_file(plan, file)) == WEIGHTS
    file.write_bytes(EXTRACTOR[:-1] + b"\x01")
    with pytest.raises(DataError, match="not the extractor that the plan names"):
        extractor_weights(plan, extractor_file(plan, file))
    with pytest.raises(DataError, match="cannot be read"):
        extractor_file(plan, tmp_path / "none")
    for without in (small_plan(), tiny_network_plan()):
        with pytest.raises(DataError, match="it has no extractor"):
            extractor_file(without, file)


def test_extractor__without_a_file__comes_from_the_stores_by_its_address() -> None:
    plan, asked = small_image_head(), []

    def get(digest: bytes, size: int) -> bytes:
        asked.append((digest, size))
        return EXTRACTOR

    assert extractor_weights(plan, extractor_file(plan, None, get)) == WEIGHTS
    assert asked == [(hashlib.sha256(EXTRACTOR).digest(), len(EXTRACTOR))]
    assert extractor_file(small_plan(), None, get) == b"" and len(asked) == 1


def test_records_of_fewer_features_than_the_circuit__train_and_prove_as_if_the_others_were_zero(
    tmp_path: Path,
) -> None:
    plan = fewer_features(private_plan(), 2)
    write_table(tmp_path / "two.csv", [(a, b, ill) for a, b, *_, ill in table_rows(1, 7)], ("a", "b", "ill"))
    records, _ = read_records(tmp_path / "two.csv", plan, 7)
    assert isinstance(records, HeadRecords) and {len(row) for row in records.table} == {2}
    whole = HeadRecords(private_plan(), tuple((*row, 0, 0) for row in records.table), records.labels, 7)
    assert records.commitment() == whole.commitment()
    # A hospital that commits to something else than zeros leaves weights there: they change nobody else's training.
    model = (40_000, -3, 17, -250_000, 900)
    trained, wanted = (one.train(model, round=1, seed="") for one in (records, whole))
    assert trained.update == wanted.update and trained.shortening == wanted.shortening
    assert trained.update[2:4] == (0, 0) and any(trained.update[:2])
    # What is zero whatever the rows are needs no noise, and whoever adds some there is only louder.
    assert trained.noise[2:4] == (0, 0) and any(trained.noise[:2]) and len(trained.noise) == 5
    statement = records.statement(context=1, weights=model, trained=trained, blinding=5)
    assert statement.data_root == records.commitment() and statement.plan_root == plan.root()
    assert plan.root() == private_plan().root()


@pytest.mark.parametrize(("count", "sizes"), [(9, [5, 4]), (16, [8, 8]), (17, [6, 6, 5]), (25, [7, 6, 6, 6])])
def test_blocks__of_more_rows_than_the_circuit__are_all_rows_in_parts_of_one_size(
    count: int, sizes: list[int], tmp_path: Path
) -> None:
    plan, source = small_plan(), table(tmp_path, count)
    blocks, _ = read_records(source, plan, 7)
    assert isinstance(blocks, Blocks) and blocks.count == count
    assert [part.rows for part in blocks.parts] == sizes
    everything, _ = read_records(source, replace(plan, training=replace(plan.training, rows_maximum=32)), 7)
    assert isinstance(everything, HeadRecords)
    whole = sorted(zip(everything.table, everything.labels, strict=True))
    cut = [pair for part in blocks.parts for pair in zip(part.table, part.labels, strict=True)]
    assert sorted(cut) == whole


def test_blocks__have_salts_and_roots_of_their_own(tmp_path: Path) -> None:
    blocks, _ = read_records(table(tmp_path, 40), small_plan(), 7)
    assert isinstance(blocks, Blocks)
    salts = {part.salt for part in blocks.parts}
    assert len(salts) == 5 and 7 not in salts and all(salt.bit_length() > 200 for salt in salts)
    assert blocks.roots == tuple(part.commitment() for part in blocks.parts) and len(set(blocks.roots)) == 5
    assert blocks.of_root(blocks.roots[3]) == blocks.parts[3] and blocks.of_root(0) is None


def test_blocks__of_the_same_rows_again__are_in_another_order(tmp_path: Path) -> None:
    """The order is drawn, and no file or salt fixes it."""
    source = table(tmp_path, 40)
    one, two = (read_records(source, small_plan(), 7)[0] for _ in range(2))
    assert isinstance(one, Blocks) and isinstance(two, Blocks)
    assert [part.table for part in one.parts] != [part.table for part in two.parts]


def test_blocks__kept_and_read_again__are_the_same(tmp_path: Path) -> None:
    blocks, _ = read_records(table(tmp_path, 20), small_plan(), 7)
    assert stored_records(small_plan(), blocks.to_bytes()) == blocks


def test_blocks__more_than_an_enrolment_can_have__are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.steps.blocks.MOST_BLOCKS", 2)
    with pytest.raises(DataError, match="more than 2 blocks of 8"):
        read_records(table(tmp_path, 17), small_plan(), 7)
