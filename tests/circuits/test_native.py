# SPDX-License-Identifier: Apache-2.0
"""The native Groth16 programs against snarkjs, and against files that are wrong."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.native import ROOT, build_native

SNARKJS = ROOT / "node_modules" / ".bin" / "snarkjs"
CIRCOM = ROOT / "node_modules" / ".bin" / "circom2"
FIELD = 0x30644E72E131A029B85045B68181585D2833E84879B9709143E1F593F0000001
BAD_FILE, MISMATCH, UNSATISFIED, INVALID = 3, 4, 5, 6
# On the twist y² = x³ + 3/(9 + u), and not in the subgroup of order r.
OUTSIDE_SUBGROUP = [
    ["1", "0"],
    [
        "18278151005453108793778860132295291098363647455926340152056652516292830556603",
        "5912654199736721486680175016176231956195085055698687135131307249486702594212",
    ],
    ["1", "0"],
]
# Public 1 + 1 signals, negative and full-size values, and enough bits for buckets that most wires share.
CIRCUIT = """pragma circom 2.0.0;
template Sample(N, FACTOR) {
    signal input shift; signal input start; signal output end;
    signal bits[N]; signal x[N + 1];
    var sum = 0;
    for (var i = 0; i < N; i++) {
        bits[i] <-- (start >> i) & 1; bits[i] * (bits[i] - 1) === 0; sum += bits[i] * (1 << i);
    }
    sum === start;
    x[0] <== start - FACTOR;
    for (var i = 0; i < N; i++) { x[i + 1] <== x[i] * (x[i] + shift) - FACTOR * bits[i]; }
    end <== x[N] * shift;
}
component main {public [shift]} = Sample(150, %d);
"""


@dataclass(frozen=True)
class Sample:
    """A compiled circuit with a witness, a development key and its verifying key."""

    folder: Path
    r1cs: Path
    wtns: Path
    zkey: Path
    vkey: Path


def command(*args: object) -> None:
    """Run a tool that must succeed."""
    subprocess.run([str(a) for a in args], check=True, capture_output=True, timeout=120)


def groth16(*args: object) -> subprocess.CompletedProcess[str]:
    """Run the native program."""
    return subprocess.run([str(build_native()), *map(str, args)], capture_output=True, text=True, timeout=120)


def refused(code: int, says: str, *args: object) -> None:
    """Expect an exit code and an explanation, and no output files."""
    result = groth16(*args)
    assert (result.returncode, says in result.stderr) == (code, True), result.stderr


def compile_circuit(folder: Path, name: str, factor: int) -> Path:
    """Write and compile the sample circuit; return the .r1cs."""
    (folder / f"{name}.circom").write_text(CIRCUIT % factor)
    subprocess.run(
        [CIRCOM, f"{name}.circom", "--r1cs", "--wasm", "--O1"],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder / f"{name}.r1cs"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """One circuit, witness and key for all tests of this file."""
    folder = tmp_path_factory.mktemp("native")
    r1cs = compile_circuit(folder, "sample", 7)
    (folder / "input.json").write_text(json.dumps({"start": str(2**149 + 5), "shift": "-3"}))
    wtns, zkey, vkey = folder / "sample.wtns", folder / "sample.zkey", folder / "vkey.json"
    command(SNARKJS, "wtns", "calculate", folder / "sample_js/sample.wasm", folder / "input.json", wtns)
    assert "INSECURE" in groth16("setup", r1cs, zkey, "--seed", "sample").stderr
    command(SNARKJS, "zkey", "export", "verificationkey", zkey, vkey)
    return Sample(folder, r1cs, wtns, zkey, vkey)


@dataclass(frozen=True)
class Proved:
    """A proof and its public inputs on disk."""

    proof: Path
    public: Path

    def changed(self, change: Callable[[Any, Any], None]) -> Proved:
        """Write a copy after `change(proof, public)`."""
        proof, public = json.loads(self.proof.read_text()), json.loads(self.public.read_text())
        change(proof, public)
        copy = Proved(self.proof.with_name("changed.json"), self.public.with_name("changed_public.json"))
        copy.proof.write_text(json.dumps(proof))
        copy.public.write_text(json.dumps(public))
        return copy


@pytest.fixture
def proved(sample: Sample, tmp_path: Path) -> Iterator[Proved]:
    """A native proof in a folder of the test's own."""
    made = Proved(tmp_path / "proof.json", tmp_path / "public.json")
    result = groth16("prove", sample.zkey, sample.wtns, made.proof, made.public)
    assert result.returncode == 0, result.stderr
    yield made


