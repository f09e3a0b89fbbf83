# SPDX-License-Identifier: Apache-2.0
"""Verifying keys as snarkjs writes them: their digest, and the check that one cannot be forged under."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from node.errors import ArtefactMissing, ProofError

VerifyingKey = Mapping[str, object]


def load_verifying_key(path: Path) -> VerifyingKey:
    """Read a verifying key; ArtefactMissing where there is none, ProofError where it is not one."""
    try:
        key = json.loads(path.read_text())
    except FileNotFoundError:
        raise ArtefactMissing(f"no verifying key at {path}: run `make setup`") from None
    except (OSError, ValueError):
        raise ProofError(f"{path} cannot be read as a verifying key: remove it, run `make setup`") from None
    if not isinstance(key, dict) or key.get("protocol") != "groth16" or key.get("curve") != "bn128":
        raise ProofError(f"{path} is no Groth16 verifying key over BN254")
    return key


def verifying_key_digest(key: VerifyingKey) -> str:
    """Return the SHA-256 (hex) of the key as canonical JSON: sorted keys, no spaces."""
    return hashlib.sha256(json.dumps(key, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def refuse_forgeable(key: VerifyingKey) -> None:
    """Raise ProofError where gamma equals delta: A = α, B = β, C = −vk_x would pass for any statement."""
    gamma, delta = key.get("vk_gamma_2"), key.get("vk_delta_2")
    if gamma is None or delta is None or gamma == delta:
        raise ProofError("this verifying key has gamma = delta, so anybody can forge proofs: do not use it")
