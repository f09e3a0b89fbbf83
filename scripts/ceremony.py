# SPDX-License-Identifier: Apache-2.0
"""Makes proving keys for networks with real stakes: the hospitals' set-up on public powers of tau.

`start` once, `contribute` by each hospital on its own machine, `finish` once, `verify` by everybody;
`circuits/README.md` tells the order of things and who is trusted.
"""

from __future__ import annotations

import argparse
import json
import re
import secrets
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from node.errors import ConsiliumError, SetupInvalid, UsageError  # noqa: E402
from node.files import is_litter  # noqa: E402
from node.proofs.artefacts import circuits, verifier_contract  # noqa: E402
from node.proofs.setup import (  # noqa: E402
    check_powers,
    check_receipt,
    export_verifying_key,
    file_digest,
    make_initial,
    run_snarkjs,
    verify_setup,
)
from node.proofs.transcript import (  # noqa: E402
    NAME_BYTES,
    RECEIPT,
    SetupStep,
    Transcript,
    read_json,
    read_receipt,
    read_transcript,
)
from node.proofs.verifying_key import refuse_forgeable  # noqa: E402
from node.proofs.zkey import read_history  # noqa: E402
from node.words import plain  # noqa: E402
from scripts.circuits import build, build_native, constraint_count, export_verifier  # noqa: E402

PLAN = "setup-plan/1"
FOLDER = ROOT / "out" / "ceremony"
BEACON_NAME = "beacon"
_BEACON = re.compile(r"[0-9a-f]{64,510}")


@dataclass(frozen=True)
class Plan:
    """What `start` fixed: the digests of circuit, powers and first key, and who has to contribute."""

    circuit: str
    constraints: int
    r1cs: str
    powers: str
    circuit_hash: str
    initial: str
    contributors: tuple[str, ...]


def start(
    name: str, r1cs: Path, powers: Path, folder: Path, contributors: Sequence[str], powers_digest: str | None = None
) -> Plan:
    """Write the key without contributions, and the plan, to a new folder."""
    wanted = tuple(part.strip() for part in contributors)
    if not wanted or len({*wanted, BEACON_NAME}) != len(wanted) + 1 or not all(map(_is_name, wanted)):
        raise UsageError(f"name the contributors, each once, in 1 to {NAME_BYTES} bytes (not `{BEACON_NAME}`)")
    digest = check_powers(powers, powers_digest)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UsageError(f"{folder} is there already: go on with it, or name another --folder") from None
    initial = folder / "0000.zkey"
    make_initial(r1cs, powers, initial)
    plan = Plan(
        circuit=name,
        constraints=constraint_count(r1cs),
        r1cs=file_digest(r1cs),
        powers=digest,
        circuit_hash=read_history(initial).circuit_hash,
        initial=file_digest(initial),
        contributors=wanted,
    )
    _write(folder / "plan.json", PLAN, asdict(plan))
    return plan


def contribute(before: Path, after: Path, name: str) -> SetupStep:
    """Renew a key's δ with a secret that nobody sees and nothing keeps; the receipt lies beside the new key."""
    if not _is_name(name) or name == BEACON_NAME:
        raise UsageError(f"give your hospital's name with --name, in 1 to {NAME_BYTES} bytes")
    if after.exists():
        raise UsageError(f"{after} is there already: name another file")
    history = read_history(before)
    if any(entry.name == name for entry in history.contributions):
        raise UsageError(f"{before} has a contribution of {name} already")
    # On standard input, since a command line can be read by others. snarkjs adds randomness of its own.
    run_snarkjs("zkey", "contribute", before, after, f"--name={name}", given=secrets.token_hex(64) + "\n")
    made = read_history(after).contributions
    if made[:-1] != history.contributions or made[-1].name != name:
        raise SetupInvalid(f"{after} does not add one contribution of {name} to {before}: start again from it")
    step = SetupStep(name, made[-1].hash, file_digest(before), file_digest(after))
    _write(after.with_suffix(".json"), RECEIPT, asdict(step))
    return step


