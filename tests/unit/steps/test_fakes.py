# SPDX-License-Identifier: Apache-2.0
"""The fakes of these tests have the interfaces of what they stand for."""

from __future__ import annotations

import inspect

import pytest

from node.chain.client import ChainReader
from node.chain.writes import Ledger
from node.storage.store import EmbeddedStore
from tests.support.fake_chain import FakeChain
from tests.support.fake_ledger import FakeLedger
from tests.support.steps import FakeStore

OWN = {
    "at",
    "bitmap",
    "ceremonies",
    "change_terms",
    "draw",
    "hold",
    "lose",
    "named",
    "rules",
    "settle",
    "start_batch",
    "wait",
}


@pytest.mark.parametrize(("fake", "real"), [(FakeChain, ChainReader), (FakeLedger, Ledger), (FakeStore, EmbeddedStore)])
def test_fake__every_method__takes_what_the_real_one_takes(fake: type, real: type) -> None:
    for name, method in inspect.getmembers(fake, inspect.isfunction):
        if name.startswith("_") or name in OWN:
            continue
        expected = list(inspect.signature(getattr(real, name)).parameters.values())
        given = list(inspect.signature(method).parameters.values())
        optional = [parameter for parameter in expected if parameter.default is not inspect.Parameter.empty]
        names = [parameter.name for parameter in expected]
        assert [parameter.name for parameter in given] == names[: len(given)], name
        assert len(given) >= len(expected) - len(optional), name
