# SPDX-License-Identifier: Apache-2.0
"""Runs slither over the contracts and fails on any finding that `slither.answers.yaml` has no answer to.

That file maps a detector to one line that answers all its findings, or to one line for each place
(`Contract.function`, with the variable where a finding is about one). An answer that nothing asks for any more
fails too: delete it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
ANSWERS = ROOT / "slither.answers.yaml"
EVERYWHERE = "everywhere"


def findings() -> list[dict[str, Any]]:
    """What slither reports, with the settings of `slither.config.json`; SystemExit where it could not run."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(Path(sys.executable).parent / "slither"), "contracts", "--json", str(report)]
        # Its exit status counts findings; only the report says whether it ran.
        ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
        content = json.loads(report.read_text()) if report.exists() else {"success": False, "error": ran.stderr}
    if not content["success"]:
        raise SystemExit(f"slither could not analyse the contracts:\n{content['error'] or ran.stderr}")
    return list(content["results"].get("detectors", []))


def place_of(finding: dict[str, Any]) -> str:
    """`Contract.function` (`.variable`) of the first element that a finding names."""
    names, element = [], finding["elements"][0]
    while element and element["type"] != "file":
        if element["type"] in {"contract", "function", "variable"}:
            names.append(element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(names))


def main() -> int:
    """Compare findings and answers; list what is on one side only."""
    answers: dict[str, str | dict[str, str]] = yaml.safe_load(ANSWERS.read_text())
    open_, used = [], set()
    for finding in findings():
        detector, place = finding["check"], place_of(finding)
        answer = answers.get(detector, {})
        key = (detector, EVERYWHERE if isinstance(answer, str) else place)
        if isinstance(answer, str) or place in answer:
            used.add(key)
        else:
            open_.append(f"{detector} at {place}: {finding['description'].strip()}")
    given = {
        (detector, place)
        for detector, answer in answers.items()
        for place in ([EVERYWHERE] if isinstance(answer, str) else answer)
    }
    for text in open_:
        print(f"unanswered  {text}\n")
    for detector, place in sorted(given - used):
        print(f"stale       {detector} at {place}: nothing asks for this answer any more")
    print(f"slither: {len(used)} answers hold, {len(open_)} findings unanswered, {len(given - used)} answers stale")
    return 1 if open_ or given != used else 0


if __name__ == "__main__":
    sys.exit(main())
