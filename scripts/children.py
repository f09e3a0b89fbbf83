# SPDX-License-Identifier: Apache-2.0
"""What every program here needs that starts others: a free port, Foundry's programs, an end with the parent."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import signal
import socket
import sys
import tempfile
from pathlib import Path

from node.config import PASSPHRASE_VARIABLE

ROOT = Path(__file__).resolve().parent.parent
_PR_SET_PDEATHSIG = 1


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
