# SPDX-License-Identifier: Apache-2.0
"""`consilium council`: who may enrol."""

from __future__ import annotations

import click

from node.cli.group import command
from node.cli.session import Session, sent, transaction


@click.group()
def council() -> None:
    """Admit and suspend hospitals.

    Admitting and suspending need the council's key (--keyfile). Standing gates new enrolments only:
    nothing here reaches into a running study.
    """


@command(council, "admit")
@click.argument("hospital_id", type=click.IntRange(min=1), metavar="HOSPITAL")
def admit(session: Session, hospital_id: int) -> None:
    """Let a hospital enrol in studies.

    \b
    Example: consilium council admit 3 --keyfile council.json
    """
    with session.signing("owner") as key:
        receipt = key.ledger.admit(key.intent(f"council/admit/{hospital_id}"), hospital_id)
    session.out.done(
        sent(f"Hospital {hospital_id} is admitted", receipt),
        {"hospital": hospital_id, "transaction": transaction(receipt)},
    )


@command(council, "suspend")
@click.argument("hospital_id", type=click.IntRange(min=1), metavar="HOSPITAL")
def suspend(session: Session, hospital_id: int) -> None:
    """Bar a hospital from new enrolments."""
    with session.signing("owner") as key:
        receipt = key.ledger.suspend(key.intent(f"council/suspend/{hospital_id}"), hospital_id)
    session.out.done(
        sent(f"Hospital {hospital_id} is suspended", receipt),
        {"hospital": hospital_id, "transaction": transaction(receipt)},
    )


@command(council, "list")
def list_hospitals(session: Session) -> None:
    """List all hospitals with their standing."""
    session.out.rows(
        "Hospitals",
        ("id", "name", "standing", "owner", "operator", "endpoint"),
        ((h.id, h.name, h.standing, h.owner, h.operator, h.endpoint) for h in session.reader.hospitals()),
        "No hospital has registered yet.",
    )
