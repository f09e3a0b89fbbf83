# SPDX-License-Identifier: Apache-2.0
"""Provers: whole proofs by both programs, nothing private left behind, clear refusals."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from node.errors import ArtefactMissing, ProgramKilled, ProofError, ProofInvalid, WitnessRefused
from node.group.field import MODULUS
from node.proofs import prover as prover_module
from node.proofs.artefacts import Artefacts, circuits, find_artefacts
from node.proofs.proof import Proved, read_proved, write_proved
from node.proofs.prover import (
    NATIVE_BINARY,
    NativeProver,
    RapidsnarkProver,
    SnarkjsProver,
    compute_witness,
    node_program,
    open_prover,
)
from tests.support.circuits import AGGREGATION, TRAINING, aggregation, artefacts, changed, training

STATEMENTS = {TRAINING: training, AGGREGATION: aggregation}


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch) -> Path:
    """Every temporary file of a test lands here, and none may be left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def proved() -> Proved:
    return NativeProver().prove(artefacts(TRAINING), training())


@pytest.mark.parametrize("circuit", STATEMENTS)
@pytest.mark.parametrize("kind", [NativeProver, SnarkjsProver])
def test_prove__verifies_with_either_program(kind, circuit):
    statement = STATEMENTS[circuit]()
    made = kind().prove(artefacts(circuit), statement)
    assert made.public_signals == statement.public_signals()
    for other in (NativeProver(), SnarkjsProver()):
        other.verify(artefacts(circuit), made)


@pytest.mark.parametrize("position", range(7))
def test_verify__any_public_signal_changed__refused(position, proved):
    signals = list(proved.public_signals)
    signals[position] = (signals[position] + 1) % MODULUS
    with pytest.raises(ProofInvalid, match=TRAINING):
        NativeProver().verify(artefacts(TRAINING), replace(proved, public_signals=tuple(signals)))


@pytest.mark.parametrize("kind", [NativeProver, SnarkjsProver])
def test_verify__public_signal_beyond_the_field__refused(kind, proved):
    signals = (proved.public_signals[0] + MODULUS, *proved.public_signals[1:])
    with pytest.raises(ProofError):
        kind().verify(artefacts(TRAINING), replace(proved, public_signals=signals))


def test_verify__proof_of_another_statement__refused(proved):
    other = NativeProver().prove(artefacts(TRAINING), training(row_count=3))
    with pytest.raises(ProofInvalid):
        NativeProver().verify(artefacts(TRAINING), replace(proved, proof=other.proof))


def test_prove__same_statement_twice__gives_different_proofs(proved):
    again = NativeProver().prove(artefacts(TRAINING), training())
    assert again.public_signals == proved.public_signals
    assert again.proof != proved.proof


def test_prove__false_statement__refused_without_a_private_value():
    statement = training(error=1, blinding=123456789123456789)
    with pytest.raises(WitnessRefused) as refusal:
        NativeProver().prove(artefacts(TRAINING), statement)
    message = str(refusal.value)
    assert "Training" in message and "line" in message
    inputs = statement.circuit_inputs()
    private = [inputs["blinding"], inputs["salt"], *statement.public_signals()]
    assert not any(str(value) in message for value in private)


def test_prove__inputs_of_another_circuit__refused():
    with pytest.raises(ProofError, match="do not fit"):
        NativeProver().prove(artefacts(AGGREGATION), training())


def test_prove__too_few_values__refused():
    with pytest.raises(ProofError, match="weights"):
        NativeProver().prove(artefacts(TRAINING), changed(training(), weights=["1"]))


def test_prove__private_files__only_for_their_owner(monkeypatch):
    seen = {}
    run = prover_module.run_program

    def watch(command):
        for path in map(Path, command):
            if path.suffix in {".json", ".wtns"} and path.exists() and path.parent.name.startswith("consilium"):
                seen[path.name] = stat.S_IMODE(path.stat().st_mode)
                seen[path.parent.name] = stat.S_IMODE(path.parent.stat().st_mode)
        if command[1] == "prove":
            assert not Path(command[3]).with_suffix(".json").exists(), "the inputs outlived the witness"
        return run(command)

    monkeypatch.setattr(prover_module, "run_program", watch)
    NativeProver().prove(artefacts(TRAINING), training())
    assert seen.pop("witness.json") == 0o600
    assert seen.pop("witness.wtns") == 0o600
    assert all(mode == 0o700 for name, mode in seen.items() if name.startswith("consilium-"))


