# SPDX-License-Identifier: Apache-2.0
"""Which circuits there are, and where their compiled forms and keys lie."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from node.errors import ArtefactMissing
from node.proofs.verifying_key import load_verifying_key, refuse_forgeable, verifying_key_digest
from node.types import Circuit as Listed
from node.types import CircuitKind

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = ROOT / "circuits" / "circuits.json"
DEFAULT_CACHE = ROOT / ".cache" / "circuits"


@dataclass(frozen=True)
class Circuit:
    """One circuit of `circuits/circuits.json`.

    `parameters`: capacity, features, batch_size, epochs, value_bits, loss for kind "training";
    features and value_bits for "aggregation"; capacity, features, value_bits and loss for "bounded".
    `on_demand`: so large that it is built only where it is asked for by name. The digest is hex without 0x.
    """

    name: str
    kind: str
    test: bool
    on_demand: bool
    parameters: dict[str, int]
    constraints: int
    verifying_key_digest: str

    @property
    def coordinates(self) -> int:
        """The length P of the model and of updates: the features and the bias, or all of a network's parameters."""
        return self.parameters["features"] + 1

    def listing(self) -> Listed:
        """The circuit as the catalogue of circuits on chain has it, but for its verifier and the digest of its key."""
        shape, kind = self.parameters, CircuitKind[self.kind.upper()]
        training, aggregation = kind is CircuitKind.TRAINING, kind is CircuitKind.AGGREGATION
        return Listed(
            name=self.name,
            kind=kind,
            verifier="",
            features=self.coordinates if aggregation else shape["features"],
            batch_size=shape["batch_size"] if training else 0,
            max_epochs=shape["epochs"] if training else 0,
            capacity=0 if aggregation else shape["capacity"],
            value_bits=shape["value_bits"],
            loss=0 if aggregation else shape["loss"],
            noisy=not aggregation,
            verifying_key_digest=b"",
        )

    @property
    def contract_name(self) -> str:
        """The name of its verifier."""
        return verifier_contract(self.name)


@dataclass(frozen=True)
class Artefacts:
    """A circuit's files: all that proving and verifying needs."""

    circuit: Circuit
    folder: Path

    @property
    def wasm(self) -> Path:
        """The witness generator."""
        return self.folder / f"{self.circuit.name}.wasm"

    @property
    def r1cs(self) -> Path:
        """The constraints."""
        return self.folder / f"{self.circuit.name}.r1cs"

    @property
    def proving_key(self) -> Path:
        """The proving key."""
        return self.folder / f"{self.circuit.name}.zkey"

    @property
    def verifying_key(self) -> Path:
        """The verifying key, as snarkjs writes it."""
        return self.folder / "vkey.json"

    def complete(self) -> bool:
        """Say whether all files are there."""
        return all(path.is_file() for path in (self.wasm, self.r1cs, self.proving_key, self.verifying_key))


def circuits(catalogue: Path = CATALOGUE) -> dict[str, Circuit]:
    """Return all circuits by name."""
    entries = json.loads(catalogue.read_text())["circuits"]
    return {entry["name"]: Circuit(**entry) for entry in entries}


def verifier_contract(circuit: str) -> str:
    """Return the name of a circuit's verifier: training_192x30 has Training192x30Verifier."""
    return "".join(part.capitalize() for part in circuit.split("_")) + "Verifier"


def find_artefacts(name: str, cache: Path = DEFAULT_CACHE, verifying_key: str | None = None) -> Artefacts:
    """Return the files of a circuit whose verifying key has the wanted digest, and is not forgeable.

    `verifying_key`: the digest in hex (0x or not), from the deployment record; by default that of
    `circuits.json`. Raises ArtefactMissing where no folder of the cache has that key.
    """
    circuit = circuits().get(name)
    if circuit is None:
        raise ArtefactMissing(f"there is no circuit named {name}; known are: {', '.join(circuits())}")
    wanted = (verifying_key or circuit.verifying_key_digest).removeprefix("0x").lower()
    found = [Artefacts(circuit, folder) for folder in sorted(cache.glob(f"{name}-*"))]
    for artefacts in found:
        if not artefacts.complete():
            continue
        key = load_verifying_key(artefacts.verifying_key)
        if verifying_key_digest(key) == wanted:
            refuse_forgeable(key)
            return artefacts
    state = "has other keys than the expected one" if found else "is not built"
    remedy = f".venv/bin/python scripts/circuits.py build {name}" if circuit.on_demand else "make setup"
    raise ArtefactMissing(f"circuit {name} {state} in {cache}: run `{remedy}`")
