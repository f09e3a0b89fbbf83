# SPDX-License-Identifier: Apache-2.0
"""What a command works with: options, the node's folder, the chain, a key."""

from __future__ import annotations

import contextlib
import dataclasses
import os
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
from node.chain.wallet import Wallet, keyfile_address
from node.chain.writes import Ledger
from node.cli.amounts import parse_amount
from node.cli.output import Output
from node.config import FILE_NAME, PASSPHRASE_VARIABLE, NodeConfig, load_config
from node.errors import ConfigError, UsageError
from node.state import NodeState
from node.types import Address, Receipt, TransactionStatus
from node.words import format_amount

Role = Literal["owner", "operator"]
DEFAULT_RPC = "http://127.0.0.1:8545"
DEPLOYMENT_HERE = Path("deployment.json")


@dataclass
class Options:
    """The options that every command knows."""

    home: Path = field(default_factory=lambda: Path.home() / ".consilium")
    rpc_urls: tuple[str, ...] = ()
    deployment: Path | None = None
    keyfile: Path | None = None
    as_json: bool = False


class Session:
    """One run of the command line: opens what a command asks for, and nothing else."""

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def out(self) -> Output:
        """Where results go."""
        return Output(self.options.as_json)

    @cached_property
    def config(self) -> NodeConfig:
        """The node's configuration; raises `ConfigError` where there is none."""
        return load_config(self.options.home)

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
        return self.options.home / f"{role}.json"

    def address(self, role: Role) -> Address:
        """The address a command signs with."""
        return keyfile_address(self.keyfile(role))

    @contextlib.contextmanager
    def signing(self, role: Role) -> Iterator[Signing]:
        """Unlock a key and hold its memory of transactions while the block runs."""
        path = self.keyfile(role)
        keyfile_address(path)
        reader = self.reader
        wallet = Wallet.load(path, passphrase())
        cap = self.config.spending_cap_wei if self._is_operator(path) else None
        with NodeState(self._memory(path)) as state:
            state.bind(reader.identity())
            sender = TransactionSender(reader, wallet, state, SendingPolicy(spending_cap=cap))
            yield Signing(Ledger(sender), wallet.address, state)

    def hospital_id(self, hospital_id: int | None) -> int:
        """The hospital named, or the one whose owner or operator the session's key is."""
        if hospital_id is not None:
            return hospital_id
        found = self.reader.hospital_id_of(self.address("owner"))
        if not found:
            raise UsageError(
                f"{self.address('owner')} owns no hospital: register one with `consilium hospital register`, "
                "or name a number."
            )
        return found

    @cached_property
    def _token(self) -> tuple[int, str]:
        return self.reader.token_decimals(), self.reader.token_symbol()

    def amount(self, text: str) -> int:
        """Whole tokens above zero, as written, in the token's smallest unit."""
        units = parse_amount(text, self._token[0])
        if not units:
            raise UsageError("The amount is zero: name one above it.")
        return units

    def tokens(self, amount: int) -> str:
        """An amount as it is shown, with the token's name."""
        decimals, symbol = self._token
        return f"{format_amount(amount, decimals)} {symbol}"

    @property
    def has_config(self) -> bool:
        """Whether the home folder is a node's."""
        return (self.options.home / FILE_NAME).exists()

    def _is_operator(self, path: Path) -> bool:
        return self.has_config and path.resolve() == self.config.operator_keyfile.resolve()

    def _memory(self, path: Path) -> Path:
        """A node's operator key is remembered by the node; every other key beside its keyfile."""
        return self.config.state_file if self._is_operator(path) else path.with_suffix(".transactions.sqlite")


@dataclass(frozen=True)
class Signing:
    """An unlocked key at work."""

    ledger: Ledger
    address: Address
    state: NodeState

    def intent(self, name: str) -> str:
        """A name for something that may be done again: a new one, or that of the same thing left unfinished.

        So a command that was cut off and is repeated finishes what it began instead of paying twice.
        """
        number = 0
        while True:
            intent = f"{name}/{number}"
            known = self.state.transaction(self.address, intent)
            if known is None or known.status is TransactionStatus.PENDING:
                return intent
            number += 1


def transaction(receipt: Receipt) -> dict[str, object]:
    """A receipt for programs."""
    return {
        "hash": receipt.tx_hash,
        "block": receipt.block_number,
        "gas": receipt.gas_used,
        "fee_wei": receipt.fee,
    }


def sent(sentence: str, receipt: Receipt) -> str:
    """What a transaction did, for people."""
    return f"{sentence} ({receipt.gas_used:,} gas, transaction {receipt.tx_hash})"


def passphrase(*, confirm: bool = False) -> str:
    """The passphrase from the environment, or asked for without echo; raises `UsageError`."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        if not given:
            raise ConfigError(f"{PASSPHRASE_VARIABLE} is empty: a passphrase must not be.")
        return given
    if not sys.stdin.isatty():
        raise UsageError(f"No passphrase: set {PASSPHRASE_VARIABLE}, or run this in a terminal to be asked.")
    asked: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
    return asked
