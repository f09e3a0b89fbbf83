# SPDX-License-Identifier: Apache-2.0
"""The payloads of a round: fetched, kept, served, and checked against the commitments that they must fit."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from node.chain.client import ChainReader
from node.crypto import Payload, RoundOpening
from node.errors import ChainUnavailable, MalformedPayload, StorageError
from node.group.babyjubjub import Point
from node.steps.batches import rules_of
from node.steps.context import StudyContext
from node.types import Submission, indices


@dataclass
class Held:
    """Of some hospitals' payloads, by number: `sound` ones, `false` ones as everybody can see, and `missing` ones."""

    sound: dict[int, Payload] = field(default_factory=dict)
    false: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Submitted:
    """What a round's payloads are judged by: its rules, of whom they are wanted, and what is on record of those."""

    rules: RoundOpening
    numbers: Sequence[int]
    submissions: Mapping[int, Submission]


def final_submissions(context: StudyContext, round_number: int, confirmed: int) -> Submitted:
    """All that was submitted in a round, as all endpoints tell it of a final block in which submission was over.

    One endpoint could make an honest payload look false, and a false one sound.
    """

    def read(endpoint: ChainReader) -> tuple[Sequence[int], Mapping[int, Submission]]:
        state = endpoint.round_state(context.id, round_number, at=confirmed)
        enrolled = endpoint.enrolled_ids(context.id, confirmed)
        numbers = [enrolled[index] for index in indices(state.submitted_bitmap)]
        return numbers, dict(endpoint.submissions(context.id, round_number, numbers, confirmed))

    return Submitted(rules_of(context, round_number, confirmed), *context.hospital.reader.agreed(read))


def collect_payloads(context: StudyContext, round_number: int, submitted: Submitted) -> Held:
    """Fetch and check what hospitals submitted, and keep and serve it: also what is false, as evidence.

    False is what chain and bytes show to everybody alike: another size than the plan implies, or bytes under the digest
    on chain that are malformed or do not fit the commitment. What cannot be had is missing, never false.
    """
    held = Held()
    for number in submitted.numbers:
        submission = submitted.submissions.get(number)
        if submission is None:
            # The contract has it, and no event tells it yet.
            held.missing.append(number)
            continue
        try:
            content = _fetched(context, submitted.rules.payload_size, number, submission)
            commitment = Point(submission.cx, submission.cy)
            held.sound[number] = submitted.rules.read_payload(number, content, commitment)
        except MalformedPayload as error:
            text = f"round {round_number}: hospital {number} lied about its update: {error}"
            context.say(f"round {round_number}", f"false payload of {number}", text, logging.WARNING)
            held.false.append(number)
        except StorageError as error:
            context.log.debug("round %d: hospital %d's payload: %s", round_number, number, error)
            held.missing.append(number)
    return held


def keep_payloads(context: StudyContext, round_number: int, digests: Iterable[bytes]) -> None:
    """Fetch, keep and serve what this node still lacks of a round's set: of the t that vouched for a payload one alone
    may be honest, and be gone when the sum opens."""
    store, size = context.hospital.store, rules_of(context, round_number).payload_size
    for digest in digests:
        try:
            if not store.holds(digest, size):
                store.put(store.get(digest, size))
        except StorageError as error:
            context.log.debug("round %d: a payload of the set: %s", round_number, error)


def included_payloads(context: StudyContext, round_number: int, included: Iterable[int]) -> list[Payload]:
    """The payloads of a round's set; raises StorageError while one is not to be had."""
    wanted = list(included)
    submissions = context.hospital.reader.submissions(context.id, round_number, wanted)
    held = collect_payloads(context, round_number, Submitted(rules_of(context, round_number), wanted, submissions))
    if held.missing or held.false:
        raise StorageError(
            f"Study {context.id}, round {round_number}: the payloads of hospitals {[*held.missing, *held.false]} are "
            "not to be had. Hospitals that attested to them serve them: are their nodes reachable?"
        )
    return [held.sound[number] for number in wanted]


def submission_of(
    context: StudyContext, round_number: int, submissions: Mapping[int, Submission], number: int
) -> Submission:
    """One of the submissions; raises ChainUnavailable where no event tells it."""
    try:
        return submissions[number]
    except KeyError:
        raise ChainUnavailable(
            f"The RPC endpoint has no event that tells what hospital {number} submitted in round {round_number} "
            f"of study {context.id}: give one with the whole history, or wait until it has caught up."
        ) from None


def _fetched(context: StudyContext, size: int, number: int, submission: Submission) -> bytes:
    if submission.size != size:
        raise MalformedPayload(
            f"the payload of hospital {number} is announced with {submission.size} bytes; the plan implies {size}"
        )
    store = context.hospital.store
    content = store.get(submission.digest, size)
    if number != context.hospital.id:
        store.put(content)
    return content
