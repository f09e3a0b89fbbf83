# SPDX-License-Identifier: Apache-2.0
"""Measures what every function of the suite costs, on a chain of its own, and rewrites `contracts/gas.json`.

`tests/contracts/test_gas.py` measures again and fails where something costs over 2 % more than committed. Whoever
raises a figure commits it with a message that says why.
"""

from __future__ import annotations

import sys
from pathlib import Path

import ape

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts import setup, solc
from scripts.gas_table import README, readme_with_table, write_table
from tests.support.gas import measure


def main() -> None:
    """Measure and write; the README's table follows."""
    solc.prepare()
    setup.compile_if_changed()
    with ape.networks.ethereum.local.use_provider("foundry"):
        table = measure(*ape.accounts.test_accounts[:2])
    write_table(table)
    README.write_text(readme_with_table())
    for name, costs in table.items():
        print(f"{name:50}" + "".join(f"{gas:>12,}" for gas in costs.values()))


if __name__ == "__main__":
    main()
