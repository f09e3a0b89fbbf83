# SPDX-License-Identifier: Apache-2.0
"""`consilium wallet`: keys."""

from __future__ import annotations

import click

from node.chain.wallet import LIGHT_WORK_FACTOR, WORK_FACTOR, checked_address, create_keyfile
from node.cli.group import command
from node.cli.session import Session, passphrase, sent, transaction
from node.words import format_amount


@click.group()
def wallet() -> None:
    """Make and look at keys.

    A hospital has two: the owner's (bond and payouts, kept away from the node) and the operator's
    (signs for the running node).
    """


@command(wallet, "new")
@click.argument("name", default="owner")
@click.option("--light-kdf", is_flag=True, help="Weaker protection of the keyfile, for keys of local test networks.")
def new(session: Session, name: str, light_kdf: bool) -> None:
    """Make a key and write its keyfile.

    The keyfile is encrypted with your passphrase. NAME is the file's name in the node's folder [owner];
    --keyfile names another place. A keyfile is
    never overwritten.

    \b
    Example: consilium --home ./st-anna wallet new operator
    """
    path = session.options.keyfile or session.home / f"{name}.json"
    work_factor = LIGHT_WORK_FACTOR if light_kdf else WORK_FACTOR
    address = create_keyfile(path, passphrase(confirm=True), work_factor=work_factor)
    session.out.done(f"{address}  {path}", {"address": address, "keyfile": str(path)})


@command(wallet, "show")
def show(session: Session) -> None:
    """Show a key's address, ether and tokens, and what it earned.

    Services are what it earned by moving studies on and was not yet paid: `consilium claim` collects them.
    """
    address = session.address("owner")
    ether, tokens = session.reader.balance(address), session.reader.token_balance(address)
    services = session.reader.service_owed(address)
    session.out.record(
        "Wallet",
        {"address": address, "ether_wei": ether, "tokens": tokens, "services": services},
        {
            "ether_wei": f"{format_amount(ether, 18)} ether",
            "tokens": session.tokens(tokens),
            "services": session.tokens(services),
        },
    )


@command(wallet, "send")
@click.argument("address")
@click.argument("amount")
def send(session: Session, address: str, amount: str) -> None:
    """Send tokens to an address (owner's key).

    AMOUNT is in whole tokens.

    \b
    Example: consilium wallet send 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 100
    """
    to, units = checked_address(address), session.amount(amount)
    with session.signing("owner") as key:
        receipt = key.ledger.transfer(key.intent(f"wallet/send/{to}/{units}"), to, units)
    session.out.done(
        sent(f"{session.tokens(units)} sent to {to}", receipt),
        {"to": to, "amount": units, "transaction": transaction(receipt)},
    )
