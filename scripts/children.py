# SPDX-License-Identifier: Apache-2.0
"""What every program needs that starts others: a free port, Foundry's programs, a start, an end with the parent."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from node.config import PASSPHRASE_VARIABLE
from node.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
_PR_SET_PDEATHSIG = 1
_PATIENCE = 60.0


def find_foundry(program: str) -> Path:
    """A program of Foundry, "anvil" (the local chain) or "forge"; FileNotFoundError, saying what to do, without it."""
    found = sorted((ROOT / "node_modules" / "@foundry-rs").glob(f"{program}-*/bin/{program}*"))
    if not found:
        raise FileNotFoundError(f"Foundry's {program} is not installed: run `make setup`.")
    return found[0]


def free_port(wanted: int = 0) -> int:
    """A port that nothing listens on right now, or the wanted one; OSError or OverflowError where it is taken."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return int(probe.getsockname()[1])


def end_with_parent() -> None:
    """In a child, before it runs: have the kernel end it when its parent dies, however that happens (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def public_environment() -> dict[str, str]:
    """This process's environment less the passphrase: what a child gets that opens no keyfile."""
    return {name: value for name, value in os.environ.items() if name != PASSPHRASE_VARIABLE}


def give_home() -> None:
    """A home folder, for as long as this process lives, where the user has none: ape and Streamlit need one to start.

    In a container the user may be a number that no list of users has.
    """
    try:
        Path.home()
    except RuntimeError:
        # Private: what is in a home folder is believed.
        made = tempfile.mkdtemp(prefix="consilium-home-")
        atexit.register(shutil.rmtree, made, ignore_errors=True)
        os.environ["HOME"] = made


def reach_this_machine_directly() -> None:
    """Keep a proxy that the environment names from what listens here, also for programs started from now on."""
    for name in ("no_proxy", "NO_PROXY"):
        # The one in small letters counts where both are there.
        listed = os.environ.get(name) or os.environ.get(name.swapcase(), "")
        os.environ[name] = ",".join(filter(None, (listed, "127.0.0.1", "localhost")))


def start(command: list[str], log: Path, stack: ExitStack, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Starts a child that ends when `stack` is left; its output goes to a log."""
    stream = stack.enter_context(log.open("wb"))
    # A session of its own: Ctrl-C reaches this process alone, which then ends its children in order.
    child = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=stream,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
        preexec_fn=end_with_parent,
    )
    stack.callback(stop, child)
    return child


def stop(child: subprocess.Popen[bytes]) -> None:
    """Ends a child, by force if it does not listen."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def wait_for(what: str, answers: Callable[[], bool], child: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until a child answers; raises ConfigError with the end of its log where it does not."""
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if child.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise ConfigError(f"{what} did not start: " + " | ".join(end))
        time.sleep(0.1)