def test_setup__same_seed_and_circuit__gives_the_same_bytes(sample: Sample, tmp_path: Path) -> None:
    groth16("setup", sample.r1cs, tmp_path / "again.zkey", "--seed", "sample")
    assert (tmp_path / "again.zkey").read_bytes() == sample.zkey.read_bytes()


def test_setup__other_seed_or_other_circuit__gives_another_key(sample: Sample, tmp_path: Path) -> None:
    other = compile_circuit(tmp_path, "other", 8)
    groth16("setup", sample.r1cs, tmp_path / "seed.zkey", "--seed", "sample 2")
    groth16("setup", other, tmp_path / "circuit.zkey", "--seed", "sample")
    header = slice(24, 24 + 12 + 660)  # alpha, beta and delta
    keys = [p.read_bytes()[header] for p in (sample.zkey, tmp_path / "seed.zkey", tmp_path / "circuit.zkey")]
    assert len(set(keys)) == 3


def test_prove__snarkjs_verifies_the_proof(sample: Sample, proved: Proved) -> None:
    command(SNARKJS, "groth16", "verify", sample.vkey, proved.public, proved.proof)


def test_verify__accepts_snarkjs_and_native_proofs(sample: Sample, proved: Proved, tmp_path: Path) -> None:
    other = Proved(tmp_path / "snarkjs.json", tmp_path / "snarkjs_public.json")
    command(SNARKJS, "groth16", "prove", sample.zkey, sample.wtns, other.proof, other.public)
    assert json.loads(other.public.read_text()) == json.loads(proved.public.read_text())
    for made in (proved, other):
        assert groth16("verify", sample.vkey, made.proof, made.public).returncode == 0


def test_prove__twice__hides_the_witness_with_new_randomness(sample: Sample, proved: Proved) -> None:
    first = proved.proof.read_bytes()
    groth16("prove", sample.zkey, sample.wtns, proved.proof, proved.public)
    assert proved.proof.read_bytes() != first


def test_contribution_on_top__proves_under_the_new_key_only(sample: Sample, tmp_path: Path) -> None:
    zkey, vkey = tmp_path / "second.zkey", tmp_path / "second.json"
    command(SNARKJS, "zkey", "contribute", sample.zkey, zkey, "--name=test", "-e=entropy of a test")
    command(SNARKJS, "zkey", "export", "verificationkey", zkey, vkey)
    made = Proved(tmp_path / "proof.json", tmp_path / "public.json")
    assert groth16("prove", zkey, sample.wtns, made.proof, made.public).returncode == 0
    command(SNARKJS, "groth16", "verify", vkey, made.public, made.proof)
    refused(INVALID, "not valid", "verify", sample.vkey, made.proof, made.public)


def test_solidity_export__works_on_the_key(sample: Sample, tmp_path: Path) -> None:
    command(SNARKJS, "zkey", "export", "solidityverifier", sample.zkey, tmp_path / "V.sol")
    assert "verifyProof" in (tmp_path / "V.sol").read_text()


def tampered_witness(sample: Sample, wire: int, target: Path) -> Path:
    """Copy the witness with one wire one higher."""
    data = bytearray(sample.wtns.read_bytes())
    count = struct.unpack_from("<I", data, 12 + 12 + 36)[0]
    at = len(data) - 32 * (count - wire)
    value = (int.from_bytes(data[at : at + 32], "little") + 1) % FIELD
    data[at : at + 32] = value.to_bytes(32, "little")
    target.write_bytes(data)
    return target


