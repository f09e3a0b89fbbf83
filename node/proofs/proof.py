# SPDX-License-Identifier: Apache-2.0
"""A proof with its public signals, and the JSON in which snarkjs and the native prover keep both."""

from __future__ import annotations

import json
from dataclasses import dataclass

from node.errors import ProofError
from node.types import Proof


@dataclass(frozen=True)
class Proved:
    """A proof in the verifiers' order and the public signals that it is about, in theirs."""

    proof: Proof
    public_signals: tuple[int, ...]


def read_proved(proof_json: str, public_json: str) -> Proved:
    """Read snarkjs' proof.json and public.json; ProofError where they are not that.

    Solidity takes the two parts of a G2 coordinate the other way round, so they are swapped here.
    """
    try:
        points, signals = json.loads(proof_json), json.loads(public_json)
        a, b, c = points["pi_a"], points["pi_b"], points["pi_c"]
        proof = Proof(
            a=(int(a[0]), int(a[1])),
            b=((int(b[0][1]), int(b[0][0])), (int(b[1][1]), int(b[1][0]))),
            c=(int(c[0]), int(c[1])),
        )
        return Proved(proof, tuple(int(signal) for signal in signals))
    except (KeyError, IndexError, TypeError, ValueError):
        raise ProofError("the prover wrote something that is not a Groth16 proof") from None


def write_proved(proved: Proved) -> tuple[str, str]:
    """Return proof.json and public.json for snarkjs and the native verifier."""
    proof = proved.proof
    points = {
        "pi_a": [*map(str, proof.a), "1"],
        "pi_b": [*([str(part[1]), str(part[0])] for part in proof.b), ["1", "0"]],
        "pi_c": [*map(str, proof.c), "1"],
        "protocol": "groth16",
        "curve": "bn128",
    }
    return json.dumps(points), json.dumps([str(signal) for signal in proved.public_signals])
