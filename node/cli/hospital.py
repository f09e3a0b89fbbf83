# SPDX-License-Identifier: Apache-2.0
"""`consilium hospital`: one's own entry in the registry."""

from __future__ import annotations

import dataclasses

import click

from node.chain.wallet import checked_address
from node.cli.group import command
from node.cli.session import Session, sent, transaction
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


@command(hospital, "show")
@click.argument("hospital_id", required=False, type=click.IntRange(min=1), metavar="[HOSPITAL]")
def show(session: Session, hospital_id: int | None) -> None:
    """Show a hospital's entry and bond [one's own]."""
    found = session.reader.hospital(session.hospital_id(hospital_id))
    bond = session.reader.available_bond(found.id)
    values = dataclasses.asdict(found) | {"available_bond": bond}
    session.out.record(f"Hospital {found.id}", values, {"available_bond": session.tokens(bond)})
