# SPDX-License-Identifier: Apache-2.0
"""What a finished set-up leaves for a deployment, for real circuits, without the hour that one takes.

The keys are made by the native set-up from a seed of the tests, and only the transcript's form is that of a
ceremony: whoever verified it against powers of tau would refuse it.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from node.proofs.artefacts import Artefacts, find_artefacts, verifier_contract
from node.proofs.setup import export_verifying_key, file_digest
from node.proofs.transcript import SetupStep, Transcript
from node.proofs.zkey import Beacon
from scripts.circuits import constraint_count, export_verifier
from tests.support.native import build_native

SEED = "keys of the tests"


def make_listed_keys(folder: Path, names: Sequence[str]) -> Path:
    """Write `<circuit>/transcript.json` and the verifier for each circuit; returns the folder."""
    for name in names:
        built = find_artefacts(name)
        place = folder / name
        place.mkdir(parents=True)
        key = place / "final.zkey"
        setup = [str(build_native()), "setup", str(built.r1cs), str(key), "--seed", SEED]
        subprocess.run(setup, check=True, capture_output=True, timeout=120)
        contract = verifier_contract(name)
        (place / f"{contract}.sol").write_text(export_verifier(key, contract))
        (place / "transcript.json").write_text(_transcript(built, key).to_json())
    return folder


def _transcript(built: Artefacts, key: Path) -> Transcript:
    return Transcript(
        circuit=built.circuit.name,
        constraints=constraint_count(built.r1cs),
        r1cs=file_digest(built.r1cs),
        powers="00" * 64,
        circuit_hash="00" * 64,
        initial="01" * 32,
        steps=(SetupStep("test", "11" * 64, "01" * 32, "02" * 32),),
        beacon_step=SetupStep("beacon", "22" * 64, "02" * 32, file_digest(key)),
        beacon=Beacon("33" * 32, 10),
        verifying_key=export_verifying_key(key),
    )
