# SPDX-License-Identifier: Apache-2.0
"""Opening by CKKS: one share of each member of one quorum, for one set, ever.

A share carries noise for one opening. A second one of the same sum would be an equation more in the same secrets.
"""

from __future__ import annotations

from node.errors import OpeningRefused, StorageError
from node.steps.batches import round_secrets_of, rules_of, sits_out
from node.steps.context import StudyContext
from node.steps.one_set import FixedSet, remember_set
from node.storage.cid import address as address_of


def post_share(context: StudyContext, round_number: int, found: FixedSet) -> None:
    """Post a share where the final chain state names this hospital in the quorum, while the first window lasts."""
    hospital, reader = context.hospital, context.hospital.reader
    if not found.opens_by_ckks or hospital.id not in found.quorum:
        return
    if reader.clock.is_past(found.state.pads_from) or sits_out(context, round_number):
        return
    posted, _ = reader.shares_posted(context.id, round_number)
    if posted >> context.enrolment.index & 1:
        return
    remember_set(context, round_number, found)
    opening = rules_of(context, round_number).first(found.quorum)
    with context.stage("share", round_number):
        share = opening.share(hospital.id, round_secrets_of(context, round_number), found.included)
    address, _ = address_of(share)
    # Before the store has it: what is refused here must be nowhere that others can fetch from.
    _sign_once(context, round_number, address.digest)
    hospital.store.put(share)
    hospital.ledger.post_share(context.id, round_number, found.state.included_bitmap, address.digest, address.size)
    context.log.info("round %d: posted an opening share", round_number)


def held_shares(context: StudyContext, round_number: int, found: FixedSet) -> dict[int, bytes]:
    """The quorum's shares that can be had, kept and served here: whoever finalises may be gone before the others have
    read its own."""
    if not found.opens_by_ckks:
        return {}
    hospital = context.hospital
    size = rules_of(context, round_number).first(found.quorum).share_size
    held: dict[int, bytes] = {}
    for number, post in hospital.reader.share_posts(context.id, round_number).items():
        if number not in found.quorum or post.size != size:
            continue
        try:
            held[number] = hospital.store.get(post.digest, size)
            if number != hospital.id:
                hospital.store.put(held[number])
        except StorageError as error:
            text = f"round {round_number}: hospital {number}'s share: {error}"
            context.say(f"round {round_number}", f"share of {number}", text)
    return held


def _sign_once(context: StudyContext, round_number: int, digest: bytes) -> None:
    """Record the one share that this hospital makes and signs in a round: with a second one it could be slashed.

    A reorganisation can name another quorum, and with it another share.
    """
    state, key = context.hospital.state, f"{context.round_key(round_number)}/signed-share"
    state.done(key, {"digest": digest.hex()})
    if state.result(key) != {"digest": digest.hex()}:
        raise OpeningRefused(
            f"Study {context.id}, round {round_number}: this node has signed another share for this round and signs no "
            "second one."
        )
