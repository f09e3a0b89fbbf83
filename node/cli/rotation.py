# SPDX-License-Identifier: Apache-2.0
"""`consilium keys rotate` and `consilium study leave`: what has a running study hold a new key ceremony."""

from __future__ import annotations

import click

from node.cli.group import command
from node.cli.session import Session, sent, transaction

_STUDY = click.IntRange(min=1)


def add_rotation_commands(keys: click.Group, study: click.Group) -> None:
    """Add the commands to their groups."""

    @command(keys, "rotate")
    @click.argument("study_id", type=_STUDY, metavar="STUDY")
    def rotate(session: Session, study_id: int) -> None:
        """Have new keys made for a study (owner's key).

        The round that goes on is the last one under the present keys; then all hospitals hold a key
        ceremony, and the study goes on. The nodes do all of it and erase the keys that were not used. Once in as many
        rounds as a batch has that is free; sooner the others are paid for it from this hospital's bond.

        \b
        Example: consilium keys rotate 1
        """
        with session.signing("owner") as key:
            receipt = key.ledger.request_ceremony(key.intent(f"study/{study_id}/rotate"), study_id)
        event = receipt.event("CeremonyRequested").arguments
        cost = f"; {session.tokens(event['charged'])} of the bond are the others'" if event["charged"] else ""
        session.out.done(
            sent(f"Study {study_id} holds a key ceremony after round {event['lastRound']}{cost}", receipt),
            {
                "study": study_id,
                "hospital": event["hospitalId"],
                "last_round": event["lastRound"],
                "charged": event["charged"],
                "transaction": transaction(receipt),
            },
        )

    @command(study, "leave")
    @click.argument("study_id", type=_STUDY, metavar="STUDY")
    def leave(session: Session, study_id: int) -> None:
        """Leave a study for good (owner's key).

        While enrolment is open at once: the bond is free, and another hospital can take the place. From a running study
        after the round that goes on, so the node should run on until it says that it has left. Then the others
        hold a key ceremony without it, and its bond can be released. Where too few remain, the study ends with
        that round.

        \b
        Example: consilium study leave 1
        """
        number = session.hospital_id(None)
        with session.signing("owner") as key:
            receipt = key.ledger.leave_study(study_id, number)
        last = next((event.arguments["lastRound"] for event in receipt.events if event.name == "HospitalLeft"), None)
        when = "before its first ceremony" if last is None else f"after round {last}"
        session.out.done(
            sent(f"Hospital {number} leaves study {study_id} {when}", receipt),
            {"study": study_id, "hospital": number, "last_round": last, "transaction": transaction(receipt)},
        )
