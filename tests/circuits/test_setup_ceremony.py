# SPDX-License-Identifier: Apache-2.0
"""The set-up of real proving keys, held on a tiny circuit: what it makes, and everything it must refuse."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.errors import ProofError, SetupInvalid, UsageError
from node.proofs.artefacts import ROOT
from node.proofs.prover import SNARKJS, node_program
from node.proofs.setup import KNOWN_POWERS, check_powers, file_digest, run_snarkjs, verify_setup
from node.proofs.transcript import Transcript, read_transcript
from node.proofs.verifying_key import load_verifying_key, verifying_key_digest
from node.proofs.zkey import read_history
from scripts import ceremony
from scripts.ceremony import contribute, finish, start
from tests.support.keys import BEACON, CONTRIBUTORS, NAME, Held, hold
from tests.support.native import build_native


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Held:
    return hold(tmp_path_factory.mktemp("ceremony"))


@pytest.fixture
def verify(held: Held) -> Callable[..., None]:
    """Verify the set-up, with some of its parts replaced."""

    def run(transcript: Transcript = held.transcript, **changes: Any) -> None:
        given = {"r1cs": held.r1cs, "key": held.key, "powers": held.powers, "powers_digest": held.digest}
        verify_setup(transcript, **{**given, **changes})

    return run


def rewritten(held: Held, folder: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of the transcript after `change`."""
    content = json.loads((held.folder / "transcript.json").read_text())
    change(content)
    path = folder / "transcript.json"
    path.write_text(json.dumps(content))
    return path


def test_setup__held__verifies_for_anybody_with_the_files(held: Held, capsys: pytest.CaptureFixture[str]) -> None:
    files = ["--powers", str(held.powers), "--digest", held.digest, "--r1cs", str(held.r1cs)]
    mine = ["--receipt", str(held.folder / "0001.json")]
    assert ceremony.main(["verify", str(held.folder / "transcript.json"), *files, *mine]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in CONTRIBUTORS) and BEACON in said and "Verified" in said
    assert read_transcript(held.folder / "transcript.json") == held.transcript


def test_setup__key__proves_and_its_verifying_key_is_the_one_stated(held: Held, tmp_path: Path) -> None:
    wtns, proof, public = tmp_path / "w.wtns", tmp_path / "proof.json", tmp_path / "public.json"
    (tmp_path / "input.json").write_text('{"x": "3"}')
    wasm = held.r1cs.parent / f"{NAME}_js" / f"{NAME}.wasm"
    run_snarkjs("wtns", "calculate", wasm, tmp_path / "input.json", wtns)
    native = str(build_native())
    subprocess.run([native, "prove", str(held.key), str(wtns), str(proof), str(public)], check=True)
    key = held.folder / "vkey.json"
    subprocess.run([native, "verify", str(key), str(proof), str(public)], check=True)
    assert verifying_key_digest(load_verifying_key(key)) == held.transcript.verifying_key_digest
    verifier = (held.folder / "TinyVerifier.sol").read_text()
    assert "contract TinyVerifier {" in verifier
    assert str(held.transcript.verifying_key["vk_delta_2"][0][0]) in verifier


