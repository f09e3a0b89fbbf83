# SPDX-License-Identifier: Apache-2.0
"""Builds circuits and their development keys into the cache, each once: `circuits.py build --all`.

The largest ones are built on demand only, where they are named.

A folder of the cache is named by the hash of all it was made from, and appears only when complete.
Development keys come from a published seed: everybody can forge under them, so they are for tests
and local networks alone.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from node.errors import ConsiliumError, ProofError  # noqa: E402
from node.programs import how_it_ended  # noqa: E402
from node.proofs.artefacts import (  # noqa: E402
    CATALOGUE,
    DEFAULT_CACHE,
    Artefacts,
    Circuit,
    circuits,
)
from node.proofs.prover import NATIVE_BINARY, SNARKJS, node_program  # noqa: E402
from node.proofs.verifying_key import (  # noqa: E402
    load_verifying_key,
    refuse_forgeable,
    verifying_key_digest,
)

SOURCES = ROOT / "circuits"
PACKAGES = ROOT / "node_modules"
COMPILER = PACKAGES / "circom2" / "cli.js"
#: Folders are named by this many hexadecimal digits of the hash.
NAME_DIGITS = 16

_R1CS_HEADER = 1


class Progress:
    """Prints one line when a stage ends: circuit, stage, seconds."""

    def __init__(self, circuit: str) -> None:
        self._circuit = circuit
        self._start = time.monotonic()

    def done(self, stage: str) -> None:
        """Report a stage and start the next one's clock."""
        now = time.monotonic()
        print(f"  {self._circuit}: {stage} ({now - self._start:.1f} s)", flush=True)
        self._start = now


def current(circuit: Circuit, cache: Path = DEFAULT_CACHE) -> Artefacts:
    """Return where a circuit's artefacts are in the cache, or will be, as all that they are made from now is."""
    key_name = _digest([_compiled_name(circuit).encode(), development_seed().encode(), *_native_sources()])
    return Artefacts(circuit, cache / f"{circuit.name}-{key_name}")


def build(circuit: Circuit, cache: Path = DEFAULT_CACHE) -> Artefacts:
    """Return a circuit's artefacts, made first where they are not in the cache."""
    artefacts = current(circuit, cache)
    if artefacts.complete():
        return artefacts
    compiled_name = _compiled_name(circuit)
    progress = Progress(circuit.name)
    compiled = cache / "compiled" / f"{circuit.name}-{compiled_name}"
    if not compiled.is_dir():
        with _appearing(compiled) as folder:
            _compile(circuit, folder)
        progress.done("compiled")
    with _appearing(artefacts.folder) as folder:
        making = Artefacts(circuit, folder)
        for file in compiled.iterdir():
            _link(file, folder / file.name)
        setup = [str(NATIVE_BINARY), "setup", str(making.r1cs), str(making.proving_key)]
        _call([*setup, "--seed", development_seed()])
        progress.done("development key made")
        export = [node_program(), str(SNARKJS), "zkey", "export", "verificationkey"]
        _call([*export, str(making.proving_key), str(making.verifying_key)])
        refuse_forgeable(load_verifying_key(making.verifying_key))
        progress.done("verifying key exported")
    _drop_duplicates(artefacts, cache)
    return artefacts


def constraint_count(r1cs: Path) -> int:
    """Return the number of constraints, read from the header of an .r1cs file."""
    with r1cs.open("rb") as file:
        file.seek(8)
        for _ in range(_number(file, 4)):
            kind, size = _number(file, 4), _number(file, 8)
            if kind == _R1CS_HEADER:
                field_size = _number(file, 4)
                # The prime, four counts of wires (4 bytes each), the number of labels (8 bytes).
                file.seek(field_size + 16 + 8, os.SEEK_CUR)
                return _number(file, 4)
            file.seek(size, os.SEEK_CUR)
    raise ProofError(f"{r1cs} has no header: remove its folder and build again")


def export_verifier(proving_key: Path, contract: str) -> str:
    """Return a key's Solidity verifier: snarkjs' output with the contract's name changed and nothing else."""
    with tempfile.TemporaryDirectory() as name:
        made = Path(name) / "verifier.sol"
        export = [node_program(), str(SNARKJS), "zkey", "export", "solidityverifier"]
        _call([*export, str(proving_key.resolve()), str(made)])
        text = made.read_text()
    if text.count("contract Groth16Verifier {") != 1:
        raise ProofError("snarkjs writes another contract than expected: check its version")
    return text.replace("contract Groth16Verifier {", f"contract {contract} {{")


