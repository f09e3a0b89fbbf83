# SPDX-License-Identifier: Apache-2.0
"""A node that goes on whatever it meets, and looks at nothing that a stranger could make endless."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node import runner
from node.chain.limits import RpcError
from node.config import PASSPHRASE_VARIABLE
from node.errors import ChainUnavailable, StorageUnavailable
from node.steps.troubles import Troubles
from node.types import BlockRef


@dataclass
class FakeReader:
    """Hospitals that anyone registered, some of which the council admitted."""

    registered: int = 1000
    admitted: dict[int, int] = field(default_factory=lambda: {2: 10, 3: 20, 4: 30})
    top: int = 100
    asked: list[int] = field(default_factory=list)
    ranges: list[tuple[int, int]] = field(default_factory=list)
    deployment: Any = field(default_factory=lambda: SimpleNamespace(start_block=5))

    def head(self) -> BlockRef:
        return BlockRef(self.top, "0x", 0)

    def hospital_count(self) -> int:
        return self.registered

    def events_by_part(self, contract: str, event: str, first: int, last: int) -> Iterator[Any]:
        assert (contract, event) == ("HospitalRegistry", "HospitalAdmitted")
        self.ranges.append((first, last))
        numbers = [number for number, block in self.admitted.items() if first <= block <= last]
        yield last, [SimpleNamespace(arguments={"hospitalId": number}) for number in numbers]

    def hospital(self, number: int) -> Any:
        self.asked.append(number)
        return SimpleNamespace(endpoint="" if number == 4 else f"http://hospital-{number}.example")


def hospital() -> Any:
    return SimpleNamespace(log=logging.getLogger("consilium.tests"), troubles=Troubles())


def test_gateways__many_strangers_registered__only_admitted_hospitals_are_looked_at() -> None:
    reader = FakeReader()
    endpoints = runner.colleagues(cast(Any, reader), own=2)
    assert endpoints() == ["http://hospital-3.example"]
    assert reader.asked == [3, 4]


def test_gateways__hospital_admitted_later__is_found_without_reading_everything_again() -> None:
    reader = FakeReader()
    endpoints = runner.colleagues(cast(Any, reader), own=2)
    endpoints()
    reader.admitted[9], reader.top = 110, 120
    assert endpoints() == ["http://hospital-3.example", "http://hospital-9.example"]
    assert reader.ranges == [(5, 100), (69, 120)]


def test_gateways__admission_reorganised_away__is_left_out() -> None:
    reader = FakeReader()
    endpoints = runner.colleagues(cast(Any, reader), own=2)
    endpoints()
    reader.registered = 2
    assert endpoints() == []


@pytest.mark.parametrize(
    "error", [RpcError("eth_getBlockByNumber", -32005, "limit exceeded", None), KeyError("hash"), StorageUnavailable()]
)
def test_wait__endpoint_that_refuses__waits_all_the_same(error: Exception) -> None:
    waits: list[float] = []

    def refuse(_timeout: float) -> bool:
        raise error

    watcher, stopping = SimpleNamespace(wait_for_activity=refuse), SimpleNamespace(pause=waits.append)
    runner._wait(hospital(), cast(Any, watcher), cast(Any, stopping))
    assert waits == [runner.RETRY_SECONDS]


def test_passphrase__while_the_node_runs__is_not_handed_to_the_programs_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "a passphrase of tests")
    with runner._passphrase_kept_back():
        program = [sys.executable, "-c", "import os; print(*os.environ)"]
        shown = subprocess.run(program, capture_output=True, text=True, check=True).stdout
        assert PASSPHRASE_VARIABLE not in shown.split()
    assert os.environ[PASSPHRASE_VARIABLE] == "a passphrase of tests"


def test_store_that_cannot_work__is_warned_of_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    def absent() -> None:
        raise StorageUnavailable("No IPFS daemon answers at /ip4/127.0.0.1/tcp/5001/http.")

    node = hospital()
    node.store = SimpleNamespace(check=absent)
    runner._check_store(node)
    assert "No IPFS daemon answers" in caplog.text and "can take part in no round" in caplog.text


def test_chain_that_comes_up_late__is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    class Late:
        waited = 0.0

        def verify(self) -> None:
            raise ChainUnavailable("The RPC endpoint does not answer.")

        def wait_until_available(self, seconds: float) -> None:
            self.waited = seconds

    reader = Late()
    runner._await_chain(cast(Any, reader), logging.getLogger("consilium.tests"))
    assert reader.waited == runner.START_PATIENCE and "Waiting for it" in caplog.text
