# SPDX-License-Identifier: Apache-2.0
"""`consilium stake`: the bond."""

from __future__ import annotations

import click

from node.chain.wallet import checked_address
from node.cli.group import command
from node.cli.session import Session, sent, transaction
from node.errors import UsageError


@click.group()
def stake() -> None:
    """A hospital's bond (owner's key)."""


@command(stake, "deposit")
@click.argument("amount")
@click.option("--hospital", "hospital_id", type=click.IntRange(min=1), help="Number [one's own].")
def deposit(session: Session, amount: str, hospital_id: int | None) -> None:
    """Add whole tokens to the bond.

    The transfer is approved first.

    \b
    Example: consilium stake deposit 100
    """
    number, units = session.hospital_id(hospital_id), session.amount(amount)
    with session.signing("owner") as key:
        receipt = key.ledger.deposit(key.intent(f"stake/deposit/{number}/{units}"), number, units)
    arrived = receipt.event("BondDeposited").arguments["amount"]
    session.out.done(
        sent(f"{session.tokens(arrived)} added to the bond of hospital {number}", receipt),
        {"hospital": number, "amount": arrived, "transaction": transaction(receipt)},
    )


@command(stake, "withdraw")
@click.argument("amount", required=False)
@click.option("--to", metavar="ADDRESS", help="Who is paid [the owner].")
def withdraw(session: Session, amount: str | None, to: str | None) -> None:
    """Ask a bond back, or pay it out.

    With AMOUNT (whole tokens) it is asked back; without, what was asked back before is paid. Asking
    starts the unbonding delay; the payout follows it. Locked bonds stay until their study ends.
    """
    if amount is not None and to is not None:
        raise UsageError("Who is paid is said when it is paid out: give --to without an amount, after the delay.")
    number = session.hospital_id(None)
    recipient = checked_address(to) if to else None
    with session.signing("owner") as key:
        if amount is None:
            recipient = recipient or key.address
            intent = key.intent(f"stake/withdraw/{number}/{recipient}")
            receipt = key.ledger.withdraw(intent, number, recipient)
            paid = receipt.event("BondWithdrawn").arguments["amount"]
            session.out.done(
                sent(f"{session.tokens(paid)} paid to {recipient}", receipt),
                {"hospital": number, "amount": paid, "to": recipient, "transaction": transaction(receipt)},
            )
            return
        units = session.amount(amount)
        intent = key.intent(f"stake/request/{number}/{units}")
        receipt = key.ledger.request_withdrawal(intent, number, units)
    ready = receipt.event("WithdrawalRequested").arguments["availableAt"]
    session.out.done(
        sent(f"{session.tokens(units)} can be withdrawn from {session.time(ready)}", receipt),
        {"hospital": number, "amount": units, "available_at": ready, "transaction": transaction(receipt)},
    )


@command(stake, "show")
@click.argument("hospital_id", required=False, type=click.IntRange(min=1), metavar="[HOSPITAL]")
def show(session: Session, hospital_id: int | None) -> None:
    """Show what is available, lockable, locked and on its way out.

    Lockable is what an enrolment can lock: what a study gave back stays within reach of evidence for a week, and
    cannot be locked again meanwhile. Services are what owner and operator earned by moving studies on: each collects
    its own with `consilium claim`.
    """
    reader = session.reader
    hospital = reader.hospital(session.hospital_id(hospital_id))
    number = hospital.id
    services = {address: reader.service_owed(address) for address in (hospital.owner, hospital.operator)}
    pending = reader.pending_withdrawal(number)
    locked = {
        study: amount for study in range(1, reader.study_count() + 1) if (amount := reader.locked_bond(study, number))
    }
    available, lockable = reader.available_bond(number), reader.lockable_bond(number)
    rest_from = reader.bond_cools_until(number) if lockable < available else 0
    rest = f", {session.tokens(available - lockable)} more from {session.time(rest_from)}" if rest_from else ""
    session.out.record(
        f"Bond of hospital {number}",
        {
            "available": available,
            "lockable": lockable,
            "lockable_rest_from": rest_from,
            "locked": locked,
            "pending": pending.amount,
            "pending_until": pending.available_at,
            "services": services,
        },
        {
            "available": session.tokens(available),
            "lockable": f"{session.tokens(lockable)}{rest}",
            "locked": ", ".join(f"{session.tokens(a)} for study {s}" for s, a in locked.items()) or "none",
            "pending": session.tokens(pending.amount),
            "pending_until": session.time(pending.available_at) if pending.amount else "none",
            "services": ", ".join(f"{session.tokens(owed)} for {key}" for key, owed in services.items() if owed)
            or "none",
        },
    )
