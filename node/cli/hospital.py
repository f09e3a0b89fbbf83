# SPDX-License-Identifier: Apache-2.0
"""`consilium hospital`: one's own entry in the registry."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from node.chain.deployment import load_deployment
from node.chain.operators import checked_consent, consent
from node.chain.registry import NOBODY
from node.chain.wallet import Wallet, checked_address
from node.cli.group import command
from node.cli.session import Session, passphrase, sent, transaction
from node.config import FILE_NAME
from node.endpoint import doubt, parse_endpoint
from node.errors import UsageError
from node.types import Address


@click.group()
def hospital() -> None:
    """Register a hospital and look at it."""


@command(hospital, "register")
@click.option("--name", required=True, help="Shown to people; 1 to 64 printable bytes.")
@click.option(
    "--endpoint", default="", help="Where others fetch this hospital's blocks; the node sets it when it runs."
)
@click.option("--operator", help="Address the node signs with [that of operator.json].")
@click.option("--operator-signature", metavar="0x…", help="The operator's consent [signed here with operator.json].")
def register(session: Session, name: str, endpoint: str, operator: str | None, operator_signature: str | None) -> None:
    """Register a hospital (owner's and operator's keys).

    It can enrol in studies once the council has admitted it. The operator's key says by its signature that it acts for
    this owner, so that nobody registers the address of another's node. Where its keyfile is in the node's folder, that
    is done here. Where it is on another machine, make the signature there with `consilium hospital operator-signature`,
    and give it with --operator and --operator-signature.

    \b
    Example: consilium hospital register --name "St. Anna"
    """
    if not name.isprintable() or not name.strip():
        raise UsageError("A hospital's name is shown to people: give one that can be printed, on one line.")
    if endpoint:
        _check_endpoint(session, endpoint)
    chosen = checked_address(operator) if operator else session.address_of(session.node_keyfile)
    owner = session.address("owner")
    number = session.reader.hospital_id_of(owner)
    if number:
        # Asked for again, it is the first registration that counts: it must be the same one.
        found = session.reader.hospital(number)
        if (found.name, found.operator) != (name, chosen):
            raise UsageError(f"This owner has hospital {number} already: {found.name}, operator {found.operator}.")
    signature = _consent(session, owner, chosen, operator_signature)
    with session.signing("owner") as key:
        receipt = key.ledger.register(chosen, signature, name, endpoint)
    number = receipt.event("HospitalRegistered").arguments["hospitalId"]
    session.out.done(
        sent(f"{name} is hospital {number}; it may enrol once the council admits it", receipt),
        {"hospital": number, "operator": chosen, "transaction": transaction(receipt)},
    )


@command(hospital, "operator-signature")
@click.option("--owner", required=True, metavar="ADDRESS", help="Who will register the hospital.")
def operator_signature(session: Session, owner: str) -> None:
    """Sign that this node acts for an owner (operator's key).

    For an owner whose key is on another machine: it registers the hospital with this signature and the operator's
    address. Nothing is sent; no endpoint of the chain is needed.

    \b
    Example: consilium hospital operator-signature --owner 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    path = session.options.keyfile or session.node_keyfile
    signed = _sign(session, path, checked_address(owner))
    session.out.record(
        "Operator's consent",
        {"owner": checked_address(owner), "operator": session.address_of(path), "signature": "0x" + signed.hex()},
    )


@hospital.group("owner")
def owner_group() -> None:
    """Replace a hospital's owner, in two steps with a delay."""


@command(owner_group, "propose")
@click.argument("address")
def propose(session: Session, address: str) -> None:
    """Propose another owner (owner's key).

    ADDRESS can accept after the registry's delay, and until then you can take it back: ADDRESS is "none" then. What
    the hospital has and earns is the owner's of that moment: bonds, rewards that were not claimed, and what is on its
    way out. Bounties and services stay with the key that earned them.

    \b
    Example: consilium hospital owner propose 0x70997970C51812dc3A010C7d01b50e0d17dc79C8
    """
    proposed = NOBODY if address == "none" else checked_address(address)
    number = session.hospital_id(None)
    with session.signing("owner") as key:
        receipt = key.ledger.propose_owner(key.intent(f"hospital/{number}/owner/{proposed}"), number, proposed)
    start = receipt.event("OwnerProposed").arguments["start"]
    told = f"{proposed} can become the owner of hospital {number} from {session.time(start)} on"
    session.out.done(
        sent(told if start else f"Nobody is proposed as hospital {number}'s owner any more", receipt),
        {
            "hospital": number,
            "proposed": proposed if start else None,
            "from": start or None,
            "transaction": transaction(receipt),
        },
    )


@command(owner_group, "accept")
@click.argument("hospital_id", type=click.IntRange(min=1), metavar="HOSPITAL")
def accept(session: Session, hospital_id: int) -> None:
    """Become a hospital's owner (the proposed owner's key).

    \b
    Example: consilium --keyfile new-owner.json hospital owner accept 3
    """
    with session.signing("owner") as key:
        receipt = key.ledger.accept_owner(key.intent(f"hospital/{hospital_id}/accept"), hospital_id)
    event = receipt.event("OwnerReplaced").arguments
    session.out.done(
        sent(f"{event['owner']} is the owner of hospital {hospital_id}, and {event['previous']} no longer", receipt),
        {
            "hospital": hospital_id,
            "owner": event["owner"],
            "previous": event["previous"],
            "transaction": transaction(receipt),
        },
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
    proposed, start = session.reader.proposed_owner(found.id)
    values = dataclasses.asdict(found) | {
        "available_bond": bond,
        "proposed_owner": proposed if start else None,
        "proposed_owner_from": start or None,
    }
    shown = {"available_bond": session.tokens(bond)}
    if start:
        shown["proposed_owner_from"] = session.time(start)
    session.out.record(f"Hospital {found.id}", values, shown)


def _consent(session: Session, owner: Address, operator: Address, signature: str | None) -> bytes:
    """The operator's consent: as given, or made with the keyfile in the node's folder."""
    if signature is not None:
        return checked_consent(session.reader.deployment, owner, operator, signature)
    path = session.node_keyfile
    if not path.exists() or session.address_of(path) != operator:
        raise UsageError(
            f"The operator {operator} has to consent, and its key is not in {path}: on the node's machine, `consilium "
            f"hospital operator-signature --owner {owner}` prints a signature; give it here with --operator-signature."
        )
    return _sign(session, path, owner)


def _sign(session: Session, path: Path, owner: Address) -> bytes:
    wallet = Wallet.load(path, passphrase(of=path))
    return wallet.sign_typed(consent(load_deployment(session.deployment_path), owner, wallet.address))


def _check_endpoint(session: Session, url: str) -> None:
    """Refuse what is no gateway's address, and warn of one that hospitals elsewhere cannot use."""
    problem = doubt(parse_endpoint(url).host)
    if problem is not None and not session.reader.deployment.is_local:
        session.out.note(f"Warning: {problem}")
