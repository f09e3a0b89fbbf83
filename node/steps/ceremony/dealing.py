# SPDX-License-Identifier: Apache-2.0
"""Deal: this hospital's one dealing, for the keys that are final, and its release once everybody's are.

Its bytes are durable before their digest leaves, and nobody can fetch them before all have dealt.
"""

from __future__ import annotations

from typing import Any

from node.crypto import make_dealing
from node.steps.ceremony.binding import FinalCeremony, ceremony_context, ceremony_keys, final_ceremony
from node.steps.ceremony.keys import ceremony_seed
from node.steps.ceremony.names import dealing_made
from node.steps.ceremony.own import is_anothers
from node.steps.ceremony.standing import leave_alone
from node.steps.context import StudyContext
from node.types import CeremonyState, CeremonyStep


def deal(context: StudyContext, state: CeremonyState) -> None:
    """Post the dealing, once the keys that it is for are final; again, the same bytes or none."""
    hospital, mine = context.hospital, 1 << context.enrolment.index
    if not state.keyed & mine or state.dealt & mine:
        return
    found = final_ceremony(context, state.number, CeremonyStep.KEY)
    if found is None or found.state.keys_hash != state.keys_hash or not _are_peers(context, found):
        return
    if is_anothers(context, found):
        return
    made = hospital.state.result(dealing_made(context, state.number))
    if made is None:
        made = _make(context, found)
    if made["keys_hash"] != found.state.keys_hash.hex():
        leave_alone(
            context, state.number,
            "the keys changed after this node had dealt, as in a reorganisation of the chain: what it dealt is for no "
            "others",
        )  # fmt: skip
        return
    digest, size = bytes.fromhex(made["digest"]), made["size"]
    hospital.ledger.post_dealing(context.id, state.number, found.state.keys_hash, digest, size)
    context.log.info("ceremony %d: posted a dealing", state.number)


def release_own(context: StudyContext, state: CeremonyState) -> None:
    """Let others fetch this hospital's dealing, once the end of the step is final: until then nobody can build on
    another's."""
    made = context.hospital.state.result(dealing_made(context, state.number))
    if made is None or state.step <= CeremonyStep.DEAL:
        return
    found = final_ceremony(context, state.number, CeremonyStep.DEAL)
    if found is None or found.state.keys_hash.hex() != made["keys_hash"]:
        return
    posted = found.dealings.get(context.hospital.id)
    if posted is not None and posted.digest.hex() == made["digest"]:
        context.hospital.store.release(posted.digest, posted.size)


def _make(context: StudyContext, found: FinalCeremony) -> dict[str, Any]:
    hospital, ceremony = context.hospital, found.state.number
    ctx = ceremony_context(context, found)
    seed = ceremony_seed(context, ceremony)
    content = make_dealing(ctx, hospital.id, seed, ceremony_keys(ctx, found))
    address = hospital.store.put(content, release=False)
    entry = dealing_made(context, ceremony)
    hospital.state.done(
        entry,
        {
            "keys_hash": found.state.keys_hash.hex(),
            "digest": address.digest.hex(),
            "size": address.size,
        },
    )
    made = hospital.state.result(entry)
    assert made is not None
    return made


def _are_peers(context: StudyContext, found: FinalCeremony) -> bool:
    """Whether all that would be dealt to are hospitals that this one's operator named, where it named any."""
    peers = context.hospital.peers
    strangers = [] if peers is None else sorted(set(found.hospitals(found.state.keyed)) - {*peers, context.hospital.id})
    if strangers:
        leave_alone(
            context, found.state.number,
            f"hospitals {strangers} posted keys and are none of those that this node's configuration names as peers",
        )  # fmt: skip
    return not strangers
