# SPDX-License-Identifier: Apache-2.0
"""What calls cost: as `contracts/gas.json` says, below the ceilings, and far below a block."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.gas_table import AVERAGE, Table, read_table
from tests.support.gas import SIZES, measure, unmeasured

#: More than this over the committed figure is a change that somebody has to answer for.
TOLERANCE = 1.02
BLOCK = 30_000_000
SUBMIT, FINALISE, SHARE = 420_000, 400_000, 120_000
#: With a fine for each that can be left out, half of them.
INCLUDE, INCLUDE_EACH = 200_000, 30_000
#: All that a hospital pays in a round, by how many there are.
ROUND = {"3": 680_000, "16": 514_000, "64": 488_000}


@pytest.fixture(scope="module")
def measured(accounts: Any) -> Table:
    """The table of now, proofs and all: takes a minute or two."""
    return measure(accounts[0], accounts[1])


def test_gas__of_every_call__is_no_more_than_committed(measured: Table) -> None:
    committed = read_table()
    assert measured.keys() == committed.keys(), "other calls than the table has: rewrite it with `make gas`"
    raised = [
        f"{name} with {size} hospitals: {committed[name].get(size, 0):,} -> {gas:,}"
        for name, costs in measured.items()
        for size, gas in costs.items()
        if gas > committed[name].get(size, 0) * TOLERANCE
    ]
    assert not raised, "\n".join([*raised, "cheaper, or `make gas` and a commit of it that says why it costs more"])


def test_gas__of_what_a_round_takes__stays_below_the_ceilings(measured: Table) -> None:
    for size in map(str, SIZES):
        assert measured["RoundManager.submitUpdate"][size] <= SUBMIT
        assert measured["RoundManager.includeUpdates"][size] <= INCLUDE + INCLUDE_EACH * int(size)
        assert measured["RoundManager.finalise"][size] <= FINALISE
        assert measured["Openings.postShare"][size] <= SHARE
        assert measured["Openings.postPadShare"][size] <= SHARE
        assert measured[AVERAGE][size] <= ROUND[size]
        assert measured[AVERAGE][size] <= measured[AVERAGE]["3"], "a hospital must not pay for the others' number"


def test_gas__of_the_costliest_calls__leaves_room_in_a_block(measured: Table) -> None:
    assert max(max(costs.values()) for costs in measured.values()) < BLOCK // 8


def test_gas_table__names_every_function__that_a_transaction_can_call() -> None:
    assert not unmeasured(read_table())
