# SPDX-License-Identifier: Apache-2.0
"""Re-checking a study: each statement is compared anew, and its result says what was compared with what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from node.audit.basics import Check, FileView, Verdict
from node.audit.contents import ContentReader
from node.audit.ledger import Source, file_of
from node.audit.money_checks import check_money
from node.audit.reproof import aggregation_proof_holds, training_proof_holds
from node.audit.views import CeremonyView, ModelView, RoundView, StudyView
from node.chain.blocks import drawn_by
from node.chain.round_reads import submission_hash, sum_digest
from node.errors import ChainError, ContentMismatch, StorageError
from node.group.babyjubjub import IDENTITY, Point, add
from node.plan import ImageHeadPlan
from node.proofs.commitments import weights_root
from node.proofs.published import compared
from node.types import CeremonyStep, Phase, Submission

_ROOT = "root of the starting model"
#: Terms that are no numbers of the plan's; they are checked by themselves.
_BY_THEMSELVES = ("document digest", "document size", _ROOT)
_ACKNOWLEDGED = "All hospitals acknowledged one transcript"


def check_study(source: Source, contents: ContentReader, view: StudyView) -> tuple[Check, ...]:
    """Every check of a study: plan, key ceremony, rounds in order, money.

    Raises ChainUnavailable where the chain is away; anything that does not hold is a failed check.
    """
    checks = [*_plan(source, view), *_extractor(contents, view), *_draws(source, view), *_ceremony(contents, view)]
    expected = view.plan.terms.initial_root
    models = {model.round_number: model for model in view.models}
    for item in view.rounds:
        checks += _round(source, contents, view, item, expected)
        if item.phase is Phase.FINALISED:
            checks.append(_model(item, models[item.number]))
            expected = item.root_after
    return (*checks, *check_money(view))


def _check(subject: str, statement: str, holds: bool, detail: str) -> Check:
    return Check(subject, statement, Verdict.PASSED if holds else Verdict.FAILED, detail)


def _plan(source: Source, view: StudyView) -> Iterator[Check]:
    plan, terms, document = view.plan, view.plan.terms, view.plan.document
    statement = "The plan document is the one that was published"
    if document is None:
        yield Check("Plan", statement, plan.verdict, plan.problem)
    else:
        yield _check("Plan", statement, document.digest() == plan.file.digest, f"its content gives {plan.file.cid}")
        both = compared(document, terms)
        pairs = {name: pair for name, pair in both.items() if name not in _BY_THEMSELVES} | {
            "plan root": (document.root(), plan.root),
            "training circuit": (document.training.circuit, plan.training.name),
            "aggregation circuit": (document.aggregation.circuit, plan.aggregation.name),
        }
        wrong = [f"{name}: document {ours}, chain {held}" for name, (ours, held) in pairs.items() if ours != held]
        detail = "; ".join(wrong) or f"{len(pairs)} values compared, the proved hyper-parameters among them"
        yield _check("Plan", "Document and chain hold the same numbers", not wrong, detail)
        yield _check(
            "Plan",
            "The starting model hashes to the root on chain",
            both[_ROOT][0] == both[_ROOT][1],
            f"{len(document.model.initial)} starting weights hashed",
        )
    for circuit in (plan.training, plan.aggregation):
        recorded = source.deployment.circuits.get(circuit.name)
        digest = "0x" + circuit.verifying_key_digest.hex()
        yield _check(
            "Plan",
            f"Circuit {circuit.name} is the one in the deployment record",
            recorded is not None and (recorded.verifying_key_digest, recorded.verifier) == (digest, circuit.verifier),
            "address of its verifier and digest of its verifying key",
        )


def _extractor(contents: ContentReader, view: StudyView) -> Iterator[Check]:
    """Of a head on images: that the frozen network can be had, as the plan names it."""
    document = view.plan.document
    if isinstance(document, ImageHeadPlan):
        named = document.model.extractor
        file = file_of(bytes.fromhex(named.digest), named.size)
        yield _files(contents, "Plan", "The extractor is the file that the plan names", [file])


def _draws(source: Source, view: StudyView) -> Iterator[Check]:
    """Of each hospital that is sampled: that the block it uses is the one that the chain drew."""
    for hospital in view.hospitals:
        draw = hospital.draw
        if draw.used:
            drawing = source.block(draw.draw_at)
            index = drawn_by(bytes.fromhex(drawing.hash[2:]), view.study_id, hospital.hospital_id, draw.blocks)
            yield _check(
                "Sampling",
                f"{hospital.name} trains on the block of its rows that was drawn",
                index == draw.index,
                f"the hash of block {draw.draw_at} draws number {index + 1} of {draw.blocks}",
            )


def _ceremony(contents: ContentReader, view: StudyView) -> Iterator[Check]:
    complete = [item for item in view.ceremonies if item.completed]
    if not complete and (view.ceremonies or not view.state.ended):
        verdict = Verdict.FAILED if view.state.ended else Verdict.PENDING
        yield Check("Key ceremony", _ACKNOWLEDGED, verdict, "no ceremony is complete")
    for done in complete:
        subject = "Key ceremony" if len(complete) == 1 else f"Key ceremony {done.number}"
        yield from _complete_ceremony(contents, view, done, subject)


def _complete_ceremony(contents: ContentReader, view: StudyView, done: CeremonyView, subject: str) -> Iterator[Check]:
    acknowledged = {
        post.hospital_id for post in done.of(CeremonyStep.ACKNOWLEDGEMENT) if post.digest == done.transcript
    }
    missing = [view.name_of(number) for number in done.participants if number not in acknowledged]
    told = f"{len(acknowledged)} of {len(done.participants)} hospitals, keys for rounds from {done.rounds[0]} on"
    detail = f"missing: {', '.join(missing)}" if missing else told
    yield _check(subject, _ACKNOWLEDGED, not missing, detail)
    yield _files(
        contents,
        subject,
        "The ceremony's files match what was posted",
        [post.file for post in done.posts if post.file],
    )


def _round(source: Source, contents: ContentReader, view: StudyView, item: RoundView, expected: int) -> Iterator[Check]:
    subject = f"Round {item.number}"
    yield _check(
        subject,
        "It starts from the newest model",
        item.root_before == expected,
        "the root before equals that of the last finalised round, or of the plan",
    )
    if item.submissions:
        yield _kept(view, item, subject)
        yield _reproved(
            subject,
            "Every training proof holds when it is verified again",
            {
                view.name_of(submission.hospital_id): partial(training_proof_holds, source, view, item, submission)
                for submission in item.submissions
            },
        )
    if not item.included:
        return
    yield _included(view, item, subject)
    yield _sums(view, item, subject)
    chosen = [submission.file for submission in item.submissions if submission.hospital_id in item.included]
    yield _files(contents, subject, "The included ciphertexts match what was posted", chosen)
    if item.shares:
        yield _files(
            contents, subject, "The opening shares match what was posted", [share.file for share in item.shares]
        )
    if item.phase is Phase.FINALISED:
        yield _reproved(
            subject,
            "The aggregation proof holds when it is verified again",
            {"the aggregation": partial(aggregation_proof_holds, source, view, item)},
        )


def _included(view: StudyView, item: RoundView, subject: str) -> Check:
    """That the set is all that t hospitals hold, or, of that, the set that was included from the same model before."""
    terms, included = view.plan.terms, set(item.included)
    held = {
        submission.hospital_id
        for submission in item.submissions
        if item.confirmations_of(submission.hospital_id) >= terms.threshold
    }
    detail = f"{len(included)} of {len(item.submissions)} submitted updates; the minimum is {terms.minimum}"
    earlier = [one for one in view.rounds if one.number < item.number and one.root_before == item.root_before]
    bound = next((one for one in reversed(earlier) if one.included), None)
    statement = f"Included are exactly the updates with at least {terms.threshold} attestations"
    fitting = included == held
    if bound is not None and not terms.privacy_budget:
        statement += f" of the set of round {bound.number}, which started from the same model"
        fitting = included == set(bound.included) and included <= held
    return _check(subject, statement, fitting and len(included) >= terms.minimum, detail)


def _kept(view: StudyView, item: RoundView, subject: str) -> Check:
    """Events tell what was submitted; the contract keeps a hash, against which it checks what it adds up."""
    wrong = [
        view.name_of(each.hospital_id)
        for each in item.submissions
        if submission_hash(Submission(each.file.digest, each.file.size, *each.commitment)) != each.kept
    ]
    detail = f"other: {', '.join(wrong)}" if wrong else f"{len(item.submissions)} hashes compared"
    return _check(subject, "What events tell of the updates is what the contract keeps", not wrong, detail)


def _sums(view: StudyView, item: RoundView, subject: str) -> Check:
    total, rows = IDENTITY, 0
    for submission in item.submissions:
        if submission.hospital_id in item.included:
            total, rows = add(total, Point(*submission.commitment)), rows + submission.rows
    return _check(
        subject,
        "Commitments and rows of the included updates add up to the sums on chain",
        total == item.sum_commitment and rows == item.sum_rows and sum_digest(*total) == item.sum_digest,
        f"{len(item.included)} points added on Baby Jubjub, {rows} rows",
    )


def _model(item: RoundView, model: ModelView) -> Check:
    subject, statement = f"Round {item.number}", "The model's weights hash to the root on chain"
    if model.weights is not None:
        return _check(
            subject,
            statement,
            weights_root(model.weights) == item.root_after,
            f"{len(model.weights)} weights hashed",
        )
    return Check(subject, statement, model.verdict, model.problem)


def _reproved(subject: str, statement: str, proofs: dict[str, Callable[[], bool]]) -> Check:
    refused, unknown = [], {}
    for name, holds in proofs.items():
        try:
            if not holds():
                refused.append(name)
        except ChainError as error:
            unknown[name] = str(error)
    if refused:
        return Check(subject, statement, Verdict.FAILED, f"refused: {', '.join(refused)}")
    if unknown:
        name, problem = next(iter(unknown.items()))
        return Check(subject, statement, Verdict.UNREACHABLE, f"{name}: {problem}")
    return Check(subject, statement, Verdict.PASSED, f"{len(proofs)} of {len(proofs)} accepted by the listed verifier")


def _files(contents: ContentReader, subject: str, statement: str, files: Iterable[FileView]) -> Check:
    wrong, missing, size, count = [], [], 0, 0
    for file in files:
        count += 1
        try:
            size += len(contents.get(file.digest, file.size))
        except ContentMismatch:
            wrong.append(file.cid)
        except StorageError:
            missing.append(file.cid)
    if wrong:
        return Check(subject, statement, Verdict.FAILED, f"other content under {', '.join(wrong)}")
    if missing:
        detail = f"{len(missing)} of {count} files in no store that was asked: {', '.join(missing)}"
        return Check(subject, statement, Verdict.UNREACHABLE, detail)
    return Check(subject, statement, Verdict.PASSED, f"{count} files read, {size:,} bytes hashed")