def test_history__hashes__are_those_that_snarkjs_shows(held: Held) -> None:
    command = [node_program(), str(SNARKJS), "zkvi", *map(str, (held.folder / "0000.zkey", held.powers, held.key))]
    shown = re.sub(r"\s", "", subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    history = read_history(held.key)
    assert [entry.name for entry in history.contributions] == [*CONTRIBUTORS, "beacon"]
    assert all(entry.hash in shown for entry in history.contributions) and history.circuit_hash in shown


# What must be refused: files


def test_verify__byte_of_the_key_changed__refused_by_its_digest(
    verify: Callable[..., None], held: Held, tmp_path: Path
) -> None:
    tampered = tampered_key(held, tmp_path)
    with pytest.raises(SetupInvalid, match="the proving key"):
        verify(key=tampered)


def test_verify__key_and_digest_changed_together__refused_by_the_mathematics(
    verify: Callable[..., None], held: Held, tmp_path: Path
) -> None:
    tampered = tampered_key(held, tmp_path)
    step = dataclasses.replace(held.transcript.beacon_step, after=file_digest(tampered))
    with pytest.raises(SetupInvalid, match="does not follow"):
        verify(dataclasses.replace(held.transcript, beacon_step=step), key=tampered)


def tampered_key(held: Held, folder: Path) -> Path:
    """The key with two of its points (of H) exchanged: every one is still a point of the curve."""
    content = bytearray(held.key.read_bytes())
    history = content.rindex(bytes.fromhex(held.transcript.circuit_hash)) - 12  # behind the section's head
    first, second = history - 128, history - 64
    content[first:history] = content[second:history] + content[first:second]
    path = folder / "tampered.zkey"
    path.write_bytes(content)
    return path


def test_verify__key_of_a_contribution_more__refused(verify: Callable[..., None], held: Held, tmp_path: Path) -> None:
    more = tmp_path / "more.zkey"
    contribute(held.key, more, "a stranger")
    step = dataclasses.replace(held.transcript.beacon_step, after=file_digest(more))
    with pytest.raises(SetupInvalid, match="a stranger"):
        verify(dataclasses.replace(held.transcript, beacon_step=step), key=more)


def test_verify__another_circuit_or_other_powers__refused(
    verify: Callable[..., None], held: Held, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.write_bytes(held.r1cs.read_bytes() + b"\0")
    with pytest.raises(SetupInvalid, match="the circuit"):
        verify(r1cs=other)
    with pytest.raises(SetupInvalid, match="not the expected"):
        verify(powers=other)
    with pytest.raises(SetupInvalid, match="none of the public files"):
        verify(powers_digest=None)


def test_verify__first_key_is_not_the_circuits__refused(verify: Callable[..., None], held: Held) -> None:
    first = "ab" * 32
    steps = (dataclasses.replace(held.transcript.steps[0], before=first), *held.transcript.steps[1:])
    with pytest.raises(SetupInvalid, match="without contributions"):
        verify(dataclasses.replace(held.transcript, initial=first, steps=steps))


# What must be refused: transcripts


@pytest.mark.parametrize(
    "path",
    [
        ("initial",),
        ("r1cs",),
        ("powers",),
        ("circuit_hash",),
        ("steps", 0, "before"),
        ("steps", 0, "after"),
        ("steps", 0, "hash"),
        ("steps", 1, "hash"),
        ("beacon_step", "before"),
        ("beacon_step", "after"),
        ("beacon_step", "hash"),
        ("beacon", "value"),
        ("verifying_key_digest",),
    ],
    ids=str,
)
def test_transcript__a_digest_changed__refused(
    verify: Callable[..., None], held: Held, tmp_path: Path, path: tuple[Any, ...]
) -> None:
    def change(content: dict[str, Any]) -> None:
        part: Any = content
        for key in path[:-1]:
            part = part[key]
        old = part[path[-1]]
        part[path[-1]] = ("1" if old[0] == "0" else "0") + old[1:]

    with pytest.raises(SetupInvalid):
        verify(read_transcript(rewritten(held, tmp_path, change)))


def test_transcript__a_contribution_left_out__refused(verify: Callable[..., None], held: Held, tmp_path: Path) -> None:
    with pytest.raises(SetupInvalid, match="broken before the step of beacon"):
        read_transcript(rewritten(held, tmp_path, lambda content: content["steps"].pop()))

    def close_the_gap(content: dict[str, Any]) -> None:
        content["beacon_step"]["before"] = content["steps"].pop()["before"]

    with pytest.raises(SetupInvalid, match=CONTRIBUTORS[1]):
        verify(read_transcript(rewritten(held, tmp_path, close_the_gap)))


def test_transcript__other_verifying_key__refused(verify: Callable[..., None], held: Held) -> None:
    key = {**held.transcript.verifying_key, "vk_alpha_1": held.transcript.verifying_key["IC"][0]}
    with pytest.raises(SetupInvalid, match="another verifying key"):
        verify(dataclasses.replace(held.transcript, verifying_key=key))


def test_transcript__gamma_equals_delta__refused(held: Held, tmp_path: Path) -> None:
    def forge(content: dict[str, Any]) -> None:
        content["verifying_key"]["vk_delta_2"] = content["verifying_key"]["vk_gamma_2"]
        content["verifying_key_digest"] = verifying_key_digest(content["verifying_key"])

    with pytest.raises(SetupInvalid, match="gamma = delta"):
        read_transcript(rewritten(held, tmp_path, forge))


@pytest.mark.parametrize("text", ["", "[]", '{"consilium": "plan/1"}', '{"consilium": "setup-transcript/1"}'])
def test_transcript__is_none__refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "transcript.json").write_text(text)
    with pytest.raises(SetupInvalid):
        read_transcript(tmp_path / "transcript.json")


# What must be refused: on the way


@pytest.fixture
def begun(held: Held, tmp_path: Path) -> Path:
    """A set-up to which nobody has contributed yet."""
    folder = tmp_path / "set-up"
    folder.mkdir()
    for name in ("0000.zkey", "plan.json"):
        shutil.copy(held.folder / name, folder)
    return folder


def ended(held: Held, folder: Path) -> Transcript:
    return finish(folder, held.r1cs, held.powers, BEACON, 10, held.digest)


def test_finish__nobody_or_not_everybody_contributed__names_who_is_missing(held: Held, begun: Path) -> None:
    with pytest.raises(SetupInvalid, match=r"St\. Anna, Charité are missing"):
        ended(held, begun)
    for name in ("0001.zkey", "0001.json"):
        shutil.copy(held.folder / name, begun)
    with pytest.raises(SetupInvalid, match="contributions of Charité are missing"):
        ended(held, begun)
    assert not (begun / "transcript.json").exists()


def test_finish__two_contributed_to_the_same_key__is_noticed(held: Held, begun: Path) -> None:
    for name in ("0001.zkey", "0001.json"):
        shutil.copy(held.folder / name, begun)
    contribute(begun / "0000.zkey", begun / "0002.zkey", CONTRIBUTORS[1])
    with pytest.raises(SetupInvalid, match=r"(St\. Anna|Charité) are missing"):
        ended(held, begun)


def test_finish__last_key_is_not_there__says_whose(held: Held, begun: Path) -> None:
    for name in ("0001.json", "0002.json"):
        shutil.copy(held.folder / name, begun)
    with pytest.raises(SetupInvalid, match="that Charité made is not in"):
        ended(held, begun)


def test_finish__litter_of_a_system_among_the_receipts__is_not_read(held: Held, begun: Path) -> None:
    shutil.copy(held.folder / "0001.json", begun)
    (begun / "._0001.json").write_bytes(b"\0\5\x16\7")
    with pytest.raises(SetupInvalid, match="contributions of Charité are missing"):
        ended(held, begun)


@pytest.mark.parametrize("beacon", ["", "00" * 31, "0g" * 32, "0" * 65])
def test_finish__beacon_that_is_none__refused(held: Held, beacon: str) -> None:
    with pytest.raises(UsageError, match="beacon"):
        finish(held.folder, held.r1cs, held.powers, beacon, 10, held.digest)


def test_receipt__not_in_the_transcript__is_noticed_by_its_contributor(held: Held, begun: Path) -> None:
    contribute(begun / "0000.zkey", begun / "0001.zkey", CONTRIBUTORS[0])
    with pytest.raises(SetupInvalid, match=r"St\. Anna .* is not in the transcript"):
        ceremony.verify(
            held.folder / "transcript.json", held.r1cs, held.powers, held.key, [begun / "0001.json"], held.digest
        )


def test_contribute__twice_or_over_a_file__refused(held: Held, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has a contribution of"):
        contribute(held.folder / "0001.zkey", tmp_path / "again.zkey", CONTRIBUTORS[0])
    with pytest.raises(UsageError, match="there already"):
        contribute(held.folder / "0000.zkey", held.folder / "0001.zkey", "another")
    for name in ("", "a,b", "x" * 65, "beacon"):
        with pytest.raises(UsageError, match="--name"):
            contribute(held.folder / "0000.zkey", tmp_path / "new.zkey", name)
    with pytest.raises(ProofError, match="no Groth16 proving key"):
        contribute(held.powers, tmp_path / "new.zkey", "another")


def test_start__without_names_or_over_a_folder__refused(held: Held, tmp_path: Path) -> None:
    for names in ((), ("A", "A"), ("beacon",), ("",)):
        with pytest.raises(UsageError, match="name the contributors"):
            start(NAME, held.r1cs, held.powers, tmp_path / "new", names, held.digest)
    with pytest.raises(UsageError, match="there already"):
        start(NAME, held.r1cs, held.powers, held.folder, ("A",), held.digest)


def test_start__powers_not_prepared__refused(held: Held, tmp_path: Path) -> None:
    raw = held.powers.with_name("contributed.ptau")
    digest = hashlib.blake2b(raw.read_bytes()).hexdigest()
    with pytest.raises(SetupInvalid, match="prepared for phase 2"):
        start(NAME, held.r1cs, raw, tmp_path / "new", ("A",), digest)


def test_history__beacon_that_snarkjs_would_not_recompute__refused(held: Held, tmp_path: Path) -> None:
    content = bytearray(held.key.read_bytes())
    params = content.rindex(b"\x01\x06beacon")
    assert content[params - 8 : params - 4] == b"\x01\0\0\0", "the type of a beacon"
    content[params - 8] = 0
    (tmp_path / "posed.zkey").write_bytes(content)
    with pytest.raises(ProofError):
        read_history(tmp_path / "posed.zkey")


def test_known_powers__are_those_that_the_pinned_snarkjs_lists() -> None:
    readme = (ROOT / "node_modules" / "snarkjs" / "README.md").read_text()
    known = json.loads(KNOWN_POWERS.read_text())["files"]
    rows = re.findall(r"^\|\s*(\d+)\s*\|.*?\[(\S+\.ptau)\].*\|\s*([0-9a-f]{128})\s*\|$", readme, re.MULTILINE)
    assert {name: {"power": int(power), "blake2b": digest} for power, name, digest in rows} == known and len(rows) == 21


def test_check_powers__well_known_file__is_accepted_by_its_digest(
    held: Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = tmp_path / "powers.json"
    listing.write_text(json.dumps({"files": {"x.ptau": {"power": 8, "blake2b": held.digest}}}))
    monkeypatch.setattr("node.proofs.setup.KNOWN_POWERS", listing)
    assert check_powers(held.powers) == held.digest
