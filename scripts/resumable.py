# SPDX-License-Identifier: Apache-2.0
"""A row of transactions that is gone on with where it was cut off.

Each has its place in the deployer's nonces, so a second run sees which were mined: those it checks and does not
send again. The first nonce is kept in a file from before the first transaction until the row is finished.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ape
import click
from ape.api import AccountAPI
from ape.contracts import ContractContainer
from web3.utils import get_create_address


class DeploymentRefused(click.ClickException):
    """What was asked for must not be deployed; the message says why."""


class TransactionRow:
    """The transactions of one deployment, in order.

    `plan`: a digest of all that is to be deployed; a row that was begun for another plan is refused.
    `journal`: where the row is remembered; None forgets it.
    """

    def __init__(self, account: AccountAPI, plan: str, journal: Path | None, say: Callable[[str], None]) -> None:
        self._account = account
        self._journal = journal
        self._say = say
        self._sent = 0
        begun = {
            "chain_id": ape.chain.chain_id,
            "deployer": account.address,
            "plan": plan,
            "first_nonce": account.nonce,
            "start_block": ape.chain.blocks.height,
        }
        if journal is not None and journal.exists():
            found = json.loads(journal.read_text())
            different = [name for name in ("chain_id", "deployer", "plan") if found.get(name) != begun[name]]
            if different:
                raise DeploymentRefused(
                    f"{journal} remembers a deployment that was cut off, with another {', '.join(different)}: go on "
                    "with what it was begun with, or remove that file and deploy anew"
                )
            begun = found
            say(f"going on with the deployment that was begun at block {begun['start_block']}")
        elif journal is not None:
            journal.parent.mkdir(parents=True, exist_ok=True)
            journal.write_text(json.dumps(begun, indent=2) + "\n")
        self._first = int(begun["first_nonce"])
        self.start_block = int(begun["start_block"])

    def address(self, place: int) -> str:
        """The address of the contract that the transaction at this place (from 0) makes."""
        return str(get_create_address(self._account.address, self._first + place))

    def deploy(self, name: str, container: ContractContainer, *arguments: Any) -> Any:
        """Deploy the next contract, or find it where an earlier run deployed it."""
        wanted = self.address(self._sent)
        if self._is_done(name):
            if not is_code_of(wanted, container):
                raise self._foreign(name)
            self._say(f"found    {name} at {wanted}")
            return container.at(wanted)
        contract = self._account.deploy(container, *arguments)
        if contract.address != wanted:
            raise self._foreign(name)
        self._say(f"deployed {name} at {contract.address}")
        return contract

    def call(self, what: str, send: Callable[[], Any], happened: Callable[[], bool]) -> None:
        """Send the next transaction, unless an earlier run did; `happened` tells whether it was this one."""
        if self._is_done(what):
            if not happened():
                raise self._foreign(what)
            return
        send()
        self._say(what)

    def finish(self) -> None:
        """Forget the row."""
        if self._journal is not None:
            self._journal.unlink(missing_ok=True)

    def _is_done(self, what: str) -> bool:
        nonce = self._first + self._sent
        self._sent += 1
        if self._account.nonce < nonce:
            raise self._foreign(what)
        return bool(self._account.nonce > nonce)

    def _foreign(self, what: str) -> DeploymentRefused:
        nonce = self._first + self._sent - 1
        return DeploymentRefused(
            f"transaction {nonce} of {self._account.address} was another one than this deployment's ({what}), whose "
            f"contracts know each other by their addresses: remove {self._journal or 'what was deployed'} and deploy "
            "anew, with an account that nothing else uses meanwhile"
        )


def is_code_of(address: str, container: ContractContainer) -> bool:
    """Whether a contract's code is what was compiled, immutables aside (the compiler leaves zeros for them)."""
    compiled = bytes.fromhex(str(container.contract_type.runtime_bytecode.bytecode).removeprefix("0x"))
    found = bytes(ape.chain.provider.get_code(address))
    return len(found) == len(compiled) and all(want in (0, have) for want, have in zip(compiled, found, strict=True))
