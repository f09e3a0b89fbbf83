# SPDX-License-Identifier: Apache-2.0
"""The native programs, built on first use: set-up, prover and verifier, and the group's arithmetic."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_native() -> Path:
    """Build both programs with their Makefile and return the path of `groth16`; does nothing where they are current.

    Raises `RuntimeError` with the compiler's output where it does not build.
    """
    folder = ROOT / ".cache" / "native"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:  # test runs side by side share the folder
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-j2", "-C", str(ROOT / "circuits" / "native"), f"OUT={folder}"]
        built = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if built.returncode != 0:
        raise RuntimeError(f"circuits/native does not build:\n{built.stderr}")
    return folder / "groth16"


def build_group() -> Path:
    """Build as `build_native` does, and return the path of `group`."""
    return build_native().with_name("group")
