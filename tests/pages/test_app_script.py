# SPDX-License-Identifier: Apache-2.0
"""The command that opens the page: which network it shows, what it refuses, and that it leaves nothing running."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from node.cli import main
from node.config import NodeConfig
from node.config_file import save_config
from node.errors import ConfigError
from scripts.app import ENDINGS, read_demo
from scripts.app import app as app_command
from scripts.children import ROOT, free_port
from tests.pages.test_browser import PATIENCE, go_to
from tests.support.local_suite import Played
from tests.support.network import Ended, Run
from tests.support.running_app import RunningApp, running_app, surroundings, wait_until_ended


class Became(BaseException):
    """The command line turned into another program."""


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Runs a command that gives up, from a folder of its own where nothing else names a network."""
    environment = surroundings(tmp_path)
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    became: list[list[str]] = []

    def become(program: str, arguments: list[str]) -> None:
        became.append(arguments)
        raise Became

    monkeypatch.setattr("os.execv", become)
    before = [(number, signal.getsignal(number)) for number in ENDINGS]

    def run(*arguments: object) -> Ended:
        try:
            code = main([str(argument) for argument in arguments])
        except Became:
            _, script, *handed_over = became.pop()
            assert script == str(ROOT / "scripts" / "app.py")
            code = main(handed_over, app_command, "consilium app")
        said = capsys.readouterr()
        return Ended(code, said.out, said.err)

    yield run
    for number, handler in before:
        signal.signal(number, handler)


def network(played: Played) -> list[str]:
    """Options that point to a network."""
    return ["--rpc", played.anvil.url, "--deployment", str(played.deployment), "--store", str(played.store)]


def nobody() -> str:
    """An endpoint where no chain is."""
    return f"http://127.0.0.1:{free_port()}"


def node_of(home: Path, rpc: str, deployment: Path) -> None:
    """A node's folder that names a network."""
    home.mkdir()
    config = NodeConfig(
        home=home,
        rpc_urls=(rpc,),
        deployment=deployment,
        operator_keyfile=home / "operator.json",
        owner_keyfile=None,
        data=home / "records.csv",
        artefacts=ROOT / ".cache" / "circuits",
    )
    save_config(config)


def test_app__without_a_demo__says_what_to_run(ran: Run) -> None:
    ended = ran("app", "--demo", "latest.json")
    assert ended.code == 2 and "make demo" in ended.err


@pytest.mark.parametrize("text", ["", "[]", '{"state": 5}'])
def test_read_demo__of_a_damaged_record__says_to_run_it_again(tmp_path: Path, text: str) -> None:
    path = tmp_path / "latest.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="make demo"):
        read_demo(path)


def test_read_demo__whose_chain_is_gone__names_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "latest.json"
    record = {"state": str(tmp_path / "chain.json"), "deployment": "x", "stores": [], "chain_id": 1, "study_id": 1}
    path.write_text(json.dumps(record))
    with pytest.raises(ConfigError, match=r"chain\.json"):
        read_demo(path)


def test_app__with_half_a_network__is_refused(ran: Run) -> None:
    ended = ran("app", "--rpc", nobody())
    assert ended.code == 2 and "--deployment" in ended.err


