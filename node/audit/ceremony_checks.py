# SPDX-License-Identifier: Apache-2.0
"""Re-checking key ceremonies: who counts, who takes part and what was acknowledged is computed anew from the ledger."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import partial

from node.audit.basics import Check, Verdict
from node.audit.ceremony_views import CeremonyView, DealingView
from node.audit.checking import all_held, asked_again, files_match, held
from node.audit.contents import ContentReader
from node.audit.ledger import Source
from node.audit.reproof import DEAL, posted_words
from node.audit.views import StudyView
from node.group.babyjubjub import COFACTOR, IDENTITY, Point, is_on_curve, multiply
from node.transcript import CountedComplaint, CountedDealing, transcript_digest
from node.types import CeremonyFailure, CeremonyStep, Offence, bitmap_of

_ACKNOWLEDGED = "One transcript was acknowledged by the threshold, and no other"
#: Words of a dealing's call: study, ceremony, hash of the keys.
_KEYS_HASH_AT = 2


def check_ceremonies(source: Source, contents: ContentReader, view: StudyView) -> Iterator[Check]:
    """Every check of every run of the key ceremony."""
    if not any(run.completed for run in view.ceremonies) and (view.ceremonies or not view.state.ended):
        verdict = Verdict.FAILED if view.state.ended else Verdict.PENDING
        yield Check("Key ceremony", _ACKNOWLEDGED, verdict, "no ceremony is complete")
    for run in view.ceremonies:
        subject = "Key ceremony" if len(view.ceremonies) == 1 else f"Key ceremony {run.number}"
        if run.keys:
            yield _points(view, run, subject)
        if run.dealings:
            yield _made_for_these_keys(source, view, run, subject)
        if run.steps:
            yield _course(view, run, subject)
        if run.completed:
            yield from _outcome(view, run, subject)
        if run.failed:
            yield _failure(view, run, subject)
        yield _guilty(view, run, subject)
        counted = run.counted(view.plan.terms.threshold) if run.completed else ()
        files = [dealing.file for dealing in run.dealings if dealing.hospital_id in counted]
        if files:
            yield files_match(contents, subject, "The dealings that count match what was posted", files)


def _points(view: StudyView, run: CeremonyView, subject: str) -> Check:
    wrong = [view.name_of(key.hospital_id) for key in run.keys if not _usable(Point(*key.point))]
    return all_held(
        subject,
        "Every pad key is a point of the group's order",
        wrong,
        f"{len(run.keys)} points: on the curve, and eight times each is not the identity",
    )


def _usable(point: Point) -> bool:
    return is_on_curve(point) and multiply(COFACTOR, point) != IDENTITY


def _made_for_these_keys(source: Source, view: StudyView, run: CeremonyView, subject: str) -> Check:
    """The contract compared the hash that each dealing named with its own: so events tell all keys, in their order."""

    def fits(dealing: DealingView) -> bool:
        named = posted_words(source, dealing.act.tx_hash, DEAL)[_KEYS_HASH_AT]
        return named == run.keys_hash and run.kept_hash in (None, run.keys_hash)

    return asked_again(
        subject,
        "Every dealing was made for exactly the keys that events tell",
        {view.name_of(dealing.hospital_id): partial(fits, dealing) for dealing in run.dealings},
        f"dealings name 0x{run.keys_hash.hex()[:16]}…, computed from {len(run.keys)} keys",
    )


def _course(view: StudyView, run: CeremonyView, subject: str) -> Check:
    """Each step's end: who was still in, and who was silent, as it follows from what hospitals did."""
    threshold = view.plan.terms.threshold
    keyed, dealt = set(run.dealt), {item.hospital_id for item in run.dealings}
    holding = {item.hospital_id for item in run.holdings}
    satisfied = {item.hospital_id for item in run.holdings if item.satisfied} | set(run.satisfied)
    spoke = satisfied | {one.hospital_id for one in run.complaints} | {one.hospital_id for one in run.lackings}
    counted = run.counted(threshold)
    expected = {
        CeremonyStep.DEAL: (keyed - dealt, dealt),
        CeremonyStep.HOLD: (dealt - holding, set(run.held_by(threshold))),
        CeremonyStep.COMPLAIN: (set(run.held_by(threshold)) - spoke, set(counted)),
        CeremonyStep.ACKNOWLEDGE: _verdict(run, threshold),
    }
    wrong = []
    for step in run.steps:
        # Who was due is told by no event: of the first step it is seen who is in.
        absent, left = expected.get(step.step, (set(step.absent), keyed))
        if (set(step.absent), set(step.left)) != (absent, left):
            wrong.append(f"the end of step {step.step + 1}")
    return all_held(
        subject,
        "Who was still in after each step, and who was silent, follows from what hospitals did",
        wrong,
        f"{len(run.steps)} steps; dealings held by {threshold} and lacked by fewer count",
    )


