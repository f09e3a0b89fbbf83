# SPDX-License-Identifier: Apache-2.0
"""Runs forge's invariants over the suite, says how fast, and fails where an action was never reached.

`--calls` are spread over runs of `DEPTH` each. They are played in portions: progress shows after each, and a
campaign that was stopped goes on with `--from` the portion that it names (the seeds of all portions differ).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import solc  # noqa: E402

CONFIG = ROOT / "tests" / "invariants" / "foundry.toml"
REPORT = ROOT / "out" / "invariants" / "reached.txt"
FOLDER = ROOT / "node_modules" / "@foundry-rs"
DEPTH = 500
PORTION = 50_000
#: What a campaign has to have reached: else it would prove little.
# fmt: off
NEEDED = (
    "publish", "fund", "enrol", "join", "postCeremony", "completeCeremony", "failCeremony", "submitUpdate",
    "attest", "includeUpdates", "postShare", "finalise", "failTooFewSubmitted", "failTooFewIncluded",
    "failUnopened", "adoptOperator", "leaveStudy", "requestCeremony", "deposit", "requestWithdrawal",
    "withdraw", "claimSlashed", "claimBounty", "releaseBond", "claim", "claimTo", "refund", "govern", "refused",
    "slashDealing", "slashCiphertext", "slashShare", "slashEquivocation",
)
# fmt: on


def forge() -> Path:
    """The forge that npm installed; SystemExit where it did not."""
    found = sorted(FOLDER.glob("forge-*/bin/forge"))
    if not found:
        raise SystemExit(f"no forge under {FOLDER.relative_to(ROOT)}: run `make setup`")
    return found[0]


def play(calls: int, seed: int) -> tuple[int, float]:
    """One portion: calls played and seconds; SystemExit, with forge's account of it, where an invariant broke."""
    settings = {
        "FOUNDRY_CONFIG": str(CONFIG),
        "FOUNDRY_INVARIANT_RUNS": str(-(-calls // DEPTH)),
        "FOUNDRY_INVARIANT_DEPTH": str(DEPTH),
        "FOUNDRY_FUZZ_SEED": hex(seed),
    }
    started = time.monotonic()
    command = [str(forge()), "test", "--root", str(ROOT)]
    ran = subprocess.run(command, cwd=ROOT, env={**os.environ, **settings}, capture_output=True, text=True)
    seconds = time.monotonic() - started
    counted = re.search(r"\(runs: \d+, calls: (\d+), reverts: \d+\)", ran.stdout)
    if ran.returncode != 0 or counted is None:
        raise SystemExit(f"{ran.stdout}{ran.stderr}\nAn invariant broke with seed {seed:#x}, or forge could not run.")
    return int(counted.group(1)), seconds


def reached() -> Counter[str]:
    """How often each action went through, over all runs so far."""
    total: Counter[str] = Counter()
    for name, number in re.findall(r"(\w+)=(\d+)", REPORT.read_text()):
        total[name] += int(number)
    return total


def main() -> int:
    """Play, and say what was reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=12_000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="portion to go on with")
    options = parser.parse_args()
    solc.prepare()
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    if options.first == 0:
        REPORT.unlink(missing_ok=True)
    portions = -(-options.calls // PORTION)
    played, spent = 0, 0.0
    for portion in range(options.first, portions):
        calls, seconds = play(min(PORTION, options.calls - portion * PORTION), seed=portion + 1)
        played, spent = played + calls, spent + seconds
        left = (portions - portion - 1) * spent / (portion + 1 - options.first)
        print(
            f"portion {portion + 1}/{portions}: {calls:,} calls, {calls / seconds:,.0f} a second, {left:.0f} s to go",
            flush=True,
        )
    total = reached()
    print("  ".join(f"{name} {total[name]:,}" for name in NEEDED))
    missing = [name for name in NEEDED if not total[name]]
    if missing:
        print(f"{played:,} calls never reached: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
