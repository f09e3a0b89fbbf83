# SPDX-License-Identifier: Apache-2.0
"""Release, collect, check and attest: which ciphertexts of a round this hospital holds complete."""

from __future__ import annotations

import logging

from node.crypto.context import RoundContext
from node.crypto.encryption import Ciphertext, ciphertext_size, read_ciphertext
from node.errors import MalformedCiphertext, StorageError
from node.steps.batches import is_participant
from node.steps.context import StudyContext
from node.steps.one_set import opened_elsewhere
from node.steps.submission import round_context
from node.types import PhaseState, RoundState, Submission, bitmap_of, indices

#: Share of the time left at its first look after which a hospital attests what it holds, although something is
#: missing. Counted from that look: after a chain that stood still, the others need time to release theirs.
PATIENCE = 0.5


def release_own(context: StudyContext, round_number: int) -> None:
    """Let others fetch this hospital's ciphertext. Only once the end of submission is final: until then
    nobody can build on another's."""
    hospital = context.hospital
    done = hospital.state.result(f"{context.round_key(round_number)}/encryption")
    if done is not None:
        hospital.store.release(bytes.fromhex(done["digest"]), done["size"])


def attest_ciphertexts(context: StudyContext, round_number: int, state: RoundState, phase: PhaseState) -> None:
    """Fetch and check every submitted ciphertext, keep and serve it, and attest those that are sound."""
    if state.attested_bitmap >> context.enrolment.index & 1 or not is_participant(context, round_number):
        return
    hospital = context.hospital
    with context.stage("attest", round_number):
        held, missing = _collect(context, round_number, state)
        first_look = _first_look(context, round_number)
        until = first_look + (phase.deadline - first_look) * PATIENCE
        if missing and not hospital.reader.clock.is_past(until):
            text = f"round {round_number}: waiting for the ciphertexts of {missing}"
            context.say(f"round {round_number}", "waiting for ciphertexts", text)
            return
        if opened_elsewhere(context, round_number):
            return
        hospital.ledger.attest(context.id, round_number, bitmap_of(held))
    context.log.info("round %d: attested %d ciphertexts", round_number, len(held))


def _first_look(context: StudyContext, round_number: int) -> float:
    """When this hospital first looked for the round's ciphertexts, in seconds since 1970 by the chain."""
    key, hospital = f"{context.round_key(round_number)}/attest", context.hospital
    hospital.state.done(key, {"first_look": hospital.reader.clock.now()})
    first = hospital.state.result(key)
    assert first is not None
    return float(first["first_look"])


def fetch_ciphertext(
    context: StudyContext, binding: RoundContext, number: int, submission: Submission
) -> tuple[bytes, Ciphertext]:
    """A hospital's ciphertext, its bytes and what they hold; nothing is fetched where the size is wrong.

    Raises `MalformedCiphertext` for one that is not as the plan implies, `StorageError` while none serves it.
    """
    size = ciphertext_size(binding)
    if submission.size != size:
        raise MalformedCiphertext(
            f"the ciphertext of hospital {number} is announced with {submission.size} bytes; "
            f"those of this round have {size}"
        )
    content = context.hospital.store.get(submission.digest, submission.size)
    return content, read_ciphertext(binding, number, content)


def _collect(context: StudyContext, round_number: int, state: RoundState) -> tuple[list[int], list[int]]:
    """Indices whose ciphertext is held and sound, and hospital numbers whose cannot be had yet."""
    hospital = context.hospital
    binding = round_context(context, round_number)
    enrolled = hospital.reader.enrolled_ids(context.id)
    held, missing = [], []
    submitted = {enrolled[index]: index for index in indices(state.submitted_bitmap)}
    told = hospital.reader.submissions(context.id, round_number, submitted)
    for number, index in submitted.items():
        submission = told.get(number)
        if submission is None:
            # The contract has it, and no event tells it yet.
            missing.append(number)
            continue
        try:
            content, _ = fetch_ciphertext(context, binding, number, submission)
            hospital.store.put(content)
            held.append(index)
        except MalformedCiphertext as error:
            text = f"round {round_number}: not attesting hospital {number}: {error}"
            context.say(f"round {round_number}", f"malformed ciphertext of {number}", text, logging.WARNING)
        except StorageError as error:
            context.log.debug("round %d: hospital %d's ciphertext: %s", round_number, number, error)
            missing.append(number)
    return held, missing