@pytest.mark.parametrize("wire", [0, 1, 2, 3, 4, 150, 300])
def test_prove__tampered_wire__is_refused(sample: Sample, tmp_path: Path, wire: int) -> None:
    wtns = tampered_witness(sample, wire, tmp_path / "tampered.wtns")
    proof, public = tmp_path / "proof.json", tmp_path / "public.json"
    says = "wire 0" if wire == 0 else "does not satisfy"
    refused(UNSATISFIED, says, "prove", sample.zkey, wtns, proof, public)
    assert not proof.exists() and not public.exists()
    refused(UNSATISFIED, says, "check", sample.r1cs, wtns)


def test_check__tampered_wire__names_the_constraint(sample: Sample, tmp_path: Path) -> None:
    wtns = tampered_witness(sample, 150, tmp_path / "tampered.wtns")
    refused(UNSATISFIED, "does not satisfy constraint ", "check", sample.r1cs, wtns)


def test_check__honest_witness__passes(sample: Sample) -> None:
    assert groth16("check", sample.r1cs, sample.wtns).returncode == 0


def test_prove__witness_of_another_circuit__is_a_mismatch(sample: Sample, tmp_path: Path) -> None:
    (tmp_path / "tiny.circom").write_text(
        "pragma circom 2.0.0; template Tiny() { signal input a; signal output b; b <== a * a; }component main = Tiny();"
    )
    subprocess.run([CIRCOM, "tiny.circom", "--r1cs"], cwd=tmp_path, check=True, capture_output=True, timeout=120)
    groth16("setup", tmp_path / "tiny.r1cs", tmp_path / "tiny.zkey", "--seed", "x")
    refused(MISMATCH, "different circuits", "prove", tmp_path / "tiny.zkey", sample.wtns, "p", "q")
    refused(MISMATCH, "another circuit", "check", tmp_path / "tiny.r1cs", sample.wtns)


