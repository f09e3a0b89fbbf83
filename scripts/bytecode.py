# SPDX-License-Identifier: Apache-2.0
"""Makes `node/bytecode.json`: what a node compares deployed code with, so that it needs no compiler.

Of each contract of the suite, and of those that it makes for itself, the length and SHA-256 of its runtime code,
without the compiler's metadata at the end and with immutables as zeros, and where those immutables lie. Of
verifiers, whose constants are the verifying key, the code as a template, one for each kind of circuit.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from node.chain.deployment import CONTRACTS
from scripts import solc

BYTECODE = solc.ROOT / "node" / "bytecode.json"
#: Contracts that one of the suite makes for itself, by the immutable that says where.
CREATED = {"_CHECKER": "contracts/studies/PlanChecker.sol"}
#: A verifier of each kind of circuit, by its number of public signals: all of a kind differ in constants alone.
VERIFIERS = {7: "Training8x4Verifier", 6: "Aggregation5Verifier"}
_CONSTANT = "uint256 constant "
_NOT_OF_THE_KEY = ("r", "q")


def bytecode_text() -> str:
    """The content of the file, from the contracts as they are and the compiler's settings in ape-config.yaml."""
    suite = {f"contracts/{name}.sol": name for name in CONTRACTS}
    verifiers = {f"contracts/verifiers/{name}.sol": name for name in VERIFIERS.values()}
    made = _compile([*suite, *verifiers, *CREATED.values()])
    names = dict(_immutable_names(made["sources"].values()))
    content = {
        "about": "written by scripts/bytecode.py; code without metadata, immutables as zeros; see node/bytecode.py",
        "compiler": {"version": solc.VERSION, **compiler_settings()},
        "contracts": {
            name: _contract(made["contracts"][path][name]["evm"]["deployedBytecode"], names)
            for path, name in suite.items()
        },
        "created": {
            immutable: _contract(made["contracts"][path][PurePath(path).stem]["evm"]["deployedBytecode"], names)
            for immutable, path in CREATED.items()
        },
        "verifiers": {
            str(signals): _template(made["contracts"][f"contracts/verifiers/{name}.sol"][name], name)
            for signals, name in VERIFIERS.items()
        },
    }
    return json.dumps(content, indent=1) + "\n"


def without_metadata(code: bytes) -> bytes:
    """Runtime code up to the compiler's metadata, whose length stands in the last two bytes."""
    return code[: -2 - int.from_bytes(code[-2:], "big")]


def _contract(deployed: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    code = without_metadata(bytes.fromhex(deployed["object"]))
    places = {
        names[number]: sorted(place["start"] for place in found)
        for number, found in deployed["immutableReferences"].items()
    }
    return {
        "length": len(code),
        "sha256": hashlib.sha256(code).hexdigest(),
        "immutables": dict(sorted(places.items())),
    }


def _template(compiled: Mapping[str, Any], contract: str) -> list[str]:
    """A verifier's code as parts: plain hex, `=NAME` pushes a constant of the key, `>N` a label's place, `:N` is it."""
    source = (solc.ROOT / "contracts" / "verifiers" / f"{contract}.sol").read_text()
    constants = {int(value): name for name, value in _constants(source) if name not in _NOT_OF_THE_KEY}
    items = compiled["evm"]["legacyAssembly"][".data"]["0"][".code"]
    code = without_metadata(bytes.fromhex(compiled["evm"]["deployedBytecode"]["object"]))
    parts: list[str] = []
    at = 0
    for item in items:
        if item["name"] == "tag":
            parts.append(f":{item['value']}")
            continue
        size = 1 + max(0, code[at] - 0x5F) if 0x5F <= code[at] <= 0x7F else 1
        instruction = code[at : at + size]
        at += size
        if item["name"] == "PUSH [tag]":
            assert size == 3, "labels are pushed with two bytes"
            parts.append(f">{item['value']}")
        elif item["name"] == "PUSH" and int(item["value"], 16) in constants:
            parts.append(f"={constants[int(item['value'], 16)]}")
        elif parts and parts[-1][0] not in "=>:":
            parts[-1] += instruction.hex()
        else:
            parts.append(instruction.hex())
    # What follows the last instruction is never run.
    parts.append(code[at:].hex())
    return [part for part in parts if part]


def _constants(source: str) -> Iterator[tuple[str, int]]:
    for line in source.splitlines():
        if line.strip().startswith(_CONSTANT):
            name, value = line.strip().removeprefix(_CONSTANT).rstrip(";").split("=")
            yield name.strip(), int(value)


def compiler_settings() -> dict[str, Any]:
    """The settings of ape-config.yaml as the compiler takes them."""
    config = yaml.safe_load((solc.ROOT / "ape-config.yaml").read_text())["solidity"]
    return {
        "evmVersion": config["evm_version"],
        "viaIR": config.get("via_ir", False),
        "optimizer": {"enabled": config["optimize"], "runs": config["optimization_runs"]},
        "remappings": config["import_remapping"],
    }


def _compile(paths: Iterable[str]) -> dict[str, Any]:
    """What ape compiles, as the compiler's JSON."""
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (solc.ROOT / path).read_text()} for path in paths},
        "settings": {
            **compiler_settings(),
            "outputSelection": {
                "*": {
                    "": ["ast"],
                    "*": [
                        "evm.deployedBytecode.object",
                        "evm.deployedBytecode.immutableReferences",
                        "evm.legacyAssembly",
                    ],
                }
            },
        },
    }
    done = subprocess.run(
        [str(solc.prepare()), "--standard-json", "--base-path", str(solc.ROOT)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    errors = [e["formattedMessage"] for e in answer.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise SystemExit("\n".join(errors))
    return answer


def _immutable_names(sources: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for source in sources:
        for node in source["ast"]["nodes"]:
            for part in node.get("nodes", []):
                if part.get("mutability") == "immutable":
                    yield str(part["id"]), part["name"]
