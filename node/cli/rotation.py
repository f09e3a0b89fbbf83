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
        ceremony, and the study goes on. The nodes do all of it and erase the keys that were not used.

        \b
        Example: consilium keys rotate 1
        """
        with session.signing("owner") as key:
            receipt = key.ledger.request_ceremony(key.intent(f"study/{study_id}/rotate"), study_id)
        event = receipt.event("CeremonyRequested").arguments
        session.out.done(
            sent(f"Study {study_id} holds a key ceremony after round {event['lastRound']}", receipt),
            {
                "study": study_id,
                "hospital": event["hospitalId"],
                "last_round": event["lastRound"],
                "transaction": transaction(receipt),
            },
        )

    @command(study, "leave")
    @click.argument("study_id", type=_STUDY, metavar="STUDY")
    def leave(session: Session, study_id: int) -> None:
        """Leave a running study for good (owner's key).

        The hospital takes part in the round that goes on, so its node should run on until it says that it has
        left. Then the others hold a key ceremony without it, and its bond can be released. Where too
        few remain, the study ends with that round.

        \b
        Example: consilium study leave 1
        """
        with session.signing("owner") as key:
            receipt = key.ledger.leave(study_id)
        event = receipt.event("HospitalLeft").arguments
        session.out.done(
            sent(f"Hospital {event['hospitalId']} leaves study {study_id} after round {event['lastRound']}", receipt),
            {
                "study": study_id,
                "hospital": event["hospitalId"],
                "last_round": event["lastRound"],
                "transaction": transaction(receipt),
            },
        )
