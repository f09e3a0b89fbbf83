# SPDX-License-Identifier: Apache-2.0
"""Writes `node/chain/abis/<Contract>.json`, so that a running node needs neither ape nor a compiler.

`python scripts/abis.py` regenerates, `--check` only says whether the committed files are up to date.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.chain.deployment import CONTRACTS
from scripts import solc

ABI_FOLDER = solc.ROOT / "node" / "chain" / "abis"


def _source_of(contract: str) -> str:
    return f"contracts/{contract}.sol"


def compile_abis() -> dict[str, str]:
    """ABI of every contract of the suite as canonical JSON text, by contract name."""
    request = {
        "language": "Solidity",
        "sources": {_source_of(name): {"content": (solc.ROOT / _source_of(name)).read_text()} for name in CONTRACTS},
        "settings": {
            "remappings": ["@openzeppelin/contracts=node_modules/@openzeppelin/contracts"],
            "outputSelection": {"*": {"*": ["abi"]}},
        },
    }
    done = subprocess.run(
        [str(solc.prepare()), "--standard-json", "--base-path", str(solc.ROOT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise SystemExit("\n".join(errors))
    return {
        name: json.dumps(answer["contracts"][_source_of(name)][name]["abi"], indent=1, sort_keys=True) + "\n"
        for name in CONTRACTS
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with `--check` compare; returns 1 where they differ."""
    check = "--check" in arguments
    stale = []
    ABI_FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in compile_abis().items():
        path = ABI_FOLDER / f"{name}.json"
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    verb = "out of date" if check else "written"
    print(f"ABIs {verb}: {', '.join(stale)}" if stale else "ABIs are up to date")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
