# SPDX-License-Identifier: Apache-2.0
"""A node that is told to stop comes out of whatever it is waiting for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.chain.deployment import CONTRACTS
from node.chain.wallet import create_keyfile
from node.config import NodeConfig
from node.config_file import save_config
from node.errors import ConsiliumError, StopAsked
from node.files import make_private_folder
from node.stopping import GRACE_SECONDS, stop_signals
from scripts.children import ROOT, end_with_parent
from tests.support.network import PASSPHRASE


def home_with_endpoint(home: Path, url: str) -> Path:
    make_private_folder(home)
    create_keyfile(home / "operator.json", PASSPHRASE, work_factor=2)
    record = {"chain_id": 31337, "start_block": 1, "development_keys": True, "circuits": {}}
    contracts = dict.fromkeys(CONTRACTS, "0x" + "11" * 20)
    (home / "deployment.json").write_text(json.dumps({**record, "contracts": contracts}))
    save_config(
        NodeConfig(
            home=home,
            rpc_urls=(url,),
            websocket_url=None,
            deployment=home / "deployment.json",
            operator_keyfile=home / "operator.json",
            owner_keyfile=None,
            data=home / "records.csv",
            artefacts=home,
            spending_cap_wei=10**18,
        )
    )
    return home


@contextmanager
def running_node(home: Path) -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "CONSILIUM_PASSPHRASE": PASSPHRASE, "PYTHONUNBUFFERED": "1"}
    for name in ("RPC", "DEPLOYMENT", "KEYFILE"):
        environment.pop(f"CONSILIUM_{name}", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "node.cli", "--home", str(home), "node", "run"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=end_with_parent,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ends_in_good_order(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    _, said = process.communicate(timeout=GRACE_SECONDS + 4)
    assert process.returncode == 0 and "INFO stopped" in said


def test_sigterm__node_that_waits_for_an_endpoint__ends_in_good_order(tmp_path: Path) -> None:
    with socket.socket() as unused:
        # Bound but not listening: whoever connects is refused.
        unused.bind(("127.0.0.1", 0))
        home = home_with_endpoint(tmp_path / "home", f"http://127.0.0.1:{unused.getsockname()[1]}")
        with running_node(home) as process:
            assert process.stderr is not None
            line = process.stderr.readline()
            assert "Waiting for it" in line, line
            ends_in_good_order(process, signal.SIGTERM)


def test_sigint__request_that_hangs__is_broken_off(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        home = home_with_endpoint(tmp_path / "home", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with running_node(home) as process:
            silent.settimeout(30)
            connection, _ = silent.accept()
            with connection:
                connection.recv(1)
                ends_in_good_order(process, signal.SIGINT)


def test_signal__during_a_pause__ends_it_whatever_handles_failures() -> None:
    started = time.monotonic()
    with stop_signals() as stopping, pytest.raises(StopAsked):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            stopping.pause(30)
        except (ConsiliumError, Exception):
            pytest.fail("what handles failures swallowed it")
    assert time.monotonic() - started < GRACE_SECONDS


def test_signal__told_twice__breaks_off_at_once() -> None:
    with stop_signals(), pytest.raises(StopAsked):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(GRACE_SECONDS / 2)
        pytest.fail("it went on")


def test_signals__after_the_block__mean_again_what_they_did() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    with stop_signals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)] == before
