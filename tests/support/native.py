# SPDX-License-Identifier: Apache-2.0
"""The native set-up, prover and verifier, built on first use."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build_native() -> Path:
    """Build `groth16` with its Makefile and return its path; does nothing where it is current.

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
