# SPDX-License-Identifier: Apache-2.0
"""A node announces what its configuration says, undoes no better address, and warns of one that is of no use."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import pytest

from node.config import StorageConfig
from node.steps.announcing import announce
from node.steps.troubles import Troubles
from tests.support.fake_chain import DEPLOYMENT

PUBLIC = "https://blocks.hospital.example/consilium"
LISTENING = "http://127.0.0.1:40123"


@dataclass
class Registry:
    """The registry's one entry, and the store that is behind it."""

    recorded: str = ""
    chain_id: int = 11155111
    sent: list[str] = field(default_factory=list)

    def announce(self, store: str, advertise: str | None = None, backend: Any = "local") -> None:
        def set_endpoint(_intent: str, _hospital: int, url: str) -> None:
            self.recorded = url
            self.sent.append(url)

        hospital = SimpleNamespace(
            id=7,
            log=logging.getLogger("consilium.tests"),
            store=SimpleNamespace(endpoint=store),
            reader=SimpleNamespace(
                hospital=lambda _: SimpleNamespace(endpoint=self.recorded),
                deployment=replace(DEPLOYMENT, chain_id=self.chain_id),
            ),
            ledger=SimpleNamespace(set_endpoint=set_endpoint, key=Mock()),
            state=SimpleNamespace(result=lambda _: None),
            troubles=Troubles(),
        )
        announce(cast(Any, hospital), StorageConfig(backend=backend, advertise=advertise))


@pytest.mark.parametrize("chain_id", [1337, 31337])
def test_announce__loopback_on_a_local_chain__goes_on_record_without_a_word(
    chain_id: int, caplog: pytest.LogCaptureFixture
) -> None:
    registry = Registry(chain_id=chain_id)
    registry.announce(LISTENING)
    registry.announce("http://127.0.0.1:40124")
    assert registry.sent == [LISTENING, "http://127.0.0.1:40124"] and caplog.text == ""


def test_announce__loopback_elsewhere__is_warned_of_and_costs_no_fee(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    registry.announce(LISTENING)
    assert registry.sent == []
    assert f"address is {LISTENING}" in caplog.text and "storage.advertise" in caplog.text


def test_announce__loopback_advertised_elsewhere__is_announced_as_told_and_warned_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry()
    registry.announce("http://localhost:8080", advertise="http://localhost:8080")
    assert registry.sent == ["http://localhost:8080"] and "no other hospital can fetch from there" in caplog.text


def test_announce__advertised_address__is_put_on_record_once_and_without_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry(recorded=LISTENING)
    registry.announce(PUBLIC, advertise=PUBLIC)
    registry.announce(PUBLIC, advertise=PUBLIC)
    assert registry.sent == [PUBLIC] and caplog.text == ""


@pytest.mark.parametrize("chain_id", [1337, 11155111])
def test_announce__address_that_a_command_put_on_record__is_not_undone_by_the_default(chain_id: int) -> None:
    registry = Registry(recorded=PUBLIC, chain_id=chain_id)
    registry.announce(LISTENING)
    assert registry.recorded == PUBLIC and registry.sent == []


def test_announce__nonsense_on_record__is_replaced() -> None:
    registry = Registry(recorded="javascript:alert(1)", chain_id=1337)
    registry.announce(LISTENING)
    assert registry.sent == [LISTENING]


def test_announce__listening_on_every_address__asks_for_one_unless_one_is_on_record(
    caplog: pytest.LogCaptureFixture,
) -> None:
    registry = Registry(recorded=PUBLIC)
    registry.announce("")
    assert registry.sent == [] and caplog.text == ""
    Registry(chain_id=1337).announce("")
    assert "Set storage.advertise" in caplog.text


def test_announce__ipfs__needs_no_address(caplog: pytest.LogCaptureFixture) -> None:
    registry = Registry()
    registry.announce("", backend="ipfs")
    assert registry.sent == [] and caplog.text == ""
