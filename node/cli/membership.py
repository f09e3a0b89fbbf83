# SPDX-License-Identifier: Apache-2.0
"""Who takes part in a running study: newcomers approved, hospitals that leave, new keys asked for."""

from __future__ import annotations

import sys

import click

from node.cli.group import command
from node.cli.session import Session, sent, transaction
from node.errors import UsageError
from node.types import StudyState
from node.words import NEIGHBOURING

_STUDY = click.IntRange(min=1)


def add_membership_commands(keys: click.Group, study: click.Group) -> None:
    """Add the commands to their groups."""

    @command(keys, "rotate")
    @click.argument("study_id", type=_STUDY, metavar="STUDY")
    @click.option("--yes", is_flag=True, help="Do not ask, where it is to be paid for.")
    def rotate(session: Session, study_id: int, yes: bool) -> None:
        """Have new keys made for a study (owner's key).

        The round that goes on is the last one under the present keys; then all hospitals hold a key
        ceremony, and the study goes on. The nodes do all of it and erase the keys that were not used. Once in as many
        rounds as a batch has that is free; sooner the others are paid for it from this hospital's bond, which is said
        before anything is sent.

        \b
        Example: consilium keys rotate 1
        """
        _confirm_price(session, study_id, yes)
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

    @command(study, "approve")
    @click.argument("study_id", type=_STUDY, metavar="STUDY")
    @click.argument("hospital_id", type=_STUDY, metavar="HOSPITAL")
    def approve(session: Session, study_id: int, hospital_id: int) -> None:
        """Approve of a newcomer to a running study (operator's key).

        Only where the plan says that newcomers can be approved. Shares of the next keys are dealt to whoever joins:
        with too many of one mind among them, updates can be read. Look whom you approve of.

        \b
        Example: consilium study approve 1 7
        """
        newcomer = session.reader.hospital(hospital_id)
        with session.signing("operator") as key:
            receipt = key.ledger.approve_newcomer(study_id, hospital_id)
        given, needed = session.reader.approvals(study_id, hospital_id)
        count = given.bit_count()
        rest = "it can enrol now" if count >= needed else f"{needed - count} more are needed"
        session.out.done(
            sent(f"Hospital {hospital_id} ({newcomer.name}) is approved of for study {study_id}: {rest}", receipt),
            {
                "study": study_id,
                "hospital": hospital_id,
                "approvals": count,
                "needed": needed,
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
        running = session.reader.study_state(study_id) is StudyState.RUNNING
        if running and not session.reader.study(study_id).plan.privacy_budget:
            session.out.note(f"{NEIGHBOURING}.")
        with session.signing("owner") as key:
            receipt = key.ledger.leave_study(study_id, number)
        last = next((event.arguments["lastRound"] for event in receipt.events if event.name == "HospitalLeft"), None)
        when = "before its first ceremony" if last is None else f"after round {last}"
        session.out.done(
            sent(f"Hospital {number} leaves study {study_id} {when}", receipt),
            {"study": study_id, "hospital": number, "last_round": last, "transaction": transaction(receipt)},
        )


def _confirm_price(session: Session, study_id: int, yes: bool) -> None:
    """Say what a ceremony asked for now would cost, and have it agreed to."""
    reader, number = session.reader, session.hospital_id(None)
    free = reader.free_request_from(study_id, number)
    if reader.current_round(study_id) >= free:
        return
    price = session.tokens(reader.request_price(study_id))
    session.out.note(f"Asked for before round {free}, the ceremony costs {price} of the bond, for the other hospitals.")
    if yes:
        return
    if session.options.as_json or not sys.stdin.isatty():
        raise UsageError(f"It costs {price}: say --yes to pay that, wait for round {free}, or be asked in a terminal.")
    if not click.confirm("Pay that?", err=True):
        raise UsageError("Nothing was sent.")
