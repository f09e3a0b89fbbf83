# SPDX-License-Identifier: Apache-2.0
"""Re-checking rounds: proofs, sets, sums, and that openings, absences and convictions follow the protocol's rules."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from node.audit.basics import Check
from node.audit.checking import all_held, asked_again, files_match, held
from node.audit.contents import ContentReader
from node.audit.ledger import Source
from node.audit.quorums import drawn_quorum
from node.audit.reproof import aggregation_proof_holds, training_proof_holds
from node.audit.round_views import RoundView
from node.audit.views import ModelView, StudyView
from node.chain.round_reads import submission_hash, sum_digest
from node.group.babyjubjub import IDENTITY, Point, add
from node.proofs.commitments import weights_root
from node.types import Opening, Phase, Submission, bitmap_of

#: Rounds that CKKS may fail to open in a study before pads open at once.
CKKS_FAILURES = 2


def check_rounds(source: Source, contents: ContentReader, view: StudyView) -> Iterator[Check]:
    """Every check of every round, in order, and of all together."""
    expected = view.plan.terms.initial_root
    models = {model.round_number: model for model in view.models}
    failed_openings = 0
    for item in view.rounds:
        subject = f"Round {item.number}"
        yield held(
            subject,
            "It starts from the newest model",
            item.root_before == expected,
            "the root before equals that of the last finalised round, or of the plan",
        )
        yield from _submitted(source, view, item, subject)
        yield _opening(view, item, subject, failed_openings)
        if item.included:
            yield from _opened(source, contents, view, item, subject)
        if item.convictions:
            yield _convictions(view, item, subject)
        if item.phase is Phase.FINALISED:
            yield _model(item, models[item.number], subject)
            expected = item.root_after
            failed_openings += item.fell_to_pads
    if view.rounds:
        yield from _all_rounds(view, failed_openings)


def _submitted(source: Source, view: StudyView, item: RoundView, subject: str) -> Iterator[Check]:
    if not item.submissions:
        return
    yield all_held(
        subject,
        "What events tell of the updates is what the contract keeps",
        [
            view.name_of(each.hospital_id)
            for each in item.submissions
            if submission_hash(Submission(each.file.digest, each.file.size, *each.commitment)) != each.kept
        ],
        f"{len(item.submissions)} hashes compared",
    )
    yield asked_again(
        subject,
        "Every training proof holds when it is verified again",
        {
            view.name_of(submission.hospital_id): partial(training_proof_holds, source, view, item, submission)
            for submission in item.submissions
        },
        "accepted by the listed verifier",
    )


def _opening(view: StudyView, item: RoundView, subject: str, failed_before: int) -> Check:
    """How a round opens is fixed by the plan and by how often CKKS failed before it."""
    by_pads = view.plan.terms.pads_only or failed_before >= CKKS_FAILURES
    return held(
        subject,
        "It opens as plan and earlier rounds have it: by CKKS once, or by pads at once",
        item.opening is (Opening.PADS if by_pads else Opening.CKKS),
        "the plan has pads alone"
        if view.plan.terms.pads_only
        else f"{failed_before} openings by CKKS failed before it",
    )


def _opened(source: Source, contents: ContentReader, view: StudyView, item: RoundView, subject: str) -> Iterator[Check]:
    yield _included(view, item, subject)
    yield held(
        subject,
        "The set is the one that the study bound to the starting model",
        set(item.bound) == set(item.included),
        f"{len(item.bound)} hospitals are bound to root {item.root_before:#066x}",
    )
    yield _sums(item, subject)
    chosen = [submission.file for submission in item.submissions if submission.hospital_id in item.included]
    yield files_match(contents, subject, "The included payloads match what was posted", chosen)
    if item.opening is Opening.CKKS:
        yield _quorum(view, item, subject)
    files = [share.file for share in item.shares] + [share.file for share in item.pad_shares if share.content is None]
    if files:
        yield files_match(contents, subject, "The opening shares match what was posted", files)
    if item.absent is not None:
        yield _absence(view, item, subject)
    if item.phase is Phase.FINALISED:
        yield asked_again(
            subject,
            "The aggregation proof holds when it is verified again",
            {"the aggregation": partial(aggregation_proof_holds, source, view, item)},
            "accepted by the listed verifier",
        )


def _included(view: StudyView, item: RoundView, subject: str) -> Check:
    terms, included = view.plan.terms, set(item.included)
    widely_held = {
        submission.hospital_id
        for submission in item.submissions
        if item.confirmations_of(submission.hospital_id) >= terms.threshold
    }
    return held(
        subject,
        f"Included are exactly the updates with at least {terms.threshold} attestations",
        included == widely_held and len(included) >= terms.minimum and included <= set(item.participants),
        f"{len(included)} of {len(item.submissions)} submitted updates; the minimum is {terms.minimum}",
    )


def _sums(item: RoundView, subject: str) -> Check:
    total, rows = IDENTITY, 0
    for submission in item.submissions:
        if submission.hospital_id in item.included:
            total, rows = add(total, Point(*submission.commitment)), rows + submission.rows
    return held(
        subject,
        "Commitments and rows of the included updates add up to the sums on chain",
        total == item.sum_commitment and rows == item.sum_rows and sum_digest(*total) == item.sum_digest,
        f"{len(item.included)} points added on Baby Jubjub, {rows} rows",
    )


def _quorum(view: StudyView, item: RoundView, subject: str) -> Check:
    """That nobody chose who opens: set and starting model draw it from those who attested."""

    def bitmap(hospitals: tuple[int, ...]) -> int:
        return bitmap_of([view.index_of(hospital) for hospital in hospitals])

    attested = bitmap(tuple(entry.hospital_id for entry in item.attestations))
    drawn = drawn_quorum(attested, view.plan.terms.threshold, bitmap(item.included), item.root_before)
    named = {hospital.hospital_id for hospital in view.hospitals if hospital.index in drawn}
    fits = named == set(item.quorum) and {share.hospital_id for share in item.shares} <= named
    return held(
        subject,
        "The quorum is the one that set and starting model draw, and nobody else gave a CKKS share",
        fits,
        f"{len(named)} of {len(item.attestations)} who attested; {len(item.shares)} CKKS shares",
    )


def _absence(view: StudyView, item: RoundView, subject: str) -> Check:
    in_time = {share.hospital_id for share in item.pad_shares if share.act.timestamp < item.pads_until}
    silent = set(item.participants) - in_time
    return held(
        subject,
        "Absent are on record exactly those without a pad share when the windows ended",
        silent == set(item.absent or ()),
        ", ".join(map(view.name_of, sorted(silent))) or "nobody",
    )


def _convictions(view: StudyView, item: RoundView, subject: str) -> Check:
    threshold, wrong = view.plan.terms.threshold, []
    for conviction in item.convictions:
        for hospital in conviction.convicted:
            accusers = item.accusers_of(hospital, conviction.charge) & set(item.participants)
            if len(accusers) < threshold:
                wrong.append(f"{view.name_of(hospital)}: {len(accusers)} accusers")
    return all_held(
        subject,
        f"Whoever was convicted of a lie was accused of it by at least {threshold} participants",
        wrong,
        f"{sum(len(conviction.convicted) for conviction in item.convictions)} convicted, "
        f"{len(item.accusations)} accusations; whether the bytes lie is the accusers' word here",
    )


def _model(item: RoundView, model: ModelView, subject: str) -> Check:
    statement = "The model's weights hash to the root on chain"
    if model.weights is not None:
        holds = weights_root(model.weights) == item.root_after
        return held(subject, statement, holds, f"{len(model.weights)} weights hashed")
    return Check(subject, statement, model.verdict, model.problem)


def _all_rounds(view: StudyView, failed_openings: int) -> Iterator[Check]:
    fixed = [item for item in view.rounds if item.included]
    roots = [item.root_before for item in fixed]
    twice = [f"round {item.number}" for item in fixed if roots.count(item.root_before) > 1]
    yield all_held(
        "All rounds",
        "No starting model has two sets: no two sums differ by one hospital's update",
        twice,
        f"{len(fixed)} sets, each of a model of its own",
    )
    # Of each round the roots bound until then: the next one starts from its new model, as it should.
    returned = [item for place, item in enumerate(fixed, 1) if item.root_after and item.root_after in roots[:place]]
    went_on = [f"round {item.number}" for item in returned if item is not view.rounds[-1] or not item.returned]
    yield all_held(
        "All rounds",
        "Had a round's model come back, the study would have ended",
        went_on,
        f"{len(returned)} came back" if returned else "none came back",
    )
    yield held(
        "All rounds",
        "The contract counts as many failed openings by CKKS as there were",
        view.failed_openings == failed_openings,
        f"{failed_openings} rounds were finalised after the window for CKKS",
    )
