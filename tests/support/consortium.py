# SPDX-License-Identifier: Apache-2.0
"""A small real consortium: a chain with the suite on it, hospitals with homes of their own, nodes as processes.

Studies use the small circuits (4 features, at most 8 records), blocks come each second while nodes run, and
every command is `consilium`'s own. Only the moments at which processes die are chosen (`tests.support.mortal`).
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.wallet import create_keyfile, keyfile_address
from node.cli import main as consilium
from node.config import load_config
from node.config_file import save_config
from node.errors import StudyIncomplete
from node.plan import TrainingPlan
from node.storage.local import LocalStore
from node.types import ChainEvent
from scripts.localnet import Anvil, deploy
from tests.support import mortal
from tests.support.network import PASSPHRASE, Ended
from tests.support.small_study import DEPOSIT, ROWS, records, study_plan, write_table

NAMES = ("St. Anna", "Klinikum Nord", "San Rafael", "Ospedale Sud")
#: Seconds for whatever should follow at once, on a machine that is busy with other things.
PATIENCE = 150.0


@dataclass
class Member:
    """One hospital: its number in the registry, its folder, its table, and its running node if any."""

    number: int
    home: Path
    table: Path
    process: ForkServerProcess | None = None
    log_start: int = 0

    @property
    def store(self) -> LocalStore:
        """Its blocks."""
        return LocalStore(self.home / "store")

    @property
    def log(self) -> str:
        """All that its nodes said so far."""
        path = self.home / "processes.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def operator(self) -> str:
        """The address that its node signs with."""
        return keyfile_address(self.home / "operator.json")

    @property
    def secret_names(self) -> list[str]:
        """What its secret store holds."""
        folder = self.home / "secrets"
        return sorted(str(path.relative_to(folder)).removesuffix(".key") for path in folder.rglob("*.key"))

    @property
    def died(self) -> bool:
        """Whether its node was killed, by itself or from outside."""
        return self.process is not None and self.process.exitcode == -signal.SIGKILL

    def kill(self) -> None:
        """End its node without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.join()

    def stop(self) -> None:
        """End its node in good order, however often it is told."""
        self.tell_to_stop()
        self.await_stop()

    def tell_to_stop(self) -> None:
        """Tell its node to stop: once, since a second signal would break off what the first one began."""
        if self.process is not None and self.process.is_alive():
            self.process.terminate()

    def await_stop(self) -> None:
        """Wait until its node has ended."""
        if self.process is not None:
            self.process.join(timeout=30)
            assert not self.process.is_alive(), f"hospital {self.number}'s node does not stop"


