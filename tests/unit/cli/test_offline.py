# SPDX-License-Identifier: Apache-2.0
"""The command line without a chain: help, keys, and failures that read as one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click import Command, Group

from node import VERSION
from node.chain.deployment import CONTRACTS
from node.chain.wallet import keyfile_address
from node.cli import cli
from node.cli.local import ROOT
from node.cli.output import LogLine, Output, show_error
from node.config import NodeConfig, load_config
from node.errors import UsageError
from scripts.children import free_port, give_home
from tests.support.network import PASSPHRASE, Run


def commands(group: Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = [path]
    for name, command in group.commands.items():
        found += commands(command, (*path, name)) if isinstance(command, Group) else [(*path, name)]
    return found


@pytest.mark.parametrize("path", [path for path in commands(cli) if path not in (("demo",), ("app",))], ids=" ".join)
def test_help__every_command__says_what_it_does(offline: Run, path: tuple[str, ...]) -> None:
    ended = offline(*path, "--help")
    command: Command = cli
    for name in path:
        assert isinstance(command, Group)
        command = command.commands[name]
    assert ended.code == 0 and " ".join(("consilium", *path)) in ended.out
    # The short form, as listed one level up, is a whole sentence and not one cut off.
    short = command.get_short_help_str(limit=60)
    assert short.endswith(".") and (not path or not short.endswith("...")), short


def test_wallet_new__prints_the_address_of_a_private_keyfile(offline: Run, home: Path) -> None:
    ended = offline("wallet", "new", "operator", "--light-kdf", "--json")
    assert ended.value == {
        "address": keyfile_address(home / "operator.json"),
        "keyfile": str(home / "operator.json"),
    }
    again = offline("wallet", "new", "operator", "--light-kdf")
    assert again.code == 2 and "exists already" in again.err


def test_node_init__keyfile_of_another_wallet_without_an_address__is_taken_and_its_address_told(
    offline: Run, home: Path, tmp_path: Path
) -> None:
    offline("wallet", "new", "cold", "--light-kdf")
    record = json.loads((home / "cold.json").read_text())
    address = record.pop("address")
    foreign = tmp_path / "UTC--cold"
    foreign.write_text(json.dumps({"Crypto": record["crypto"]}))
    foreign.chmod(0o600)
    (tmp_path / "records.csv").touch()
    files = ("--data", tmp_path / "records.csv", "--deployment", tmp_path / "deployment.json")
    ended = offline("node", "init", *files, "--owner-keyfile", foreign, "--light-kdf", "--json")
    assert ended.value["owner"] == "0x" + address


def test_wallet_new__no_passphrase_and_no_terminal__says_what_to_set(
    offline: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSILIUM_PASSPHRASE")
    ended = offline("wallet", "new")
    assert ended.code == 2 and "CONSILIUM_PASSPHRASE" in ended.err


@pytest.mark.parametrize("command", [("wallet", "new", "--light-kdf"), ("node", "run")], ids=" ".join)
def test_passphrase__that_is_not_utf8__is_refused_in_one_sentence(
    offline: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    init(offline, tmp_path)
    # As the environment hands over the bytes of "Zürich" in Latin-1.
    monkeypatch.setenv("CONSILIUM_PASSPHRASE", "Z\udcfcrich")
    ended = offline(*command)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "CONSILIUM_PASSPHRASE is not UTF-8" in ended.err and "rich" not in ended.err


def in_a_terminal(command: list[str], typed: bytes, seconds: float = 30.0) -> tuple[int, bytes]:
    """Run a program in a terminal of its own and answer every prompt; its exit code, and what was shown."""
    child, terminal = pty.fork()
    if not child:
        os.execve(command[0], command, {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"})
    said, asked, end = b"", 0, time.monotonic() + seconds
    # A terminal whose program has ended is an error to read.
    with contextlib.suppress(OSError):
        while select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0]:
            said += os.read(terminal, 4096)
            # Not before the prompt is whole: what is typed before that is thrown away.
            if said.count(b": ") > asked:
                asked += 1
                os.write(terminal, typed)
    os.close(terminal)
    if time.monotonic() > end:
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


def test_passphrase__typed_in_a_terminal__is_taken_in_utf8_and_refused_in_another_encoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONSILIUM_PASSPHRASE", raising=False)
    command = [sys.executable, "-m", "node.cli", "--home", str(tmp_path), "wallet", "new", "--light-kdf"]
    code, said = in_a_terminal(command, b"Z\xfcrich\n")
    assert code == 2 and b"What was typed is not" in said and b"Traceback" not in said
    code, said = in_a_terminal(command, "Zürich\n".encode())
    assert code == 0 and (tmp_path / "owner.json").is_file(), said


def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose user is a number: no HOME, and no entry in the list of users."""

    def unknown(_: object) -> None:
        raise KeyError("no such user")

    for name in ("HOME", "CONSILIUM_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("pwd.getpwnam", unknown)


def test_home__user_without_one__every_command_works_or_says_what_to_name(
    offline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody(monkeypatch)
    assert offline("--help").code == 0 and offline("study", "--help").code == 0
    for command in (("wallet", "new"), ("node", "status"), ("node", "run"), ("council", "admit", "1")):
        ended = offline(*command)
        assert ended.code == 2 and "--home" in ended.err and ended.err.count("\n") == 1
    assert "--deployment" in offline("study", "list").err
    write_record(tmp_path)
    url = f"http://127.0.0.1:{free_port()}"
    assert offline("study", "list", "--rpc", url).code == 4
    assert offline("--home", tmp_path / "named", "wallet", "new", "--light-kdf").code == 0
    assert offline("--keyfile", tmp_path / "key.json", "wallet", "new", "--light-kdf").code == 0


def test_home__programs_that_cannot_start_without_one__are_given_a_private_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/anna")
    give_home()
    assert Path.home() == Path("/home/anna")
    nobody(monkeypatch)
    give_home()
    made = Path.home()
    assert made.stat().st_mode & 0o777 == 0o700 and not list(made.iterdir())
    made.rmdir()


def test_home__written_with_a_tilde_in_the_configuration__is_refused_in_one_sentence(
    offline: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert init(offline, tmp_path).code == 0
    content = (home / "config.toml").read_text()
    (home / "config.toml").write_text(content.replace('"operator.json"', '"~/operator.json"'))
    nobody(monkeypatch)
    ended = offline("--home", home, "node", "status")
    assert ended.code == 2 and "keys.operator begins with a home folder" in ended.err


def test_error__as_text__is_one_line_and_as_json__is_one_document(offline: Run) -> None:
    ended = offline("council", "admit", "1")
    assert ended.code == 2 and ended.err.count("\n") == 1 and "Traceback" not in ended.err
    for arguments in (("--json", "council", "admit", "1"), ("council", "admit", "1", "--json")):
        error = offline(*arguments).error
        assert error["error"] == "ConfigError" and error["exit_code"] == 2 and "keyfile" in error["message"]


def test_error__wrong_usage__ends_with_two_in_both_forms(offline: Run) -> None:
    assert offline("council", "admit", "0").code == 2
    assert offline("study", "show", "one", "--json").error["exit_code"] == 2
    assert offline("no-such-command").code == 2


def test_version__is_told(offline: Run) -> None:
    ended = offline("--version")
    assert ended.code == 0 and ended.out == f"consilium {VERSION}\n"


def test_error__no_deployment_named__says_how(offline: Run) -> None:
    ended = offline("study", "list")
    assert ended.code == 2 and "--deployment" in ended.err


def write_record(folder: Path, chain_id: int = 1) -> None:
    """A deployment record of a chain that nobody serves."""
    record = {"chain_id": chain_id, "start_block": 0, "development_keys": True, "circuits": {}}
    record["contracts"] = {name: "0x" + "11" * 20 for name in CONTRACTS}
    (folder / "deployment.json").write_text(json.dumps(record))


def test_node_run__no_chain__says_that_it_waits_and_ends_with_four(
    offline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_record(tmp_path)
    assert init(offline, tmp_path, "--rpc", f"http://127.0.0.1:{free_port()}").code == 0
    monkeypatch.setattr("node.runner.START_PATIENCE", 0.3)
    ended = offline("node", "run")
    assert ended.code == 4 and "does not answer: is the chain running?" in ended.err
    assert "Waiting for it" in caplog.text


def test_error__no_chain__ends_with_four(offline: Run, tmp_path: Path) -> None:
    write_record(tmp_path)
    ended = offline("study", "list", "--rpc", f"http://127.0.0.1:{free_port()}")
    assert ended.code == 4 and "does not answer" in ended.err


def test_error__folder_that_cannot_be_made__is_one_line_without_a_traceback(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = offline("wallet", "new", "--light-kdf", "--home", tmp_path / "file" / "home")
    assert ended.code == 1 and ended.err.count("\n") == 1 and str(tmp_path / "file") in ended.err
    assert offline("wallet", "new", "--json", "--home", tmp_path / "file" / "home").error["exit_code"] == 1


def test_output__name_from_a_stranger__neither_steers_the_terminal_nor_breaks_the_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = "[/nothing] \x1b[2J[red]St. Anna\n\u202eand all"
    out = Output(False)
    out.rows(name, (name,), [(name,)], name)
    out.rows(name, (name,), [], name)
    out.record(name, {name: name, "names": [name]}, {"shown": name})
    out.done(name, {})
    out.note(name)
    show_error(UsageError(name.replace("\n", "")), False)
    said = capsys.readouterr()
    shown = r"[/nothing] \x1b[2J[red]St. Anna\n\u202eand all"
    # Of a table, its title, header and cell; of a record, its title, a name and two values.
    assert said.out.count(shown) == 3 + 1 + 4 + 1
    assert said.err.splitlines() == [shown, "consilium: " + shown.replace(r"\n", "")]
    assert not {"\x1b", "\u202e"} & set(said.out + said.err)


def test_output__as_json__keeps_a_strangers_text_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    name = "\x1b[2J\u202eSt. Anna\n" + 3000 * "x"
    Output(True).record("Hospital", {"name": name})
    said = capsys.readouterr().out
    assert json.loads(said) == {"name": name} and said.isascii() and "\x1b" not in said


def test_log__text_from_a_stranger__stays_in_its_entry() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(LogLine("%(levelname)s %(message)s"))
    log = logging.Logger("test")
    log.addHandler(handler)
    log.warning("not attesting: %s", "\nINFO round 1: finalised\r\x9b2J\u202e")
    try:
        raise ValueError("\nINFO round 2: finalised")
    except ValueError:
        log.exception("failed")
    first, second, *traceback = stream.getvalue().splitlines()
    assert first == r"WARNING not attesting: \nINFO round 1: finalised\r\x9b2J\u202e" and second == "ERROR failed"
    assert traceback[-1] == "    INFO round 2: finalised" and all(line.startswith("    ") for line in traceback)


def test_log__of_a_command_that_keeps_none__is_as_plain(offline: Run) -> None:
    offline("--help")
    assert isinstance(logging.lastResort.formatter if logging.lastResort else None, LogLine)


def init(offline: Run, tmp_path: Path, *more: str) -> Run:
    (tmp_path / "records.csv").write_text("a,b\n")
    return offline(
        "node", "init", "--data", "records.csv", "--deployment", "deployment.json", "--light-kdf", "--json", *more
    )


def test_node_init__writes_a_configuration_and_two_keys(offline: Run, home: Path, tmp_path: Path) -> None:
    ended = init(offline, tmp_path, "--rpc", "http://127.0.0.1:1", "--rpc", "http://127.0.0.1:2", "--study", "3")
    config = load_config(home)
    assert config.rpc_urls == ("http://127.0.0.1:1", "http://127.0.0.1:2") and config.studies == (3,)
    assert config.data == tmp_path / "records.csv" and config.artefacts == (ROOT / ".cache" / "circuits").resolve()
    assert config.spending_cap_wei == 10**18
    assert ended.value["operator"] == keyfile_address(config.operator_keyfile)
    assert config.owner_keyfile is not None
    assert ended.value["owner"] == keyfile_address(config.owner_keyfile) != ended.value["operator"]


def test_node_init__next_step__is_a_command_that_works_as_it_stands(offline: Run, tmp_path: Path) -> None:
    (tmp_path / "records.csv").write_text("a\n")
    home = ("--home", tmp_path / "st-anna", "--deployment", "deployment.json")
    ended = offline(*home, "node", "init", "--data", "records.csv", "--light-kdf")
    assert f"`consilium --home {tmp_path}/st-anna --deployment deployment.json hospital register" in ended.err


def test_node_init__again__keeps_what_is_there(offline: Run, home: Path, tmp_path: Path) -> None:
    init(offline, tmp_path)
    before = (home / "config.toml").read_bytes()
    assert init(offline, tmp_path).error["message"].endswith("name another --home.")
    assert (home / "config.toml").read_bytes() == before


def test_node_init__keys_made_before__are_kept(offline: Run, home: Path, tmp_path: Path) -> None:
    made = offline("wallet", "new", "owner", "--light-kdf", "--json").value["address"]
    assert init(offline, tmp_path).value["owner"] == made


@pytest.mark.parametrize(
    ("chain_id", "options", "warned"),
    [
        (11155111, (), "127.0.0.1 is this machine to itself"),
        (11155111, ("--advertise", "https://10.0.0.7:8080"), "10.0.0.7 belongs to a private network"),
        (11155111, ("--gateway-host", "::"), ":: is no single machine's address"),
        (11155111, ("--gateway-host", "::", "--advertise", "https://blocks.hospital.example/c"), ""),
        (11155111, ("--storage", "ipfs"), ""),
        (1337, (), ""),
    ],
)
def test_node_init__gateway_that_others_cannot_reach__is_warned_of_on_networks_that_are_not_local(
    offline: Run, tmp_path: Path, chain_id: int, options: tuple[str, ...], warned: str
) -> None:
    write_record(tmp_path, chain_id)
    (tmp_path / "records.csv").write_text("a,b\n")
    ended = offline("node", "init", "--data", "records.csv", "--light-kdf", *options)
    assert ended.code == 0
    assert warned in ended.err if warned else "advertise" not in ended.err


def test_node_init__no_such_table__says_so(offline: Run) -> None:
    ended = offline("node", "init", "--data", "none.csv", "--deployment", "d.json")
    assert ended.code == 2 and "no table" in ended.err


def test_node_run__endpoint_and_record_as_options__replace_the_configured(
    offline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    init(offline, tmp_path)
    seen: list[NodeConfig] = []
    monkeypatch.setattr("node.runner.run", lambda config, passphrase, until_ended: seen.append(config))
    assert offline("node", "run").code == 0
    assert offline("node", "run", "--rpc", "http://127.0.0.1:7", "--deployment", "other.json").code == 0
    assert seen[1] == dataclasses.replace(seen[0], rpc_urls=("http://127.0.0.1:7",), deployment=tmp_path / "other.json")


def test_passphrase__is_never_printed(offline: Run, home: Path, tmp_path: Path) -> None:
    shown = [init(offline, tmp_path), offline("wallet", "new"), offline("node", "run")]
    assert all(PASSPHRASE not in ended.out + ended.err for ended in shown)
    assert all(PASSPHRASE.encode() not in path.read_bytes() for path in home.rglob("*") if path.is_file())


def test_demo__becomes_the_script__with_its_arguments_folder_and_end(
    offline: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "demo.py"
    program = (
        "import sys; from pathlib import Path; import node.cli.local as local; local.ROOT = Path(sys.argv[1]); "
        "from node.cli import main; sys.exit(main(sys.argv[2:]))"
    )

    def ended() -> int:
        command = [sys.executable, "-c", program, str(tmp_path), "demo", "--hospitals", "4", "--help"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, cwd=tmp_path, env=environment, timeout=60, check=False).returncode

    script.write_text("import sys; open('said', 'w').write(' '.join(sys.argv[1:])); sys.exit(7)")
    assert ended() == 7 and (tmp_path / "said").read_text() == "--hospitals 4 --help"
    # Whoever started it sees the signal itself.
    script.write_text("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert ended() == -signal.SIGKILL
    monkeypatch.setattr("node.cli.local.ROOT", tmp_path)
    missing = offline("app")
    assert missing.code == 2 and "is missing" in missing.err
