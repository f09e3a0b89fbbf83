# SPDX-License-Identifier: Apache-2.0
"""Lists custom errors that no contract test names, and states of `docs/contracts.md` without a test.

The table under `## Endings` there has a row or more for every state (`Study.Running`, `Ceremony.Deal`, `Round.Open`) in
its first column, and in its last one the tests that show how everybody gets out of it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "contracts"
TESTS = ROOT / "tests" / "contracts"
PAGE = ROOT / "docs" / "contracts.md"
#: The table's word for each enum of states.
ENUMS = {"StudyState": "Study", "CeremonyStep": "Ceremony", "Phase": "Round"}
NO_CODE = {"mocks", "verifiers"}

_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_ERROR = re.compile(r"\berror\s+(\w+)\s*\(")
_ENUM = re.compile(r"\benum\s+(\w+)\s*\{([^}]*)\}")
_TEST = re.compile(r"^def (test_\w+)\(", re.MULTILINE)
_SECTION = re.compile(r"^## Endings$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)


def solidity() -> str:
    """All contracts in one text, without comments; doubles and generated verifiers are left out."""
    paths = [path for path in sorted(CONTRACTS.rglob("*.sol")) if not NO_CODE & set(path.parts)]
    return "\n".join(_COMMENT.sub("", path.read_text()) for path in paths)


def unnamed_errors(source: str, tests: str) -> list[str]:
    """Custom errors whose names are in no test."""
    return [name for name in sorted(set(_ERROR.findall(source))) if not re.search(rf"\b{name}\b", tests)]


def states(source: str) -> list[str]:
    """Every state as the table writes it."""
    values = {name: re.findall(r"\w+", body) for name, body in _ENUM.findall(source)}
    return [f"{word}.{value}" for enum, word in ENUMS.items() for value in values[enum] if value != "None"]


def faults_of_table(page: str, wanted: list[str], tests: str) -> list[str]:
    """What the table of endings lacks: states without a row, rows without a test, tests that do not exist."""
    section = _SECTION.search(page)
    if section is None:
        return ["docs/contracts.md has no section `## Endings`"]
    known, seen, faults = set(_TEST.findall(tests)), set(), []
    for line in section.group(1).splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        state = re.match(r"`(\w+\.\w+)`", cells[0])
        if not line.lstrip().startswith("|") or state is None:
            continue
        seen.add(state.group(1))
        named = re.findall(r"`(test_\w+)`", cells[-1])
        faults += [] if named else [f"the row of {cells[0]} names no test"]
        faults += [f"no contract test is called {name}" for name in named if name not in known]
    faults += [f"no row for {state}" for state in wanted if state not in seen]
    return faults + [f"{state} is no state of the contracts" for state in sorted(seen - set(wanted))]


def main() -> int:
    """Print what is missing; 1 if anything is."""
    tests = "\n".join(path.read_text() for path in sorted(TESTS.glob("test_*.py")))
    source = solidity()
    errors, wanted = set(_ERROR.findall(source)), states(source)
    unnamed, faults = unnamed_errors(source, tests), faults_of_table(PAGE.read_text(), wanted, tests)
    for name in unnamed:
        print(f"no contract test names the error {name}")
    for fault in faults:
        print(f"table of endings: {fault}")
    print(f"{len(errors) - len(unnamed)} of {len(errors)} errors named, {len(wanted)} states, {len(faults)} faults")
    return 1 if unnamed or faults else 0


if __name__ == "__main__":
    sys.exit(main())