@pytest.mark.parametrize("where", ["before", "behind", "both", "variables", "node", "folder"])
def test_app__network_that_is_named_and_away__fails_and_shows_no_demo(
    played_study: Played, ran: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    away, record = nobody(), tmp_path / "record.json"
    record.write_bytes(played_study.deployment.read_bytes())
    here = ("--rpc", away, "--deployment", "record.json")
    match where:
        case "before":
            ended = ran(*here, "app")
        case "behind":
            ended = ran("app", *here, "--port", "1")
        case "both":
            ended = ran("--rpc", played_study.anvil.url, "app", *here)
        case "variables":
            monkeypatch.setenv("CONSILIUM_RPC", away)
            monkeypatch.setenv("CONSILIUM_DEPLOYMENT", "record.json")
            ended = ran("app")
        case "node":
            node_of(tmp_path / "node", away, record)
            ended = ran("--home", "node", "app")
        case "folder":
            record.rename(tmp_path / "deployment.json")
            ended = ran("app", "--rpc", away)
    assert ended.code == 4 and away in ended.err and "demo" not in ended.out + ended.err


def test_app__record_of_another_chain__is_refused(played_study: Played, ran: Run, tmp_path: Path) -> None:
    record = json.loads(played_study.deployment.read_text()) | {"chain_id": 11155111}
    (tmp_path / "deployment.json").write_text(json.dumps(record))
    ended = ran("--rpc", played_study.anvil.url, "app")
    assert ended.code == 4 and "11155111" in ended.err


def test_app__folder_that_is_no_nodes__names_no_network_and_is_refused(ran: Run) -> None:
    ended = ran("--home", "nowhere", "app")
    assert ended.code == 2 and "names no network" in ended.err


def test_app__nothing_is_named__shows_the_latest_demo_or_says_what_makes_one(
    ran: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scripts.app.LATEST", tmp_path / "latest.json")
    ended = ran("app")
    assert ended.code == 2 and "make demo" in ended.err


def test_app__demo_and_a_network__are_not_both_shown(ran: Run) -> None:
    ended = ran("--rpc", nobody(), "app", "--demo")
    assert ended.code == 2 and "leave one out" in ended.err


def test_demo__network_that_is_named__is_refused(ran: Run) -> None:
    ended = ran("--rpc", nobody(), "demo")
    assert ended.code == 2 and "leave out --rpc" in ended.err


@pytest.mark.parametrize("path", ["a b", "a//b", "../x", "a?b"])
def test_app__base_path_that_is_none__is_refused(ran: Run, path: str) -> None:
    ended = ran("app", "--base-path", path)
    assert ended.code == 2 and "audit/consilium" in ended.err


def test_app__on_a_port_that_is_taken__says_so(played_study: Played, ran: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = ran("app", *network(played_study), "--port", taken.getsockname()[1])
    assert ended.code == 2 and "--port" in ended.err


@pytest.fixture(scope="module")
def app(played_study: Played, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The page below a path, of a network whose endpoint an option names, its record a variable, from a folder."""
    home = tmp_path_factory.mktemp("user")
    node_of(home / ".consilium", nobody(), home / "none.json")
    there = played_study.deployment
    environment = surroundings(
        home, CONSILIUM_RPC=nobody(), CONSILIUM_DEPLOYMENT=there.name, CONSILIUM_STORES=f"./{played_study.store.name}"
    )
    arguments = ("--rpc", played_study.anvil.url, "app", "--base-path", "/audit/consilium/")
    with running_app(*arguments, cwd=there.parent, environment=environment) as running:
        yield running


def test_app__below_a_path__shows_the_named_network_on_every_page(
    browser: BrowserContext, app: RunningApp, played_study: Played
) -> None:
    assert app.url.endswith("/audit/consilium") and str(played_study.deployment) in app.said
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.url)
    sidebar = page.get_by_test_id("stSidebar")
    expect(sidebar.get_by_text("The network that was named")).to_be_visible(timeout=PATIENCE)
    expect(sidebar.get_by_text(str(played_study.deployment))).to_be_visible()
    expect(page.get_by_test_id("stMain").get_by_text("63 of 63 checks ok")).to_be_visible(timeout=PATIENCE)
    go_to(page, "Audit")
    expect(page.get_by_role("heading", name="Audit")).to_be_visible(timeout=PATIENCE)
    assert page.url == f"{app.url}/audit"
    # Opened by its address, as from a bookmark.
    page.goto(f"{app.url}/money")
    expect(page.get_by_role("heading", name="Money", level=1)).to_be_visible(timeout=PATIENCE)
    logo = page.get_by_test_id("stSidebarLogo")
    assert logo.evaluate("picture => picture.naturalWidth") > 0
    page.close()
    assert all(url.startswith((app.url, "data:")) for url in asked), asked


def test_app__another_sites_page__gets_no_connection(app: RunningApp) -> None:
    stream = f"{app.url.replace('http', 'ws', 1)}/_stcore/stream"
    with connect(stream, origin=Origin(app.url.removesuffix("/audit/consilium"))) as opened:
        opened.ping()
    with pytest.raises(InvalidStatus, match="403"), connect(stream, origin=Origin("http://elsewhere.example")):
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_app__ended_by_a_signal__leaves_nothing_running(played_study: Played, number: int) -> None:
    with running_app("app", *network(played_study)) as app:
        children = app.children()
        assert len(children) == 1
        assert app.end(number) == 0
        assert wait_until_ended(children)


def test_app__killed__leaves_nothing_running(played_study: Played) -> None:
    with running_app("app", *network(played_study)) as app:
        children = app.children()
        app.process.kill()
        app.process.wait(timeout=10)
        assert wait_until_ended(children)