@dataclass
class Consortium:
    """A network and its hospitals. Commands run in this process, nodes in their own."""

    folder: Path
    anvil: Anvil
    deployment: Path
    reader: ChainReader
    members: list[Member] = field(default_factory=list)

    # Commands

    def command(self, home: Path, *arguments: object) -> Ended:
        """A command of `consilium` with that folder as its home."""
        environment = {
            "CONSILIUM_HOME": str(home),
            "CONSILIUM_RPC": self.anvil.url,
            "CONSILIUM_DEPLOYMENT": str(self.deployment),
            "CONSILIUM_PASSPHRASE": PASSPHRASE,
        }
        out, err = io.StringIO(), io.StringIO()
        with _environment(environment), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = consilium([str(argument) for argument in arguments])
        return Ended(code, out.getvalue(), err.getvalue())

    def council(self, *arguments: object) -> Ended:
        """A command of the council, which is the sponsor too."""
        return self._done(self.folder / "council", *arguments)

    def _done(self, home: Path, *arguments: object) -> Ended:
        ended = self.command(home, *arguments)
        assert ended.code == 0, ended.err
        return ended

    # Hospitals

    def found(self, name: str, rows: Sequence[Sequence[object]], *, admit: bool = True, bond: int = DEPOSIT) -> Member:
        """A new hospital with keys, a table, and by default admission and a bond."""
        home = self.folder / f"hospital-{len(self.members) + 1}"
        table = self.folder / f"{home.name}.csv"
        write_table(table, rows)
        self._done(home, "node", "init", "--data", table, "--light-kdf")
        owner = keyfile_address(home / "owner.json")
        for address in (owner, keyfile_address(home / "operator.json")):
            self.anvil.give_ether(address)
        self._done(home, "hospital", "register", "--name", name)
        member = Member(self.reader.hospital_id_of(owner), home, table)
        self.members.append(member)
        if admit:
            self.council("council", "admit", member.number)
        if bond:
            self.council("wallet", "send", owner, bond)
            self._done(home, "stake", "deposit", bond)
        return member

    # Studies

    def publish(self, plan: TrainingPlan, *options: object) -> int:
        """A funded study; its plan's document lies where `plan_file` says."""
        path = self.folder / f"plan-{self.reader.study_count() + 1}.json"
        path.write_bytes(plan.canonical())
        return int(self.council("study", "publish", path, *options, "--fund", "--json").value["study"])

    def plan_file(self, study: int) -> Path:
        """Where a study's plan document lies."""
        return self.folder / f"plan-{study}.json"

    def enrol(self, member: Member, study: int, *options: object) -> Ended:
        """A hospital's `consilium enrol`; its table has been taught with in the studies before."""
        plan = self.plan_file(study)
        return self.command(member.home, "enrol", study, "--plan", plan, "--teach-again", *options)

    def open_study(self, members: Sequence[Member], **plan: Any) -> int:
        """A study of tables, opened as `open_planned` says."""
        number = self.reader.study_count() + 1
        plan.setdefault("start", number)
        return self.open_planned(members, study_plan(f"Study {number}", len(members), **plan))

    def open_planned(self, members: Sequence[Member], plan: TrainingPlan, *options: object) -> int:
        """A funded study in which these hospitals are enrolled, in this order, and which alone their nodes follow.

        `options` are for those who publish it and who enrol.
        Blocks come each second from now on.
        """
        self.anvil.request("evm_setIntervalMining", 0)
        self.anvil.request("evm_setAutomine", True)
        study = self.publish(plan, *options)
        for member in members:
            ended = self.enrol(member, study, *options)
            assert ended.code == 0, ended.err
            self.follow_only(member, study)
        self.anvil.mine_every(1)
        return study

    def use_data(self, member: Member, data: Path) -> None:
        """Have a hospital's configuration name another file of records."""
        save_config(replace(load_config(member.home), data=data))

    def follow_only(self, member: Member, *studies: int) -> None:
        """Have a hospital's node look at no other study."""
        save_config(replace(load_config(member.home), studies=studies))

    # Nodes

    def start(self, member: Member, *points: str) -> None:
        """Start a hospital's node; it dies at each of these points (see `tests.support.mortal`), once."""
        # Two cores serve all hospitals: one thread each keeps them from waiting for one another.
        environment = {"CONSILIUM_PASSPHRASE": PASSPHRASE, "OMP_NUM_THREADS": "1"}
        member.log_start = len(member.log)
        arguments = ["--home", str(member.home), "node", "run", "--until-ended"]
        log, deaths = member.home / "processes.log", self.deaths(member)
        with _environment(environment):
            member.process = mortal.start(arguments, log, environment, deaths, points)

    def deaths(self, member: Member) -> Path:
        """Where a file for each point lies at which a hospital's node has died in the latest study."""
        return self.folder / f"deaths-{member.number}-{self.reader.study_count()}"

    def wait(self, what: str, condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until the condition holds; fails where a node ended with an error, or after so many seconds."""
        deadline = time.monotonic() + seconds
        while not condition():
            for member in self.members:
                status = None if member.process is None else member.process.exitcode
                assert status in (None, *_GOOD_ENDS), f"{what}: a node ended with {status}\n{member.log[-3000:]}"
            if time.monotonic() > deadline:
                logs = "\n".join(f"hospital {member.number}:\n{member.log[-1500:]}" for member in self.members)
                pytest.fail(f"waited {seconds:.0f} s for {what}\n{logs}")
            time.sleep(0.1)

    def wait_for_event(self, name: str, study: int, **indexed: int) -> ChainEvent:
        """The first event of that name of the RoundManager in a study, once there is one."""
        self.wait(f"{name} {indexed}", lambda: bool(self.events(name, study, **indexed)))
        return self.events(name, study, **indexed)[0]

    def wait_for_end(self, study: int, members: Sequence[Member], without: Sequence[Member] = ()) -> None:
        """Wait until a study has ended and these hospitals' nodes have done all that is left, then stop them.

        They must have ended well, or, those in `without`, said by their exit code that the study was not completed.
        """
        self.wait(f"the end of study {study}", lambda: self.reader.study_state(study).ended)
        for member in members:
            self.wait(f"hospital {member.number} to erase its secrets", lambda m=member: not _opens(m, study))
        # Until then nodes serve the last model, for whoever lacks it.
        self.anvil.pass_time(self.reader.study(study).plan.recovery)
        for member in members:
            self.wait(f"hospital {member.number} to finish", partial(_has_finished, member))
        processes = {member.number: member.process for member in members}
        self.stop_all()
        incomplete = {member.number for member in without}
        for number, process in processes.items():
            assert process is not None
            assert process.exitcode == (StudyIncomplete.exit_code if number in incomplete else 0), f"hospital {number}"

    def events(self, name: str, study: int, **indexed: int) -> tuple[ChainEvent, ...]:
        """The RoundManager's events of a study."""
        return self.reader.events("RoundManager", name, studyId=study, **indexed)

    def stop_all(self) -> None:
        """End every node."""
        for member in self.members:
            member.tell_to_stop()
        for member in self.members:
            member.await_stop()
            member.process = None

    # Money

    def settle(self, study: int, members: Sequence[Member]) -> Mapping[str, int]:
        """Everybody takes back what is theirs after the end; amounts in the smallest unit.

        What services earned of the sponsor's money stays for the keys that did them: `left_the_pool` is without it.
        """
        assert self.reader.study_state(study).ended
        self.anvil.request("evm_setAutomine", True)
        before = self.reader.token_balance(self.reader.deployment.contracts["RewardPool"])
        services, from_fines = self.reader.service_spent(study)
        claimed = released = 0
        for member in members:
            ended = self.command(member.home, "claim", study, "--json")
            assert ended.code == 0, ended.err
            claimed += int(ended.value["paid"])
            released += int(ended.value["bond_released"])
        refunded = 0
        if self.reader.refundable(study):
            refunded = int(self.council("study", "refund", study, "--json").value["amount"])
        after = self.reader.token_balance(self.reader.deployment.contracts["RewardPool"])
        return {
            "funded": self.reader.funded(study),
            "claimed": claimed,
            "refunded": refunded,
            "bonds_released": released,
            "services": services - from_fines,
            "left_the_pool": before - after,
        }


#: How a node's process ends that was not in the way of anything.
_GOOD_ENDS = (0, StudyIncomplete.exit_code, -signal.SIGKILL)


def _opens(member: Member, study: int) -> bool:
    """Whether it still holds what opens a round of a study."""
    return any(name.startswith(f"study-{study}/ceremony-") for name in member.secret_names)


def _has_finished(member: Member) -> bool:
    return "every study has ended" in member.log[member.log_start :]


@contextlib.contextmanager
def running_consortium(folder: Path) -> Iterator[Consortium]:
    """A chain with the suite and four admitted, bonded hospitals; everything ends with the block."""
    keyfile = folder / "council" / "owner.json"
    keyfile.parent.mkdir()
    create_keyfile(keyfile, PASSPHRASE, work_factor=2)
    with Anvil(folder / "chain") as anvil:
        anvil.give_ether(keyfile_address(keyfile))
        deployment = folder / "deployment.json"
        deploy(anvil, keyfile, PASSPHRASE, deployment, with_test_circuits=True)
        made = Consortium(folder, anvil, deployment, ChainReader([anvil.url], load_deployment(deployment)))
        try:
            for number, (name, count) in enumerate(zip(NAMES, ROWS, strict=True), start=1):
                made.found(name, records(number, count))
            yield made
        finally:
            made.stop_all()


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set variables meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