def development_seed() -> str:
    """Return the published seed of the development keys."""
    return str(json.loads(CATALOGUE.read_text())["development_seed"])


def build_native() -> None:
    """Build the native set-up and prover; does nothing where it is up to date."""
    _call(["make", "-s", "-C", str(SOURCES / "native")])


def _drop_duplicates(artefacts: Artefacts, cache: Path) -> None:
    """Remove older folders of a circuit that hold the very same key; other keys are kept."""
    key = artefacts.verifying_key.read_bytes()
    for folder in cache.glob(f"{artefacts.circuit.name}-*"):
        older = Artefacts(artefacts.circuit, folder)
        if folder != artefacts.folder and older.complete() and older.verifying_key.read_bytes() == key:
            shutil.rmtree(folder)


def _compile(circuit: Circuit, folder: Path) -> None:
    # The compiler is itself a WebAssembly module: it sees the folder that it starts in, and follows no link out.
    with tempfile.TemporaryDirectory(prefix="consilium-circuit-") as name:
        stage = Path(name)
        shutil.copytree(SOURCES / "lib", stage / "lib")
        shutil.copytree(PACKAGES / "circomlib" / "circuits", stage / "circomlib" / "circuits")
        shutil.copyfile(SOURCES / f"{circuit.name}.circom", stage / f"{circuit.name}.circom")
        options = ["--r1cs", "--wasm", "--O2", "-l", ".", *(["--sym"] if circuit.test else [])]
        _call([node_program(), str(COMPILER), f"{circuit.name}.circom", *options], stage)
        made = [*stage.glob("*.r1cs"), *stage.glob("*.sym"), *stage.glob("*_js/*.wasm")]
        for file in made:
            shutil.move(file, folder / file.name)


def _compiled_name(circuit: Circuit) -> str:
    return _digest(_compile_inputs(circuit))


def _compile_inputs(circuit: Circuit) -> Iterable[bytes]:
    for package in ("circom2", "circomlib"):
        yield json.loads((PACKAGES / package / "package.json").read_text())["version"].encode()
    for path in [SOURCES / f"{circuit.name}.circom", *sorted((SOURCES / "lib").glob("*.circom"))]:
        yield path.name.encode()
        yield path.read_bytes()


def _native_sources() -> Iterable[bytes]:
    for path in sorted((SOURCES / "native").glob("*.[ch]pp")):
        yield path.name.encode()
        yield path.read_bytes()


def _digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(len(part).to_bytes(8, "big") + part)
    return total.hexdigest()[:NAME_DIGITS]


@contextmanager
def _appearing(folder: Path) -> Iterator[Path]:
    """Give a folder that takes its name only when the block ends well, and else leaves nothing behind."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as name:
        making = Path(name) / "made"
        making.mkdir()
        yield making
        shutil.rmtree(folder, ignore_errors=True)
        making.rename(folder)


def _number(file: BinaryIO, size: int) -> int:
    return int.from_bytes(file.read(size), "little")


def _link(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _call(command: Sequence[str], folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
        raise ProofError(f"`{' '.join(command)}` {how_it_ended(done.returncode)}:\n{tail}")


def main() -> int:
    """Run the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    parser_build = commands.add_parser("build", help="compile circuits and make their development keys")
    parser_build.add_argument("names", nargs="*", metavar="NAME")
    parser_build.add_argument("--all", action="store_true", help="every circuit of circuits.json but those on demand")
    parser_build.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    options = parser.parse_args()
    known = circuits()
    names = [name for name in known if not known[name].on_demand] if options.all else options.names
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        parser.error(f"name circuits of {', '.join(known)}, or --all")
    try:
        build_native()
        with ThreadPoolExecutor(options.jobs) as pool:
            made = list(pool.map(lambda name: build(known[name]), names))
    except ConsiliumError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for artefacts in made:
        digest = verifying_key_digest(load_verifying_key(artefacts.verifying_key))
        if digest != artefacts.circuit.verifying_key_digest:
            print(f"  {artefacts.circuit.name}: this key is not the one on record: run `make generate`")
    return 0


if __name__ == "__main__":
    sys.exit(main())
