# SPDX-License-Identifier: Apache-2.0
"""`consilium slashed`: cut bonds, whose they are, and the evidence that cuts one."""

from __future__ import annotations

from pathlib import Path

import click

from node.chain.client import ChainReader
from node.cli.group import command
from node.cli.session import Session, sent, transaction
from node.errors import DataError, UsageError
from node.types import Pot, Receipt, indices
from node.words import OFFENCE, listed

_STUDY = click.IntRange(min=1)
#: What a pot says of a round that has not closed.
_NEVER = (1 << 64) - 1
_HOSPITAL = click.option("--hospital", "hospital_id", type=click.IntRange(min=1), help="Number [one's own].")


@click.group()
def slashed() -> None:
    """Take what is cut from bonds, and show offences."""


@command(slashed, "list")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
def list_pots(session: Session, study_id: int) -> None:
    """List a study's cut bonds and whose they are.

    Each belongs in equal parts to the other hospitals of that round or ceremony that were not punished for it, and can
    be taken once no evidence about it is accepted any more.
    """
    reader = session.reader
    enrolled = reader.enrolled_ids(study_id)
    rows = []
    for pot in reader.pots(study_id):
        owners = [enrolled[index] for index in indices(pot.beneficiaries)]
        taken = [enrolled[index] for index in indices(pot.claimed)]
        amount = pot.amount if session.options.as_json else session.tokens(pot.amount)
        why = pot.cause if session.options.as_json else _cause(pot)
        when = _claimable_at(pot) if session.options.as_json else _when(session, pot)
        rows.append((pot.id, why, pot.stage, amount, owners, taken, when))
    columns = ("pot", "offence", "stage", "amount", "hospitals", "taken_by", "claimable_at")
    session.out.rows(f"Cut bonds of study {study_id}", columns, rows, "No bond was cut.")


@command(slashed, "claim")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@_HOSPITAL
def claim(session: Session, study_id: int, hospital_id: int | None) -> None:
    """Take a hospital's parts, and a reporter's bounty.

    The parts are added to the hospital's available bond, whoever sends the transactions (owner's key by
    default). A bounty is earned by the key that reported an equivocation and paid to it: name that key with
    --keyfile, a node's being operator.json in its folder.
    """
    reader = session.reader
    address = session.address("owner")
    number = hospital_id or reader.hospital_id_of(address)
    untaken = _untaken(reader, study_id, number) if number else ()
    now = reader.clock.now()
    parts = {pot.id: reader.part_of_pot(pot.id, number) for pot in untaken if pot.claimable_at <= now}
    later = [f"pot {pot.id}: {_when(session, pot)}" for pot in untaken if pot.id not in parts]
    if not parts and not reader.bounty(address):
        waits = f" Later can be taken: {listed(later, 5, '; ')}." if later else ""
        raise UsageError(f"There is nothing to take in study {study_id} now, and {address} has no bounty.{waits}")
    receipts: list[Receipt] = []
    bounty = 0
    with session.signing("owner") as key:
        for pot in parts:
            receipts.append(key.ledger.claim_slashed(pot, number))
        if reader.bounty(key.address):
            receipts.append(key.ledger.claim_bounty(key.intent("bounty")))
            bounty = receipts[-1].event("BountyPaid").arguments["amount"]
    total = sum(parts.values())
    told = [f"{session.tokens(total)} of cut bonds added to the bond of hospital {number}"] if parts else []
    told += [f"a bounty of {session.tokens(bounty)} paid to {key.address}"] if bounty else []
    session.out.done(
        sent("; ".join(told), receipts[-1]),
        {
            "study": study_id,
            "hospital": number or None,
            "pots": list(parts),
            "amount": total,
            "bounty": bounty,
            "later": [pot.id for pot in untaken if pot.id not in parts],
            "transactions": [transaction(receipt) for receipt in receipts],
        },
    )


@command(slashed, "evidence")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.argument("round_number", type=click.IntRange(min=1), metavar="ROUND")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Folder for a file of each, to be reported from.")
def evidence(session: Session, study_id: int, round_number: int, out: Path | None) -> None:
    """Show who signed two different shares.

    That is, as this node saw it. A node reports by itself what it sees; the files are for whoever should report
    it instead. Works beside a running node.
    """
    from node.state import seen_shares
    from node.steps.evidence import doubles, to_file

    rows = []
    for pair in doubles(seen_shares(session.config.state_file, study_id, round_number)):
        first, second = pair
        path = None if out is None else to_file(pair, out)
        rows.append((first.hospital_id, first.digest, second.digest, path and str(path)))
    columns = ("hospital", "share", "other_share", "file")
    session.out.rows(f"Signed twice in round {round_number} of study {study_id}", columns, rows, "Nobody signed twice.")


@command(slashed, "report")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def report(session: Session, file: Path) -> None:
    """Report an equivocation (any key; the owner's by default).

    FILE holds two CKKS shares that one hospital signed for one round and set, as `consilium slashed evidence` writes
    them. The hospital's bond is cut by one slice; a part of it is the reporter's, the rest that of the round's
    other hospitals.
    """
    from node.steps.evidence import from_document, is_signed

    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"The evidence {file} cannot be read ({error.strerror}).") from None
    pair = from_document(content)
    if not all(is_signed(session.reader, share) for share in pair):
        raise DataError(
            f"These are not two signatures of hospital {pair[0].hospital_id}'s operator on this network: "
            "the contract would refuse them."
        )
    with session.signing("owner") as key:
        receipt = key.ledger.report_equivocation(*pair)
    cut = receipt.event("BondSlashed").arguments["amount"]
    earned = [event.arguments["amount"] for event in receipt.events if event.name == "BountyEarned"]
    session.out.done(
        sent(f"{session.tokens(cut)} cut from the bond of hospital {pair[0].hospital_id}", receipt),
        {
            "study": pair[0].study_id,
            "round": pair[0].round,
            "hospital": pair[0].hospital_id,
            "cut": cut,
            "bounty": sum(earned),
            "transaction": transaction(receipt),
        },
    )


def _untaken(reader: ChainReader, study_id: int, hospital_id: int) -> tuple[Pot, ...]:
    """The pots of a study of which a hospital has a part that it has not taken."""
    enrolled = reader.enrolled_ids(study_id)
    if hospital_id not in enrolled:
        return ()
    place = 1 << enrolled.index(hospital_id)
    return tuple(pot for pot in reader.pots(study_id) if pot.beneficiaries & place and not pot.claimed & place)


def _cause(pot: Pot) -> str:
    return OFFENCE[pot.cause] if pot.cause is not None else "a key ceremony asked for too soon"


def _claimable_at(pot: Pot) -> int | None:
    """The second from which parts can be taken; None while the round has not closed."""
    return pot.claimable_at if pot.claimable_at < _NEVER else None


def _when(session: Session, pot: Pot) -> str:
    at = _claimable_at(pot)
    return "a week after the round has closed" if at is None else session.time(at)
