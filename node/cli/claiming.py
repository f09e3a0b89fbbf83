# SPDX-License-Identifier: Apache-2.0
"""`consilium claim`: rewards, what services earned, and the bond after the end."""

from __future__ import annotations

import click

from node.chain.wallet import checked_address
from node.cli.group import command
from node.cli.session import Session, passphrase, sent, transaction
from node.errors import UsageError
from node.payout import Payout, Payouts
from node.types import Receipt

#: Rounds of one transaction. With 4 hospitals the first costs 151,000 gas and each further one 56,000; with 64 the
#: first costs 52,000 more. A transaction may use 16,777,216 on Ethereum (EIP-7825), elsewhere what a block holds.
CLAIM_ROUNDS_MOST = 100


def add_claim_command(cli: click.Group) -> None:
    """Add the command at the top level."""

    @command(cli, "claim")
    @click.argument("study_id", type=click.IntRange(min=1), metavar="STUDY")
    @click.option("--hospital", "hospital_id", type=click.IntRange(min=1), help="Number [one's own].")
    @click.option("--to", metavar="ADDRESS", help="Who is paid [the owner]; for rewards only where its key signs.")
    @click.option("--payout", metavar="ADDRESS", help="Pay rewards to the address given at enrolment.")
    def claim(session: Session, study_id: int, hospital_id: int | None, to: str | None, payout: str | None) -> None:
        """Claim rewards and services, and the bond after the end.

        Rewards go to the hospital's owner, whoever sends the transaction (owner's key by default): elsewhere with --to,
        or with --payout to the address that the node committed to when it enrolled. Once the study has ended, or goes
        on without the hospital, its bond is released: to be withdrawn, or used again.

        What a key earned by moving studies on only that key collects, of all studies at once: name the node's with
        --keyfile, it is operator.json in its folder.

        \b
        Example: consilium claim 1 --to 0x90F79bf6EB2c4f870365E785982E1f101E93b906
        """
        if to and payout:
            raise UsageError("Rewards go to the address of --to or to that of --payout: name one.")
        committed = _payout(session, study_id, payout) if payout else None
        reader = session.reader
        number = session.hospital_id(hospital_id)
        hospital = reader.hospital(number)
        recipient = checked_address(to) if to else hospital.owner
        rounds = [r for r in range(1, reader.current_round(study_id) + 1) if reader.claimable(study_id, number, [r])]
        releasable = reader.locked_bond(study_id, number) > 0 and (
            reader.study_state(study_id).ended or reader.enrolment(study_id, number).barred
        )
        serves = reader.service_owed(session.address("owner")) > 0
        if not rounds and not releasable and not serves:
            raise UsageError(
                f"Hospital {number} has nothing to claim in study {study_id} now."
                + _elsewhere(session, hospital.operator)
            )
        receipts: list[Receipt] = []
        paid, paid_to, released, services = 0, None, 0, 0
        with session.signing("owner") as key:
            for start in range(0, len(rounds), CLAIM_ROUNDS_MOST):
                some = rounds[start : start + CLAIM_ROUNDS_MOST]
                where = committed.address if committed else recipient
                intent = key.intent(f"claim/{study_id}/{number}/{where}/{'-'.join(map(str, some))}")
                receipts.append(
                    key.ledger.claim(intent, study_id, number, some, recipient)
                    if committed is None
                    else key.ledger.claim_to(intent, study_id, number, some, committed.address, committed.salt)
                )
                event = receipts[-1].event("RewardClaimed")
                paid, paid_to = paid + event.arguments["amount"], event.arguments["to"]
            if serves:
                receipts.append(key.ledger.claim_service(key.intent(f"claim/service/{recipient}"), recipient))
                services = receipts[-1].event("ServicePaid").arguments["amount"]
            if releasable:
                receipts.append(key.ledger.release_bond(study_id, number))
                released = receipts[-1].event("BondReleased").arguments["amount"]
        parts = [f"{session.tokens(paid)} paid to {paid_to} for {named_rounds(rounds)}"] if rounds else []
        parts += [f"{session.tokens(services)} paid to {recipient} for moving studies on"] if serves else []
        cut = reader.study(study_id).plan.bond - released if releasable else 0
        parts += [f"a bond of {session.tokens(released)} is free again"] if releasable else []
        parts += [f"{session.tokens(cut)} of it were cut for lies, absence or early ceremonies"] if cut else []
        session.out.done(
            sent("; ".join(parts), *receipts),
            {
                "study": study_id,
                "hospital": number,
                "rounds": rounds,
                "paid": paid,
                "paid_to": paid_to,
                "services": services,
                "bond_released": released,
                "bond_cut": cut,
                "transactions": [transaction(receipt) for receipt in receipts],
            },
        )
        if told := _elsewhere(session, hospital.operator):
            session.out.note(told.strip())


def named_rounds(numbers: list[int]) -> str:
    """Numbers of rounds in words: "round 3", "rounds 1 to 4, 6"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"round{'s' if len(numbers) > 1 else ''} {shown}"


def _elsewhere(session: Session, operator: str) -> str:
    """What the node's key earned and the key of this command cannot collect, in a sentence, or nothing."""
    owed = session.reader.service_owed(operator)
    if not owed or operator == session.address("owner"):
        return ""
    return f" The node's key {operator} earned {session.tokens(owed)} by moving studies on: claim with --keyfile of it."


def _payout(session: Session, study_id: int, address: str) -> Payout:
    """The payout that the session's node committed to."""
    return Payouts(session.config.payouts_folder, passphrase()).of(study_id, checked_address(address))