@pytest.mark.parametrize("kind", ["empty", "garbage", "truncated", "too long", "other kind", "other field"])
def test_damaged_files__are_refused_with_a_reason(sample: Sample, tmp_path: Path, kind: str) -> None:
    for source in (sample.r1cs, sample.wtns, sample.zkey):
        data = source.read_bytes()
        damaged = {
            "empty": b"",
            "garbage": bytes(range(256)) * 8,
            "truncated": data[: len(data) // 2],
            "too long": data + b"\0",
            "other kind": b"ptau" + data[4:],
            "other field": data.replace(FIELD.to_bytes(32, "little"), (FIELD + 2).to_bytes(32, "little")),
        }[kind]
        bad = tmp_path / source.name
        bad.write_bytes(damaged)
        zkey = bad if source == sample.zkey else sample.zkey
        wtns = bad if source == sample.wtns else sample.wtns
        if source == sample.r1cs:
            refused(BAD_FILE, str(bad), "setup", bad, tmp_path / "out.zkey", "--seed", "x")
        else:
            refused(BAD_FILE, str(bad), "prove", zkey, wtns, tmp_path / "p.json", tmp_path / "q.json")
    assert {p.name for p in tmp_path.iterdir()} == {"sample.r1cs", "sample.wtns", "sample.zkey"}


def test_every_truncation_of_the_key_header__is_refused(sample: Sample, tmp_path: Path) -> None:
    data, bad = sample.zkey.read_bytes(), tmp_path / "cut.zkey"
    for size in (1, 11, 12, 20, 30, 100, 690, 700, len(data) - 1):
        bad.write_bytes(data[:size])
        refused(BAD_FILE, "truncated", "prove", bad, sample.wtns, tmp_path / "p.json", tmp_path / "q.json")


def test_prove__damaged_point_in_the_key__writes_no_proof(sample: Sample, tmp_path: Path) -> None:
    data = bytearray(sample.zkey.read_bytes())
    data[len(data) // 2] ^= 1
    bad = tmp_path / "damaged.zkey"
    bad.write_bytes(data)
    outputs = tmp_path / "p.json", tmp_path / "q.json"
    refused(UNSATISFIED, "key is damaged", "prove", bad, sample.wtns, *outputs)


def test_verify__other_public_input__is_invalid(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda _, public: public.__setitem__(0, str((int(public[0]) + 1) % FIELD)))
    refused(INVALID, "not valid", "verify", sample.vkey, made.proof, made.public)


def test_verify__public_input_plus_field_order__is_invalid(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda _, public: public.__setitem__(1, str(int(public[1]) + FIELD)))
    refused(INVALID, "not below the field order", "verify", sample.vkey, made.proof, made.public)


def test_verify__too_few_public_inputs__is_a_mismatch(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda _, public: public.pop())
    refused(MISMATCH, "public inputs", "verify", sample.vkey, made.proof, made.public)


def test_verify__point_off_the_curve__is_invalid(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda proof, _: proof["pi_a"].__setitem__(0, "5"))
    refused(INVALID, "pi_a is not on the curve", "verify", sample.vkey, made.proof, made.public)


def test_verify__point_outside_the_subgroup__is_invalid(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda proof, _: proof.__setitem__("pi_b", OUTSIDE_SUBGROUP))
    refused(INVALID, "not in its subgroup", "verify", sample.vkey, made.proof, made.public)


def test_verify__points_at_infinity__are_invalid(sample: Sample, proved: Proved) -> None:
    g1, g2 = ["0", "1", "0"], [["0", "0"], ["1", "0"], ["0", "0"]]
    made = proved.changed(lambda proof, _: proof.update(pi_a=g1, pi_b=g2, pi_c=g1))
    refused(INVALID, "not valid", "verify", sample.vkey, made.proof, made.public)


def test_verify__swapped_points__are_invalid(sample: Sample, proved: Proved) -> None:
    made = proved.changed(lambda proof, _: proof.update(pi_a=proof["pi_c"], pi_c=proof["pi_a"]))
    refused(INVALID, "not valid", "verify", sample.vkey, made.proof, made.public)


NO_PROOFS = ["", "{", "[]", '{"pi_a": 1}', "[" * 100_000, '{"protocol": "plonk"}', "\0\xff"]


@pytest.mark.parametrize("text", NO_PROOFS)
def test_verify__text_that_is_no_proof__is_refused(sample: Sample, proved: Proved, text: str) -> None:
    proved.proof.write_text(text, encoding="latin-1")
    refused(BAD_FILE, str(proved.proof), "verify", sample.vkey, proved.proof, proved.public)


def test_verify__key_with_gamma_equal_to_delta__is_refused(sample: Sample, proved: Proved, tmp_path: Path) -> None:
    key = json.loads(sample.vkey.read_text())
    key["vk_delta_2"] = key["vk_gamma_2"]
    forgeable = tmp_path / "forgeable.json"
    forgeable.write_text(json.dumps(key))
    refused(BAD_FILE, "gamma equals delta", "verify", forgeable, proved.proof, proved.public)


@pytest.mark.parametrize("args", [[], ["prove"], ["setup", "a", "b"], ["sign", "a"]])
def test_wrong_command_line__shows_the_usage(args: list[str]) -> None:
    refused(2, "groth16 prove KEY.zkey", *args)


def test_portable_build__gives_the_same_key(sample: Sample, tmp_path: Path) -> None:
    command("make", "-j2", "-C", ROOT / "circuits" / "native", f"OUT={tmp_path}", "CPU=", "CXXFLAGS=-O1")
    command(tmp_path / "groth16", "setup", sample.r1cs, tmp_path / "portable.zkey", "--seed", "sample")
    assert (tmp_path / "portable.zkey").read_bytes() == sample.zkey.read_bytes()
