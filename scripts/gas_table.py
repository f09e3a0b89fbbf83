# SPDX-License-Identifier: Apache-2.0
"""`contracts/gas.json`, what calls cost by function and number of hospitals, and the README's table of it."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "contracts" / "gas.json"
README = ROOT / "README.md"
AVERAGE = "all that a hospital pays in a round, on average"
#: Rounds that one ceremony makes keys for, where its cost is spread.
BATCH = 10
BEGIN, END = "<!-- gas: by scripts/generate.py from contracts/gas.json -->\n", "<!-- end of gas -->"
#: What a reader wants to know; the file has every function.
SHOWN = {
    "StudyRegistry.publish": "`publish`",
    "StudyRegistry.enrol": "`enrol`",
    "BlockDraws.enrolBlocks": "`enrolBlocks`, where a hospital has more rows than the circuit",
    "BlockDraws.useBlock": "`useBlock`, of 65,536 blocks",
    "StudyRegistry.postCeremony": "`postCeremony`, each of six steps",
    "RoundManager.submitUpdate": "`submitUpdate`, its proof verified",
    "RoundManager.attest": "`attest`",
    "RoundManager.includeUpdates": "`includeUpdates`, once a round",
    "RoundManager.postShare": "`postShare`, half of the hospitals",
    "RoundManager.finalise": "`finalise`, once a round, its proof verified",
    "RewardPool.claim": "`claim`",
    AVERAGE: f"**{AVERAGE}** (a ceremony for {BATCH} rounds)",
}
#: Gas of an agent and a round with ten agents (BlockFLow, arXiv:2007.03856).
BLOCKFLOW = 5_300_000

Table = dict[str, dict[str, int]]


def read_table() -> Table:
    """The committed table."""
    return json.loads(TABLE.read_text())  # type: ignore[no-any-return]


def write_table(table: Table) -> None:
    """Commit to a table."""
    TABLE.write_text(json.dumps(table, indent=2) + "\n")


def readme_with_table() -> str:
    """The README with the committed figures between its two marks."""
    text = README.read_text()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    return f"{head}{BEGIN}{_rows(read_table())}{END}{tail}"


def _rows(table: Table) -> str:
    sizes = list(table[AVERAGE])
    lines = [f"| gas with … hospitals | {' | '.join(sizes)} |", "|---|" + "---:|" * len(sizes)]
    for name, words in SHOWN.items():
        lines.append(f"| {words} | " + " | ".join(f"{table[name][size]:,}" for size in sizes) + " |")
    ours = table[AVERAGE]["16"]
    lines.append("")
    lines.append(
        f"BlockFlow reports about {BLOCKFLOW:,} gas for an agent and a round at 10 agents "
        f"([arXiv:2007.03856](https://arxiv.org/abs/2007.03856)): {BLOCKFLOW / ours:.0f} times the {ours:,} of "
        "16 hospitals here."
    )
    return "\n".join(lines) + "\n"
