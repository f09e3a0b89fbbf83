# SPDX-License-Identifier: Apache-2.0
"""Opens the audit page on the latest demo, or on any network that it is pointed to.

The demo's chain is started again from the state that the demo left, read-only in effect: it mines nothing.
Both processes end with this one.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from scripts.children import ROOT, end_with_parent, find_foundry, free_port, give_home, public_environment

LATEST = ROOT / "out" / "demo" / "latest.json"
_PATIENCE = 60.0
_NO_DEMO = (
    "There is no finished demo to show. Run `make demo` first; it takes a few minutes.\n"
    "To show another network: `consilium app --rpc URL --deployment FILE --store FOLDER`."
)


class AppError(Exception):
    """The page cannot be opened; the message says what to do."""


@dataclass(frozen=True)
class Shown:
    """What the page is to show."""

    rpc_urls: tuple[str, ...]
    deployment: Path
    stores: tuple[Path, ...]
    gateways: tuple[str, ...]
    study_id: int | None


@dataclass(frozen=True)
class Demo:
    """What a demo left behind; `state` is the chain's saved state."""

    state: Path
    deployment: Path
    stores: tuple[Path, ...]
    chain_id: int
    study_id: int


def read_demo(path: Path) -> Demo:
    """The latest demo's record; raises AppError where there is none, or parts of it are gone."""
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        demo = Demo(
            state=Path(record["state"]),
            deployment=Path(record["deployment"]),
            stores=tuple(Path(store) for store in record["stores"]),
            chain_id=int(record["chain_id"]),
            study_id=int(record["study_id"]),
        )
    except FileNotFoundError:
        raise AppError(_NO_DEMO) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise AppError(f"The demo's record {path} cannot be read ({error}). Run `make demo` again.") from None
    for part in (demo.state, demo.deployment):
        if not part.exists():
            raise AppError(f"The latest demo is not complete: {part} is missing. Run `make demo` again.")
    return demo


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
    """Waits until a child answers; raises AppError with the end of its log where it does not."""
    deadline = time.monotonic() + _PATIENCE
    while not answers():
        if child.poll() is not None or time.monotonic() > deadline:
            end = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
            raise AppError(f"{what} did not start:\n" + "\n".join(f"  {line}" for line in end))
        time.sleep(0.1)


def _answers(url: str, body: bytes | None = None) -> bool:
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    # Only this machine is asked: a proxy of the environment has no part in it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=2) as response:
            return int(response.status) == 200
    except (urllib.error.URLError, OSError):
        return False


def restart_chain(demo: Demo, logs: Path, stack: ExitStack) -> str:
    """Starts the demo's chain where it stopped; its URL."""
    port, log = free_port(), logs / "chain.log"
    try:
        program = find_foundry("anvil")
    except FileNotFoundError as error:
        raise AppError(str(error)) from None
    command = [
        str(program), "--load-state", str(demo.state), "--chain-id", str(demo.chain_id), "--host", "127.0.0.1",
        "--port", str(port), "--no-mining",
    ]  # fmt: skip
    child = start(command, log, stack, public_environment())
    url = f"http://127.0.0.1:{port}"
    ask = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    wait_for("The demo's chain", lambda: _answers(url, ask), child, log)
    return url


def open_page(shown: Shown, port: int | None, logs: Path, stack: ExitStack) -> tuple[str, subprocess.Popen[bytes]]:
    """Starts the page's server; its URL and process."""
    try:
        port = free_port(port or 0)
    except (OSError, OverflowError):
        raise AppError(f"Port {port} cannot be used: choose another with --port.") from None
    log = logs / "page.log"
    environment = public_environment() | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
        "CONSILIUM_RPC": " ".join(shown.rpc_urls),
        "CONSILIUM_DEPLOYMENT": str(shown.deployment.resolve()),
        "CONSILIUM_STORES": os.pathsep.join(str(store.resolve()) for store in shown.stores),
        "CONSILIUM_GATEWAYS": " ".join(shown.gateways),
        "CONSILIUM_STUDY": str(shown.study_id or ""),
    }
    command = [
        sys.executable, "-m", "streamlit", "run", "app/main.py", "--server.address", "127.0.0.1", "--server.port",
        str(port), "--server.headless", "true", "--server.fileWatcherType", "none",
        "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    child = start(command, log, stack, environment)
    url = f"http://127.0.0.1:{port}"
    wait_for("The page", lambda: _answers(f"{url}/_stcore/health"), child, log)
    return url, child


def parse(arguments: list[str]) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="consilium app", description="The audit page, in a browser.")
    parser.add_argument("--demo", type=Path, metavar="FILE", default=LATEST, help="record of a demo (the latest)")
    parser.add_argument("--rpc", action="append", default=[], metavar="URL", help="endpoint of a network to show")
    parser.add_argument("--deployment", type=Path, metavar="FILE", help="its deployment record")
    parser.add_argument("--store", action="append", default=[], type=Path, metavar="FOLDER", help="a block folder")
    parser.add_argument("--gateway", action="append", default=[], metavar="URL", help="where files can be fetched")
    parser.add_argument("--study", type=int, metavar="N", help="the study to open first")
    parser.add_argument("--port", type=int, metavar="PORT", help="port of the page (a free one otherwise)")
    chosen = parser.parse_args(arguments)
    if bool(chosen.rpc) != bool(chosen.deployment):
        parser.error("--rpc and --deployment belong together")
    return chosen


def _end(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(arguments: list[str]) -> int:
    """Shows the page until it is ended; the exit code."""
    chosen = parse(arguments)
    give_home()
    # Both: a process started in the background by a script inherits SIGINT ignored.
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    with ExitStack() as stack:
        logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="consilium-app-")))
        try:
            if chosen.rpc:
                if not chosen.deployment.exists():
                    raise AppError(f"There is no deployment record at {chosen.deployment}.")
                shown = Shown(
                    tuple(chosen.rpc),
                    chosen.deployment,
                    tuple(chosen.store),
                    tuple(chosen.gateway),
                    chosen.study,
                )
            else:
                demo = read_demo(chosen.demo)
                print("Starting the demo's chain where it stopped …", flush=True)
                url = restart_chain(demo, logs, stack)
                study = chosen.study or demo.study_id
                stores = (*demo.stores, *chosen.store)
                shown = Shown((url,), demo.deployment, stores, tuple(chosen.gateway), study)
            address, page = open_page(shown, chosen.port, logs, stack)
            print(f"\n  The study is shown at  {address}\n\nPress Ctrl-C to end.", flush=True)
            page.wait()
            print("The page's server has ended.", file=sys.stderr)
            return 1
        except AppError as error:
            print(error, file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nEnded.", flush=True)
            return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
