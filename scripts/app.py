# SPDX-License-Identifier: Apache-2.0
"""`consilium app`: opens the audit page on the network that is named, or on the latest demo where none is.

The demo's chain is started again from the state that the demo left, read-only in effect: it mines nothing.
Both processes end with this one.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import click
from click.core import ParameterSource

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.services import settings
from node.cli import main
from node.cli.group import common_options
from node.cli.session import Options, Session
from node.errors import ConfigError, UsageError
from scripts.children import ROOT, find_foundry, free_port, give_home, public_environment, start, wait_for

LATEST = ROOT / "out" / "demo" / "latest.json"
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_BASE_PATH = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_NO_DEMO = (
    "There is no finished demo to show. Run `make demo` first; it takes a few minutes. "
    "To show another network: `consilium app --rpc URL --deployment FILE --store FOLDER`."
)


@dataclass(frozen=True)
class Demo:
    """What a demo left behind; `state` is the chain's saved state."""

    state: Path
    deployment: Path
    stores: tuple[Path, ...]
    chain_id: int
    study_id: int


def read_demo(path: Path) -> Demo:
    """The latest demo's record; raises ConfigError where there is none, or parts of it are gone."""
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
        raise ConfigError(_NO_DEMO) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"The demo's record {path} cannot be read ({error}). Run `make demo` again.") from None
    for part in (demo.state, demo.deployment):
        if not part.exists():
            raise ConfigError(f"The latest demo is not complete: {part} is missing. Run `make demo` again.")
    return demo


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
        raise ConfigError(str(error)) from None
    command = [
        str(program), "--load-state", str(demo.state), "--chain-id", str(demo.chain_id), "--host", "127.0.0.1",
        "--port", str(port), "--no-mining",
    ]  # fmt: skip
    child = start(command, log, stack, public_environment())
    url = f"http://127.0.0.1:{port}"
    ask = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    wait_for("The demo's chain", lambda: _answers(url, ask), child, log)
    return url


def open_page(
    shown: settings.Settings, port: int | None, base_path: str, logs: Path, stack: ExitStack
) -> tuple[str, subprocess.Popen[bytes]]:
    """Starts the page's server; its URL and process."""
    try:
        port = free_port(port or 0)
    except (OSError, OverflowError):
        raise UsageError(f"Port {port} cannot be used: choose another with --port.") from None
    log = logs / "page.log"
    search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    environment = public_environment() | settings.as_environment(shown) | {"PYTHONPATH": search}
    command = [
        sys.executable, "-m", "streamlit", "run", "app/server.py", "--server.address", "127.0.0.1", "--server.port",
        str(port), "--server.headless", "true", "--server.fileWatcherType", "none", "--server.baseUrlPath", base_path,
        "--browser.gatherUsageStats", "false",
    ]  # fmt: skip
    child = start(command, log, stack, environment)
    url = "/".join(filter(None, (f"http://127.0.0.1:{port}", base_path)))
    wait_for("The page", lambda: _answers(f"{url}/_stcore/health"), child, log)
    return url, child


