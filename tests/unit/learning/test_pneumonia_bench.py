# SPDX-License-Identifier: Apache-2.0
"""The benchmark of chest X-rays writes what its readers look for; on synthetic images, so no figure means anything."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scripts import bench_pneumonia, pneumonia, pneumonia_privacy
from tests.support.xrays import write_npz

KEYS = {
    "auc_mean", "auc_std", "pooled_auc", "sensitivity_at_95_specificity", "seeds", "rounds", "parameters", "seconds",
}  # fmt: skip


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the benchmark, its studies cut short, in this process; returns the report."""
    monkeypatch.setattr(bench_pneumonia, "ROOT", tmp_path)
    monkeypatch.setattr(bench_pneumonia, "OUT", tmp_path / "bench")
    monkeypatch.setattr(bench_pneumonia, "ProcessPoolExecutor", ThreadPoolExecutor)
    for name, value in (("EXTRACTOR_ROUNDS", 1), ("SPONSOR_IMAGES", 40), ("HEAD_ROUNDS", 2)):
        monkeypatch.setattr(pneumonia, name, value)
    monkeypatch.setitem(pneumonia.cnn_study_of.__kwdefaults__, "rounds", 2)
    source = write_npz(tmp_path / "images.npz", train=160, val=20, test=20)

    def run(*parts: str) -> dict[str, Any]:
        only = [word for part in parts for word in ("--only", part)]
        monkeypatch.setattr(sys, "argv", ["bench", "--data", str(source), "--seeds", "2", "--jobs", "1", *only])
        assert bench_pneumonia.main() == 0
        return json.loads((tmp_path / "bench" / "pneumonia.json").read_text())

    return run


def test_report__both_kinds__has_every_key_for_each_and_plots_beside_it(bench: Any, tmp_path: Path) -> None:
    report = bench("bounded_cnn", "proved_head")
    for kind, parameters in (("bounded_cnn", 5162), ("proved_head", 25)):
        found = report[kind]
        assert found.keys() >= KEYS and found["seeds"] == [0, 1] and found["parameters"] == parameters
        aucs = [run["test"]["auc"] for run in found["runs"]]
        assert found["auc_mean"] == pytest.approx(sum(aucs) / 2)
        assert all(len(run["validation_auc"]) == 2 for run in found["runs"])
    for name in ("roc", "learning"):
        assert (tmp_path / "bench" / f"pneumonia_{name}.png").stat().st_size > 10_000


def test_bench__no_file_of_images__is_left_out_only_where_it_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench_pneumonia, "OUT", tmp_path / "bench")
    for options, code, said in ((["--optional"], 0, "are left out"), ([], 2, "name PneumoniaMNIST with --data")):
        monkeypatch.setattr(sys, "argv", ["bench", "--data", str(tmp_path / "none.npz"), *options])
        assert bench_pneumonia.main() == code
        assert said in capsys.readouterr().out
    assert not (tmp_path / "bench").exists()


def test_report__privacy__says_what_each_study_cost_in_noise(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("SIZES", (3,)), ("PATIENT_ROUNDS", 1), ("HOSPITAL_ROUNDS", 1), ("EPSILONS", (8.0, None))):
        monkeypatch.setattr(pneumonia_privacy, name, value)
    found = bench("privacy")["privacy"]
    assert found["delta"] == 1e-5
    told = [(one["level"], one["epsilon"], one["noise_std"] > 0) for one in found["outcomes"]]
    assert told == [
        ("hospital", 8.0, True),
        ("hospital", None, False),
        ("patient", 8.0, True),
        ("patient", None, False),
    ]
    assert all(0 <= one[key] <= 1 for one in found["outcomes"] for key in ("auc", "membership_auc"))


def test_report__settings_of_one_kind_change__only_its_figures_go(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench("bounded_cnn", "proved_head")
    monkeypatch.setattr(pneumonia, "HEAD_ROUNDS", 1)
    second = bench("bounded_cnn")
    assert "proved_head" in first and "proved_head" not in second
    monkeypatch.setattr(pneumonia, "BOUND", 1 << 30)
    assert "bounded_cnn" not in bench("proved_head")
