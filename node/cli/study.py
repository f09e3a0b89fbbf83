# SPDX-License-Identifier: Apache-2.0
"""`consilium study`: publish, fund and follow studies."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from node.chain.client import ChainReader
from node.chain.endings import ending, failures, hospital_name
from node.chain.wallet import checked_address
from node.cli.group import accept_option, command
from node.cli.plans import PlansAtHand, described, in_words, plan_in, short_title, terms_in_words
from node.cli.session import Session, sent, transaction
from node.errors import DataError, UsageError
from node.types import Phase, Receipt, StudyState, indices
from node.words import FAILURE, format_span

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
    columns of a CSV table but the label) and the constants of their scaling, which become public. All that
    publishing or enrolling would refuse is refused here, at once; of a network's own rules, where --rpc and
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
    session.out.done(
        f"The plan for {len(made.model.initial)} weights and {made.participation.rounds} rounds: {out}",
        {"file": str(out), "digest": made.digest(), "size": len(made.canonical()), "network_asked": not unasked},
    )


@command(study, "publish")
@click.argument("plan_file", type=click.Path(path_type=Path), metavar="PLAN.json")
@click.option("--extractor", type=click.Path(path_type=Path), help="The file of the plan's extractor: it is checked.")
@click.option("--fund", "with_funding", is_flag=True, help="Escrow the rewards at once.")
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
    state = "published and funded" if with_funding else "published; it opens once its rewards are escrowed"
    session.out.done(
        sent(f"Study {number} is {state}", receipts[-1]),
        {"study": number, "transactions": [transaction(receipt) for receipt in receipts]},
    )


@command(study, "fund")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.argument("amount", required=False)
def fund(session: Session, study_id: int, amount: str | None) -> None:
    """Escrow rewards for a study.

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

    A title is shown where the plan's document is at hand: in this node's store, or with a hospital that is enrolled
    and answers at once.
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
            outcome(reader, number),
            found.sponsor,
        )

    session.out.rows(
        "Studies",
        ("id", "title", "state", "hospitals", "round", "reward_per_round", "outcome", "sponsor"),
        (row(number) for number in range(1, reader.study_count() + 1)),
        "No study has been published yet.",
    )


@command(study, "show")
@click.argument("study_id", type=_STUDY, metavar="STUDY")
@click.option("--plan", "plan_file", type=click.Path(path_type=Path), help="The plan document, where no store has it.")
def show(session: Session, study_id: int, plan_file: Path | None) -> None:
    """Show a study's subject, terms, money, hospitals and rounds.

    Title, question, label and columns are the sponsor's words, from the plan's document. Once the study has ended also
    how, why, and who was missing.
    """
    reader = session.reader
    found = reader.study(study_id)
    plan = plan_in(plan_file, found) if plan_file else PlansAtHand(session).of(found)
    funded, needed = reader.funded(study_id), reader.required_funding(study_id)
    values = {
        "id": found.id,
        **described(plan),
        "state": reader.study_state(study_id),
        "sponsor": found.sponsor,
        "hospitals": reader.enrolled_ids(study_id),
        "sampled": sampled_hospitals(reader, study_id),
        "funded": funded,
        "needed": needed,
        "waits_for": waits_for(reader, study_id),
        "outcome": outcome(reader, study_id),
        **dataclasses.asdict(found.plan),
    }
    history = _rounds(reader, study_id)
    if session.options.as_json:
        values["history"] = [dict(zip(_COLUMNS, row, strict=True)) for row in history]
    shown = in_words(plan, found) | terms_in_words(session, found.plan)
    shown |= {"funded": session.tokens(funded), "needed": session.tokens(needed)}
    shown["sampled"] = "\n".join(f"hospital {number}: {text}" for number, text in values["sampled"].items()) or "none"
    session.out.record(f"Study {study_id}", values, shown)
    if not session.options.as_json:
        session.out.rows("Rounds", _COLUMNS, history, "No round has begun.")