def finish(
    folder: Path, r1cs: Path, powers: Path, beacon: str, iterations: int, powers_digest: str | None = None
) -> Transcript:
    """Apply the beacon to the last contribution, check everything, and write key, verifier and transcript."""
    plan = read_plan(folder / "plan.json")
    value = beacon.lower().removeprefix("0x")
    if not _BEACON.fullmatch(value) or len(value) % 2 or not 10 <= iterations <= 63:
        raise UsageError("a beacon is a public random value of at least 32 bytes in hex, hashed 2^10 to 2^63 times")
    steps = _chain(plan, [read_receipt(path) for path in sorted(folder.glob("*.json")) if _is_receipt(path)])
    last = next((path for path in sorted(folder.glob("*.zkey")) if file_digest(path) == steps[-1].after), None)
    if last is None:
        raise SetupInvalid(f"the key that {steps[-1].name} made is not in {folder}: put it there")
    final = folder / "final.zkey"
    final.unlink(missing_ok=True)
    run_snarkjs("zkey", "beacon", last, final, value, iterations, f"--name={BEACON_NAME}")
    applied = read_history(final).contributions[-1]
    assert applied.beacon is not None
    key = export_verifying_key(final)
    refuse_forgeable(key)
    made = Transcript(
        circuit=plan.circuit,
        constraints=plan.constraints,
        r1cs=plan.r1cs,
        powers=plan.powers,
        circuit_hash=plan.circuit_hash,
        initial=plan.initial,
        steps=steps,
        beacon_step=SetupStep(applied.name, applied.hash, file_digest(last), file_digest(final)),
        beacon=applied.beacon,
        verifying_key=key,
    )
    made.check()
    verify_setup(made, r1cs=r1cs, key=final, powers=powers, powers_digest=powers_digest)
    (folder / "vkey.json").write_text(json.dumps(key, indent=1) + "\n")
    name = verifier_contract(plan.circuit)
    (folder / f"{name}.sol").write_text(export_verifier(final, name))
    (folder / "transcript.json").write_text(made.to_json())
    return made


def verify(
    path: Path, r1cs: Path, powers: Path, key: Path, receipts: Sequence[Path], powers_digest: str | None = None
) -> Transcript:
    """Check a transcript against all files, and that the given contributions are in it."""
    transcript = read_transcript(path)
    for receipt in receipts:
        check_receipt(transcript, read_receipt(receipt))
    verify_setup(transcript, r1cs=r1cs, key=key, powers=powers, powers_digest=powers_digest)
    return transcript


def read_plan(path: Path) -> Plan:
    """Read what `start` fixed."""
    content = read_json(path, PLAN)
    try:
        return Plan(**{**_fields(content), "contributors": tuple(content["contributors"])})
    except (KeyError, TypeError):
        raise SetupInvalid(f"{path} is damaged: ask whoever started the set-up for it") from None


def _chain(plan: Plan, receipts: Sequence[SetupStep]) -> tuple[SetupStep, ...]:
    """The contributions in the order in which they were made: all that the plan names, and no others."""
    by_start = {receipt.before: receipt for receipt in receipts}
    steps: list[SetupStep] = []
    at = plan.initial
    while at in by_start:
        steps.append(by_start.pop(at))
        at = steps[-1].after
    names = [step.name for step in steps]
    missing = [name for name in plan.contributors if name not in names]
    if missing or not steps:
        raise SetupInvalid(
            f"{plan.circuit}: the contributions of {', '.join(missing)} are missing, or do not follow from the "
            "others'; each must start from the key that the one before it made"
        )
    strangers = [name for name in names if name not in plan.contributors]
    if strangers or by_start or len(receipts) != len(steps):
        extra = strangers or [receipt.name for receipt in receipts if receipt not in steps]
        raise SetupInvalid(f"{plan.circuit}: contributions that do not belong to it: {', '.join(extra)}")
    return tuple(steps)


def _is_name(name: str) -> bool:
    return name.isprintable() and 0 < len(name.encode()) <= NAME_BYTES and "," not in name


def _is_receipt(path: Path) -> bool:
    return path.name not in ("plan.json", "transcript.json", "vkey.json") and not is_litter(path.name)


def _fields(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name != "consilium"}


