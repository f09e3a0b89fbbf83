# SPDX-License-Identifier: Apache-2.0
"""A whole study on this machine: real chain, records, encryption and proofs, each hospital a process.

Writes `out/demo/report.json`. Ends with 1 when a round is not finalised, money is missing, the final AUC is more than
0.01 below pooled training, or a hospital that lies (`--liar`) is not found out as it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.wallet import LIGHT_WORK_FACTOR, create_keyfile, keyfile_address
from node.cli import main as consilium
from node.config import StorageConfig
from node.document import UINT16
from node.errors import ConsiliumError, StorageError, UsageError
from node.plan import TrainingPlan
from node.programs import how_it_ended
from node.proofs.artefacts import circuits
from node.storage.store import open_store
from node.types import Standing
from node.words import plain
from scripts.children import ROOT
from scripts.circuits import build, current
from scripts.demo_head import head_cast
from scripts.demo_hospital import WAITS_UNTIL
from scripts.demo_images import image_cast
from scripts.demo_liars import LIES, ROUND
from scripts.demo_plan import BOND_TOKENS, HOSPITALS_LEAST, NAMES, Cast, table_cast
from scripts.demo_progress import Progress
from scripts.demo_report import Measured, build_report, problems, summary
from scripts.localnet import Anvil, LocalnetError, deploy, spawn

SPONSOR_TOKENS = 1_000_000
# Hospitals and rounds of each study, unless somebody wants others.
SIZES = {"masses": 3, "pneumonia": 5, "pneumonia-head": 5}
# With a hospital more than the plan's minimum the study can do without the one that lies.
HOSPITALS_WITH_A_LIAR = 4
_PATIENCE_SECONDS = 1800.0


class DemoFailed(Exception):
    """The demo cannot go on; the message says why and where to look."""


@dataclass
class Demo:
    """One run: its folder, and what has been started."""

    out: Path
    folder: Path
    cast: Cast
    progress: Progress
    storage: str
    liar: str | None = None
    children: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def extractor(self) -> Path:
        """Where the sponsor's extractor lies, in a study of a head on images."""
        return self.folder / "extractor.bin"

    @property
    def named_extractor(self) -> tuple[str, ...]:
        """The option that names it, where the study has one."""
        return ("--extractor", str(self.extractor)) if self.cast.extractor else ()

    def home(self, role: str) -> Path:
        """A participant's own folder."""
        return self.folder / role

    def command(self, role: str, *arguments: str) -> None:
        """A command of `consilium`, as that participant."""
        log = self.folder / "commands.log"
        with log.open("a") as stream, contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream):
            print(f"$ consilium {' '.join(arguments)}   # {role}")
            code = consilium(["--home", str(self.home(role)), *arguments])
        if code:
            raise DemoFailed(f"`consilium {' '.join(arguments)}` ended with {code}: see {log}.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    hospitals = _between(HOSPITALS_LEAST, len(NAMES))
    parser.add_argument(
        "--study",
        choices=sorted(SIZES),
        default="masses",
        help="breast masses, or chest X-rays: a whole network, or a head on a frozen one",
    )
    parser.add_argument("--data", type=Path, help="an .npz file in MedMNIST's layout, for X-rays")
    parser.add_argument("--hospitals", type=hospitals, help=f"{HOSPITALS_LEAST} to {len(NAMES)} [3; 5 for X-rays]")
    parser.add_argument("--rounds", type=_between(1, UINT16), help="[3; 5 for X-rays]")
    parser.add_argument("--storage", choices=["local", "ipfs"], default="local")
    parser.add_argument("--seed", type=int, default=0, help="which records go where")
    parser.add_argument("--prover", choices=["native", "snarkjs"], default="native")
    parser.add_argument("--liar", choices=sorted(LIES), help=f"one hospital lies, in the ceremony or in round {ROUND}")
    parser.add_argument("--out", type=Path, default=ROOT / "out" / "demo", help="where the report goes")
    options = parser.parse_args()
    started = time.monotonic()
    try:
        players = _cast(options)
        if options.storage == "ipfs":
            _check_daemon(players.plan)
        folder = options.out.resolve() / "runs" / f"{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        demo = Demo(options.out.resolve(), folder, players, Progress(started), options.storage, options.liar)
        demo.progress.title(players)
        return run(demo, options.prover, started)
    except (DemoFailed, LocalnetError, ConsiliumError) as error:
        print("\nThe demo failed: " + "\n".join(map(plain, str(error).splitlines())), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nThe demo was stopped; nothing is left running.", file=sys.stderr)
        return 130


def _cast(options: argparse.Namespace) -> Cast:
    size = SIZES[options.study]
    least = HOSPITALS_WITH_A_LIAR if options.liar else HOSPITALS_LEAST
    hospitals, rounds = options.hospitals or max(size, least), options.rounds or size
    if options.liar and (hospitals < least or rounds <= ROUND):
        raise UsageError(f"A hospital that lies takes {least} hospitals and {ROUND + 1} rounds at least.")
    if options.study == "masses":
        if options.data is not None:
            raise UsageError("The study of breast masses has its own records: --data is for X-rays.")
        return table_cast(hospitals, rounds, options.seed)
    if options.data is None:
        raise UsageError(
            "The study of X-rays needs --data FILE.npz (DATA=FILE with make): "
            "`consilium data fetch pneumoniamnist` gets the official file."
        )
    if options.study == "pneumonia":
        return image_cast(options.data, hospitals, rounds, options.seed)
    print("The sponsor trains the extractor on images of its own: about half a minute.", flush=True)
    return head_cast(options.data, hospitals, rounds, options.seed)


def _between(least: int, most: int) -> Callable[[str], int]:
    def whole(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least} to {most}")
        return int(text)

    return whole


def _check_daemon(plan: TrainingPlan) -> None:
    """Say at once, and not at enrolment, that no daemon answers; raises `DemoFailed`."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            store = open_store(StorageConfig("ipfs"), Path(folder), list, serve=False)
            with contextlib.closing(store):
                # The hospitals hand it the same file later.
                store.put(plan.canonical())
    except StorageError as error:
        raise DemoFailed(f"{error} (`make demo STORAGE=local` needs no daemon)") from None


def run(demo: Demo, prover: str, started: float) -> int:
    # Keys of this network are worth nothing, and their passphrase lives as long as the run.
    os.environ["CONSILIUM_PASSPHRASE"] = secrets.token_urlsafe(24)
    demo.folder.mkdir(parents=True)
    for role in ("council", "sponsor"):
        demo.home(role).mkdir(mode=0o700)
        create_keyfile(
            demo.home(role) / "owner.json", os.environ["CONSILIUM_PASSPHRASE"], work_factor=LIGHT_WORK_FACTOR
        )
    demo.cast.write(demo.folder / "data")
    (demo.folder / "plan.json").write_bytes(demo.cast.plan.canonical())
    if demo.cast.extractor:
        demo.extractor.write_bytes(demo.cast.extractor)
    _build_circuits(demo)
    with Anvil(demo.folder / "chain") as anvil, _ending(demo):
        demo.progress.say("chain", f"anvil at {anvil.url}")
        reader = _deploy(demo, anvil)
        _start_hospitals(demo, anvil, prover)
        _publish(demo, reader, anvil)
        _admit(demo, reader, anvil)
        _follow(demo, reader, anvil)
        demo.progress.say("money", "the sponsor takes back what nobody earned")
        if reader.refundable(1):
            demo.command("sponsor", "study", "refund", "1")
        demo.progress.say("report", "measuring the models on the held-out records")
        measured = Measured(demo.folder, demo.cast, reader, anvil, time.monotonic() - started, demo.liar)
        report = build_report(measured)
    _publish_report(demo, anvil, report)
    print(summary(report, demo.cast))
    found = problems(report, demo.cast)
    for problem in found:
        print(f"FAILED  {problem}", file=sys.stderr)
    print(f"{'The demo FAILED.' if found else 'The demo succeeded.'}  Report: {demo.out / 'report.json'}")
    if not found:
        print("Look at it with `make app`.")
    return 1 if found else 0


def _build_circuits(demo: Demo) -> None:
    """Circuits that set-up leaves out, each once for each checkout."""
    for name in demo.cast.circuits:
        if not current(circuits()[name]).complete():
            demo.progress.say("circuits", f"building {name} and its development key, once: this takes some minutes")
        build(circuits()[name])


def _deploy(demo: Demo, anvil: Anvil) -> ChainReader:
    record = demo.folder / "deployment.json"
    for role in ("council", "sponsor"):
        anvil.give_ether(keyfile_address(demo.home(role) / "owner.json"))
    demo.progress.say("contracts", "deploying the suite with ape")
    deploy(
        anvil, demo.home("council") / "owner.json", os.environ["CONSILIUM_PASSPHRASE"], record, also=demo.cast.circuits
    )
    os.environ.update(CONSILIUM_RPC=anvil.url, CONSILIUM_DEPLOYMENT=str(record))
    reader = ChainReader([anvil.url], load_deployment(record))
    demo.progress.watch(reader)
    anvil.mine_every(1)
    demo.progress.say("contracts", "deployed; from now on a block each second")
    return reader


def _publish(demo: Demo, reader: ChainReader, anvil: Anvil) -> None:
    sponsor = keyfile_address(demo.home("sponsor") / "owner.json")
    demo.command("council", "wallet", "send", sponsor, str(SPONSOR_TOKENS))
    demo.command("sponsor", "study", "publish", str(demo.folder / "plan.json"), *demo.named_extractor, "--fund")
    if reader.study_count() != 1:
        raise DemoFailed("The study was not published.")


def _start_hospitals(demo: Demo, anvil: Anvil, prover: str) -> None:
    for number in range(1, demo.cast.hospitals + 1):
        home = demo.home(f"hospital-{number}")
        home.mkdir(mode=0o700)
        command = [sys.executable, str(ROOT / "scripts" / "demo_hospital.py")]
        command += ["--home", str(home), "--name", NAMES[number - 1]]
        command += ["--data", str(demo.folder / "data" / f"hospital-{number}{demo.cast.data_suffix}")]
        command += ["--plan", str(demo.folder / "plan.json"), "--bond", str(BOND_TOKENS), "--study", "1"]
        command += ["--rpc", anvil.url, "--deployment", str(demo.folder / "deployment.json")]
        command += ["--storage", demo.storage, "--prover", prover, *demo.named_extractor]
        command += ["--liar", demo.liar] if demo.liar else []
        # Two cores serve all hospitals: one thread each keeps them from waiting for one another.
        environment = {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        demo.children.append(spawn(command, home / "commands.log", environment))
    demo.progress.say("hospitals", f"{demo.cast.hospitals} processes started, each with keys of its own")


def _admit(demo: Demo, reader: ChainReader, anvil: Anvil) -> None:
    """Give each hospital what a local network gives for nothing, and let the council admit it."""
    funded: set[str] = set()
    admitted = 0
    while admitted < demo.cast.hospitals:
        _check_children(demo)
        for number in range(1, demo.cast.hospitals + 1):
            for role in ("owner", "operator"):
                keyfile = demo.home(f"hospital-{number}") / f"{role}.json"
                if keyfile.exists() and (address := keyfile_address(keyfile)) not in funded:
                    anvil.give_ether(address)
                    if role == "owner":
                        demo.command("council", "wallet", "send", address, str(BOND_TOKENS))
                    funded.add(address)
        for hospital in reader.hospitals():
            if hospital.standing is Standing.APPLIED:
                demo.command("council", "council", "admit", str(hospital.id))
                admitted += 1
        demo.progress.look()
        time.sleep(0.3)


def _follow(demo: Demo, reader: ChainReader, anvil: Anvil) -> None:
    """Show what happens on the chain until every hospital has ended by itself."""
    deadline, recovered = time.monotonic() + _PATIENCE_SECONDS, False
    while any(child.poll() is None for child in demo.children):
        _check_children(demo)
        if not recovered and reader.study_state(1).ended:
            # Nodes serve the last model for as long, in case that another one lacks it.
            recovered = True
            anvil.pass_time(demo.cast.plan.phases.recovery)
            demo.progress.say("study", "ended; the chain's clock is put forward by the time for recovery")
        _pass_time(demo, reader, anvil)
        if demo.progress.look():
            deadline = time.monotonic() + _PATIENCE_SECONDS
        if time.monotonic() > deadline:
            raise DemoFailed(f"Nothing happened for {_PATIENCE_SECONDS:.0f} s: see the logs in {demo.folder}.")
        time.sleep(0.5)
    _check_children(demo)
    demo.progress.look()


def _pass_time(demo: Demo, reader: ChainReader, anvil: Anvil) -> None:
    """Put the chain's clock forward where all that still run wait for a time: nobody waits here for a week."""
    notes = [
        demo.home(f"hospital-{number}") / WAITS_UNTIL
        for number, child in enumerate(demo.children, start=1)
        if child.poll() is None
    ]
    try:
        seconds = [int(note.read_text()) for note in notes]
    except (OSError, ValueError):
        # One is busy, or is just writing its note.
        return
    ahead = max(seconds, default=0) - reader.head().timestamp
    if ahead > 0:
        anvil.pass_time(ahead)
        demo.progress.say("money", f"evidence and bonds have their time: the clock is put forward by {ahead} s")
        while reader.head().timestamp < max(seconds):
            time.sleep(0.2)


def _check_children(demo: Demo) -> None:
    for number, child in enumerate(demo.children, start=1):
        if child.poll() not in (None, 0):
            log = demo.home(f"hospital-{number}") / "commands.log"
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-12:])
            raise DemoFailed(f"hospital {number} {how_it_ended(child.returncode)}. The end of {log}:\n{tail}")


@contextlib.contextmanager
def _ending(demo: Demo) -> Iterator[None]:
    """End every child, whatever happens."""
    try:
        yield
    finally:
        for child in demo.children:
            if child.poll() is None:
                child.terminate()
        for child in demo.children:
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _publish_report(demo: Demo, anvil: Anvil, report: dict[str, object]) -> None:
    """The run's own report, and the latest of all runs where programs and the page look for it."""
    latest = {
        "folder": str(demo.folder),
        "state": str(anvil.state_file),
        "deployment": str(demo.folder / "deployment.json"),
        "stores": [str(demo.home(f"hospital-{number}") / "store") for number in range(1, demo.cast.hospitals + 1)],
        "chain_id": report["chain_id"],
        "study_id": 1,
    }
    for path, value in (
        (demo.folder / "report.json", report),
        (demo.out / "report.json", report),
        (demo.out / "latest.json", latest),
    ):
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(value, indent=2) + "\n")
        os.replace(temporary, path)


if __name__ == "__main__":
    sys.exit(main())