def test_prove__prover_not_built__says_what_to_do(tmp_path, proved):
    with pytest.raises(ArtefactMissing, match="make setup"):
        NativeProver(tmp_path / "nowhere").prove(artefacts(TRAINING), training())
    with pytest.raises(ArtefactMissing, match="make setup"):
        SnarkjsProver(tmp_path / "nowhere").verify(artefacts(TRAINING), proved)


@pytest.fixture
def rapidsnark(tmp_path_factory) -> Path:
    """A program with rapidsnark's command line; the native binary does its work."""
    script = tmp_path_factory.mktemp("bin") / "prover"
    script.write_text(f'#!/bin/sh\n[ $# = 4 ] || exit 64\nexec {NATIVE_BINARY} prove "$1" "$2" "$3" "$4"\n')
    script.chmod(0o755)
    return script


def test_rapidsnark__named_or_on_path__proves_what_others_verify(rapidsnark, monkeypatch):
    named = RapidsnarkProver(rapidsnark).prove(artefacts(TRAINING), training())
    monkeypatch.setenv("PATH", f"{rapidsnark.parent}:{os.environ['PATH']}")
    found = RapidsnarkProver().prove(artefacts(AGGREGATION), aggregation())
    SnarkjsProver().verify(artefacts(TRAINING), named)
    SnarkjsProver().verify(artefacts(AGGREGATION), found)


def test_rapidsnark__false_proof__is_not_let_out(rapidsnark, proved, tmp_path_factory):
    folder = tmp_path_factory.mktemp("old")
    for name, text in zip(("proof.json", "public.json"), write_proved(proved), strict=True):
        (folder / name).write_text(text)
    rapidsnark.write_text(f'#!/bin/sh\ncp {folder}/public.json "$4"\ncp {folder}/proof.json "$3"\n')
    with pytest.raises(ProofError, match="other public signals"):
        RapidsnarkProver(rapidsnark).prove(artefacts(TRAINING), training(row_count=3))
    wrong = json.loads((folder / "proof.json").read_text())
    (folder / "proof.json").write_text(json.dumps({**wrong, "pi_a": wrong["pi_c"]}))
    with pytest.raises(ProofInvalid):
        RapidsnarkProver(rapidsnark).prove(artefacts(TRAINING), training())


def test_rapidsnark__absent__says_how_to_have_it(monkeypatch, tmp_path_factory, rapidsnark):
    empty = tmp_path_factory.mktemp("empty")
    (empty / "node").symlink_to(node_program())
    monkeypatch.setenv("PATH", str(empty))
    with pytest.raises(ArtefactMissing, match=r"rapidsnark or prover on PATH.*proofs\.rapidsnark"):
        RapidsnarkProver().prove(artefacts(TRAINING), training())
    with pytest.raises(ArtefactMissing, match="nowhere"):
        RapidsnarkProver(empty / "nowhere").prove(artefacts(TRAINING), training())


def test_rapidsnark__fails__its_words_stay_out_of_the_error(rapidsnark):
    rapidsnark.write_text("#!/bin/sh\necho a private value >&2\nexit 3\n")
    with pytest.raises(ProofError, match=r"status 3.*native") as refusal:
        RapidsnarkProver(rapidsnark).prove(artefacts(TRAINING), training())
    assert "private" not in str(refusal.value)


@pytest.mark.parametrize(("name", "kind"), [("native", NativeProver), ("snarkjs", SnarkjsProver)])
def test_open_prover__by_name(name, kind):
    assert type(open_prover(name)) is kind
    assert type(open_prover("rapidsnark", Path("prover"))) is RapidsnarkProver


def mixed(folder: Path, key: Path) -> Artefacts:
    """The training circuit's files with another proving key."""
    genuine = artefacts(TRAINING)
    made = Artefacts(genuine.circuit, folder)
    for path in (genuine.wasm, genuine.r1cs, genuine.verifying_key):
        (folder / path.name).symlink_to(path)
    made.proving_key.symlink_to(key)
    return made


