# SPDX-License-Identifier: Apache-2.0
"""Plays ceremonies and rounds among random liars for a given time: `make adversaries`.

Every play depends on its seed, which is printed where what is claimed does not hold; `--seed N --plays 1` repeats it.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.adversary import drawn


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="how long [600]")
    parser.add_argument("--seed", type=int, help="the first play's seed, the next ones follow [drawn]")
    parser.add_argument("--plays", type=int, help="at most so many")
    options = parser.parse_args()
    first = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"plays from seed {first} on", flush=True)
    happened: Counter[str] = Counter()
    failed: list[int] = []
    until, seed = time.monotonic() + options.seconds, first
    while time.monotonic() < until and (options.plays is None or seed < first + options.plays):
        play = drawn(seed)
        try:
            happened += play.run()
        except Exception:
            # Whatever stops a play is found, not only a claim that fails.
            traceback.print_exc()
            print(f"seed {seed} failed: {play}", flush=True)
            failed.append(seed)
        seed += 1
    for event, count in sorted(happened.items()):
        print(f"  {count:6d}  {event}")
    print(f"{seed - first} plays, {len(failed)} failed{': seeds ' + str(failed) if failed else ''}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