def _as_base_path(context: click.Context, parameter: click.Parameter, value: str) -> str:
    path = value.strip("/")
    if path and not _BASE_PATH.fullmatch(path):
        raise click.BadParameter("letters, digits and . _ ~ - between slashes, such as audit/consilium")
    return path


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@common_options(hidden=False, signing=False)
@click.option(
    "--demo",
    "demo_record",
    type=click.Path(path_type=Path),
    is_flag=False,
    flag_value=LATEST,
    metavar="[FILE]",
    help="Show the latest demo, or the one of this record, though a variable or a file names a network.",
)
@click.option(
    "--store",
    "stores",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar=settings.STORES,
    show_envvar=True,
    help="A folder of blocks; without one and without --gateway, the hospitals' own addresses are asked.",
)
@click.option(
    "--gateway",
    "gateways",
    multiple=True,
    envvar=settings.GATEWAYS,
    show_envvar=True,
    metavar="URL",
    help="Where files can be fetched.",
)
@click.option(
    "--study",
    type=click.IntRange(min=1),
    envvar=settings.STUDY,
    show_envvar=True,
    help="The study to open first [the latest].",
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the page [a free one].")
@click.option(
    "--base-path",
    default="",
    callback=_as_base_path,
    metavar="PATH",
    help="Path under which a reverse proxy shows the page. It has to pass on the path, the Host header and WebSockets.",
)
@click.pass_context
def app(
    context: click.Context,
    demo_record: Path | None,
    stores: tuple[Path, ...],
    gateways: tuple[str, ...],
    study: int | None,
    port: int | None,
    base_path: str,
) -> int:
    """Serve the audit page for a browser, until Ctrl-C.

    The first of these says which network it shows, and the next may say what that leaves open: --rpc and
    --deployment, behind `app` or else in front of it; CONSILIUM_RPC and CONSILIUM_DEPLOYMENT; the node in --home
    (CONSILIUM_HOME, ~/.consilium); ./deployment.json, with the chain at http://127.0.0.1:8545.

    A network that anything names is shown, or the command fails. Only where nothing names one, it is the latest demo.

    \b
    Example: consilium app --rpc https://rpc.example --deployment deployment.json
    """
    session = context.find_object(Session)
    assert session is not None, "main() hands one over"
    give_home()
    more = (tuple(store.resolve() for store in stores), gateways, study)
    # Both: a process started in the background by a script inherits SIGINT ignored. One under nohup stays.
    for number in ENDINGS:
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _end)
    try:
        with ExitStack() as stack:
            logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="consilium-app-")))
            if _wants_demo(context, session, demo_record):
                shown = _of_demo(read_demo(demo_record or LATEST), *more, logs, stack)
            else:
                shown = _named(session, *more)
            address, page = open_page(shown, port, base_path, logs, stack)
            click.echo(f"\n  The study is shown at  {address}\n\nPress Ctrl-C to end.")
            sys.stdout.flush()
            page.wait()
            click.echo("The page's server has ended.", err=True)
            return 1
    except KeyboardInterrupt:
        click.echo("\nEnded.")
        return 0


def _wants_demo(context: click.Context, session: Session, record: Path | None) -> bool:
    """Whether a demo is meant; raises `UsageError` where that is not clear."""
    if record is not None:
        for name in ("rpc_urls", "deployment", "home"):
            if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
                raise UsageError("--demo names a network, and --rpc, --deployment or --home another: leave one out.")
        return True
    if session.names_network:
        return False
    if session.options.home != Options().home:
        raise UsageError(
            f"{session.options.home} is no node's folder, so it names no network: name one with --rpc and "
            "--deployment, or the demo with --demo."
        )
    return True


def _named(
    session: Session, stores: tuple[Path, ...], gateways: tuple[str, ...], study: int | None
) -> settings.Settings:
    """The network that is named, once its chain has answered and fits the record; raises ConsiliumError."""
    deployment = session.deployment_path.resolve()
    chain = session.reader.deployment.chain_id
    click.echo(f"Network: chain {chain}, deployment record {deployment}")
    return settings.Settings(session.rpc_urls, deployment, stores, gateways, study, demo=False)


def _of_demo(
    demo: Demo, stores: tuple[Path, ...], gateways: tuple[str, ...], study: int | None, logs: Path, stack: ExitStack
) -> settings.Settings:
    """A demo's network, its chain started again."""
    click.echo(f"Network: none that was named, but the demo of {demo.deployment.parent}, on this machine.")
    click.echo("Starting its chain where it stopped …")
    url = restart_chain(demo, logs, stack)
    return settings.Settings(
        (url,), demo.deployment, (*demo.stores, *stores), gateways, study or demo.study_id, demo=True
    )


def _end(number: int, frame: FrameType | None) -> None:
    # The children are ended in order; a second signal must not come in between.
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], app, "consilium app"))
