# SPDX-License-Identifier: Apache-2.0
"""Contracts are compiled anew whenever what they are compiled from has changed, and only then; circuits likewise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from scripts import setup


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with one contract, whose ape writes down how often it compiled, and what."""
    for name, content in {
        "contracts/One.sol": "contract One {}",
        "contracts/.cache/Old.sol": "contract Old {}",
        "ape-config.yaml": "runs: 200",
        "package-lock.json": "{}",
        "scripts/solc.py": "VERSION = 1",
        "requirements.txt": "",
        "constraints.txt": "",
        "package.json": "{}",
        "scripts/circuits.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    ape = tmp_path / ".venv" / "bin" / "ape"
    ape.parent.mkdir(parents=True)
    ape.write_text(
        "#!/bin/sh\nset -e\ngrep -q broken contracts/One.sol && exit 1\necho compiled >> runs\n"
        "mkdir -p .build\n[ ! -e .build/__local__.json ]\ncp contracts/One.sol .build/__local__.json\n"
    )
    ape.chmod(0o700)
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    monkeypatch.setattr(setup, "STATE", tmp_path / ".cache" / "setup")
    monkeypatch.setattr(setup, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(setup, "COMPILED", tmp_path / ".build" / "__local__.json")
    monkeypatch.setenv("SOLCX_BINARY_PATH", "")
    return tmp_path


def runs(checkout: Path) -> int:
    return len((checkout / "runs").read_text().splitlines())


@pytest.mark.parametrize("changed", ["contracts/One.sol", "ape-config.yaml", "package-lock.json", "scripts/solc.py"])
def test_compile__something_changed__is_done_once_more_from_nothing(checkout: Path, changed: str) -> None:
    setup.compile_if_changed()
    setup.compile_if_changed()
    assert runs(checkout) == 1
    file = checkout / changed
    file.write_text(file.read_text() + " ")
    setup.compile_if_changed()
    setup.compile_if_changed()
    assert runs(checkout) == 2
    assert (checkout / ".build" / "__local__.json").read_text() == (checkout / "contracts" / "One.sol").read_text()


def test_compile__another_contract_came_or_went__is_done_once_more(checkout: Path) -> None:
    setup.compile_if_changed()
    other = checkout / "contracts" / "libraries" / "Two.sol"
    other.parent.mkdir()
    other.write_text("contract Two {}")
    setup.compile_if_changed()
    other.unlink()
    setup.compile_if_changed()
    assert runs(checkout) == 3


def test_compile__compilation_removed__is_done_once_more_and_leaves_what_forge_keeps(checkout: Path) -> None:
    setup.compile_if_changed()
    kept = checkout / ".build" / "forge"
    kept.mkdir()
    (checkout / ".build" / "__local__.json").unlink()
    setup.compile_if_changed()
    assert runs(checkout) == 2 and kept.is_dir()


def test_compile__does_not_compile__says_so_again_and_again_until_it_does(checkout: Path) -> None:
    setup.compile_if_changed()
    contract = checkout / "contracts" / "One.sol"
    contract.write_text("broken")
    for _ in range(2):
        with pytest.raises(setup.SetupFailed, match="ape ended with status 1"):
            setup.compile_if_changed()
    contract.write_text("contract One {}")
    setup.compile_if_changed()
    assert runs(checkout) == 2


def test_circuits__a_native_program_was_removed__are_due(checkout: Path) -> None:
    """Errors about a damaged program say to remove it and to run the set-up."""
    [step] = (step for step in setup.steps("cpu") if step.name == "circuits")
    for path in step.made:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    setup.STATE.mkdir(parents=True)
    setup.carry_out(replace(step, run=lambda log: None), setup.due(step))
    assert setup.due(step) is None
    (checkout / ".cache" / "native" / "group").unlink()
    assert setup.due(step) is not None
