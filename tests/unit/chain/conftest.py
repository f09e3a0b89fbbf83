# SPDX-License-Identifier: Apache-2.0
"""A fresh local chain with a notebook on it, for every test that asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from node.chain.abi import Abi
from node.state import NodeState
from scripts.children import ROOT
from tests.support.chain import Anvil, Notebook, compile_contract, running_anvil


@pytest.fixture(scope="session")
def compiled_notebook() -> tuple[Abi, str]:
    return compile_contract(ROOT / "tests" / "support" / "contracts" / "Notebook.sol")


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    with running_anvil(tmp_path) as chain:
        yield chain


@pytest.fixture
def notebook(anvil: Anvil, compiled_notebook: tuple[Abi, str]) -> Notebook:
    return Notebook(anvil, compiled_notebook)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[NodeState]:
    with NodeState(tmp_path / "state.sqlite") as opened:
        yield opened
