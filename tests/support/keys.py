# SPDX-License-Identifier: Apache-2.0
"""A whole set-up of proving keys on a tiny circuit, with powers of tau made on the spot."""

from __future__ import annotations

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from node.proofs.setup import run_snarkjs
from node.proofs.transcript import Transcript
from scripts.ceremony import contribute, finish, start
from tests.support.native import ROOT

CIRCOM = ROOT / "node_modules" / ".bin" / "circom2"
NAME = "tiny"
CONTRIBUTORS = ("St. Anna", "Charité")
BEACON = hashlib.sha256(b"a value that nobody could choose").hexdigest()
CIRCUIT = """pragma circom 2.0.0;
template Tiny(N) {
    signal input x; signal output y; signal steps[N + 1];
    steps[0] <== x;
    for (var i = 0; i < N; i++) { steps[i + 1] <== steps[i] * steps[i] + i; }
    y <== steps[N];
}
component main = Tiny(200);
"""


@dataclass(frozen=True)
class Held:
    """A set-up that was held: its files and its transcript."""

    folder: Path
    r1cs: Path
    powers: Path
    digest: str
    transcript: Transcript

    @property
    def key(self) -> Path:
        """The finished proving key."""
        return self.folder / "final.zkey"


def compile_tiny(folder: Path) -> Path:
    """Compile the tiny circuit: 200 constraints."""
    (folder / f"{NAME}.circom").write_text(CIRCUIT)
    compile_it = [str(CIRCOM), f"{NAME}.circom", "--r1cs", "--wasm", "--O1"]
    subprocess.run(compile_it, cwd=folder, check=True, capture_output=True, timeout=120)
    return folder / f"{NAME}.r1cs"


def make_powers(folder: Path, power: int = 8) -> Path:
    """Powers of tau for circuits of up to 2^`power` constraints, with one contribution."""
    new, contributed, prepared = (folder / f"{step}.ptau" for step in ("new", "contributed", "prepared"))
    run_snarkjs("powersoftau", "new", "bn128", power, new)
    run_snarkjs("powersoftau", "contribute", new, contributed, "--name=test", given="test\n")
    run_snarkjs("powersoftau", "prepare", "phase2", contributed, prepared)
    return prepared


def hold(folder: Path) -> Held:
    """Hold a set-up with two contributors."""
    r1cs, powers = compile_tiny(folder), make_powers(folder)
    digest = hashlib.blake2b(powers.read_bytes()).hexdigest()
    at = folder / "set-up"
    start(NAME, r1cs, powers, at, CONTRIBUTORS, digest)
    for number, name in enumerate(CONTRIBUTORS):
        contribute(at / f"{number:04}.zkey", at / f"{number + 1:04}.zkey", name)
    return Held(at, r1cs, powers, digest, finish(at, r1cs, powers, BEACON, 10, digest))
