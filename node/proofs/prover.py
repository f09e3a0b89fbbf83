# SPDX-License-Identifier: Apache-2.0
"""Provers: from a statement to a verified proof, with private inputs in files that only live meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Protocol

from node.errors import ArtefactMissing, ProofError, ProofInvalid, WitnessRefused
from node.programs import run_program
from node.proofs.artefacts import ROOT, Artefacts
from node.proofs.proof import Proved, read_proved, write_proved
from node.proofs.statements import CircuitInputs

NATIVE_BINARY = ROOT / ".cache" / "native" / "groth16"
SNARKJS = ROOT / "node_modules" / "snarkjs" / "build" / "cli.cjs"
WITNESS_SCRIPT = Path(__file__).with_name("witness.cjs")

#: Exit statuses of the witness script: what the circuit has against the inputs. Any other is the machine's doing.
_WITNESS_UNFIT = 2
_WITNESS_REFUSED = 3
#: Exit statuses of the native binary (`circuits/native/README.md`).
_NATIVE_MISMATCH = 4
_NATIVE_UNSATISFIED = 5
_NATIVE_INVALID = 6
_SNARKJS_INVALID = 1
#: Names that rapidsnark's program goes by: packages use the first, its own build the second.
RAPIDSNARK_NAMES = ("rapidsnark", "prover")


class Statement(Protocol):
    """What can be proved: training and aggregation statements."""

    def public_signals(self) -> tuple[int, ...]:
        """Return the public signals in the verifier's order."""

    def circuit_inputs(self) -> CircuitInputs:
        """Return all inputs of the circuit, private ones included."""


class Prover(ABC):
    """Makes proofs and checks them; subclasses say which program does the work."""

    def prove(self, artefacts: Artefacts, statement: Statement) -> Proved:
        """Return a proof of the statement, verified under the circuit's verifying key.

        Raises WitnessRefused where the statement is false, ProofError or ArtefactMissing where the
        tools fail. Private inputs are written only to a folder that is gone when this returns.
        """
        with tempfile.TemporaryDirectory(prefix="consilium-proof-") as name:
            folder = Path(name)
            witness = folder / "witness.wtns"
            compute_witness(artefacts, statement, witness)
            proof, public = folder / "proof.json", folder / "public.json"
            self._prove(artefacts, witness, proof, public)
            proved = read_proved(proof.read_text(), public.read_text())
        if proved.public_signals != statement.public_signals():
            raise ProofError("the proof is about other public signals than the statement's")
        self.verify(artefacts, proved)
        return proved

    def verify(self, artefacts: Artefacts, proved: Proved) -> None:
        """Raise ProofInvalid unless the proof verifies under the circuit's verifying key."""
        with tempfile.TemporaryDirectory(prefix="consilium-proof-") as name:
            proof, public = Path(name) / "proof.json", Path(name) / "public.json"
            proof_text, public_text = write_proved(proved)
            proof.write_text(proof_text)
            public.write_text(public_text)
            if not self._verifies(artefacts, proof, public):
                raise ProofInvalid(f"the proof does not verify for circuit {artefacts.circuit.name}")

    @abstractmethod
    def _prove(self, artefacts: Artefacts, witness: Path, proof: Path, public: Path) -> None:
        """Write the proof and the public signals as snarkjs does."""

    @abstractmethod
    def _verifies(self, artefacts: Artefacts, proof: Path, public: Path) -> bool:
        """Say whether the proof verifies; ProofError where that could not be found out."""


class NativeProver(Prover):
    """The prover of `circuits/native`: small, fast, built by `make setup`."""

    def __init__(self, binary: Path = NATIVE_BINARY) -> None:
        self._binary = binary

    def _prove(self, artefacts: Artefacts, witness: Path, proof: Path, public: Path) -> None:
        done = self._run("prove", artefacts.proving_key, witness, proof, public)
        folder = artefacts.folder
        if done.returncode == _NATIVE_MISMATCH:
            raise ProofError(
                f"the proving key in {folder} is of another circuit than the witness: "
                "remove that folder and run `make setup`"
            )
        if done.returncode == _NATIVE_UNSATISFIED:
            raise ProofError(
                f"the witness does not satisfy circuit {artefacts.circuit.name} under the proving key in {folder}: "
                "the key is damaged or of another version; remove that folder and run `make setup`"
            )
        if done.returncode:
            raise ProofError(f"the native prover could not prove: {_last_line(done.stderr)}")

    def _verifies(self, artefacts: Artefacts, proof: Path, public: Path) -> bool:
        done = self._run("verify", artefacts.verifying_key, proof, public)
        if done.returncode == _NATIVE_MISMATCH:
            raise ProofError(
                f"the verifying key in {artefacts.folder} takes another number of public signals: "
                "remove that folder and run `make setup`"
            )
        if done.returncode not in (0, _NATIVE_INVALID):
            raise ProofError(f"the native prover could not verify: {_last_line(done.stderr)}")
        return done.returncode == 0

    def _run(self, command: str, *paths: Path) -> subprocess.CompletedProcess[str]:
        # What it prints on an error is one line that quotes no value of the witness.
        if not self._binary.is_file():
            raise ArtefactMissing(f"the native prover is not built at {self._binary}: run `make setup`")
        return run_program([str(self._binary), command, *map(str, paths)])


