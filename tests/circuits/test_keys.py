# SPDX-License-Identifier: Apache-2.0
"""Verifying keys and the list of circuits: what is on record is what was built, and cannot be forged under."""

from __future__ import annotations

import json
import re

import pytest

from node.errors import ArtefactMissing, ProofError, ProofInvalid
from node.group.field import MODULUS
from node.proofs.artefacts import ROOT, Artefacts, circuits
from node.proofs.proof import Proved
from node.proofs.prover import NativeProver, SnarkjsProver
from node.proofs.verifying_key import load_verifying_key, refuse_forgeable, verifying_key_digest
from node.types import Proof
from tests.support.circuits import TRAINING, artefacts, training

# The base field of BN254, for the forgery's point arithmetic.
Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
ALL_NAMES = list(circuits())
# Those on demand take minutes to build: what is committed of them is compared among itself.
NAMES = [name for name, circuit in circuits().items() if not circuit.on_demand]
SIGNAL_COUNT = {"training": 7, "aggregation": 6, "bounded": 7}


@pytest.mark.parametrize("name", NAMES)
def test_verifying_key__built__is_the_one_on_record(name):
    key = load_verifying_key(artefacts(name).verifying_key)
    refuse_forgeable(key)
    assert verifying_key_digest(key) == circuits()[name].verifying_key_digest
    assert key["nPublic"] == SIGNAL_COUNT[circuits()[name].kind]


@pytest.mark.parametrize("name", ALL_NAMES)
def test_main__parameters__are_the_listed_ones(name):
    circuit = circuits()[name]
    shape = circuit.parameters
    source = (ROOT / "circuits" / f"{name}.circom").read_text()
    template, arguments = re.search(r"= (\w+)\(([\d, ]+)\);", source).groups()
    wanted = {
        "training": lambda: [shape[part] for part in ("capacity", "features", "batch_size", "epochs", "value_bits")],
        # Rows below 2^22, one value to a scalar; or in a bounded study at most 64 hospitals, and packed.
        "aggregation": lambda: [
            circuit.coordinates,
            shape["value_bits"],
            *((22, 0) if shape["value_bits"] == 26 else (7, 1)),
        ],
        "bounded": lambda: [circuit.coordinates, shape["value_bits"]],
    }[circuit.kind]()
    assert (template.lower(), json.loads(f"[{arguments}]")) == (circuit.kind, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_verifier__committed__holds_the_key_on_record(name):
    circuit = circuits()[name]
    source = (ROOT / "contracts" / "verifiers" / f"{circuit.contract_name}.sol").read_text()
    assert f"contract {circuit.contract_name} {{" in source
    key = load_verifying_key(artefacts(name).verifying_key)
    for number in (*key["vk_alpha_1"][:2], *key["vk_delta_2"][0], *key["IC"][-1][:2]):
        assert number in source


def test_readme__constraint_counts__are_the_listed_ones():
    readme = (ROOT / "circuits" / "README.md").read_text()
    for name, circuit in circuits().items():
        assert re.search(rf"^\| `{name}` \|.*\| {circuit.constraints} \|$", readme, re.MULTILINE), name


def test_full_size__fits_the_public_powers_of_tau():
    for name, circuit in circuits().items():
        assert circuit.constraints < 1 << (20 if circuit.on_demand else 18), name


def test_load_verifying_key__none_or_no_key__refused(tmp_path):
    with pytest.raises(ArtefactMissing, match="make setup"):
        load_verifying_key(tmp_path / "vkey.json")
    path = tmp_path / "vkey.json"
    for text in ("", "[]", '{"protocol": "plonk", "curve": "bn128"}'):
        path.write_text(text)
        with pytest.raises(ProofError):
            load_verifying_key(path)


def test_refuse_forgeable__key_without_the_points__refused():
    with pytest.raises(ProofError, match="gamma"):
        refuse_forgeable({})


def test_forgery__gamma_equals_delta__passes_for_a_false_statement_and_the_key_is_refused(tmp_path):
    genuine = artefacts(TRAINING)
    key = dict(load_verifying_key(genuine.verifying_key))
    broken = {**key, "vk_gamma_2": key["vk_delta_2"]}
    (tmp_path / "vkey.json").write_text(json.dumps(broken))
    forgeable = Artefacts(genuine.circuit, tmp_path)
    signals = tuple((signal + 1) % MODULUS for signal in training().public_signals())
    forged = forge(broken, signals)

    # snarkjs checks the equation alone: nobody proved anything, and it holds.
    SnarkjsProver().verify(forgeable, forged)
    with pytest.raises(ProofError, match="gamma = delta"):
        refuse_forgeable(broken)
    with pytest.raises(ProofError, match="delta"):
        NativeProver().verify(forgeable, forged)
    with pytest.raises(ProofInvalid):
        NativeProver().verify(genuine, forged)


def forge(key, signals) -> Proved:
    """The proof A = alpha, B = beta, C = -vk_x, which cancels where gamma = delta."""
    bases = [(int(base[0]), int(base[1])) for base in key["IC"]]
    total = bases[0]
    for signal, base in zip(signals, bases[1:], strict=True):
        total = add(total, multiply(signal, base))
    alpha, beta = key["vk_alpha_1"], key["vk_beta_2"]
    proof = Proof(
        a=(int(alpha[0]), int(alpha[1])),
        b=((int(beta[0][1]), int(beta[0][0])), (int(beta[1][1]), int(beta[1][0]))),
        c=(total[0], -total[1] % Q),
    )
    return Proved(proof, signals)


def add(left, right):
    """Affine addition on y² = x³ + 3, with None for the identity."""
    if left is None or right is None:
        return left or right
    if left[0] == right[0]:
        if (left[1] + right[1]) % Q == 0:
            return None
        slope = 3 * left[0] ** 2 * pow(2 * left[1], -1, Q)
    else:
        slope = (right[1] - left[1]) * pow(right[0] - left[0], -1, Q)
    x = (slope * slope - left[0] - right[0]) % Q
    return x, (slope * (left[0] - x) - left[1]) % Q


def multiply(scalar, point):
    result = None
    for bit in bin(scalar)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result
