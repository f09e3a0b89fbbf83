# SPDX-License-Identifier: Apache-2.0
"""What a command works with: options, the node's folder, the chain, a key."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal

import click

from node.chain.client import ChainReader
from node.chain.deployment import load_deployment
from node.chain.journal import SendingPolicy
from node.chain.sender import TransactionSender
from node.chain.wallet import Wallet, named_address
from node.chain.writes import Ledger
from node.cli.amounts import parse_amount
from node.cli.output import Output
from node.config import DEFAULT_CAP_WEI, FILE_NAME, PASSPHRASE_VARIABLE, NodeConfig, load_config
from node.errors import ConfigError, UsageError
from node.secrets import checked_passphrase
from node.state import NodeState
from node.types import Address, Receipt, TransactionStatus

Role = Literal["owner", "operator"]
DEFAULT_RPC = "http://127.0.0.1:8545"
DEPLOYMENT_HERE = Path("deployment.json")
MEMORY_SUFFIX = ".transactions.sqlite"


@dataclass
class Options:
    """The options that every command knows; `home` None is ~/.consilium, where there is a ~."""

    home: Path | None = None
    rpc_urls: tuple[str, ...] = ()
    deployment: Path | None = None
    keyfile: Path | None = None
    fee_cap: str | None = None
    as_json: bool = False


class Session:
    """One run of the command line: opens what a command asks for, and nothing else."""

    def __init__(self, options: Options) -> None:
        self.options = options
        #: The common options as words of this command line, by their names.
        self.given: dict[str, list[str]] = {}

    def hinted(self, text: str) -> str:
        """A message whose commands (in backquotes) work as they stand: with the options that this one was given."""
        given = shlex.join(word for words in self.given.values() for word in words)
        return text.replace("`consilium ", f"`consilium {given} ") if given else text

    @property
    def out(self) -> Output:
        """Where results go."""
        return Output(self.options.as_json)

    @property
    def home(self) -> Path:
        """The node's folder; raises `UsageError` where none is named and this machine has none for the user."""
        found = self.options.home or _default_home()
        if found is None:
            raise UsageError("This user has no home folder here: name the node's with --home (or CONSILIUM_HOME).")
        return found

    @cached_property
    def config(self) -> NodeConfig:
        """The node's configuration; raises `ConfigError` where there is none."""
        return load_config(self.home)

    @property
    def node_config(self) -> NodeConfig:
        """The node's configuration, with what the options say instead: endpoints and deployment record."""
        deployment = self.options.deployment
        return dataclasses.replace(
            self.config,
            rpc_urls=self.options.rpc_urls or self.config.rpc_urls,
            deployment=deployment.resolve() if deployment else self.config.deployment,
        )

    @cached_property
    def reader(self) -> ChainReader:
        """The chain, checked to be the deployment's."""
        reader = ChainReader(self.rpc_urls, load_deployment(self.deployment_path))
        reader.verify()
        return reader

    @property
    def names_network(self) -> bool:
        """Whether anything says which network is meant: options, variables, the node, a record in this folder."""
        given = bool(self.options.rpc_urls or self.options.deployment or self.has_config)
        return given or DEPLOYMENT_HERE.exists()

    @property
    def rpc_urls(self) -> tuple[str, ...]:
        """The chain's endpoints: the options', the node's, or this machine's."""
        return self.options.rpc_urls or (self.config.rpc_urls if self.has_config else (DEFAULT_RPC,))

    @property
    def deployment_path(self) -> Path:
        """The deployment record: the option's, the node's, or the one in this folder."""
        if self.options.deployment is not None:
            return self.options.deployment
        if self.has_config:
            return self.config.deployment
        if DEPLOYMENT_HERE.exists():
            return DEPLOYMENT_HERE
        raise UsageError("Name the deployment record with --deployment FILE (or CONSILIUM_DEPLOYMENT).")

    def keyfile(self, role: Role) -> Path:
        """The keyfile a command signs with: the option's, the node's, or the one in the home folder."""
        if self.options.keyfile is not None:
            return self.options.keyfile
        if self.has_config:
            configured = self.config.operator_keyfile if role == "operator" else self.config.owner_keyfile
            if configured is not None:
                return configured
        return self.home / f"{role}.json"

    @property
    def node_keyfile(self) -> Path:
        """The keyfile that the node of this folder signs with, whatever key the command itself signs with."""
        configured = self.config.operator_keyfile if self.has_config else None
        return configured or self.home / "operator.json"

    def address(self, role: Role) -> Address:
        """The address a command signs with."""
        return self.address_of(self.keyfile(role))

    def address_of(self, keyfile: Path) -> Address:
        """The address of a keyfile, which has to be unlocked where it does not name it."""
        return named_address(keyfile) or Wallet.load(keyfile, passphrase()).address

    @contextlib.contextmanager
    def signing(self, role: Role) -> Iterator[Signing]:
        """Unlock a key and hold its memory of transactions while the block runs."""
        path = self.keyfile(role)
        # A file that is no keyfile is told of before a passphrase is asked for.
        named_address(path)
        reader = self.reader
        wallet = Wallet.load(path, passphrase())
        # A node that runs shares its key's memory with the command, and each sends in its turn.
        with NodeState(self._memory(path), beside=self._is_operator(path)) as state:
            state.bind(reader.identity())
            sender = TransactionSender(reader, wallet, state, self._policy(path))
            signing = Signing(Ledger(sender), wallet.address, state, self.out)
            yield signing
            signing.finish()

    def hospital_id(self, hospital_id: int | None) -> int:
        """The hospital named, or the one whose owner or operator the session's key is."""
        if hospital_id is not None:
            return hospital_id
        address = self.address("owner")
        found = self.reader.hospital_id_of(address) or self.reader.hospital_id_of_operator(address)
        if not found:
            raise UsageError(
                f"{address} owns no hospital: register one with `consilium hospital register`, or name a number."
            )
        return found

    def amount(self, text: str) -> int:
        """Whole tokens above zero, as written, in the token's smallest unit."""
        units = parse_amount(text, self.reader.token_decimals())
        if not units:
            raise UsageError("The amount is zero: name one above it.")
        return units

    def tokens(self, amount: int) -> str:
        """An amount as it is shown, with the token's name."""
        return self.reader.tokens(amount)

    def time(self, seconds: int) -> str:
        """A time of the chain (seconds since 1970) as it is shown, and how far off it is."""
        return self.reader.shown("time", seconds)

    @property
    def has_config(self) -> bool:
        """Whether the home folder is a node's."""
        home = self.options.home or _default_home()
        return home is not None and (home / FILE_NAME).exists()

    def _is_operator(self, path: Path) -> bool:
        """Whether a keyfile, wherever it lies, holds the key that the node of the home folder signs with."""
        operator = self.config.operator_keyfile if self.has_config else None
        if operator is None or not operator.exists():
            return False
        # A copy that leaves its address out is known by the file alone.
        named = named_address(path)
        return path.resolve() == operator.resolve() or (named is not None and named == named_address(operator))

    def _memory(self, path: Path) -> Path:
        """A node's operator key is remembered by the node; every other key beside its keyfile."""
        return self.config.state_file if self._is_operator(path) else path.resolve().with_suffix(MEMORY_SUFFIX)

    def _policy(self, path: Path) -> SendingPolicy:
        """How much a key may pay in fees: what the option says, the node's configuration, or one ether."""
        if self.options.fee_cap is not None:
            return SendingPolicy(parse_amount(self.options.fee_cap, 18), "--fee-cap")
        if not self.has_config:
            return SendingPolicy(DEFAULT_CAP_WEI, "--fee-cap")
        if self._is_operator(path):
            return SendingPolicy(self.config.spending_cap_wei, "spending_cap_wei")
        return SendingPolicy(self.config.owner_spending_cap_wei, "owner_spending_cap_wei")


