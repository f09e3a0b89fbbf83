# SPDX-License-Identifier: Apache-2.0
"""`consilium hospital`: one's own entry in the registry."""

from __future__ import annotations

import dataclasses

import click

from node.chain.wallet import checked_address
from node.cli.group import command
from node.cli.session import Session, sent, transaction
from node.config import FILE_NAME
from node.endpoint import doubt, parse_endpoint
from node.errors import UsageError


@click.group()
def hospital() -> None:
    """Register a hospital and look at it."""


@command(hospital, "register")
@click.option("--name", required=True, help="Shown to people; 1 to 64 printable bytes.")
@click.option(
    "--endpoint", default="", help="Where others fetch this hospital's blocks; the node sets it when it runs."
)
@click.option("--operator", help="Address the node signs with [that of operator.json].")
def register(session: Session, name: str, endpoint: str, operator: str | None) -> None:
    """Register a hospital (owner's key).

    It can enrol in studies once the council has admitted it.

    \b
    Example: consilium hospital register --name "St. Anna"
    """
    if not name.isprintable() or not name.strip():
        raise UsageError("A hospital's name is shown to people: give one that can be printed, on one line.")
    if endpoint:
        _check_endpoint(session, endpoint)
    chosen = checked_address(operator) if operator else session.address("operator")
    number = session.reader.hospital_id_of(session.address("owner"))
    if number:
        # Asked for again, it is the first registration that counts: it must be the same one.
        found = session.reader.hospital(number)
        if (found.name, found.operator) != (name, chosen):
            raise UsageError(f"This owner has hospital {number} already: {found.name}, operator {found.operator}.")
    with session.signing("owner") as key:
        receipt = key.ledger.register(chosen, name, endpoint)
    number = receipt.event("HospitalRegistered").arguments["hospitalId"]
    session.out.done(
        sent(f"{name} is hospital {number}; it may enrol once the council admits it", receipt),
        {"hospital": number, "operator": chosen, "transaction": transaction(receipt)},
    )


@command(hospital, "endpoint")
@click.argument("url")
@click.option("--hospital", "hospital_id", type=click.IntRange(min=1), help="Number [one's own].")
def endpoint(session: Session, url: str, hospital_id: int | None) -> None:
    """Say on chain where others fetch blocks (owner's key).

    URL is http:// or https:// with a host, and a port and a base path where needed; "" takes back what is on record.
    The operator's key may do it too (--keyfile). A node with storage.advertise in its configuration announces that
    whenever it starts, so change it there as well.

    \b
    Example: consilium hospital endpoint https://blocks.hospital.example/consilium
    """
    if url:
        _check_endpoint(session, url)
    configured = session.config.storage.advertise if session.has_config else None
    if configured is not None and configured != url:
        raise UsageError(
            f"This node's configuration says storage.advertise = {configured!r}, and the node would announce that when "
            f"it starts: change it in {session.home / FILE_NAME}, then run this again or restart the node."
        )
    number = session.hospital_id(hospital_id)
    with session.signing("owner") as key:
        receipt = key.ledger.set_endpoint(key.intent(f"hospital/{number}/endpoint/{url}"), number, url)
    told = f"The others fetch hospital {number}'s blocks from {url}" if url else f"Hospital {number} has no gateway now"
    session.out.done(sent(told, receipt), {"hospital": number, "endpoint": url, "transaction": transaction(receipt)})


@command(hospital, "show")
@click.argument("hospital_id", required=False, type=click.IntRange(min=1), metavar="[HOSPITAL]")
def show(session: Session, hospital_id: int | None) -> None:
    """Show a hospital's entry and bond [one's own]."""
    found = session.reader.hospital(session.hospital_id(hospital_id))
    bond = session.reader.available_bond(found.id)
    values = dataclasses.asdict(found) | {"available_bond": bond}
    session.out.record(f"Hospital {found.id}", values, {"available_bond": session.tokens(bond)})


def _check_endpoint(session: Session, url: str) -> None:
    """Refuse what is no gateway's address, and warn of one that hospitals elsewhere cannot use."""
    problem = doubt(parse_endpoint(url).host)
    if problem is not None and not session.reader.deployment.is_local:
        session.out.note(f"Warning: {problem}")
