# SPDX-License-Identifier: Apache-2.0
"""`consilium study`: publish, fund and follow studies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from node.chain.wallet import checked_address
from node.cli.group import accept_option, command
from node.cli.plans import PlansAtHand, described, in_words, plan_in, resilience, short_title, terms_in_words
from node.cli.progress import (
    batch,
    batch_in_words,
    joining,
    opens,
    opens_next,
    outcome,
    rounds_so_far,
    sampled_hospitals,
    survived,
    survived_in_words,
    suspended_until,
    suspension_in_words,
    waits_for,
)
from node.cli.session import Session, sent, transaction
from node.errors import DataError, UsageError
from node.types import Receipt, indices

_STUDY = click.IntRange(min=1)
_COLUMNS = ("round", "phase", "submitted", "attested", "included", "rows", "failed_since")


@click.group()
def study() -> None:
    """Publish a study, escrow its rewards, see how it goes."""


@command(study, "plan")
@click.argument("draft", type=click.Path(path_type=Path), metavar="DRAFT.json")
@click.option("--records", type=click.Path(path_type=Path), help="Data of your own, held by no hospital.")
@click.option("--extractor", type=click.Path(path_type=Path), help="The frozen network of a head on images.")
@click.option("-o", "--out", type=click.Path(path_type=Path), default=Path("plan.json"), show_default=True)
@accept_option
def plan(
    session: Session,
    draft: Path,
    records: Path | None,
    extractor: Path | None,
    out: Path,
    accept: tuple[str, ...],
) -> None:
    """Write a plan document from a readable draft.

    A draft is a plan as JSON in any layout. It may leave out what --records gives: the features (the
    columns of a CSV table but the label) and the constants of their scaling, which become public. What has a usual
    value it may leave out too: how sums are opened, who may join later, patience, recovery, fines, pay for services.
    All that publishing or enrolling would refuse is refused here, at once; of a network's own rules, where --rpc and
    --deployment, or the node's folder, say which network. For a head on
    images --records are images, and --extractor the file of the network that finds the features in them.
    docs/study.md lists the keys; docs/examples/plan.json is a draft to start from.

    \b
    Example: consilium study plan docs/examples/plan.json --records sponsor.csv -o plan.json
    """
    from node.cli.drafting import complete
    from node.cli.publishing import venue_of

    venue, unasked = venue_of(session)
    made = complete(_document(draft), records, extractor, venue, accept)
    if out.exists() and out.read_bytes() != made.canonical():
        raise UsageError(f"{out} exists already and is another plan: name another place with -o.")
    out.write_bytes(made.canonical())
    if unasked:
        session.out.note(f"{unasked} Whether it lists the circuits and how short it lets phases be is checked later.")
    session.out.note(resilience(made))
    session.out.done(
        f"The plan for {len(made.model.initial)} weights and {made.participation.rounds} rounds: {out}",
        {
            "file": str(out),
            "digest": made.digest(),
            "size": len(made.canonical()),
            "survives": made.survives(made.participation.maximum),
            "network_asked": not unasked,
        },
    )


@command(study, "publish")
@click.argument("plan_file", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option("--extractor", type=click.Path(path_type=Path), help="The file of the plan's extractor: it is checked.")
@click.option("--fund", "with_funding", is_flag=True, help="Escrow rewards and services at once.")
def publish(session: Session, plan_file: Path, extractor: Path | None, with_funding: bool) -> None:
    """Publish a study as its sponsor (owner's key).

    PLAN.json is the canonical plan document, as `consilium study plan` writes it. Its SHA-256 goes on
    chain; hand the file itself to the hospitals, who check it against the chain. For a head on images hand them
    the file of the extractor as well, which the plan names by its SHA-256.

    \b
    Example: consilium study publish plan.json --fund
    """
    from node.cli.publishing import check_extractor, check_venue, plan_terms
    from node.plan import TrainingPlan
    from node.steps.plan_rules import Venue

    parsed, reader = TrainingPlan.parse(_document(plan_file)), session.reader
    check_extractor(parsed, extractor)
    check_venue(parsed, Venue.of(reader))
    terms = plan_terms(parsed, reader.deployment)
    receipts: list[Receipt] = []
    with session.signing("owner") as key:
        intent = key.intent(f"study/publish/{terms.document_digest.hex()}")
        receipts.append(key.ledger.publish(intent, terms))
        number = receipts[0].event("StudyPublished").arguments["studyId"]
        if with_funding:
            needed = session.reader.required_funding(number)
            receipts.append(key.ledger.fund(key.intent(f"study/fund/{number}/{needed}"), number, needed))
    state = "published and funded" if with_funding else "published; it opens once rewards and services are escrowed"
    session.out.done(
        sent(f"Study {number} is {state}", receipts[-1]),
        {"study": number, "transactions": [transaction(receipt) for receipt in receipts]},
    )


@command(study, "fund")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.argument("amount", required=False)
def fund(session: Session, study_id: int, amount: str | None) -> None:
    """Escrow rewards, and pay for services, of a study.

    AMOUNT is in whole tokens; without it, what is still missing is escrowed.
    """
    session.reader.study(study_id)
    if amount is None:
        units = session.reader.required_funding(study_id) - session.reader.funded(study_id)
        if units <= 0:
            raise UsageError(f"Study {study_id} is funded in full; name an amount to escrow more.")
    else:
        units = session.amount(amount)
    with session.signing("owner") as key:
        receipt = key.ledger.fund(key.intent(f"study/fund/{study_id}/{units}"), study_id, units)
    session.out.done(
        sent(f"{session.tokens(units)} escrowed for study {study_id}", receipt),
        {"study": study_id, "amount": units, "transaction": transaction(receipt)},
    )


@command(study, "refund")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.option("--to", metavar="ADDRESS", help="Who is paid, where the sponsor's key signs [the sponsor].")
def refund(session: Session, study_id: int, to: str | None) -> None:
    """Pay the sponsor what was not spent.

    That is what came in, less what hospitals earned and services cost. Anyone may send this, once the study has
    ended; another address than its own only the sponsor names.
    """
    recipient = checked_address(to) if to else session.reader.study(study_id).sponsor
    with session.signing("owner") as key:
        intent = key.intent(f"study/refund/{study_id}/{recipient}")
        receipt = key.ledger.refund(intent, study_id, recipient)
    paid = receipt.event("StudyRefunded").arguments["amount"]
    session.out.done(
        sent(f"{session.tokens(paid)} of study {study_id} paid back to {recipient}", receipt),
        {"study": study_id, "amount": paid, "to": recipient, "transaction": transaction(receipt)},
    )


@command(study, "list")
def list_studies(session: Session) -> None:
    """List all studies with their state, and how they ended.

    `survives` is how many silent or lying hospitals a study goes on without, as it stands. A title is shown where the
    plan's document is at hand: in this node's store, or with a hospital that is enrolled and answers at once.
    """
    reader, plans = session.reader, PlansAtHand(session)

    def row(number: int) -> tuple[object, ...]:
        found = reader.study(number)
        plan, reward = plans.of(found), found.plan.reward_per_round
        return (
            number,
            plan and plan.title if session.options.as_json else short_title(plan),
            reader.study_state(number),
            f"{found.enrolled} of {found.plan.minimum} to {found.plan.maximum}",
            f"{reader.current_round(number)} of {found.plan.rounds}",
            reward if session.options.as_json else session.tokens(reward),
            opens_next(reader, found),
            survived(reader, found),
            joining(found),
            _waiting(number),
            found.sponsor,
        )

    def _waiting(number: int) -> str | None:
        until = suspended_until(reader, number)
        return outcome(reader, number) if until is None else f"suspended {suspension_in_words(reader, number)}"

    session.out.rows(
        "Studies",
        (
            *("id", "title", "state", "hospitals", "round", "reward_per_round"),
            *("opens", "survives", "joining", "outcome", "sponsor"),
        ),
        (row(number) for number in range(1, reader.study_count() + 1)),
        "No study has been published yet.",
    )


@command(study, "show")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="The plan document, where no store has it.")
def show(session: Session, study_id: int, plan_file: Path | None) -> None:
    """Show a study's subject, terms, money and rounds.

    With it who takes part in which rounds, how sums open, and how many hospitals may still fall away.
    Title, question, label and columns are the sponsor's words, from the plan's document. Once the study has ended also
    how, why, and who was missing.
    """
    reader = session.reader
    found = reader.study(study_id)
    plan = plan_in(plan_file, found) if plan_file else PlansAtHand(session).of(found)
    values = {
        "id": found.id,
        **described(plan),
        "state": reader.study_state(study_id),
        "sponsor": found.sponsor,
        "hospitals": reader.enrolled_ids(study_id),
        "sampled": sampled_hospitals(reader, study_id),
        "batch": _batch(session, study_id),
        "opens": opens(reader, found),
        "survives": survived(reader, found),
        "joining": joining(found),
        "suspended_until": suspended_until(reader, study_id),
        "funded": reader.funded(study_id),
        "needed": reader.required_funding(study_id),
        "services_spent": reader.service_spent(study_id)[0],
        "fines": reader.fines(study_id),
        "waits_for": waits_for(reader, study_id),
        "outcome": outcome(reader, study_id),
        **dataclasses.asdict(found.plan),
    }
    history = rounds_so_far(reader, study_id)
    if session.options.as_json:
        values["history"] = [dict(zip(_COLUMNS, row, strict=True)) for row in history]
    shown = in_words(plan, found) | terms_in_words(session, found.plan)
    shown |= {name: session.tokens(values[name]) for name in ("funded", "needed", "services_spent", "fines")}
    shown |= {
        "batch": batch_in_words(reader, study_id),
        "survives": survived_in_words(reader, found),
        "suspended_until": suspension_in_words(reader, study_id),
    }
    shown["sampled"] = "\n".join(f"hospital {number}: {text}" for number, text in values["sampled"].items()) or "none"
    session.out.record(f"Study {study_id}", values, shown)
    if not session.options.as_json:
        session.out.rows("Rounds", _COLUMNS, history, "No round has begun.")


def _batch(session: Session, study_id: int) -> dict[str, object] | None:
    """Who takes part in which rounds under the present keys, for programs."""
    found = batch(session.reader, study_id)
    if found is None:
        return None
    enrolled = session.reader.enrolled_ids(study_id)
    return {
        "ceremony": found.ceremony,
        "first_round": found.first_round,
        "last_round": found.last_round,
        "participants": [enrolled[index] for index in indices(found.participants)],
        "dealt": [enrolled[index] for index in indices(found.dealt)],
        "with_ckks": found.with_ckks,
    }


def _document(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"The plan {path} cannot be read ({error.strerror}).") from None
