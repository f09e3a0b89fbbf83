# SPDX-License-Identifier: Apache-2.0
"""The command that opens the page: what it refuses, and that it leaves nothing running."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from scripts.app import AppError, read_demo
from scripts.children import ROOT
from tests.support.played_study import Played
from tests.support.running_app import app_command, running_app, wait_until_ended


def refused(*options: str) -> subprocess.CompletedProcess[str]:
    """Runs the command and waits for it to give up."""
    return subprocess.run(app_command(*options), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def network(played: Played) -> list[str]:
    """Options that point to a network."""
    return ["--rpc", played.anvil.url, "--deployment", str(played.deployment), "--store", str(played.store)]


def test_app__without_a_demo__says_what_to_run(tmp_path: Path) -> None:
    ran = refused("--demo", str(tmp_path / "latest.json"))
    assert ran.returncode == 2
    assert "make demo" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.parametrize("text", ["", "[]", '{"state": 5}'])
def test_read_demo__of_a_damaged_record__says_to_run_it_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "latest.json"
    path.write_text(text)
    with pytest.raises(AppError, match="make demo"):
        read_demo(path)


def test_read_demo__whose_chain_is_gone__names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    record = {"state": str(tmp_path / "chain.json"), "deployment": "x", "stores": [], "chain_id": 1, "study_id": 1}
    path.write_text(json.dumps(record))
    with pytest.raises(AppError, match=r"chain\.json"):
        read_demo(path)


def test_app__with_half_a_network__is_refused() -> None:
    ran = refused("--rpc", "http://127.0.0.1:1")
    assert ran.returncode == 2
    assert "--deployment" in ran.stderr


def test_app__on_a_port_that_is_taken__says_so(played_study: Played) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = refused(*network(played_study), "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 2
    assert "--port" in ran.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_app__ended_by_a_signal__leaves_nothing_running(played_study: Played, number: int) -> None:
    with running_app(*network(played_study)) as app:
        children = app.children()
        assert len(children) == 1
        assert app.end(number) == 0
        assert wait_until_ended(children)


def test_app__killed__leaves_nothing_running(played_study: Played) -> None:
    with running_app(*network(played_study)) as app:
        children = app.children()
        app.process.kill()
        app.process.wait(timeout=10)
        assert wait_until_ended(children)
