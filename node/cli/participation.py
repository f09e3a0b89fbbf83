# SPDX-License-Identifier: Apache-2.0
"""`consilium enrol`: into a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from node.chain.studies import NO_PAYOUT_COMMITMENT
from node.chain.wallet import checked_address
from node.cli.group import accept_option, command
from node.cli.session import Session, passphrase, sent, transaction
from node.config import FILE_NAME
from node.errors import StudyError
from node.files import locked
from node.payout import Payouts

if TYPE_CHECKING:
    from node.steps.records import Remarks, Usage


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
    @click.option("--teach-again", is_flag=True, help="Although other studies learnt from these data.")
    @accept_option
    def enrol(
        session: Session,
        study_id: int,
        plan_file: Path | None,
        extractor: Path | None,
        data: Path | None,
        payout: str | None,
        teach_again: bool,
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

        Data that taught another study without a privacy budget are refused: from the models of two studies that differ
        little, each hospital's update can be worked out. --teach-again enrols with them all the same.

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
                teach_again=teach_again,
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
