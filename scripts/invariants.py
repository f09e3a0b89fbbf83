# SPDX-License-Identifier: Apache-2.0
"""Runs forge's invariants over the suite, says how fast, and fails where an action was never reached.

`--calls` are spread over runs of `DEPTH` each. They are played in portions, one on every core at a time: progress
shows after each, and a campaign that was stopped goes on with `--from` the portion after the last that it named
(the seeds of all portions differ).
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.programs import how_it_ended
from scripts import solc
from scripts.children import ROOT, find_foundry

CONFIG = ROOT / "tests" / "invariants" / "foundry.toml"
REPORT = ROOT / "out" / "invariants" / "reached.txt"
DEPTH = 500
LARGEST_PORTION = 25_000
#: What a campaign has to have reached: else it would prove little.
# fmt: off
NEEDED = (
    "publish", "fund", "enrol", "join", "approveNewcomer", "enrolBlocks", "keepDraw", "redraw", "useBlock",
    "ceremonyStep", "complain", "moveOn", "completeCeremony", "failCeremony", "submitUpdate", "attest",
    "includeUpdates", "postShare", "postPadShare", "recover", "recordAbsence", "finalise", "modelReturned",
    "failTooFewSubmitted", "failTooFewIncluded", "failUnopened", "accuse", "adoptOperator", "leaveEnrolment",
    "leaveStudy", "requestCeremony", "deposit", "requestWithdrawal", "withdraw", "claimSlashed", "claimBounty",
    "releaseBond", "claim", "claimTo", "claimService", "refund", "govern", "refused", "fine", "charge", "serve",
    "serveOfFines", "serveUnpaid", "slashDealing", "slashPayload", "slashPadShare", "slashEquivocation", "burn",
)
# fmt: on


def run_forge(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Forge over the whole project, with the settings of the invariants and those given; SystemExit without forge."""
    try:
        command = [str(find_foundry("forge")), *arguments, "--root", str(ROOT)]
    except FileNotFoundError as error:
        raise SystemExit(str(error)) from None
    environment = {**os.environ, "FOUNDRY_CONFIG": str(CONFIG), **settings}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def play(calls: int, seed: int) -> int:
    """One portion: calls played; SystemExit, with forge's account of it, where an invariant broke."""
    ran = run_forge(
        "test",
        FOUNDRY_INVARIANT_RUNS=str(-(-calls // DEPTH)),
        FOUNDRY_INVARIANT_DEPTH=str(DEPTH),
        FOUNDRY_FUZZ_SEED=hex(seed),
    )
    counted = re.search(r"\(runs: \d+, calls: (\d+), reverts: \d+\)", ran.stdout)
    if ran.returncode != 0 or counted is None:
        ended = how_it_ended(ran.returncode)
        raise SystemExit(
            f"{ran.stdout}{ran.stderr}\nAn invariant broke with seed {seed:#x}, or forge could not run: it {ended}."
        )
    return int(counted.group(1))


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
    # Once, before several use what it makes.
    built = run_forge("build")
    if built.returncode != 0:
        raise SystemExit(f"{built.stdout}{built.stderr}")
    workers = os.cpu_count() or 1
    size = min(LARGEST_PORTION, -(-options.calls // workers))
    portions, played, started = -(-options.calls // size), 0, time.monotonic()
    left = range(options.first, portions)
    with ThreadPoolExecutor(workers) as pool:
        # Last, what remains: the portions before are all of one size.
        sizes = [min(size, options.calls - portion * size) for portion in left]
        for portion, calls in zip(left, pool.map(play, sizes, [portion + 1 for portion in left]), strict=True):
            played += calls
            rate = played / (time.monotonic() - started)
            print(f"portion {portion + 1}/{portions}: {played:,} calls so far, {rate:,.0f} a second", flush=True)
    total = reached()
    print("  ".join(f"{name} {total[name]:,}" for name in NEEDED))
    missing = [name for name in NEEDED if not total[name]]
    if missing:
        print(f"{played:,} calls never reached: {', '.join(missing)}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
