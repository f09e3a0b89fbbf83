# SPDX-License-Identifier: Apache-2.0
"""Writes the generated files that are committed; `--check` only says which of them are out of date.

`generate.py [NAME…] [--check]`: all generators, or those named. A generator is one function of
GENERATORS that returns what its files have to contain.
"""

from __future__ import annotations

import argparse
import difflib
import json
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from node.errors import ConsiliumError  # noqa: E402
from node.group import pedersen  # noqa: E402
from node.group.babyjubjub import Point  # noqa: E402
from node.proofs.artefacts import CATALOGUE, Circuit, circuits  # noqa: E402
from node.proofs.verifying_key import load_verifying_key, verifying_key_digest  # noqa: E402
from scripts.abis import ABI_FOLDER, compile_abis  # noqa: E402
from scripts.bytecode import BYTECODE, bytecode_text  # noqa: E402
from scripts.circuits import build, build_native, constraint_count, current, export_verifier  # noqa: E402
from scripts.gas_table import README, readme_with_table  # noqa: E402
from scripts.vectors import vector_files  # noqa: E402

Files = dict[Path, bytes]

#: Generators of scalars in `generators.circom`, eleven values of 16 bits in each: up to 5,632 coordinates.
GENERATOR_COUNT = 512


def poseidon_constants() -> Files:
    """The constants that `node.proofs.poseidon` reads: circomlibjs', as 32-byte big-endian words."""
    source = ROOT / "node_modules" / "circomlibjs" / "src" / "poseidon_constants.json"
    constants = json.loads(source.read_text())
    words = [
        word
        for rounds, matrix in zip(constants["C"], constants["M"], strict=True)
        for word in [*rounds, *(entry for row in matrix for entry in row)]
    ]
    content = b"".join(int(word, 0).to_bytes(32, "big") for word in words)
    return {ROOT / "node" / "proofs" / "poseidon_constants.bin": content}


def curve_points() -> Files:
    """The points of the commitments as Circom functions."""
    start, window = pedersen.offset_points()
    values = ",\n".join(
        f"        [\n            {point.x},\n            {point.y}\n        ]"
        for point in map(pedersen.generator, range(GENERATOR_COUNT))
    )
    parts = [
        "// SPDX-License-Identifier: Apache-2.0\n"
        "// Written by scripts/generate.py from node/group/pedersen.py: do not edit.\n"
        "// Points of Baby Jubjub's prime subgroup, each from a hash of its label.\n"
        "pragma circom 2.2.0;\n",
        _circom_point("startPoint", start),
        _circom_point("windowPoint", window),
        _circom_point("blindingGenerator", pedersen.blinding_generator()),
        f"function generatorCount() {{\n    return {GENERATOR_COUNT};\n}}\n",
        f"function valueGenerators() {{\n    return [\n{values}\n    ];\n}}\n",
    ]
    return {ROOT / "circuits" / "lib" / "generators.circom": "\n".join(parts).encode()}


def circuit_list() -> Files:
    """Constraint counts and digests of the verifying keys in `circuits.json`."""
    content = json.loads(CATALOGUE.read_text())
    build_native()
    for entry, circuit in zip(content["circuits"], circuits().values(), strict=True):
        if not _to_be_built(circuit):
            continue
        artefacts = build(circuit)
        entry["constraints"] = constraint_count(artefacts.r1cs)
        entry["verifying_key_digest"] = verifying_key_digest(load_verifying_key(artefacts.verifying_key))
    return {CATALOGUE: (json.dumps(content, indent=2) + "\n").encode()}


def verifiers() -> Files:
    """The Solidity verifiers of the development keys."""
    build_native()
    return {
        ROOT / "contracts" / "verifiers" / f"{circuit.contract_name}.sol": export_verifier(
            build(circuit).proving_key, circuit.contract_name
        ).encode()
        for circuit in circuits().values()
        if _to_be_built(circuit)
    }


def contract_abis() -> Files:
    """The contracts' ABIs, which the node reads so that it needs no compiler."""
    return {ABI_FOLDER / f"{name}.json": text.encode() for name, text in compile_abis().items()}


def contract_bytecode() -> Files:
    """What deployed code is compared with."""
    return {BYTECODE: bytecode_text().encode()}


def gas_table() -> Files:
    """The README's table of what calls cost."""
    return {README: readme_with_table().encode()}


#: In order: later generators may read what earlier ones wrote.
GENERATORS: dict[str, Callable[[], Files]] = {
    "poseidon-constants": poseidon_constants,
    "curve-points": curve_points,
    "circuit-list": circuit_list,
    "verifiers": verifiers,
    "vectors": vector_files,
    "abis": contract_abis,
    "bytecode": contract_bytecode,
    "gas-table": gas_table,
}


def _to_be_built(circuit: Circuit) -> bool:
    """Circuits on demand are looked at where they are built; elsewhere what is on record stays."""
    return not circuit.on_demand or current(circuit).complete()


def _circom_point(name: str, point: Point) -> str:
    return f"function {name}() {{\n    return [\n        {point.x},\n        {point.y}\n    ];\n}}\n"


def _summary(path: Path, old: bytes | None, new: bytes) -> str:
    """Say how a file differs, in a few lines."""
    name = path.relative_to(ROOT)
    if old is None:
        return f"{name}: missing"
    try:
        lines = list(difflib.unified_diff(old.decode().splitlines(), new.decode().splitlines(), lineterm="", n=0))
    except UnicodeDecodeError:
        return f"{name}: binary content differs ({len(old)} bytes on record, {len(new)} made)"
    shown = "\n".join(f"    {line[:120]}" for line in lines[2:12])
    return f"{name}: {len(lines) - 2} lines of difference\n{shown}"


def main() -> int:
    """Run the command line; returns 1 where `--check` found a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(GENERATORS)}")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a file differs")
    options = parser.parse_args()
    unknown = set(options.names) - set(GENERATORS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(GENERATORS)}")
    differences = 0
    for name in options.names or GENERATORS:
        try:
            files = GENERATORS[name]()
        except ConsiliumError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return error.exit_code
        for path, content in files.items():
            old = path.read_bytes() if path.exists() else None
            if old == content:
                continue
            differences += 1
            if options.check:
                print(_summary(path, old, content), file=sys.stderr)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                print(f"wrote {path.relative_to(ROOT)}")
    if options.check and differences:
        print(f"{differences} generated files are out of date: run `make generate`", file=sys.stderr)
        return 1
    print("all generated files are up to date" if not differences else f"{differences} files written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
