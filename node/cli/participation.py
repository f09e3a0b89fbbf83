# SPDX-License-Identifier: Apache-2.0
"""`consilium enrol` and `consilium claim`: into a study, and paid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.chain.studies import NO_PAYOUT_COMMITMENT
from node.chain.wallet import checked_address
from node.cli.group import accept_option, command
from node.cli.session import Session, passphrase, sent, transaction
from node.config import FILE_NAME
from node.errors import StudyError, UsageError
from node.files import locked
from node.payout import Payout, Payouts
from node.types import Receipt

if TYPE_CHECKING:
    from node.steps.records import Remarks, Usage

#: Rounds of one transaction. With 4 hospitals the first costs 151,000 gas and each further one 56,000; with 64 the
#: first costs 52,000 more. A transaction may use 16,777,216 on Ethereum (EIP-7825), elsewhere what a block holds.
CLAIM_ROUNDS_MOST = 100


def add_participation_commands(cli: click.Group) -> None:
    """Add the commands at the top level."""

    @command(cli, "enrol")
    @click.argument("study_id", type=click.IntRange(min=1), metavar="STUDY")
    @click.option(
        "--plan",
        "plan_file",
        type=click.Path(path_type=Path),
        help="The plan document [from a hospital that has it].",
    )
    @click.option(
        "--extractor",
        type=click.Path(path_type=Path),
        help="The file of the plan's extractor (a head on images), where no store has it.",
    )
    @click.option("--data", type=click.Path(path_type=Path), help="This study's data [the node's `data`].")
    @click.option("--payout", metavar="ADDRESS", help="Where rewards can be claimed to [the owner].")
    @accept_option
    def enrol(
        session: Session,
        study_id: int,
        plan_file: Path | None,
        extractor: Path | None,
        data: Path | None,
        payout: str | None,
        accept: tuple[str, ...],
    ) -> None:
        """Take a place in a study (operator's key).

        The plan document must agree with the chain in every number, and the bond is locked. Of the
        data only a commitment leaves this machine: the node keeps what it committed to, encrypted and for this study
        alone. Of more rows than the plan's circuit takes, one block is drawn by the hash of a later block of the
        chain, and the node trains on that. Works beside a running node, which takes the study up by itself. How
        much of the data is used is said before anything is sent.

        Data that are probably wrong are refused by the name of each column or image: values in another unit or sign
        than the plan's, codes for missing ones, a column that never varies, one class alone, blank or dark images.
        What is right all the same is accepted by that name.

        With --payout the chain gets a hash of that address and of a secret salt, so that nobody knows who is
        paid before `consilium claim --payout`. The salt is in the node's folder: keep a copy of it.

        \b
        Example: consilium enrol 1 --plan plan.json --data records.csv
        """
        from node.runner import open_hospital
        from node.steps.enrolment import data_file, is_sent
        from node.steps.enrolment import enrol as enrol_hospital

        told: dict[str, Any] = {}

        def tell(usage: Usage, remarks: Remarks) -> None:
            for line in (str(usage), *remarks.notes):
                session.out.note(line)
            told.update(
                records=usage.records,
                used_least=usage.least,
                used_most=usage.most,
                notes=list(remarks.notes),
                accepted=[found.name for found in remarks.accepted],
            )

        config, opening = session.node_config, passphrase()
        address = checked_address(payout) if payout else None
        commitment = NO_PAYOUT_COMMITMENT
        # The records of one enrolment must not be replaced by another one's that is under way.
        with locked(config.home / "enrolment.lock"), open_hospital(config, opening, beside=True) as hospital:
            again = is_sent(hospital, study_id)
            if address is not None:
                payouts = Payouts(config.payouts_folder, opening)
                if not again:
                    payouts.forget(study_id)
                commitment = payouts.keep(study_id, address).commitment
            receipt = enrol_hospital(
                hospital,
                study_id,
                data or config.data,
                accept=accept,
                tell=tell,
                plan_file=plan_file,
                extractor=extractor,
                payout_commitment=commitment,
            )
            place = hospital.reader.enrolment(study_id, hospital.id)
            file = data_file(config.state_file, study_id)
        if again:
            session.out.note(f"It was enrolled before, with {file}: what was committed to then stands.")
        if config.studies is not None and study_id not in config.studies:
            session.out.note(
                f"This node does not follow study {study_id}: add it to `studies.follow` in {config.home / FILE_NAME}, "
                "and start the node again."
            )
        if address is not None and place.payout_commitment != commitment:
            raise StudyError(
                f"Enrolled in study {study_id} by an earlier try, which committed to no payout: claim without --payout."
            )
        blocks = session.reader.blocks_of(study_id, place.hospital_id).blocks
        with_what = f"{blocks} blocks of rows, of which one is drawn" if blocks else f"{place.rows} rows"
        session.out.done(
            sent(f"Enrolled in study {study_id} with {with_what}", receipt),
            {
                "study": study_id,
                "hospital": place.hospital_id,
                "index": place.index,
                "rows": place.rows,
                "blocks": blocks,
                "data": file,
                **told,
                "data_root": place.data_root,
                "payout_commitment": place.payout_commitment,
                "transaction": transaction(receipt),
            },
        )

    @command(cli, "claim")
    @click.argument("study_id", type=click.IntRange(min=1), metavar="STUDY")
    @click.option("--hospital", "hospital_id", type=click.IntRange(min=1), help="Number [one's own].")
    @click.option("--payout", metavar="ADDRESS", help="Pay rewards to the address given at enrolment [the owner].")
    def claim(session: Session, study_id: int, hospital_id: int | None, payout: str | None) -> None:
        """Claim rewards, and the bond after the end.

        Rewards go to the hospital's owner, whoever sends the transaction (owner's key by default); with --payout to
        the address that the node committed to when it enrolled. Once the study has ended, or goes on without the
        hospital, its bond is released: to be withdrawn, or used again.

        \b
        Example: consilium claim 1 --payout 0x90F79bf6EB2c4f870365E785982E1f101E93b906
        """
        to = _payout(session, study_id, payout) if payout else None
        reader = session.reader
        number = session.hospital_id(hospital_id)
        rounds = [r for r in range(1, reader.current_round(study_id) + 1) if reader.claimable(study_id, number, [r])]
        releasable = reader.locked_bond(study_id, number) > 0 and (
            reader.study_state(study_id).ended or reader.enrolment(study_id, number).barred
        )
        if not rounds and not releasable:
            raise UsageError(f"Hospital {number} has nothing to claim in study {study_id} now.")
        receipts: list[Receipt] = []
        paid, paid_to, released = 0, None, 0
        with session.signing("owner") as key:
            for start in range(0, len(rounds), CLAIM_ROUNDS_MOST):
                some = rounds[start : start + CLAIM_ROUNDS_MOST]
                intent = key.intent(f"claim/{study_id}/{number}/{'-'.join(map(str, some))}")
                receipts.append(
                    key.ledger.claim(intent, study_id, number, some)
                    if to is None
                    else key.ledger.claim_to(intent, study_id, number, some, to.address, to.salt)
                )
                event = receipts[-1].event("RewardClaimed")
                paid, paid_to = paid + event.arguments["amount"], event.arguments["to"]
            if releasable:
                receipts.append(key.ledger.release_bond(study_id, number))
                released = receipts[-1].event("BondReleased").arguments["amount"]
        parts = [f"{session.tokens(paid)} paid to {paid_to} for {_rounds(rounds)}"] if rounds else []
        slashed = reader.study(study_id).plan.bond - released if releasable else 0
        parts += [f"a bond of {session.tokens(released)} is free again"] if releasable else []
        parts += [f"{session.tokens(slashed)} of it were slashed for an offence"] if slashed else []
        session.out.done(
            sent("; ".join(parts), *receipts),
            {
                "study": study_id,
                "hospital": number,
                "rounds": rounds,
                "paid": paid,
                "paid_to": paid_to,
                "bond_released": released,
                "bond_slashed": slashed,
                "transactions": [transaction(receipt) for receipt in receipts],
            },
        )


def _rounds(numbers: list[int]) -> str:
    """Numbers of rounds in words: "round 3", "rounds 1 to 4, 6"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown = ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)
    return f"round{'s' if len(numbers) > 1 else ''} {shown}"


def _payout(session: Session, study_id: int, address: str) -> Payout:
    """The payout that the session's node committed to."""
    return Payouts(session.config.payouts_folder, passphrase()).of(study_id, checked_address(address))