def test_prove__key_of_another_circuit__says_which_folder_to_remove(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    with pytest.raises(ProofError, match=rf"key in {folder} is of another circuit.*make setup"):
        NativeProver().prove(mixed(folder, artefacts(AGGREGATION).proving_key), training())


def test_prove__damaged_key__says_that_the_witness_does_not_satisfy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damaged")
    key = folder / "damaged.zkey"
    content = bytearray(artefacts(TRAINING).proving_key.read_bytes())
    # Two points of the last large section (H) swapped: each is a point, and the key is wrong.
    place = len(content) - 400_000
    content[place : place + 64], content[place + 64 : place + 128] = (
        content[place + 64 : place + 128],
        content[place : place + 64],
    )
    key.write_bytes(content)
    with pytest.raises(ProofError, match=rf"does not satisfy circuit {TRAINING} .* {folder}.*make setup"):
        NativeProver().prove(mixed(folder, key), training())


def test_find_artefacts__not_built_or_other_key__says_what_to_do(tmp_path_factory):
    empty = tmp_path_factory.mktemp("cache")
    with pytest.raises(ArtefactMissing, match=r"not built.*make setup"):
        find_artefacts(TRAINING, empty)
    with pytest.raises(ArtefactMissing, match=r"other keys.*make setup"):
        find_artefacts(TRAINING, verifying_key="0x" + "00" * 32)
    with pytest.raises(ArtefactMissing, match="no circuit named"):
        find_artefacts("training_1x1")
    wanted = "0x" + circuits()[TRAINING].verifying_key_digest.upper()
    assert find_artefacts(TRAINING, verifying_key=wanted) == artefacts(TRAINING)


def test_proof_files__written_and_read__unchanged(proved):
    assert read_proved(*write_proved(proved)) == proved


@pytest.mark.parametrize("text", ["", "{}", '{"pi_a": [1]}', "[]"])
def test_read_proved__not_a_proof__refused(text):
    with pytest.raises(ProofError, match="not a Groth16 proof"):
        read_proved(text, "[]")


def test_prove__full_size__within_a_minute():
    """The circuit of real studies, once: 192 rows of 30 features, four epochs."""
    made: Artefacts = artefacts("training_192x30")
    statement = training(circuit="training_192x30", row_count=150, epochs=4)
    assert NativeProver().prove(made, statement).public_signals == statement.public_signals()


def program(folder: Path, script: str) -> Path:
    """A program that does what the shell script says."""
    made = folder / "node"
    made.write_text(f"#!/bin/sh\n{script}\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("kill -KILL $$", r"signal 9 \(SIGKILL: out of memory\?\)"),
        ("exit 137", "signal 9"),
        ("kill -SEGV $$", "SIGSEGV"),
    ],
)
def test_prove__program_that_a_signal_ends__is_said_to_have_been_ended_and_no_input_is_blamed(
    end, said, tmp_path_factory, monkeypatch
):
    killed = program(tmp_path_factory.mktemp("bin"), end)
    for prover in (NativeProver(killed), RapidsnarkProver(killed)):
        with pytest.raises(ProgramKilled, match=said) as ended:
            prover.prove(artefacts(TRAINING), training())
        assert not isinstance(ended.value, WitnessRefused)
    monkeypatch.setenv("PATH", f"{killed.parent}:{os.environ['PATH']}")
    for prover in (NativeProver(), SnarkjsProver()):
        with pytest.raises(ProgramKilled, match=said):
            prover.prove(artefacts(TRAINING), training())


def test_witness__node_that_runs_out_of_memory__is_no_fault_of_the_inputs(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("NODE_OPTIONS", "--max-old-space-size=1 --max-semi-space-size=1")
    with pytest.raises(ProgramKilled, match="out of memory"):
        compute_witness(artefacts(TRAINING), training(), tmp_path_factory.mktemp("folder") / "w.wtns")


def test_witness__place_that_cannot_be_written_or_circuit_that_is_gone__is_no_fault_of_the_inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    (folder / "w.wtns").mkdir()
    with pytest.raises(ProofError, match=r"could not be computed: .*EISDIR") as full:
        compute_witness(artefacts(TRAINING), training(), folder / "w.wtns")
    gone = replace(artefacts(TRAINING), folder=folder)
    with pytest.raises(ProofError, match=r"could not be computed: .*ENOENT") as missing:
        compute_witness(gone, training(), folder / "x.wtns")
    assert not any("do not fit" in str(error.value) for error in (full, missing))