def _document(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"The plan {path} cannot be read ({error.strerror}).") from None


def waits_for(reader: ChainReader, study_id: int) -> str:
    """What a study waits for now, and how long at most."""
    state = reader.study_state(study_id)
    if state is StudyState.PUBLISHED:
        return "the sponsor to escrow the rewards" + _left(reader, reader.enrolment_end(study_id))
    if state is StudyState.ENROLLING:
        return "hospitals to enrol" + _left(reader, reader.enrolment_end(study_id))
    if state is StudyState.CEREMONY:
        ceremony = reader.ceremony_state(study_id)
        missing = ceremony.participants & ~ceremony.posted
        step = ceremony.step.name.lower().replace("_", " ")
        return f"{_named(reader, study_id, missing)}: {step} of ceremony {ceremony.number}" + _left(
            reader, ceremony.deadline
        )
    if state is not StudyState.RUNNING:
        return "nothing: it has ended" if state.ended else "nothing: there is no such study"
    number = reader.current_round(study_id)
    now = reader.phase(study_id, number)
    record = reader.round_state(study_id, number)
    everybody = reader.ceremony_state(study_id).participants
    phase = f"{now.phase.name.lower()} phase of round {number}"
    if now.phase is Phase.SUBMIT:
        return f"{_named(reader, study_id, everybody & ~record.submitted_bitmap)}: {phase}" + _left(
            reader, now.deadline
        )
    if now.phase is Phase.ATTEST:
        return f"{_named(reader, study_id, everybody & ~record.attested_bitmap)}: {phase}" + _left(reader, now.deadline)
    return f"anyone: {phase}" + _left(reader, now.deadline)


def outcome(reader: ChainReader, study_id: int) -> str | None:
    """How a study ended, why, and who was missing; None while it goes on."""
    end = ending(reader, study_id)
    return None if end is None else end.told(lambda number: f"hospital {hospital_name(reader, number)}")


def sampled(reader: ChainReader, study_id: int, hospital_id: int) -> str | None:
    """Of which of its blocks of rows a hospital trains; None for one that trains on all of its rows."""
    draw = reader.blocks_of(study_id, hospital_id)
    if not draw.blocks:
        return None
    if not draw.used:
        return f"one of {draw.blocks} blocks of its rows, not in use yet"
    return f"sampled: block {draw.index + 1} of {draw.blocks}, {reader.enrolment(study_id, hospital_id).rows} rows"


def sampled_hospitals(reader: ChainReader, study_id: int) -> dict[int, str]:
    """As `sampled`, by hospital number, of those that enrolled with blocks."""
    found = {number: sampled(reader, study_id, number) for number in reader.enrolled_ids(study_id)}
    return {number: text for number, text in found.items() if text is not None}


def _rounds(reader: ChainReader, study_id: int) -> list[tuple[object, ...]]:
    failed = {number: FAILURE[reason] for number, reason in failures(reader, study_id).items()}
    rows: list[tuple[object, ...]] = []
    for number in range(1, reader.current_round(study_id) + 1):
        record = reader.round_state(study_id, number)
        bitmaps = (record.submitted_bitmap, record.attested_bitmap, record.included_bitmap)
        counts = [len(indices(bitmap)) for bitmap in bitmaps]
        rows.append((number, reader.phase(study_id, number).phase, *counts, record.sum_rows, failed.get(number, "")))
    return rows


def _named(reader: ChainReader, study_id: int, bitmap: int) -> str:
    enrolled = reader.enrolled_ids(study_id)
    return "hospitals " + ", ".join(str(enrolled[index]) for index in indices(bitmap))


def _left(reader: ChainReader, deadline: int) -> str:
    """How long something has left by the chain, whose deadline it is."""
    if not deadline:
        return ""
    seconds = deadline - int(reader.clock.now())
    return f" ({format_span(seconds)} left)" if seconds > 0 else " (time is up: anyone may move it on)"
