# SPDX-License-Identifier: Apache-2.0
"""One hospital of the demo, as a process of its own: a person's commands, then the node.

Everything is done through the command `consilium`, called in this process so that Python starts once. What
it waits for (ether, admission, an open study, the end of unbonding) it reads from the chain.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.wallet import keyfile_address
from node.cli import main as consilium
from node.types import Standing, StudyState
from node.words import format_amount
from scripts.demo_liars import LIES, install

_PATIENCE_SECONDS = 1800.0
#: A file in the hospital's folder: the second that its process waits for.
WAITS_UNTIL = "waits-until"
#: How `node run` ends where a study goes on without the hospital, as without one that lied.
LEFT_BEHIND = 10


def command(*arguments: str, accepted: int = 0) -> None:
    """One command of `consilium`; its failure ends the process with its exit code, unless it is the one `accepted`."""
    print("$ consilium " + " ".join(arguments), flush=True)
    code = consilium(arguments)
    if code not in (0, accepted):
        sys.exit(code)


def wait(what: str, condition: Callable[[], bool]) -> None:
    """Look at the chain until it says so."""
    print(f"waiting for {what}", flush=True)
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            print(f"gave up waiting for {what}", file=sys.stderr)
            sys.exit(1)
        time.sleep(0.3)


def wait_until(second: int, what: str, reader: ChainReader, home: Path) -> None:
    """Wait for a time of the chain; the note tells the demo, which puts the chain's clock forward once all wait."""
    note = home / WAITS_UNTIL
    note.write_text(str(second))
    wait(what, lambda: reader.head().timestamp >= second)
    note.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--plan", type=Path, required=True)
    parser.add_argument("--extractor", type=Path, help="of a head on images")
    parser.add_argument("--bond", required=True, help="whole tokens")
    parser.add_argument("--study", type=int, required=True)
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--deployment", type=Path, required=True)
    parser.add_argument("--storage", choices=["local", "ipfs"], required=True)
    parser.add_argument("--prover", choices=["native", "snarkjs"], required=True)
    parser.add_argument("--liar", choices=sorted(LIES), help="a lie, told where this hospital has the place for it")
    options = parser.parse_args()
    if options.liar:
        install(options.liar, options.home)
    os.environ.update(
        CONSILIUM_HOME=str(options.home),
        CONSILIUM_RPC=options.rpc,
        CONSILIUM_DEPLOYMENT=str(options.deployment),
    )
    reader = ChainReader([options.rpc], load_deployment(options.deployment))
    study, bond = str(options.study), options.bond

    # The keys are a local network's: a light key derivation, so that a demo need not wait for it.
    command(
        "node", "init", "--data", str(options.data), "--storage", options.storage,
        "--prover", options.prover, "--light-kdf",
    )  # fmt: skip
    owner, operator = (keyfile_address(options.home / f"{role}.json") for role in ("owner", "operator"))
    wait("ether and tokens", lambda: reader.balance(operator) > 0 and reader.token_balance(owner) > 0)
    command("hospital", "register", "--name", options.name)
    number = reader.hospital_id_of(owner)
    wait("admission", lambda: reader.hospital(number).standing is Standing.ADMITTED)
    command("stake", "deposit", bond)
    wait("the study to open", lambda: reader.study_state(options.study) is StudyState.ENROLLING)
    extractor = ("--extractor", str(options.extractor)) if options.extractor else ()
    command("enrol", study, "--plan", str(options.plan), *extractor)
    command("node", "run", "--until-ended", accepted=LEFT_BEHIND if options.liar else 0)
    command("claim", study)
    if reader.service_owed(operator):
        # What moving the study on earned is the node's key's.
        command("--keyfile", str(options.home / "operator.json"), "claim", study)
    mine = [pot for pot in reader.pots(options.study) if reader.part_of_pot(pot.id, number)]
    if mine:
        last = max(pot.claimable_at for pot in mine)
        wait_until(last, "the end of the time for evidence", reader, options.home)
        command("slashed", "claim", study)
    decimals = reader.token_decimals()
    command("stake", "withdraw", format_amount(reader.available_bond(number), decimals).replace(",", ""))
    wait_until(reader.pending_withdrawal(number).available_at, "the end of unbonding", reader, options.home)
    command("stake", "withdraw")


if __name__ == "__main__":
    main()