def _verdict(run: CeremonyView, threshold: int) -> tuple[set[int], set[int]]:
    """Who was silent in the last step, and who takes part."""
    agreed = run.agreed(threshold)
    if len(agreed) > 1:
        return set(), set()
    counted = run.counted(threshold)
    absent = set(counted) - {item.hospital_id for item in run.acknowledgements}
    if not agreed:
        return absent, set()
    return absent, _participants(run, counted, agreed[0])


def _participants(run: CeremonyView, counted: Collection[int], pair: tuple[bytes, tuple[int, ...]]) -> set[int]:
    alike = {item.hospital_id for item in run.acknowledgements if (item.digest, item.guilty) == pair}
    return alike & set(counted) - set(pair[1])


def _outcome(view: StudyView, run: CeremonyView, subject: str) -> Iterator[Check]:
    threshold = view.plan.terms.threshold
    counted, pair = run.counted(threshold), (run.transcript, run.guilty)
    alike = sum((item.digest, item.guilty) == pair for item in run.acknowledgements)
    yield held(
        subject,
        _ACKNOWLEDGED,
        run.agreed(threshold) == (pair,),
        f"{alike} of {len(counted)} hospitals whose dealings count; the threshold is {threshold}",
    )
    yield held(
        subject,
        "It is the digest of the keys, dealings and complaints that count",
        _digest(view, run, counted) == run.transcript,
        f"{len(counted)} dealings and {len(_relevant(view, run, counted))} complaints hashed",
    )
    begun = f", keys for rounds from {run.rounds[0]} on" if run.rounds else ""
    yield held(
        subject,
        "Those take part whose dealings count, who are not guilty, and who acknowledged it",
        set(run.participants) == _participants(run, counted, pair),
        f"{len(run.participants)} hospitals{begun}",
    )


def _digest(view: StudyView, run: CeremonyView, counted: Collection[int]) -> bytes:
    dealings = {dealing.hospital_id: dealing.file for dealing in run.dealings}
    network = view.network
    return transcript_digest(
        (network.chain_id, bytes.fromhex(run.contract[2:]), view.study_id, run.number),
        run.keys_hash,
        [CountedDealing(one, dealings[one].digest, dealings[one].size) for one in run.dealt if one in counted],
        _relevant(view, run, counted),
        bitmap_of([view.index_of(hospital) for hospital in run.guilty]),
    )


def _relevant(view: StudyView, run: CeremonyView, counted: Collection[int]) -> Sequence[CountedComplaint]:
    """Complaints about dealings that count, by complainer's and then dealer's index."""
    return sorted(
        (
            CountedComplaint(item.hospital_id, item.dealer, item.round_number, *item.shown, *item.proof)
            for item in run.complaints
            if item.dealer in counted and item.hospital_id in run.dealt
        ),
        key=lambda item: (view.index_of(item.complainer), view.index_of(item.dealer)),
    )


def _failure(view: StudyView, run: CeremonyView, subject: str) -> Check:
    terms, agreed = view.plan.terms, len(run.agreed(view.plan.terms.threshold))
    left = len(run.steps[-1].left) if run.steps else 0
    fits = {
        CeremonyFailure.TOO_FEW: left < terms.minimum and agreed < 2,
        CeremonyFailure.TWO_TRANSCRIPTS: agreed > 1,
        CeremonyFailure.NO_TRANSCRIPT: agreed == 0,
        None: False,
    }
    return held(
        subject,
        "It failed for the reason that the contract gives",
        fits[run.failure],
        f"{left} hospitals were left of the {terms.minimum} that are needed; "
        f"transcripts that {terms.threshold} acknowledged: {agreed}",
    )


def _guilty(view: StudyView, run: CeremonyView, subject: str) -> Check:
    """A lie is punished as the one agreed acknowledgement names it, whether or not the ceremony was completed."""
    agreed = run.agreed(view.plan.terms.threshold)
    over = run.completed or run.failed
    named = set(agreed[0][1]) if over and len(agreed) == 1 else set()
    cut = {
        item.hospital_id
        for item in view.money.slashes
        if item.offence is Offence.FALSE_DEALING and item.stage == run.number
    }
    return held(
        subject,
        "Bonds were cut of those named guilty, and of nobody else",
        # Where nobody would benefit, nothing is taken.
        cut == named or (not cut and not run.participants),
        ", ".join(map(view.name_of, sorted(named))) or "nobody is named",
    )
