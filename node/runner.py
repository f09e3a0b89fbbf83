# SPDX-License-Identifier: Apache-2.0
"""A hospital's process: follow the chain, and in every study do what its state asks for."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from node.chain.activity import ActivityWatcher
from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.events import EventScanner, NumbersNamed, ScanPass
from node.chain.journal import SendingPolicy
from node.chain.limits import RpcError
from node.chain.sender import TransactionSender
from node.chain.wallet import Wallet
from node.chain.writes import Ledger
from node.config import PASSPHRASE_VARIABLE, NodeConfig
from node.errors import (
    ChainMismatch,
    ChainUnavailable,
    ConfigError,
    ConsiliumError,
    ContractReverted,
    KeyInUse,
    SpendingCapReached,
    StopAsked,
    StorageError,
)
from node.files import erase, make_private_folder
from node.pace import RETRY_SECONDS, Pace
from node.proofs.prover import open_prover
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.advance import advance, open_study
from node.steps.context import Hospital, StudyContext
from node.steps.notices import ClockComparison, notices
from node.steps.older_memory import is_silent, take_over
from node.stopping import Stopping, stop_signals
from node.storage.store import Store, open_store
from node.types import StudyState

#: Seconds after which the node looks again although no block came, while a study is awake.
LONGEST_SLEEP = 3.0
#: Seconds between two tries to read the studies that this hospital is in, although no event named another.
NAMES_AGAIN = 120.0
#: Seconds to wait for an endpoint at the start.
START_PATIENCE = 60.0

#: Seconds for which a node that is about to end by itself still serves its blocks.
SERVING_SECONDS = 6.0

#: What no retry mends: the node stops and says so.
FATAL = (ChainMismatch, ConfigError, KeyInUse, SpendingCapReached)


@contextlib.contextmanager
def open_hospital(
    config: NodeConfig, passphrase: str, pause: Callable[[float], None] = time.sleep
) -> Iterator[Hospital]:
    """Everything a hospital's steps use, opened and checked against each other; closed at the end.

    `pause` is how it waits for the chain (seconds). Raises `ConfigError` where keys, folder and passphrase do not
    fit, `ChainMismatch` where the chain is not the deployment's, `KeyInUse` where another node has the same key.
    """
    log = logging.getLogger("consilium.node")
    reader = ChainReader(config.rpc_urls, load_deployment(config.deployment), pause=pause)
    _await_chain(reader, log)
    reader.verify()
    wallet = Wallet.load(config.operator_keyfile, passphrase)
    number = reader.hospital_id_of_operator(wallet.address)
    if not number:
        raise ConfigError(
            f"{wallet.address} is no hospital's operator on this chain: register it with "
            "`consilium hospital register`, or use the operator keyfile that is registered."
        )
    record = reader.hospital(number)
    secrets = SecretStore(config.secrets_folder, passphrase)
    with contextlib.ExitStack() as stack:
        state = stack.enter_context(NodeState(config.state_file))
        state.bind(reader.identity())
        # Only the process that holds the state may touch them.
        stack.enter_context(_private_temporaries(config.home / "tmp"))
        sender = TransactionSender(reader, wallet, state, SendingPolicy(spending_cap=config.spending_cap_wei))
        store = stack.enter_context(contextlib.closing(_store(config, reader, number)))
        hospital = Hospital(
            id=number,
            name=record.name,
            operator=wallet.address,
            reader=reader,
            ledger=Ledger(sender),
            state=state,
            secrets=secrets,
            store=store,
            prover=open_prover(config.prover, config.rapidsnark),
            artefacts=config.artefacts,
            metrics=config.home / "metrics.jsonl",
            log=log,
            transcripts=config.transcripts,
        )
        take_over(hospital)
        yield hospital


def run(config: NodeConfig, passphrase: str, *, until_ended: bool = False) -> None:
    """Run the node until it is told to stop (SIGTERM, SIGINT): within seconds, whatever it is doing then.

    `until_ended`: return once every study that this hospital is enrolled in has ended. An error in one
    study is logged and tried again; raises what `open_hospital` raises, `KeyInUse` and `SpendingCapReached`.
    """
    with _passphrase_kept_back(), stop_signals() as stopping:
        try:
            with open_hospital(config, passphrase, stopping.pause) as hospital:
                _follow_chain(hospital, config, stopping, until_ended)
        except StopAsked:
            logging.getLogger("consilium.node").info("stopped")


def _follow_chain(hospital: Hospital, config: NodeConfig, stopping: Stopping, until_ended: bool) -> None:
    """Do what the chain asks for, until every study has ended where `until_ended`; else until told to stop."""
    _check_store(hospital)
    announced = False
    scanner = EventScanner(hospital.reader, hospital.state)
    with ActivityWatcher(hospital.reader, config.websocket_url) as watcher:
        follower, clocks = _Follower(hospital, config.studies), ClockComparison()
        hospital.log.info("hospital %d (%s): following the chain", hospital.id, hospital.name)
        while True:
            before = hospital.reader.asked
            with _logged(hospital):
                # Before anything is due by it.
                if told := clocks.notice(time.time(), hospital.reader.clock.now()):
                    hospital.log.warning("%s", told)
            with _logged(hospital):
                hospital.ledger.key.check_alone()
                announced = announced or _announce_endpoint(hospital)
            with _logged(hospital), follower.hearing(scanner) as passed:
                for notice in notices(hospital, passed.events):
                    hospital.log.warning("%s", notice)
            took = hospital.reader.asked - before
            # Events are hints: where they cannot be had, the contracts' state still can.
            with _logged(hospital):
                if follower.look() and until_ended:
                    hospital.log.info("every study has ended")
                    # Others may still be fetching what this node alone serves.
                    stopping.pause(SERVING_SECONDS)
                    return
            if rest := follower.rest(took):
                stopping.pause(rest)
            else:
                _wait(hospital, watcher, stopping)


def _await_chain(reader: ChainReader, log: logging.Logger) -> None:
    """Wait for an endpoint, and say so; raises `ChainUnavailable` where none answers in time."""
    try:
        reader.head()
    except ChainUnavailable as error:
        log.warning("%s Waiting for it, %d s at most.", error, START_PATIENCE)
        reader.wait_until_available(START_PATIENCE)


class _Follower:
    """The studies this hospital is in, each looked at by itself so that none holds up another."""

    def __init__(self, hospital: Hospital, chosen: tuple[int, ...] | None) -> None:
        self._hospital = hospital
        self._chosen = chosen
        self._enrolled = NumbersNamed(
            hospital.reader, "StudyRegistry", "HospitalEnrolled", "studyId", hospitalId=hospital.id
        )
        self._named: tuple[int, ...] = chosen or ()
        self._names_until = 0.0
        self._open: dict[int, StudyContext] = {}
        self._ended: set[int] = set()
        reader = hospital.reader
        self._pace = Pace(lambda: reader.asked, reader.clock.now, reader.clock.next_moment)

    @contextlib.contextmanager
    def hearing(self, scanner: EventScanner) -> Iterator[ScanPass]:
        """What is new on the chain, and wake the studies that it is about."""
        try:
            passed = scanner.scan()
        except RpcError:
            # An endpoint without events: then the contracts' state alone tells what happens.
            for study in self._going_on():
                self._pace.wake(study)
            raise
        self._pace.saw(passed.last_block)
        if passed.reorganised:
            self._hospital.log.warning("the chain was reorganised; going on from its new state")
            self._enrolled.start_over()
            self._names_until = 0.0
        for event in passed.events:
            if event.name == "HospitalEnrolled":
                self._names_until = 0.0
        about = {event.arguments.get("studyId") for event in passed.events}
        for study in self._going_on():
            if study in about or passed.reorganised:
                opened = self._open.get(study)
                self._pace.wake(study, opened.plan.phases.confirmations if opened else 0)
        yield passed

    def look(self) -> bool:
        """Advance every study that it is time for; True when there is at least one and all have ended."""
        if self._chosen is None and time.monotonic() >= self._names_until:
            self._named = self._enrolled.look()
            self._names_until = time.monotonic() + NAMES_AGAIN
        for study in self._pace.in_turn(self._going_on()):
            if self._pace.is_due(study):
                with _logged(self._hospital, study), self._pace.look(study):
                    self._advance(study)
        return bool(self._open) and self._open.keys() <= self._ended

    def rest(self, asked: int) -> float:
        """Seconds for which nothing need be looked for, of which the last time took `asked` requests; 0 for none."""
        return self._pace.rest(self._going_on(), asked)

    def _going_on(self) -> list[int]:
        return [study for study in self._named if study not in self._ended]

    def _advance(self, study: int) -> None:
        settled = self._hospital.reader.study_state(study) not in (StudyState.PUBLISHED, StudyState.ENROLLING)
        context = self._open.get(study)
        # Until enrolment ends, places are still being taken.
        if context is None or not settled:
            context = open_study(self._hospital, study)
        if context is None:
            return
        if settled:
            self._open[study] = context
        if advance(context):
            self._ended.add(study)


@contextlib.contextmanager
def _logged(hospital: Hospital, study: int = 0) -> Iterator[None]:
    """Expected failures are logged and tried again; what no retry mends goes on up."""
    prefix = f"study {study}: " if study else ""
    try:
        yield
    except FATAL:
        raise
    except (ChainUnavailable, StorageError) as error:
        hospital.log.warning("%s%s Trying again.", prefix, error)
    except ContractReverted as error:
        # Mostly somebody else was faster; the next look reads the new state.
        hospital.log.info("%s%s", prefix, error)
    except ConsiliumError as error:
        hospital.log.error("%s%s", prefix, error)
    except Exception as error:
        # A node that ends misses deadlines, and loses bond by it. The error's own words may quote what it was
        # about, which no log may: its kind and its place are all that is told.
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        hospital.log.error("%san unexpected %s in %s. Trying again.", prefix, type(error).__name__, where)


def _wait(hospital: Hospital, watcher: ActivityWatcher, stopping: Stopping) -> None:
    """Wait until there may be something new; a while, where the endpoint gives no sensible answer."""
    waited = False
    with _logged(hospital):
        watcher.wait_for_activity(LONGEST_SLEEP)
        waited = True
    stopping.pause(0.0 if waited else RETRY_SECONDS)


@contextlib.contextmanager
def _private_temporaries(folder: Path) -> Iterator[None]:
    """Temporary files in the node's own folder meanwhile.

    A prover's folder holds a witness, hence records: what a killed run left there is erased first.
    """
    make_private_folder(folder)
    for leftover in folder.rglob("*"):
        if leftover.is_file():
            erase(leftover)
    for leftover in folder.iterdir():
        shutil.rmtree(leftover)
    previous, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = previous


@contextlib.contextmanager
def _passphrase_kept_back() -> Iterator[None]:
    """The programs that this process starts do not find the passphrase in their environment meanwhile."""
    held = os.environ.pop(PASSPHRASE_VARIABLE, None)
    try:
        yield
    finally:
        if held is not None:
            os.environ[PASSPHRASE_VARIABLE] = held


def _store(config: NodeConfig, reader: ChainReader, own: int) -> Store:
    return open_store(config.storage, config.store_folder, colleagues(reader, own))


def colleagues(reader: ChainReader, own: int) -> Callable[[], list[str]]:
    """Where the gateways are of hospitals that the council admitted.

    Anyone may register with an address that answers slowly or never, and every file would wait for it.
    """
    admitted = NumbersNamed(reader, "HospitalRegistry", "HospitalAdmitted", "hospitalId")

    def endpoints() -> list[str]:
        last = reader.hospital_count()
        found = (reader.hospital(number).endpoint for number in admitted.look() if own != number <= last)
        return [endpoint for endpoint in found if endpoint]

    return endpoints


def _announce_endpoint(hospital: Hospital) -> bool:
    """Put on record where the others fetch this hospital's blocks, when that has changed; whether it is done.

    What is announced and not seen to be mined is waited for at the next look, not paid for again.
    """
    if is_silent(hospital):
        return False
    endpoint, key = hospital.store.endpoint, hospital.ledger.key
    if endpoint and endpoint != hospital.reader.hospital(hospital.id).endpoint:
        intent = key.intent(f"endpoint/{endpoint}")
        hospital.ledger.set_endpoint(intent, hospital.id, endpoint)
        key.finish(intent)
    return True


def _check_store(hospital: Hospital) -> None:
    """Say at the start, and not in the middle of a round, that the store cannot do its work."""
    try:
        hospital.store.check()
    except StorageError as error:
        hospital.log.warning("%s Until then this node can take part in no round.", error)