class SnarkjsProver(Prover):
    """snarkjs under Node: slower and hungrier, and another implementation to compare with."""

    def __init__(self, script: Path = SNARKJS) -> None:
        self._script = script

    def _prove(self, artefacts: Artefacts, witness: Path, proof: Path, public: Path) -> None:
        status = self._run("prove", artefacts.proving_key, witness, proof, public)
        if status:
            raise ProofError(f"snarkjs could not prove (status {status}); try the native prover")

    def _verifies(self, artefacts: Artefacts, proof: Path, public: Path) -> bool:
        status = self._run("verify", artefacts.verifying_key, public, proof)
        if status not in (0, _SNARKJS_INVALID):
            raise ProofError(f"snarkjs could not verify (status {status})")
        return status == 0

    def _run(self, command: str, *paths: Path) -> int:
        if not self._script.is_file():
            raise ArtefactMissing(f"snarkjs is not installed at {self._script}: run `make setup`")
        return run_program([node_program(), str(self._script), "groth16", command, *map(str, paths)]).returncode


class RapidsnarkProver(NativeProver):
    """rapidsnark, where a user has installed it; what it proves, this checkout's native program verifies.

    It is used only where it was chosen: it sees the witness, hence records.
    """

    def __init__(self, program: Path | None = None, verifier: Path = NATIVE_BINARY) -> None:
        """`program`: where it is; by default what PATH has under one of RAPIDSNARK_NAMES."""
        super().__init__(verifier)
        self._program = program

    def _prove(self, artefacts: Artefacts, witness: Path, proof: Path, public: Path) -> None:
        done = run_program([self._found(), str(artefacts.proving_key), *map(str, (witness, proof, public))])
        if done.returncode or not (proof.is_file() and public.is_file()):
            # Its own words may quote what it was given: they stay out of logs.
            raise ProofError(
                f"rapidsnark could not prove circuit {artefacts.circuit.name} (status {done.returncode}); "
                "try the native prover"
            )

    def _found(self) -> str:
        for name in RAPIDSNARK_NAMES if self._program is None else (str(self._program),):
            program = shutil.which(name)
            if program is not None:
                return program
        place = " or ".join(RAPIDSNARK_NAMES) + " on PATH" if self._program is None else str(self._program)
        raise ArtefactMissing(
            f"rapidsnark is not installed: there is no program {place}. Install it, name it with "
            "`proofs.rapidsnark` in config.toml, or choose another prover."
        )


def open_prover(name: str, rapidsnark: Path | None = None) -> Prover:
    """Return the prover of that name: native, snarkjs or rapidsnark (`rapidsnark`: where its program is)."""
    if name == "rapidsnark":
        return RapidsnarkProver(rapidsnark)
    return {"native": NativeProver, "snarkjs": SnarkjsProver}[name]()


def compute_witness(artefacts: Artefacts, statement: Statement, witness: Path) -> None:
    """Write the statement's witness to a file of mode 0600; the inputs' file is removed in any case.

    Raises WitnessRefused where the circuit refuses the inputs: it names a line of the circuit, no value. What the
    machine lacks (memory, disk, the circuit's file) is a ProofError that says so, and nothing about the inputs.
    """
    inputs = witness.with_suffix(".json")
    handle = os.open(inputs, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(statement.circuit_inputs(), file)
        done = run_program([node_program(), *map(str, (WITNESS_SCRIPT, artefacts.wasm, inputs, witness))])
    finally:
        inputs.unlink()
    name = artefacts.circuit.name
    if done.returncode == _WITNESS_REFUSED:
        raise WitnessRefused(f"circuit {name} refuses the statement: it is false ({done.stderr.strip()})")
    if done.returncode == _WITNESS_UNFIT:
        raise ProofError(f"the inputs do not fit circuit {name}: {_last_line(done.stderr)}")
    if done.returncode:
        raise ProofError(f"the witness of circuit {name} could not be computed: {_last_line(done.stderr)}")


def node_program() -> str:
    """Return the path of Node; ArtefactMissing where it is not installed."""
    program = shutil.which("node")
    if program is None:
        raise ArtefactMissing("Node.js is not on PATH: install Node 20 or later")
    return program


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "no message"
