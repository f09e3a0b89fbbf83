# SPDX-License-Identifier: Apache-2.0
"""A whole study at full size, as a newcomer runs it, and what is true of it afterwards."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from scripts.app import read_demo, restart_chain
from scripts.demo_report import MONEY_OUT
from tests.support.demo import ROOT, FinishedDemo

KEYS = {
    "": {"hospitals", "rounds", "baseline", "proof", "encryption", "ledger", "seconds_total"},
    "round": {"round", "status", "participants", "auc", "accuracy", "seconds", "gas"},
    "baseline": {"pooled_auc", "pooled_accuracy", "local_auc"},
    "proof": {"constraints", "prover", "prove_seconds", "verify_gas"},
    "encryption": {"upload_bytes", "openings", "parameters", "threshold", "ceremony_bytes_per_round"},
    "ledger": {"paid_in", "rewards_paid", "services_paid", "bonds_returned", "refunded", "burnt", "left_in_contracts"},
}


def test_report__after_a_demo__has_every_documented_key(finished_demo: FinishedDemo) -> None:
    report = finished_demo.report
    assert report.keys() >= KEYS[""]
    assert all(entry.keys() >= KEYS["round"] for entry in report["rounds"])
    assert report["baseline"].keys() >= KEYS["baseline"]
    assert report["proof"]["training"].keys() >= KEYS["proof"]
    assert report["proof"]["aggregation"].keys() >= KEYS["proof"]
    assert report["encryption"].keys() >= KEYS["encryption"]
    assert report["ledger"].keys() >= KEYS["ledger"]


def test_rounds__of_a_demo__are_all_finalised_by_three_hospitals(finished_demo: FinishedDemo) -> None:
    rounds = finished_demo.report["rounds"]
    assert [entry["round"] for entry in rounds] == [1, 2, 3]
    assert all(entry["status"] == "finalised" and len(entry["participants"]) == 3 for entry in rounds)


def test_final_model__of_a_demo__is_within_a_hundredth_of_pooled_training(finished_demo: FinishedDemo) -> None:
    report = finished_demo.report
    assert report["rounds"][-1]["auc"] >= report["baseline"]["pooled_auc"] - 0.01


def test_money__of_a_demo__adds_up_to_the_last_unit(finished_demo: FinishedDemo) -> None:
    money, unit = finished_demo.report["ledger"], 10**18
    assert money["rewards_paid"] == 3 * (1000 * unit + 1) and money["bonds_returned"] == 3 * 100 * unit
    # Each round was included and finalised; what was not spent of the budget went back.
    assert money["services_paid"] == 6 * unit and money["refunded"] == 94 * unit
    assert money["paid_in"] == sum(money[part] for part in MONEY_OUT)
    assert money["left_in_contracts"] == money["burnt"] == 0


def test_hospitals__of_a_demo__share_no_key_file_or_store(finished_demo: FinishedDemo) -> None:
    homes = [finished_demo.folder / f"hospital-{number}" for number in (1, 2, 3)]
    addresses = {
        json.loads((home / f"{role}.json").read_text())["address"] for home in homes for role in ("owner", "operator")
    }
    assert len(addresses) == 6
    for home in homes:
        assert (home / "state.sqlite").is_file() and (home / "store").is_dir()
        for private in ("owner.json", "operator.json", "state.sqlite"):
            assert stat.S_IMODE((home / private).stat().st_mode) == 0o600


def test_secrets__of_closed_rounds__are_erased(finished_demo: FinishedDemo) -> None:
    for number in (1, 2, 3):
        secrets = finished_demo.folder / f"hospital-{number}" / "secrets"
        assert [path.name for path in secrets.rglob("*.key")] == []


def test_logs__of_a_demo__carry_no_rows_updates_or_keys(finished_demo: FinishedDemo) -> None:
    for number in (1, 2, 3):
        home = finished_demo.folder / f"hospital-{number}"
        logs = "".join(path.read_text() for path in home.glob("*.log"))
        for line in (home / "metrics.jsonl").read_text().splitlines():
            assert json.loads(line).keys() == {"study", "round", "stage", "seconds", "peak_mb", "at"}
        table = (finished_demo.folder / "data" / f"hospital-{number}.csv").read_text().splitlines()[1:]
        values = {value for line in table for value in line.split(",") if len(value) >= 6}
        assert not [value for value in values if value in logs and value not in ("benign", "malignant")]
        with sqlite3.connect(home / "state.sqlite") as database:
            journal = " ".join(str(row) for row in database.execute("SELECT * FROM steps"))
        assert "blinding" not in journal


def test_model__exported_and_evaluated__scores_what_the_report_says(
    finished_demo: FinishedDemo, tmp_path: Path
) -> None:
    """The last round's weights are in the stores; numpy alone reads the exported file."""
    model = tmp_path / "model.npz"
    with ExitStack() as stack:
        rpc = restart_chain(read_demo(finished_demo.out / "latest.json"), tmp_path, stack)
        environment = {**os.environ, "CONSILIUM_RPC": rpc, "CONSILIUM_DEPLOYMENT": finished_demo.latest["deployment"]}
        home = str(finished_demo.folder / "hospital-1")
        command = [sys.executable, "-m", "node.cli", "--home", home, "model", "export", "--study", "1", "--round", "3"]
        subprocess.run([*command, "-o", str(model)], cwd=ROOT, env=environment, check=True, timeout=120)
    with np.load(model, allow_pickle=False) as arrays:
        assert arrays["weights"].shape == (31,)
        assert np.array_equal(arrays["weights"], arrays["weights_int"] / 2**16)
    held_out = finished_demo.folder / "data" / "held_out.csv"
    command = [sys.executable, "-m", "node.cli", "model", "evaluate", str(model), "--data", str(held_out), "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=120)
    measured = json.loads(done.stdout)
    assert measured["auc"] == finished_demo.report["rounds"][-1]["auc"]
