# SPDX-License-Identifier: Apache-2.0
"""Puts the pinned Solidity compiler and the local chain where ape looks for them.

`python scripts/solc.py` (once, at set-up) tries the native compiler and falls back to the npm build behind
`scripts/solc.js`. Scripts and tests that compile call `prepare()`, so that `ape test` works as typed.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

VERSION = "0.8.30"
ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".cache" / "solcx"
WRAPPER = ROOT / "scripts" / "solc.js"
ANVIL_FOLDER = ROOT / "scripts" / "bin"
_NATIVE_TIMEOUT_SECONDS = 5.0


def executable() -> Path:
    """Where py-solc-x looks for the compiler when SOLCX_BINARY_PATH is `FOLDER`."""
    return FOLDER / f"solc-v{VERSION}"


def install_native() -> bool:
    """Download the native compiler; False where its site cannot be reached within a few seconds."""
    import solcx

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_NATIVE_TIMEOUT_SECONDS)
    try:
        solcx.install_solc(VERSION, solcx_binary_path=FOLDER)
    except Exception:  # py-solc-x lets every kind of network error through
        return False
    finally:
        socket.setdefaulttimeout(before)
    return executable().exists()


def link_wrapper() -> None:
    """Make the npm build answer as the compiler; SystemExit where npm has not installed it."""
    if not (ROOT / "node_modules" / "solc").is_dir():
        raise SystemExit("node_modules/solc is missing: run `npm ci` (or `make setup`) first")
    FOLDER.mkdir(parents=True, exist_ok=True)
    target = Path(os.path.relpath(WRAPPER, FOLDER))
    temporary = FOLDER / f".solc-{os.getpid()}"
    temporary.symlink_to(target)
    temporary.replace(executable())


def prepare() -> Path:
    """Point this process (and its children) to compiler and anvil; link the wrapper if none is there."""
    if not executable().exists():
        link_wrapper()
    os.environ["SOLCX_BINARY_PATH"] = str(FOLDER)
    path = os.environ.get("PATH", "")
    if str(ANVIL_FOLDER) not in path.split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([str(ANVIL_FOLDER), path])
    return executable()


def main() -> int:
    """Install the compiler unless it is there, and say which one it is."""
    if not executable().exists() and not install_native():
        link_wrapper()
    kind = "npm build" if executable().is_symlink() else "native"
    print(f"solc {VERSION} ({kind}): {executable().relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