def _default_home() -> Path | None:
    try:
        return Path.home() / ".consilium"
    except RuntimeError:
        # A container's user may have a number alone: no HOME, and no entry that names a folder.
        return None


@dataclass(frozen=True)
class Signing:
    """An unlocked key at work."""

    ledger: Ledger
    address: Address
    state: NodeState
    out: Output
    _given: list[str] = field(default_factory=list)

    def intent(self, name: str) -> str:
        """A name for something that may be done again: a new one, or that of the same order left unfinished.

        So an order that was cut off and is repeated finishes what it began instead of paying twice, and says so.
        """
        intent = self.ledger.key.intent(name)
        known = self.state.transaction(self.address, intent)
        if known is not None and known.status is not TransactionStatus.REFUSED:
            self.out.note(
                f"This order was given before ({known.attempts[-1].tx_hash}) and its end was not seen: it is brought "
                "to its end now, and nothing is paid twice. Give it once more to pay once more."
            )
        self._given.append(intent)
        return intent

    def finish(self) -> None:
        """Take note that all orders of this command came to their end, and that a person is told."""
        for intent in self._given:
            self.ledger.key.finish(intent)


def transaction(receipt: Receipt) -> dict[str, object]:
    """A receipt for programs."""
    return {
        "hash": receipt.tx_hash,
        "block": receipt.block_number,
        "gas": receipt.gas_used,
        "fee_wei": receipt.fee,
    }


def sent(sentence: str, *receipts: Receipt) -> str:
    """What one or more transactions did, for people: with the gas of all."""
    gas = sum(receipt.gas_used for receipt in receipts)
    hashes = ", ".join(receipt.tx_hash for receipt in receipts)
    return f"{sentence} ({gas:,} gas, transaction{'s' if len(receipts) > 1 else ''} {hashes})"


def passphrase(*, confirm: bool = False, of: Path | None = None) -> str:
    """The passphrase (of a keyfile, where it is named) from the environment, or asked for without echo.

    Raises `UsageError` where nobody can be asked.
    """
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return checked_passphrase(given, PASSPHRASE_VARIABLE)
    if not sys.stdin.isatty():
        raise UsageError(f"No passphrase: set {PASSPHRASE_VARIABLE}, or run this in a terminal to be asked.")
    try:
        asked: str = click.prompt(
            f"Passphrase of {of}" if of else "Passphrase", hide_input=True, confirmation_prompt=confirm, err=True
        )
    except UnicodeDecodeError:
        raise ConfigError("What was typed is not text in this terminal's encoding: choose UTF-8 for it.") from None
    return checked_passphrase(asked, "What was typed")
