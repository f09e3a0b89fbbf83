# SPDX-License-Identifier: Apache-2.0
"""The demo's records are split cleanly, and learning together is as good as pooling them."""

from __future__ import annotations

import pytest

from node.errors import DataError
from node.learning import baseline, metrics, simulation, tuning
from node.learning.scaling import Scaling
from node.learning.tables import read_table

VALUE_BITS = 26


def prepared(hospitals: int, seed: int):  # type: ignore[no-untyped-def]
    demo = simulation.split(hospitals, seed=seed)
    scaling = Scaling.fit(demo.sponsor.rows, demo.sponsor.features)
    parts = [(scaling.apply(table.rows), list(table.labels)) for table in demo.hospitals]
    held_out = scaling.apply(demo.held_out.rows), list(demo.held_out.labels)
    pooled = [row for rows, _ in parts for row in rows], [label for _, labels in parts for label in labels]
    return parts, held_out, pooled


def test_split__any_seed__tables_are_disjoint_and_complete_with_both_classes() -> None:
    for seed in (0, 7):
        demo = simulation.split(3, seed=seed)
        tables = [demo.sponsor, demo.held_out, *demo.hospitals]
        assert [len(table.rows) for table in tables] == [24, 113, 144, 144, 144]
        assert len({row for table in tables for row in table.rows}) == 569
        assert all(0.3 < sum(table.labels) / len(table.labels) < 0.46 for table in tables)
    assert simulation.split(3, seed=1) == simulation.split(3, seed=1) != simulation.split(3, seed=2)


def test_split__more_hospitals_than_full_batches__is_refused() -> None:
    assert len(simulation.split(13).hospitals) == 13
    with pytest.raises(DataError, match="1 to 13"):
        simulation.split(14)


def test_write__tables__read_back_as_they_were(tmp_path) -> None:  # type: ignore[no-untyped-def]
    demo = simulation.split(3)
    paths = {path.stem: path for path in simulation.write(demo, tmp_path / "data")}
    assert set(paths) == {"sponsor", "held_out", "hospital-1", "hospital-2", "hospital-3"}
    for name, table in [("sponsor", demo.sponsor), ("hospital-2", demo.hospitals[1])]:
        assert read_table(paths[name], table.features, simulation.LABEL, capacity=192) == table


@pytest.mark.parametrize(("hospitals", "rounds"), [(3, 3), (3, 4), (5, 3), (5, 4)])
def test_federated__on_held_out_records__is_within_one_hundredth_of_pooled_training(
    hospitals: int, rounds: int
) -> None:
    for seed in range(4):
        parts, held_out, pooled = prepared(hospitals, seed)
        models = baseline.federated([0] * 31, parts, simulation.TRAINING, rounds, VALUE_BITS)
        together = metrics.evaluate(models[-1], *held_out)
        gold = baseline.pooled(*pooled, *held_out)
        assert together.rows == 113
        assert together.auc > gold.auc - 0.01
        assert together.accuracy > gold.accuracy - 0.03


def test_alone__the_weakest_hospital__is_not_better_than_all_together() -> None:
    parts, held_out, _ = prepared(3, 0)
    together = baseline.federated([0] * 31, parts, simulation.TRAINING, 3, VALUE_BITS)[-1]
    single = [
        metrics.evaluate(baseline.alone([0] * 31, *part, simulation.TRAINING, 3, VALUE_BITS), *held_out)
        for part in parts
    ]
    assert metrics.evaluate(together, *held_out).auc >= min(result.auc for result in single)


def test_learning_rate__of_the_demo__is_what_cross_validation_on_training_records_finds() -> None:
    found = dict.fromkeys((32, 64, 128, 256), 0.0)
    for seed in range(3):
        _, _, pooled = prepared(3, seed)
        for rate, auc in tuning.cross_validate(
            *pooled,
            simulation.TRAINING,
            rates=list(found),
            hospitals=3,
            rounds=3,
            value_bits=VALUE_BITS,
        ).items():
            found[rate] += auc / 3
    assert found[simulation.TRAINING.learning_rate] > max(found.values()) - 0.001


def test_evaluate__scores_and_threshold__count_as_defined() -> None:
    # Weight one, bias zero: scores 1/4 + 1/2 and −1/4 + 1/2 for features ±1, and 1/2 for zero.
    result = metrics.evaluate([1 << 16, 0], [[32], [-32], [0], [0]], [1, 0, 1, 0])
    assert (result.auc, result.accuracy, result.positives) == (0.875, 0.75, 2)


def test_metrics__one_class_or_another_shape__is_refused() -> None:
    with pytest.raises(DataError, match="both classes"):
        metrics.evaluate([0, 0], [[1]], [1])
    with pytest.raises(DataError, match="needs 1 features"):
        metrics.evaluate([0, 0], [[1, 2]], [1])
    with pytest.raises(DataError, match="both classes"):
        baseline.pooled([[1], [2]], [1, 1], [[1]], [1])
