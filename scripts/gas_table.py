# SPDX-License-Identifier: Apache-2.0
"""`contracts/gas.json`, what calls cost by function and number of hospitals, and the README's table of it."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "contracts" / "gas.json"
README = ROOT / "README.md"
AVERAGE = "all that a hospital pays in a round, on average"
FALL = "all that a hospital pays in a round that CKKS does not open and t pad shares do, on average"
#: What a call of a function is told apart by.
IN_RECOVERY = ", in recovery, the longest"
CONVICTING = ", the last of t"
OF_ALL = ", the last of t, of all others at once"
#: Rounds that one ceremony makes keys for, where its cost is spread.
BATCH = 10
BEGIN, END = "<!-- gas: by scripts/generate.py from contracts/gas.json -->\n", "<!-- end of gas -->"
#: What a reader wants to know; the file has every function.
SHOWN = {
    "StudyRegistry.publish": "`publish`",
    "StudyRegistry.enrol": "`enrol`",
    "BlockDraws.enrolBlocks": "`enrolBlocks`, where a hospital has more rows than the circuit",
    "BlockDraws.useBlock": "`useBlock`, of 65,536 blocks",
    "KeyCeremony.postKeys": "`postKeys`, a ceremony's first step",
    "KeyCeremony.postDealing": "`postDealing`",
    "KeyCeremony.postHolding": "`postHolding`",
    "KeyCeremony.acknowledge": "`acknowledge`, its last step",
    "RoundManager.submitUpdate": "`submitUpdate`, its proof verified",
    "RoundManager.attest": "`attest`",
    "RoundManager.includeUpdates": "`includeUpdates`, once a round, all that can be left out fined",
    "Openings.postShare": "`postShare` by CKKS, half of the hospitals",
    "Openings.postPadShare": "`postPadShare` of a head (1 KiB), where CKKS did not open",
    f"Openings.postPadShare{IN_RECOVERY}": "`postPadShare` to who lacks the model, the longest (2 KiB)",
    "RoundManager.finalise": "`finalise`, once a round, its proof verified",
    "Court.accuse": "`accuse`",
    f"Court.accuse{CONVICTING}": "`accuse`, with which a hospital is convicted",
    "RewardPool.claim": "`claim`",
    AVERAGE: f"**{AVERAGE}** (a ceremony for {BATCH} rounds)",
    FALL: FALL,
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
