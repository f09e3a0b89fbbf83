# SPDX-License-Identifier: Apache-2.0
"""A hospital's process: follow the chain, and in every study do what its state asks for."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from node.chain.activity import ActivityWatcher
from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.events import EventScanner, NumbersNamed
from node.chain.journal import SendingPolicy
from node.chain.sender import TransactionSender
from node.chain.wallet import Wallet
from node.chain.writes import Ledger
from node.config import PASSPHRASE_VARIABLE, NodeConfig
from node.errors import (
    ChainUnavailable,
    ConfigError,
    StopAsked,
    StorageError,
)
from node.files import erase, make_private_folder
from node.follower import Follower, logged
from node.pace import RETRY_SECONDS
from node.proofs.prover import open_prover
from node.secrets import SecretStore
from node.state import NodeState
from node.steps.announcing import announce
from node.steps.context import Hospital
from node.steps.notices import ClockComparison, notices
from node.steps.older_memory import take_over
from node.steps.troubles import KEY
from node.stopping import Stopping, stop_signals
from node.storage.store import Store, open_store

#: Seconds after which the node looks again although no block came, while a study is awake.
LONGEST_SLEEP = 3.0
#: Seconds to wait for an endpoint at the start.
START_PATIENCE = 60.0

#: Seconds for which a node that is about to end by itself still serves its blocks.
SERVING_SECONDS = 6.0


@contextlib.contextmanager
def open_hospital(
    config: NodeConfig, passphrase: str, pause: Callable[[float], None] = time.sleep, *, beside: bool = False
) -> Iterator[Hospital]:
    """Everything a hospital's steps use, opened and checked against each other; closed at the end.

    `pause` is how it waits for the chain (seconds). `beside`: for a command, whether or not the node runs; it serves
    nothing, and the temporary files are the node's. Raises `ConfigError` where keys, folder and passphrase do not
    fit, `ChainMismatch` where the chain is not the deployment's, `KeyInUse` where another node has the same key.
    """
    log = logging.getLogger("consilium.node")
    reader = ChainReader(config.rpc_urls, load_deployment(config.deployment), pause=pause)
    _await_chain(reader, log)
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
        state = stack.enter_context(NodeState(config.state_file, beside=beside))
        state.bind(reader.identity())
        if not beside:
            # Only the process that holds the state may touch them.
            stack.enter_context(_private_temporaries(config.home / "tmp"))
        sender = TransactionSender(reader, wallet, state, SendingPolicy(spending_cap=config.spending_cap_wei))
        store = stack.enter_context(contextlib.closing(_store(config, reader, number, serve=not beside)))
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
            peers=config.peers,
        )
        take_over(hospital)
        yield hospital


def run(config: NodeConfig, passphrase: str, *, until_ended: bool = False) -> None:
    """Run the node until it is told to stop (SIGTERM, SIGINT): within seconds, whatever it is doing then.

    `until_ended`: return once every study that it follows has ended, or raise `StudyIncomplete` where one of them
    was not completed. An error in one study is logged and tried again; raises what `open_hospital` raises, `KeyInUse`
    and `SpendingCapReached`.
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
        follower, clocks = Follower(hospital, config.studies), ClockComparison()
        hospital.log.info("hospital %d (%s): following the chain", hospital.id, hospital.name)
        while True:
            before = hospital.reader.asked
            with logged(hospital, "clock"):
                # Before anything is due by it.
                if told := clocks.notice(time.time(), hospital.reader.clock.now()):
                    hospital.log.warning("%s", told)
            with logged(hospital, KEY[1]):
                hospital.ledger.key.check_alone()
                announced = announced or announce(hospital, config.storage)
            with logged(hospital, "events"), follower.hearing(scanner) as passed:
                for notice in notices(hospital, passed.events):
                    hospital.log.warning("%s", notice)
            took = hospital.reader.asked - before
            # Events are hints: where they cannot be had, the contracts' state still can.
            with logged(hospital, "studies"):
                if follower.look() and until_ended:
                    break
            if rest := follower.rest(took):
                stopping.pause(rest)
            else:
                _wait(hospital, watcher, stopping)
        hospital.log.info("every study has ended")
        # Others may still be fetching what this node alone serves. To be told to stop then changes no outcome.
        with contextlib.suppress(StopAsked):
            stopping.pause(SERVING_SECONDS)
        follower.require_completed()


def _await_chain(reader: ChainReader, log: logging.Logger) -> None:
    """Wait until every endpoint serves the deployment, and say so; raises `ChainUnavailable` where they do not in time,
    and what no waiting mends."""
    try:
        reader.verify()
    except ChainUnavailable as error:
        log.warning("%s Waiting for it, %d s at most.", error, START_PATIENCE)
        reader.wait_until_available(START_PATIENCE)


def _wait(hospital: Hospital, watcher: ActivityWatcher, stopping: Stopping) -> None:
    """Wait until there may be something new; a while, where the endpoint gives no sensible answer."""
    waited = False
    with logged(hospital, "activity"):
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


def _store(config: NodeConfig, reader: ChainReader, own: int, *, serve: bool) -> Store:
    peers, local_chain = colleagues(reader, own), reader.deployment.is_local
    return open_store(config.storage, config.store_folder, peers, serve=serve, local_chain=local_chain)


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


def _check_store(hospital: Hospital) -> None:
    """Say at the start, and not in the middle of a round, that the store cannot do its work."""
    try:
        hospital.store.check()
    except StorageError as error:
        hospital.log.warning("%s Until then this node can take part in no round.", error)
