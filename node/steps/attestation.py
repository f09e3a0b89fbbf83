# SPDX-License-Identifier: Apache-2.0
"""Release, collect, check and attest: which payloads this hospital holds whole, and which fit."""

from __future__ import annotations

from node.steps.accusing import accuse
from node.steps.batches import is_participant, remembers_keys
from node.steps.context import StudyContext
from node.steps.payloads import collect_payloads, final_submissions
from node.types import Charge, PhaseState, RoundState, bitmap_of

#: Share of the time left at its first look after which a hospital attests what it holds, although something is
#: missing. Counted from that look: after a chain that stood still, the others need time to release theirs.
PATIENCE = 0.5


def release_own(context: StudyContext, round_number: int) -> None:
    """Let others fetch this hospital's payload. Only once the end of submission is final: until then
    nobody can build on another's."""
    hospital = context.hospital
    done = hospital.state.result(f"{context.round_key(round_number)}/payload")
    if done is not None:
        hospital.store.release(bytes.fromhex(done["digest"]), done["size"])


def attest_payloads(
    context: StudyContext, round_number: int, state: RoundState, phase: PhaseState, confirmed: int
) -> None:
    """Fetch and check every submitted payload, keep and serve it, attest to sound ones and accuse of false ones.

    `confirmed`: a final block in which submission was over. A payload that does not fit its commitment is never
    attested to: no set that honest hospitals open has it.
    """
    hospital = context.hospital
    if state.attested_bitmap >> context.enrolment.index & 1 or not is_participant(context, round_number):
        return
    if not remembers_keys(context, round_number):
        return
    with context.stage("attest", round_number):
        enrolled = hospital.reader.agreed(lambda endpoint: endpoint.enrolled_ids(context.id, confirmed))
        held = collect_payloads(context, round_number, final_submissions(context, round_number, confirmed))
        accuse(context, round_number, Charge.PAYLOAD, held.false)
        first_look = _first_look(context, round_number)
        until = first_look + (phase.deadline - first_look) * PATIENCE
        if held.missing and not hospital.reader.clock.is_past(until):
            text = f"round {round_number}: waiting for the payloads of {held.missing}"
            context.say(f"round {round_number}", "waiting for payloads", text)
            return
        hospital.ledger.attest(context.id, round_number, bitmap_of([enrolled.index(number) for number in held.sound]))
    context.log.info("round %d: attested %d payloads", round_number, len(held.sound))


def _first_look(context: StudyContext, round_number: int) -> float:
    """When this hospital first looked for the round's ciphertexts, in seconds since 1970 by the chain."""
    key, hospital = f"{context.round_key(round_number)}/attest", context.hospital
    hospital.state.done(key, {"first_look": hospital.reader.clock.now()})
    first = hospital.state.result(key)
    assert first is not None
    return float(first["first_look"])
