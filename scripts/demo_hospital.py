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

_PATIENCE_SECONDS = 900.0


def command(*arguments: str) -> None:
    """One command of `consilium`; its failure ends the process with its exit code."""
    print("$ consilium " + " ".join(arguments), flush=True)
    code = consilium(arguments)
    if code:
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
    options = parser.parse_args()
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
    command("node", "run", "--until-ended")
    command("claim", study)
    if reader.service_owed(operator):
        # What the node earned by moving the study on.
        command("claim", study, "--keyfile", str(options.home / "operator.json"))
    command("stake", "withdraw", bond)
    due = reader.pending_withdrawal(number).available_at
    wait("the end of unbonding", lambda: reader.head().timestamp >= due)
    command("stake", "withdraw")


if __name__ == "__main__":
    main()