def _write(path: Path, form: str, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps({"consilium": form, **content}, indent=2) + "\n")


def _compiled(name: str, given: Path | None) -> Path:
    """The circuit's constraints: a given file, or what this checkout compiles."""
    if given is not None:
        return given
    known = circuits()
    if name not in known:
        raise UsageError(f"there is no circuit {name}; known are: {', '.join(known)}")
    build_native()
    return build(known[name]).r1cs


def _say(transcript: Transcript) -> None:
    print(f"{transcript.circuit}: {transcript.constraints} constraints")
    print(f"  powers of tau  BLAKE2b {transcript.powers}")
    for step in (*transcript.steps, transcript.beacon_step):
        print(f"  {plain(step.name)}: {step.hash}")
    print(f"  beacon value   {transcript.beacon.value}, hashed 2^{transcript.beacon.iterations_exponent} times")
    print(f"  verifying key  {transcript.verifying_key_digest}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("start", help="make the keys without contributions (insecure as they are)")
    first.add_argument("names", nargs="*", metavar="CIRCUIT", help="[all but those of the tests]")
    first.add_argument("--contributors", required=True, help='who has to contribute: "St. Anna,Charité"')
    first.add_argument("--folder", type=Path, default=FOLDER)
    mine = commands.add_parser("contribute", help="add your hospital's secret to a key, on your own machine")
    mine.add_argument("before", type=Path, metavar="IN")
    mine.add_argument("after", type=Path, metavar="OUT")
    mine.add_argument("--name", required=True)
    last = commands.add_parser("finish", help="apply the beacon, check everything, write transcript and verifier")
    last.add_argument("folder", type=Path, help="a circuit's folder with the last key and all receipts")
    last.add_argument("--beacon", required=True, help="public random value in hex, announced before it was known")
    last.add_argument("--iterations", type=int, default=10, help="exponent of the number of hashes [10]")
    check_all = commands.add_parser("verify", help="check a transcript against all files")
    check_all.add_argument("transcript", type=Path)
    check_all.add_argument("--key", type=Path, help="the proving key [final.zkey beside the transcript]")
    check_all.add_argument("--receipt", type=Path, action="append", default=[], help="your contribution must be in it")
    for command in (first, last, check_all):
        command.add_argument("--powers", type=Path, required=True, help="prepared powers of tau (.ptau)")
        command.add_argument("--digest", help="BLAKE2b of a powers-of-tau file that is not a well-known one")
        command.add_argument("--r1cs", type=Path, help="the circuit's constraints [as compiled here]")
    return parser


def _run(options: argparse.Namespace) -> None:
    if options.command == "start":
        names = options.names or [
            name for name, circuit in circuits().items() if not (circuit.test or circuit.on_demand)
        ]
        for name in names:
            r1cs = _compiled(name, options.r1cs)
            who = options.contributors.split(",")
            start(name, r1cs, options.powers, options.folder / name, who, options.digest)
            print(f"{name}: {options.folder / name / '0000.zkey'}")
        print("Each contributor in turn: ceremony.py contribute NNNN.zkey MMMM.zkey --name NAME; then finish.")
    elif options.command == "contribute":
        step = contribute(options.before, options.after, options.name)
        print(f"{options.after} and its receipt {options.after.with_suffix('.json')}: pass both on, keep the receipt.")
        print(f"Publish the hash of your contribution: {step.hash}")
    elif options.command == "finish":
        r1cs = _compiled(read_plan(options.folder / "plan.json").circuit, options.r1cs)
        chosen = (options.beacon, options.iterations, options.digest)
        _say(finish(options.folder, r1cs, options.powers, *chosen))
        print(f"Give to everybody: {options.folder / 'transcript.json'} and final.zkey.")
    else:
        r1cs = _compiled(read_transcript(options.transcript).circuit, options.r1cs)
        key = options.key or options.transcript.with_name("final.zkey")
        _say(verify(options.transcript, r1cs, options.powers, key, options.receipt, options.digest))
        print("Verified: circuit, powers of tau, contributions, beacon and keys belong together.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    try:
        _run(_parser().parse_args(arguments))
    except ConsiliumError as error:
        print(plain(str(error)), file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
