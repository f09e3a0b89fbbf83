# SPDX-License-Identifier: Apache-2.0
"""A real IPFS daemon for tests: js-ipfs from npm, on loopback addresses, without peers of its own.

`python tests/support/ipfs.py` installs it beforehand (about 3 minutes and 220 MB, once, below .cache/).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "js-ipfs"
REQUIRE = "CONSILIUM_REQUIRE_IPFS"
INSTALL_SECONDS = 900
START_SECONDS = 60
# js-ipfs is no longer developed: these keep its dependencies at versions that still work with each other.
PACKAGE = {
    "name": "consilium-js-ipfs",
    "private": True,
    "dependencies": {"ipfs": "0.66.1"},
    "overrides": {
        "@multiformats/multiaddr": "11.6.1",
        "@multiformats/mafmt": "11.0.3",
        "@libp2p/tcp": "6.0.9",
        "@libp2p/websockets": "5.0.3",
        "mortice": "3.0.1",
    },
}


class IpfsUnavailable(Exception):
    """js-ipfs cannot be installed or started; the message says why."""


@dataclass(frozen=True)
class Daemon:
    """A running daemon: multiaddresses of its RPC and of its place in the swarm."""

    api: str
    swarm: str


def command_line(folder: Path = FOLDER) -> Path:
    """The program of an installed js-ipfs."""
    return folder / "node_modules" / "ipfs" / "src" / "cli.js"


def is_installed(folder: Path = FOLDER) -> bool:
    """Whether `install_js_ipfs` has completed with the packages above."""
    stamp = folder / "installed.json"
    return stamp.is_file() and json.loads(stamp.read_text()) == PACKAGE and command_line(folder).is_file()


def install_js_ipfs(folder: Path = FOLDER) -> Path:
    """Installs js-ipfs unless it is there, and returns its program. Raises IpfsUnavailable."""
    if is_installed(folder):
        return command_line(folder)
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise IpfsUnavailable("Node.js and npm are needed to install js-ipfs.")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps(PACKAGE, indent=2) + "\n")
    command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise IpfsUnavailable(f"npm did not install js-ipfs within {INSTALL_SECONDS} s.") from None
    if done.returncode != 0 or not command_line(folder).is_file():
        raise IpfsUnavailable(f"npm could not install js-ipfs:\n{done.stderr[-2000:]}")
    (folder / "installed.json").write_text(json.dumps(PACKAGE))
    return command_line(folder)


@contextlib.contextmanager
def ipfs_daemon(folder: Path, *, bootstrap: Sequence[str] = ()) -> Iterator[Daemon]:
    """Runs a daemon with a fresh repository in `folder`, connected to the `bootstrap` swarm addresses alone."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config.json"
    loopback = "/ip4/127.0.0.1/tcp/0"
    config.write_text(
        json.dumps(
            {
                "Addresses": {
                    "Swarm": [loopback],
                    "API": loopback,
                    "Gateway": loopback,
                    "RPC": loopback,
                    "Announce": [],
                    "NoAnnounce": [],
                    "Delegates": [],
                },
                "Bootstrap": list(bootstrap),
                "Discovery": {"MDNS": {"Enabled": False}, "webRTCStar": {"Enabled": False}},
            }
        )
    )
    environment = os.environ | {"IPFS_PATH": str(folder / "repository")}
    program = ["node", str(command_line())]
    made = subprocess.run(
        [*program, "init", "--emptyRepo", str(config)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    if made.returncode != 0:
        raise IpfsUnavailable(f"js-ipfs made no repository:\n{made.stdout[-1000:]}{made.stderr[-1000:]}")
    log = folder / "daemon.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*program, "daemon", "--enable-preload=false"],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _ready(process, log)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _ready(process: subprocess.Popen[bytes], log: Path) -> Daemon:
    """Waits until the daemon says where it listens."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        text = log.read_text(errors="replace")
        if "Daemon is ready" in text:
            api = re.search(r"HTTP API listening on (\S+)", text)
            swarm = re.search(r"Swarm listening on (/ip4/127\.0\.0\.1/tcp/\d+/p2p/\S+)", text)
            if api is None or swarm is None:
                break
            return Daemon(api[1], swarm[1])
        time.sleep(0.1)
    raise IpfsUnavailable(f"js-ipfs did not start:\n{log.read_text(errors='replace')[-2000:]}")


if __name__ == "__main__":
    try:
        print(install_js_ipfs())
    except IpfsUnavailable as error:
        sys.exit(str(error))
