# SPDX-License-Identifier: Apache-2.0
"""Checks a set-up of proving keys against its files: powers of tau, circuit, contributions, beacon, keys.

Phase 1 (the powers of tau) is believed: a phase-2 contribution renews δ alone, so whoever knows the secrets of
phase 1 forges proofs, however many contribute after.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from node.errors import ProofError, SetupInvalid
from node.programs import how_it_ended, run_program
from node.proofs.artefacts import ROOT, Artefacts
from node.proofs.prover import SNARKJS, node_program
from node.proofs.transcript import SetupStep, Transcript
from node.proofs.verifying_key import VerifyingKey, load_verifying_key
from node.proofs.zkey import read_history

#: Public files of powers of tau with their digests, committed.
KNOWN_POWERS = ROOT / "circuits" / "powers_of_tau.json"
#: One alone could know the secret of the keys.
FEWEST_CONTRIBUTORS = 2
_COLOUR = re.compile("\x1b\\[[0-9;]*m")


def check_powers(powers: Path, expected: str | None = None) -> str:
    """Return the BLAKE2b-512 (hex) of a powers-of-tau file that is a well-known one, or the `expected` one.

    SetupInvalid for any other file: nothing can be told from a file about who knows its secrets.
    """
    found = _file_digest(powers, "blake2b")
    if expected is not None:
        if found != expected.removeprefix("0x").lower():
            raise SetupInvalid(f"{powers} has the BLAKE2b digest {found}, not the expected {expected}")
        return found
    known = {entry["blake2b"] for entry in json.loads(KNOWN_POWERS.read_text())["files"].values()}
    if found not in known:
        raise SetupInvalid(
            f"{powers} is none of the public files listed in {KNOWN_POWERS.relative_to(ROOT)} (its BLAKE2b digest is "
            f"{found}). Fetch it again; or, for another phase 1 that you trust, give its digest with --digest."
        )
    return found


def verify_setup(
    transcript: Transcript, *, r1cs: Path, key: Path, powers: Path, powers_digest: str | None = None
) -> None:
    """Raise SetupInvalid unless the proving key `key` came about as the transcript says.

    `r1cs`: the circuit as compiled here; `powers`: the prepared powers of tau. The key without contributions
    is made anew and compared, every contribution and the beacon are checked by snarkjs, and the verifying key
    is exported again. Takes about as long as a set-up.
    """
    _same("the circuit", transcript.r1cs, file_digest(r1cs), f"{r1cs} (compiled here)")
    _same("the proving key", transcript.final, file_digest(key), str(key))
    _same("the powers of tau", transcript.powers, check_powers(powers, powers_digest), str(powers))
    check_history(transcript, key)
    with tempfile.TemporaryDirectory(prefix="consilium-setup-") as name:
        initial = Path(name) / "initial.zkey"
        make_initial(r1cs, powers, initial)
        _same("the key without contributions", transcript.initial, file_digest(initial), "the one made here")
        check_key(initial, powers, key)
    if export_verifying_key(key) != transcript.verifying_key:
        raise SetupInvalid(f"{key} has another verifying key than the transcript of {transcript.circuit}")


def check_history(transcript: Transcript, key: Path) -> None:
    """Raise SetupInvalid unless the key's own history names the transcript's contributions, all and in order."""
    history = read_history(key)
    if history.circuit_hash != transcript.circuit_hash:
        raise SetupInvalid(f"{key} is a key of another circuit, or from other powers of tau, than the transcript says")
    stated = [(step.name, step.hash, None) for step in transcript.steps]
    wanted = [*stated, (transcript.beacon_step.name, transcript.beacon_step.hash, transcript.beacon)]
    found = [(entry.name, entry.hash, entry.beacon) for entry in history.contributions]
    if found != wanted:
        raise SetupInvalid(
            f"{key} holds the contributions of {_names(found)}, the transcript of {transcript.circuit} states "
            f"those of {_names(wanted)}, or other values for them"
        )


def check_receipt(transcript: Transcript, receipt: SetupStep) -> None:
    """Raise SetupInvalid unless a contribution is in the transcript just as its contributor kept it."""
    if receipt not in transcript.steps:
        raise SetupInvalid(
            f"the contribution of {receipt.name} ({receipt.hash[:16]}…) is not in the transcript of "
            f"{transcript.circuit}: its secret protects nothing there, do not use these keys"
        )


def check_contributors(transcript: Transcript) -> None:
    """Raise SetupInvalid where one contributor made the keys alone: whoever that is could know their secret."""
    if len(transcript.steps) < FEWEST_CONTRIBUTORS:
        alone = " and ".join(step.name for step in transcript.steps)
        raise SetupInvalid(
            f"only {alone} contributed to the keys of {transcript.circuit}, who could keep the secret and forge: "
            f"at least {FEWEST_CONTRIBUTORS} hospitals have to contribute, yours among them"
        )


def make_initial(r1cs: Path, powers: Path, target: Path) -> None:
    """Write the key without contributions: the same bytes on every machine, and forgeable."""
    run_snarkjs("groth16", "setup", r1cs, powers, target)
    if not target.is_file() or not target.stat().st_size:
        # snarkjs ends with 0 all the same.
        raise SetupInvalid(f"{powers} does not suit {r1cs}: it must be prepared for phase 2 and have enough powers")


def check_key(initial: Path, powers: Path, key: Path) -> None:
    """Raise SetupInvalid unless snarkjs accepts every contribution between the two keys."""
    try:
        run_snarkjs("zkvi", initial, powers, key)
    except ProofError as error:
        raise SetupInvalid(f"{key} does not follow from powers of tau, circuit and contributions: {error}") from None


def export_verifying_key(key: Path) -> VerifyingKey:
    """Return the verifying key that belongs to a proving key."""
    with tempfile.TemporaryDirectory(prefix="consilium-setup-") as name:
        target = Path(name) / "vkey.json"
        run_snarkjs("zkey", "export", "verificationkey", key, target)
        return load_verifying_key(target)


def install_keys(transcript: Transcript, built: Artefacts, key: Path, cache: Path) -> Artefacts:
    """Put a verified key where the node finds it, beside the circuit that was built here."""
    folder = cache / f"{transcript.circuit}-{transcript.verifying_key_digest[:16]}"
    made = Artefacts(built.circuit, folder)
    if made.complete():
        return made
    with tempfile.TemporaryDirectory(prefix=".making-", dir=cache) as name:
        making = Artefacts(built.circuit, Path(name) / "made")
        making.folder.mkdir()
        for source, target in ((built.wasm, making.wasm), (built.r1cs, making.r1cs), (key, making.proving_key)):
            shutil.copyfile(source, target)
        making.verifying_key.write_text(json.dumps(transcript.verifying_key, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        making.folder.rename(folder)
    return made


def run_snarkjs(*arguments: object, given: str | None = None) -> None:
    """Run snarkjs; ProofError with its last words where it ends otherwise than well."""
    done = run_program([node_program(), str(SNARKJS), *map(str, arguments)], given)
    if done.returncode:
        # Colours, and the stack that follows an error's first line, help nobody.
        lines = _COLOUR.sub("", done.stdout + done.stderr).splitlines()
        said = [line for line in lines if "ERROR" in line or "INVALID" in line] or [how_it_ended(done.returncode)]
        raise ProofError(f"snarkjs refuses: {said[-1].split('snarkJS:', 1)[-1].strip()}")


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file; SetupInvalid where it cannot be read."""
    return _file_digest(path, "sha256")


def _file_digest(path: Path, kind: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, kind).hexdigest()
    except OSError as error:
        raise SetupInvalid(f"{path} cannot be read ({error.strerror})") from None


def _same(what: str, stated: str, found: str, place: str) -> None:
    if stated != found:
        raise SetupInvalid(
            f"{what}: the transcript states the digest {stated[:16]}…, {place} has {found[:16]}…; "
            "they do not belong together"
        )


def _names(entries: Sequence[tuple[str, str, object]]) -> str:
    return ", ".join(entry[0] for entry in entries) or "nobody"
