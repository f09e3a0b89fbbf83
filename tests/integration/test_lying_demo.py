# SPDX-License-Identifier: Apache-2.0
"""A whole study with a hospital that lies to the others' real nodes: who is found out, by whom, and what it costs.

The lie is told in round 2, by a ciphertext that keeps CKKS from opening and a pad share that does not fit.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.demo_report import MONEY_OUT
from tests.support.demo import FinishedDemo, run_demo

UNIT = 10**18


@pytest.fixture(scope="module")
def lying(tmp_path_factory: pytest.TempPathFactory) -> FinishedDemo:
    demo = run_demo(tmp_path_factory.mktemp("lying"), "--liar", "share")
    assert demo.status == 0, demo.output[-4000:]
    return demo


def test_false_share__to_real_nodes__is_accused_by_the_others_and_costs_a_slice(lying: FinishedDemo) -> None:
    liar = lying.report["liar"]
    assert liar["kind"] == "share" and liar["rounds_suspended"] == 0 and liar["openings_lost"] == 1
    assert len(liar["found_by"]) >= 2 and liar["hospital"] not in liar["found_by"]
    assert liar["fined"] == 25 * UNIT
    assert f"{liar['hospital']} gave a false pad share" in " ".join(lying.output.split())


def test_rounds__with_a_liar__are_all_finalised_and_no_money_is_left(lying: FinishedDemo) -> None:
    report = lying.report
    assert [entry["status"] for entry in report["rounds"]] == ["finalised"] * 3
    assert [len(entry["participants"]) for entry in report["rounds"]] == [4, 4, 4]
    money = report["ledger"]
    assert money["paid_in"] == sum(money[part] for part in MONEY_OUT)
    assert money["left_in_contracts"] == money["burnt"] == 0


def test_liar__of_a_demo__left_its_note_where_no_node_reads(lying: FinishedDemo) -> None:
    notes: list[Path] = list(lying.folder.glob("hospital-*/lied.json"))
    assert len(notes) == 1
